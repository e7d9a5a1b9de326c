// Does a plan allow this action? Asked before every single one.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_ACTION_PERMIT_H_
#define RUVECTOR_CORE_STRATEGY_HOST_ACTION_PERMIT_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/plugin_abi.h"
#include "core/strategy_host/host_callbacks.h"

namespace ruvector::strategy_host {

// What one run of a plan has done so far and may still do. [single-thread]
//
// "An action of the plan, or a smaller one" (plugin_abi.h) means:
//   - the same kind, object and key (operation, option) as a planned action
//   - the same arguments, except:
//       max_rows, batch_rows, seconds   at most the planned ones
//       a number that is set            the planned one, or between it and the
//                                       present value, which the undo holds
//   - no more rows than the planned action has left
// The undo may differ: it holds the present value, the plan an older one.
class ActionPermit {
 public:
  // Both are borrowed. REQUIRES: CheckPlan(strategy, ..., &plan) is OK.
  ActionPermit(const plugin::StrategyDescription& strategy,
               const ruvector_plan& plan)
      : strategy_(strategy), plan_(plan) {}

  // InvalidArgument or PermissionDenied from CheckAction; PermissionDenied for
  // what is not in the plan; ResourceExhausted for rows beyond it.
  absl::Status Check(const ruvector_action& action) const;

  // Tells that a checked action has been performed.
  void Done(const ruvector_action& action, const ActOutcome& outcome);

 private:
  absl::Status CheckAgainst(const ruvector_action& planned,
                            const ruvector_action& action) const;

  const plugin::StrategyDescription& strategy_;
  const ruvector_plan& plan_;
  // By source and destination.
  std::map<std::pair<std::string, std::string>, double> rows_moved_;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_ACTION_PERMIT_H_
