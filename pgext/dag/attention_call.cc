#include "pgext/dag/attention_call.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/plugins/server_mechanisms.h"

namespace ruvector::dag {

absl::Status AttentionCall::Begin(FunctionCallInfo fcinfo,
                                  std::string_view mechanism,
                                  absl::Span<const char* const> required) {
  RV_RETURN_IF_ERROR(RequireArguments(fcinfo, required));
  RV_RETURN_IF_ERROR(vectors.Read(fcinfo, 0, required[0], 1, required[1]));
  RV_ASSIGN_OR_RETURN(mechanism_, plugins::FindMechanism(mechanism));
  return absl::OkStatus();
}

absl::Status AttentionCall::Parameter(FunctionCallInfo fcinfo, int index,
                                      const char* name) {
  return SetParameter(name, double{PG_GETARG_FLOAT4(index)});
}

absl::Status AttentionCall::SetParameter(const char* name, double value) {
  for (const auto& p : mechanism_->description().parameters) {
    if (p.name == name && !(value >= p.minimum && value <= p.maximum)) {
      return pg::PgError(
          ERRCODE_INVALID_PARAMETER_VALUE,
          absl::StrCat("argument \"", name, "\" is ", value, ", expected ",
                       p.minimum, " to ", p.maximum),
          absl::StrCat("\"", mechanism_->name(), "\": ", p.description));
    }
  }
  request.parameters[name] = value;
  return absl::OkStatus();
}

absl::StatusOr<Datum> AttentionCall::Weights() const {
  attention::AttentionRequest whole = request;
  whole.query = vectors.query();
  whole.keys = vectors.keys();
  RV_ASSIGN_OR_RETURN(const attention::AttentionResult result,
                      AttendWith(*mechanism_, whole));
  return RealArrayDatum(result.weights);
}

absl::StatusOr<attention::AttentionResult> AttendWith(
    const attention::Mechanism& mechanism,
    const attention::AttentionRequest& request) {
  const uint32_t missing = mechanism.description().attention->context_required &
                           ~attention::ContextOf(request);
  if (missing != 0 && !request.keys.empty()) {
    return pg::PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("mechanism \"", mechanism.name(),
                     "\" needs context that is missing: ",
                     absl::StrJoin(attention::ContextNames(missing), ", ")),
        "", "Give an array of that name in \"context\", an element per entry.");
  }
  return mechanism.Attend(request);
}

}  // namespace ruvector::dag
