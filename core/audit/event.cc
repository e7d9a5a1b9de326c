#include "core/audit/event.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/audit/keys.h"
#include "core/audit/wire.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

// The layout, once, for both directions. Tags ascend; never reuse one.
template <typename AnyEvent, typename Visitor>
void VisitFields(AnyEvent& event, Visitor& visit) {
  visit.Required(1, "log_id", event.log_id);
  visit.Required(2, "sequence", event.sequence);
  visit.Required(3, "prev_hash", event.prev_hash);
  visit.Required(4, "created_at_us", event.created_at_us);
  visit.Required(5, "event_type", event.event_type);
  visit.Required(6, "signer_id", event.signer_id);
  visit.Optional(7, "collection_id", event.collection_id);
  visit.Optional(8, "collection_name", event.collection_name);
  visit.Optional(9, "previous_state", event.previous_state);
  visit.Optional(10, "new_state", event.new_state);
  visit.Optional(11, "lambda_cut", event.lambda_cut);
  visit.Optional(12, "lambda_norm", event.lambda_norm);
  visit.Optional(13, "lambda2", event.lambda2);
  visit.Optional(14, "witness_edges", event.witness_edges_json);
  visit.Optional(15, "metadata", event.metadata_json);
  visit.Optional(16, "pruned", event.pruned);
}

constexpr size_t kFieldHeaderBytes = 5;  // tag, length

void Put(uint64_t value, std::string* out) { AppendBigEndian(value, out); }
void Put(int64_t value, std::string* out) {
  AppendBigEndian(static_cast<uint64_t>(value), out);
}
void Put(int32_t value, std::string* out) {
  AppendBigEndian(static_cast<uint32_t>(value), out);
}
void Put(double value, std::string* out) {
  if (value == 0) value = 0;  // drops the sign
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  AppendBigEndian(bits, out);
}
void Put(const std::string& value, std::string* out) { out->append(value); }
void Put(const SequenceRange& value, std::string* out) {
  AppendBigEndian(value.begin, out);
  AppendBigEndian(value.end, out);
}
template <size_t N>
void Put(const std::array<uint8_t, N>& value, std::string* out) {
  const absl::string_view bytes = AsView(value);
  out->append(bytes.data(), bytes.size());
}

bool Take(absl::string_view bytes, uint64_t* value) {
  if (bytes.size() != 8) return false;
  *value = ReadBigEndian<uint64_t>(bytes);
  return true;
}
bool Take(absl::string_view bytes, int64_t* value) {
  if (bytes.size() != 8) return false;
  *value = static_cast<int64_t>(ReadBigEndian<uint64_t>(bytes));
  return true;
}
bool Take(absl::string_view bytes, int32_t* value) {
  if (bytes.size() != 4) return false;
  *value = static_cast<int32_t>(ReadBigEndian<uint32_t>(bytes));
  return true;
}
bool Take(absl::string_view bytes, double* value) {
  if (bytes.size() != 8) return false;
  const auto bits = ReadBigEndian<uint64_t>(bytes);
  std::memcpy(value, &bits, sizeof bits);
  return *value != 0 || bits == 0;
}
bool Take(absl::string_view bytes, std::string* value) {
  value->assign(bytes.data(), bytes.size());
  return true;
}
bool Take(absl::string_view bytes, SequenceRange* value) {
  if (bytes.size() != 16) return false;
  value->begin = ReadBigEndian<uint64_t>(bytes);
  value->end = ReadBigEndian<uint64_t>(bytes.substr(8));
  return true;
}
template <size_t N>
bool Take(absl::string_view bytes, std::array<uint8_t, N>* value) {
  const auto array = FromBytes<std::array<uint8_t, N>>(bytes);
  if (array.has_value()) *value = *array;
  return array.has_value();
}

bool IsCanonical(double value) { return std::isfinite(value); }
bool IsCanonical(const std::string& value) {
  return !value.empty() && IsText(value);
}
template <typename T>
bool IsCanonical(const T&) {
  return true;
}

// A missing text is an empty one.
bool IsPresent(const std::string& value) { return !value.empty(); }
template <typename T>
bool IsPresent(const std::optional<T>& value) {
  return value.has_value();
}
const std::string& Value(const std::string& value) { return value; }
template <typename T>
const T& Value(const std::optional<T>& value) {
  return *value;
}
std::string& Emplace(std::string& value) { return value; }
template <typename T>
T& Emplace(std::optional<T>& value) {
  return value.emplace();
}

class Encoder {
 public:
  Encoder() : out_(1, static_cast<char>(kEventVersion)) { out_.reserve(512); }

