// Calls a strategy's plan for one scenario and keeps the answer, for tests of
// what it plans rather than of how it behaves (strategy_conformance.h).
#ifndef RUVECTOR_PLUGINS_TESTING_STRATEGY_PLANNER_H_
#define RUVECTOR_PLUGINS_TESTING_STRATEGY_PLANNER_H_

#include <memory>
#include <string>
#include <vector>

#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"
#include "plugins/testing/strategy_conformance.h"

namespace ruvector::plugin_testing {

// Metrics that nothing in the world changes.
Metric Fixed(const std::string& name, const std::string& subject, double value);
Metric FixedText(const std::string& name, const std::string& subject,
                 const std::string& value);
Metric Unreadable(const std::string& name, const std::string& subject);

// Replaces the scenario's metric of that name and subject, or adds it.
void Replace(StrategyScenario* scenario, Metric metric);

struct MadePlan {
  int32_t code = -1;
  std::string error;
  std::string note;
  std::vector<sdk::Action> actions;

  const ruvector_action& at(size_t i) { return *actions.at(i).View(); }
  // "move_rows public.p1 to=public.p2 max_rows=10", ...: kind, object and
  // arguments, one line per action.
  std::vector<std::string> Lines();
};

MadePlan PlanOf(ruvector_plugin_entry entry, const StrategyScenario& scenario);

struct Done {
  int32_t code = -1;
  std::string error;
  World world;
};

// Plans and carries the plan out in the scenario's world.
Done CarryOut(ruvector_plugin_entry entry, const StrategyScenario& scenario);

}  // namespace ruvector::plugin_testing

#endif  // RUVECTOR_PLUGINS_TESTING_STRATEGY_PLANNER_H_
