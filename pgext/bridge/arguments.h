// The arguments of a SQL function as C++ values. [backend-main]
#ifndef RUVECTOR_PGEXT_BRIDGE_ARGUMENTS_H_
#define RUVECTOR_PGEXT_BRIDGE_ARGUMENTS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"

namespace ruvector::pg {

// NULL is nullopt. The text is detoasted and copied.
absl::StatusOr<std::optional<std::string>> OptionalTextArgument(
    FunctionCallInfo fcinfo, int index);

// NULL is an error 22004 that names the argument.
absl::StatusOr<std::string> TextArgument(FunctionCallInfo fcinfo, int index,
                                         std::string_view name);
absl::StatusOr<std::string> NameArgument(FunctionCallInfo fcinfo, int index,
                                         std::string_view name);
// Why someone does something, for the event log: 1 to kMaxReasonBytes bytes,
// else 22023 that names the argument and says what needs it.
constexpr size_t kMaxReasonBytes = 1000;
absl::StatusOr<std::string> ReasonArgument(FunctionCallInfo fcinfo, int index,
                                           std::string_view name,
                                           std::string_view what);
// A jsonb argument as its text output.
absl::StatusOr<std::string> JsonbArgument(FunctionCallInfo fcinfo, int index,
                                          std::string_view name);
absl::Status RequireArgument(FunctionCallInfo fcinfo, int index,
                             std::string_view name);

absl::StatusOr<Datum> TextDatum(std::string_view text);
// `json` must be valid JSON.
absl::StatusOr<Datum> JsonbDatum(std::string_view json);
absl::StatusOr<Datum> ByteaDatum(std::string_view bytes);

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_ARGUMENTS_H_
