#include "pgext/bridge/arguments.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "utils/jsonb.h"
}

namespace ruvector::pg {

absl::Status RequireArgument(FunctionCallInfo fcinfo, int index,
                             std::string_view name) {
  if (!PG_ARGISNULL(index)) return absl::OkStatus();
  return PgError(
      ERRCODE_NULL_VALUE_NOT_ALLOWED,
      absl::StrCat("argument \"", absl::string_view(name.data(), name.size()),
                   "\" must not be null"));
}

absl::StatusOr<std::optional<std::string>> OptionalTextArgument(
    FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return std::optional<std::string>();
  RV_ASSIGN_OR_RETURN(char* text, PgCall([&] {
                        return text_to_cstring(PG_GETARG_TEXT_PP(index));
                      }));
  std::optional<std::string> copy(text);
  pfree(text);
  return copy;
}

absl::StatusOr<std::string> TextArgument(FunctionCallInfo fcinfo, int index,
                                         std::string_view name) {
  RV_RETURN_IF_ERROR(RequireArgument(fcinfo, index, name));
  RV_ASSIGN_OR_RETURN(std::optional<std::string> text,
                      OptionalTextArgument(fcinfo, index));
  return *std::move(text);
}

absl::StatusOr<std::string> NameArgument(FunctionCallInfo fcinfo, int index,
                                         std::string_view name) {
  RV_RETURN_IF_ERROR(RequireArgument(fcinfo, index, name));
  return std::string(NameStr(*PG_GETARG_NAME(index)));
}

absl::StatusOr<std::string> ReasonArgument(FunctionCallInfo fcinfo, int index,
                                           std::string_view name,
                                           std::string_view what) {
  RV_ASSIGN_OR_RETURN(std::string reason, TextArgument(fcinfo, index, name));
  if (reason.empty()) {
    return PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                   absl::StrCat(absl::string_view(what.data(), what.size()),
                                " needs a reason"));
  }
  if (reason.size() > kMaxReasonBytes) {
    return PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("argument \"", absl::string_view(name.data(), name.size()),
                     "\" has ", reason.size(), " bytes, at most ",
                     kMaxReasonBytes, " allowed"));
  }
  return reason;
}

absl::StatusOr<std::string> JsonbArgument(FunctionCallInfo fcinfo, int index,
                                          std::string_view name) {
  RV_RETURN_IF_ERROR(RequireArgument(fcinfo, index, name));
  RV_ASSIGN_OR_RETURN(char* text, PgCall([&] {
                        Jsonb* value = PG_GETARG_JSONB_P(index);
                        return JsonbToCString(nullptr, &value->root,
                                              VARSIZE(value));
                      }));
  std::string copy(text);
  pfree(text);
  return copy;
}

absl::StatusOr<Datum> TextDatum(std::string_view text) {
  return PgCall([&] {
    return PointerGetDatum(
        cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  });
}

absl::StatusOr<Datum> JsonbDatum(std::string_view json) {
  const std::string copy(json);
  const char* text = copy.c_str();
  return PgCall(
      [&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text)); });
}

absl::StatusOr<Datum> ByteaDatum(std::string_view bytes) {
  return TextDatum(bytes);  // both are a length and bytes
}

}  // namespace ruvector::pg
