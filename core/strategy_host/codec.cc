#include "core/strategy_host/codec.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/text.h"
#include "core/plugin/malformed.h"
#include "core/strategy_host/codec_checks.h"

namespace ruvector::strategy_host {

using plugin::Malformed;

absl::Status EncodeText(const char* field, const char* text, std::string* out) {
  if (text == nullptr) return Malformed(field, " is NULL");
  const size_t length = strnlen(text, kMaxTextBytes + 1);
  if (length > kMaxTextBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(field, " is longer than ", kMaxTextBytes, " bytes"));
  }
  out->assign(text, length);
  return DecodeText(field, *out);
}

absl::Status DecodeText(const char* field, const std::string& text) {
  if (text.size() > kMaxTextBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(field, " is longer than ", kMaxTextBytes, " bytes"));
  }
  if (IsText(text)) return absl::OkStatus();
  return Malformed(field, " is not UTF-8 without NUL");
}

absl::Status EncodeValue(const char* field, const ruvector_value& value,
                         wire::Value* out) {
  switch (value.type) {
    case RUVECTOR_NULL:
      return absl::OkStatus();
    case RUVECTOR_NUMBER:
      out->set_number(value.number);
      return CheckFinite(field, value.number);
    case RUVECTOR_TEXT:
      return EncodeText(field, value.text, out->mutable_text());
    default:
      return Malformed(field, " has the unknown type ", value.type);
  }
}

absl::StatusOr<sdk::Value> DecodeValue(const char* field,
                                       const wire::Value& value) {
  RV_RETURN_IF_ERROR(CheckKnown(field, value));
  if (value.has_number() && value.has_text()) {
    return Malformed(field, " is a number and a text");
  }
  RV_RETURN_IF_ERROR(CheckFinite(field, value.number()));
  RV_RETURN_IF_ERROR(DecodeText(field, value.text()));
  return sdk::Value(View(value));
}

bool IsCode(int64_t code) {
  switch (code) {
    case RUVECTOR_OK:
    case RUVECTOR_CANCELLED:
    case RUVECTOR_INVALID_ARGUMENT:
    case RUVECTOR_DEADLINE_EXCEEDED:
    case RUVECTOR_NOT_FOUND:
    case RUVECTOR_PERMISSION_DENIED:
    case RUVECTOR_RESOURCE_EXHAUSTED:
    case RUVECTOR_FAILED_PRECONDITION:
    case RUVECTOR_ABORTED:
    case RUVECTOR_UNIMPLEMENTED:
    case RUVECTOR_INTERNAL:
    case RUVECTOR_UNAVAILABLE:
      return true;
    default:
      return false;
  }
}

int32_t CodeOf(const absl::Status& status) {
  const auto code = static_cast<int32_t>(status.code());
  return IsCode(code) ? code : static_cast<int32_t>(RUVECTOR_INTERNAL);
}

wire::Result MakeResult(int32_t code, const std::string& message) {
  wire::Result result;
  result.set_code(
      static_cast<uint32_t>(IsCode(code) ? code : RUVECTOR_INTERNAL));
  result.set_message(ToText(message, kMaxMessageBytes));
  return result;
}

absl::Status CheckResult(const wire::Result& result) {
  RV_RETURN_IF_ERROR(CheckKnown("result", result));
  if (!IsCode(result.code())) return Malformed("unknown code ", result.code());
  if (result.message().size() > kMaxMessageBytes) {
    return Malformed("message is ", result.message().size(),
                     " bytes long, expected at most ", kMaxMessageBytes);
  }
  return DecodeText("message", result.message());
}

absl::Status StatusOf(const wire::Result& result) {
  return absl::Status(static_cast<absl::StatusCode>(result.code()),
                      result.message());
}

}  // namespace ruvector::strategy_host