  template <typename T>
  void Required(uint8_t tag, absl::string_view name, const T& value) {
    if (!IsCanonical(value) && bad_field_.empty()) bad_field_ = name;
    out_.push_back(static_cast<char>(tag));
    const size_t length_at = out_.size();
    out_.append(4, '\0');
    Put(value, &out_);
    std::string length;
    AppendBigEndian(static_cast<uint32_t>(out_.size() - length_at - 4),
                    &length);
    out_.replace(length_at, 4, length);
  }
  template <typename T>
  void Optional(uint8_t tag, absl::string_view name, const T& value) {
    if (IsPresent(value)) Required(tag, name, Value(value));
  }

  absl::string_view bad_field() const { return bad_field_; }
  std::string&& bytes() && { return std::move(out_); }

 private:
  std::string out_;
  absl::string_view bad_field_;
};

class Decoder {
 public:
  // `payload` after its version byte.
  explicit Decoder(absl::string_view fields) : rest_(fields) {}

  template <typename T>
  void Required(uint8_t tag, absl::string_view name, T& value) {
    if (Next(tag)) {
      Read(name, &value);
    } else {
      Fail(name, "missing or out of order");
    }
  }
  template <typename T>
  void Optional(uint8_t tag, absl::string_view name, T& value) {
    if (Next(tag)) Read(name, &Emplace(value));
  }

  absl::Status Finish() {
    if (!rest_.empty()) Fail("payload", "unknown, repeated or trailing field");
    return status_;
  }

 private:
  bool Next(uint8_t tag) const {
    return status_.ok() && !rest_.empty() &&
           static_cast<uint8_t>(rest_[0]) == tag;
  }

  template <typename T>
  void Read(absl::string_view name, T* value) {
    if (rest_.size() < kFieldHeaderBytes) return Fail(name, "cut short");
    const auto length = ReadBigEndian<uint32_t>(rest_.substr(1));
    if (rest_.size() - kFieldHeaderBytes < length) {
      return Fail(name, "cut short");
    }
    if (!Take(rest_.substr(kFieldHeaderBytes, length), value) ||
        !IsCanonical(*value)) {
      return Fail(name, "not in canonical form");
    }
    rest_.remove_prefix(kFieldHeaderBytes + length);
    offset_ += kFieldHeaderBytes + length;
  }

  void Fail(absl::string_view name, absl::string_view what) {
    if (!status_.ok()) return;
    status_ = absl::DataLossError(
        absl::StrCat("event, offset ", offset_, ", ", name, ": ", what));
  }

  absl::string_view rest_;
  size_t offset_ = 1;
  absl::Status status_;
};

// What fields mean together; the name of the one that is wrong, or nothing.
absl::string_view Inconsistency(const Event& event) {
  if (!IsEventType(event.event_type)) return "event_type";
  if (!IsKeyId(event.signer_id)) return "signer_id";
  if (event.pruned.has_value() != (event.event_type == kPruneEventType)) {
    return "pruned";
  }
  if (event.pruned.has_value() && (event.pruned->begin >= event.pruned->end ||
                                   event.pruned->end > event.sequence)) {
    return "pruned";
  }
  return {};
}

auto Tied(const Event& e) {
  return std::tie(e.log_id, e.sequence, e.prev_hash, e.created_at_us,
                  e.event_type, e.signer_id, e.collection_id, e.collection_name,
                  e.previous_state, e.new_state, e.lambda_cut, e.lambda_norm,
                  e.lambda2, e.witness_edges_json, e.metadata_json, e.pruned);
}

}  // namespace

bool Event::operator==(const Event& other) const {
  return Tied(*this) == Tied(other);
}

absl::StatusOr<std::string> Encode(const Event& event) {
  absl::string_view bad = Inconsistency(event);
  Encoder encoder;
  if (bad.empty()) {
    VisitFields(event, encoder);
    bad = encoder.bad_field();
  }
  if (!bad.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("event field \"", bad, "\" has no canonical form"));
  }
  std::string payload = std::move(encoder).bytes();
  if (payload.size() > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("event has ", payload.size(), " bytes, at most ",
                     kMaxPayloadBytes, " allowed"));
  }
  return payload;
}

absl::StatusOr<Event> Decode(absl::string_view payload) {
  if (payload.size() > kMaxPayloadBytes) {
    return absl::DataLossError(absl::StrCat("event has ", payload.size(),
                                            " bytes, at most ",
                                            kMaxPayloadBytes, " allowed"));
  }
  if (payload.empty() || static_cast<uint8_t>(payload[0]) != kEventVersion) {
    return absl::DataLossError(absl::StrCat(
        "event, offset 0: version ",
        payload.empty() ? "missing"
                        : absl::StrCat(static_cast<uint8_t>(payload[0])),
        ", expected ", kEventVersion));
  }
  Event event;
  Decoder decoder(payload.substr(1));
  VisitFields(event, decoder);
  RV_RETURN_IF_ERROR(decoder.Finish());
  const absl::string_view bad = Inconsistency(event);
  if (!bad.empty()) {
    return absl::DataLossError(
        absl::StrCat("event field \"", bad, "\" has no canonical form"));
  }
  return event;
}

}  // namespace ruvector::audit
