// Is this plan one that its strategy may make and the host can perform?
//
// Both come from a plugin: the host checks a plan when it arrives, and every
// action again when it is asked to act.
#ifndef RUVECTOR_CORE_PLUGIN_PLAN_CHECK_H_
#define RUVECTOR_CORE_PLUGIN_PLAN_CHECK_H_

#include "absl/status/status.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::plugin {

// The blast radius of one plan, as the request told the strategy.
struct BlastRadius {
  double max_rows = 0;
  double max_bytes = 0;
  double max_seconds = 0;
};

// One action: struct_size, a known and declared kind, a non-empty object,
// exactly the arguments of its kind (action_kinds.h) with finite numbers,
// estimates that are unknown or >= 0, and the undo that its kind demands,
// which itself must pass and name the same object and key. A reversible
// strategy may not plan an irreversible action.
//
// Errors: PermissionDenied for a kind that is not declared, InvalidArgument
// for anything malformed. [any-thread]
absl::Status CheckAction(const StrategyDescription& strategy,
                         const ruvector_action* action);

// All actions, no two of them on one object and key, and their known estimates
// together within the radius (ResourceExhausted). [any-thread]
absl::Status CheckPlan(const StrategyDescription& strategy,
                       const BlastRadius& radius, const ruvector_plan* plan);

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_PLAN_CHECK_H_
