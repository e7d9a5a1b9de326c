#include "core/document/record.h"

#include "absl/strings/str_format.h"
#include "core/document/json_check.h"

namespace ruvector::document {

using nlohmann::json;

absl::StatusOr<json> ParseRecord(std::string_view text, std::string_view what) {
  if (absl::Status checked = CheckJson(text, what); !checked.ok()) {
    return absl::DataLossError(checked.message());
  }
  json object = json::parse(text.begin(), text.end(), nullptr,
                            /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::DataLossError(
        absl::StrFormat("%s: expected a JSON object", what));
  }
  return object;
}

RecordReader& RecordReader::Each(
    const char* member, absl::FunctionRef<absl::Status(RecordReader&)> read) {
  const json* value = Find(member);
  if (value == nullptr) return *this;
  if (!value->is_array()) {
    Fail(member, "an array");
    return *this;
  }
  for (const json& item : *value) {
    if (!status_.ok()) break;
    RecordReader reader(item, what_);
    if (status_ = reader.status(); status_.ok()) status_ = read(reader);
    if (status_.ok()) status_ = reader.status();
  }
  return *this;
}

RecordReader& RecordReader::In(
    const char* member, absl::FunctionRef<absl::Status(RecordReader&)> read) {
  const json* value = Find(member);
  if (value == nullptr) return *this;
  RecordReader reader(*value, what_);
  if (status_ = reader.status(); status_.ok()) status_ = read(reader);
  if (status_.ok()) status_ = reader.status();
  return *this;
}

bool RecordReader::Take(const json& value, bool& out) {
  if (!value.is_boolean()) return false;
  out = value.get<bool>();
  return true;
}
bool RecordReader::Take(const json& value, int64_t& out) {
  if (!value.is_number_integer()) return false;
  out = value.get<int64_t>();
  return true;
}
bool RecordReader::Take(const json& value, uint64_t& out) {
  if (!value.is_number_integer()) return false;
  out = value.get<uint64_t>();
  return true;
}
bool RecordReader::Take(const json& value, double& out) {
  if (!value.is_number() && !value.is_null()) return false;
  out = value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                        : value.get<double>();
  return true;
}
bool RecordReader::Take(const json& value, std::string& out) {
  if (!value.is_string()) return false;
  out = value.get<std::string>();
  return true;
}
bool RecordReader::Take(const json& value, absl::Time& out) {
  int64_t micros = 0;
  if (!Take(value, micros)) return false;
  out = absl::FromUnixMicros(micros);
  return true;
}

const json* RecordReader::Find(const char* member) {
  if (!status_.ok()) return nullptr;
  const auto found = object_.find(member);
  if (found != object_.end()) return &*found;
  Fail(member, "to be there");
  return nullptr;
}

void RecordReader::Fail(std::string_view member, std::string_view expected) {
  if (!status_.ok()) return;
  status_ = absl::DataLossError(
      absl::StrFormat("%s, \"%s\": expected %s", what_, member, expected));
}

}  // namespace ruvector::document
