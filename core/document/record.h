// Reading back what this program has stored as JSON. [any-thread]
//
// Unlike a settings document a record is complete and written by us, so
// anything that is not as it was written is kDataLoss. Errors are kept: read
// all members, then ask status() once.
//
//   RecordReader reader(object, "learner");
//   reader.Get("impact", arm.impact).Get("updated", arm.updated);
//   RV_RETURN_IF_ERROR(reader.status());
//
// Written by Stored: times are microseconds since 1970 (infinities are kept),
// a double that is not finite is null and reads as NaN, nullopt is null.
#ifndef RUVECTOR_CORE_DOCUMENT_RECORD_H_
#define RUVECTOR_CORE_DOCUMENT_RECORD_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/document/fields.h"
#include "nlohmann/json.hpp"

namespace ruvector::document {

inline nlohmann::json Stored(absl::Time time) {
  return absl::ToUnixMicros(time);
}
inline nlohmann::json Stored(double number) {
  return std::isfinite(number) ? nlohmann::json(number)
                               : nlohmann::json(nullptr);
}
template <typename T>
nlohmann::json Stored(const std::optional<T>& value) {
  return value.has_value() ? Stored(*value) : nlohmann::json(nullptr);
}
template <typename T>
nlohmann::json Stored(const std::vector<T>& values) {
  nlohmann::json array = nlohmann::json::array();
  for (const T& value : values) array.push_back(Stored(value));
  return array;
}

// Text to an object; kDataLoss if it is none.
absl::StatusOr<nlohmann::json> ParseRecord(std::string_view text,
                                           std::string_view what);

class RecordReader {
 public:
  // `object` must outlive the reader. `what` begins every error.
  RecordReader(const nlohmann::json& object, std::string_view what)
      : object_(object), what_(what) {
    if (!object.is_object()) Fail("", "an object");
  }

  template <typename T>
  RecordReader& Get(const char* member, T& out) {
    const nlohmann::json* value = Find(member);
    if (value != nullptr && !Take(*value, out)) Fail(member, "another value");
    return *this;
  }
  template <typename E>
  RecordReader& GetEnum(const char* member,
                        absl::Span<const std::string_view> names, E& out) {
    const nlohmann::json* value = Find(member);
    if (value != nullptr && !ReadEnum(*value, names, out)) {
      Fail(member, OneOf(names));
    }
    return *this;
  }
  // Calls `read` for each object of an array.
  RecordReader& Each(const char* member,
                     absl::FunctionRef<absl::Status(RecordReader&)> read);
  // Calls `read` for a member that is an object.
  RecordReader& In(const char* member,
                   absl::FunctionRef<absl::Status(RecordReader&)> read);

  absl::Status status() const { return status_; }

 private:
  static bool Take(const nlohmann::json& value, bool& out);
  static bool Take(const nlohmann::json& value, int64_t& out);
  static bool Take(const nlohmann::json& value, uint64_t& out);
  static bool Take(const nlohmann::json& value, double& out);
  static bool Take(const nlohmann::json& value, std::string& out);
  static bool Take(const nlohmann::json& value, absl::Time& out);
  template <typename T>
  static bool Take(const nlohmann::json& value, std::optional<T>& out) {
    out.reset();
    if (value.is_null()) return true;
    return Take(value, out.emplace());
  }
  template <typename T>
  static bool Take(const nlohmann::json& value, std::vector<T>& out) {
    if (!value.is_array()) return false;
    out.resize(value.size());
    for (size_t i = 0; i < value.size(); ++i) {
      if (!Take(value[i], out[i])) return false;
    }
    return true;
  }

  // nullptr, and an error, if there is no such member.
  const nlohmann::json* Find(const char* member);
  void Fail(std::string_view member, std::string_view expected);

  const nlohmann::json& object_;
  std::string what_;
  absl::Status status_;
};

}  // namespace ruvector::document

#endif  // RUVECTOR_CORE_DOCUMENT_RECORD_H_
