// One attention call out of a SQL function. [backend-main]
//
//   AttentionCall call;
//   RV_RETURN_IF_ERROR(call.Begin(fcinfo, "critical_path", names));
//   RV_ASSIGN_OR_RETURN(call.request.on_critical_path,
//                       FlagsArgument(fcinfo, 2, "is_critical", call.count()));
//   RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 3, "boost"));
//   return call.Weights();
#ifndef RUVECTOR_PGEXT_DAG_ATTENTION_CALL_H_
#define RUVECTOR_PGEXT_DAG_ATTENTION_CALL_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attention/registry.h"
#include "pgext/bridge/pg.h"
#include "pgext/dag/attention_arguments.h"

namespace ruvector::dag {

class AttentionCall {
 public:
  // Arguments 0 and 1 are the query and its keys. `required` names the
  // arguments that must not be NULL, from the first on.
  absl::Status Begin(FunctionCallInfo fcinfo, std::string_view mechanism,
                     absl::Span<const char* const> required);

  // A real argument as the mechanism's parameter of the same name:
  // 22023 that says the range.
  absl::Status Parameter(FunctionCallInfo fcinfo, int index, const char* name);
  absl::Status SetParameter(const char* name, double value);

  size_t count() const { return vectors.count(); }

  // real[]: the weights, '{}' without entries.
  absl::StatusOr<Datum> Weights() const;

  Vectors vectors;
  attention::AttentionRequest request;

 private:
  std::optional<attention::Mechanism> mechanism_;
};

// Attend, where context that the mechanism needs and the request lacks is a
// 22023 that names it.
absl::StatusOr<attention::AttentionResult> AttendWith(
    const attention::Mechanism& mechanism,
    const attention::AttentionRequest& request);

}  // namespace ruvector::dag

#endif  // RUVECTOR_PGEXT_DAG_ATTENTION_CALL_H_
