// What every strategy must do, as one suite over scenarios that the strategy's
// own test supplies:
//
//   std::vector<StrategyScenario> Scenarios();     // a world, a problem, ...
//   RUVECTOR_STRATEGY_CONFORMANCE(throttle_ingestion, Scenarios())
//
// runs each scenario on the code linked into the test, on the .so, and on the
// .so in a process of its own as the server runs it (through_process.h),
// against a model host that really applies actions (model_host.h):
//
//   - plan is pure: the same request gives the same plan, whatever happened in
//     between and in whatever order the metrics come
//   - every action is of a declared kind, complete, within the blast radius,
//     and has the undo that its kind needs
//   - execute carries the plan out, from a copy of it, as another process would
//   - the journal's undos restore the world exactly: after success, after a
//     stop at any call, after a failure at any call, and when someone else
//     changed the value between plan and execute
//   - nothing is acted on after should_stop said yes or the deadline passed
//   - executing again changes nothing; after a failure it finishes the work
//   - missing, unreadable or NaN metrics, short structs and bad parameters are
//     refused without a crash
#ifndef RUVECTOR_PLUGINS_TESTING_STRATEGY_CONFORMANCE_H_
#define RUVECTOR_PLUGINS_TESTING_STRATEGY_CONFORMANCE_H_

#include <map>
#include <string>
#include <vector>

#include "core/plugin/description.h"
#include "core/plugin/plan_check.h"
#include "core/plugin/plugin_abi.h"
#include "gtest/gtest.h"
#include "plugins/testing/model_host.h"
#include "plugins/testing/plugin_under_test.h"

namespace ruvector::plugin_testing {

struct Subject {
  std::string kind;
  std::string name;
  double value = 0;
};

enum class PlanOutcome {
  kActs,     // at least one action
  kNothing,  // no actions, and a note
  kRefuses,  // RUVECTOR_FAILED_PRECONDITION
};

struct StrategyScenario {
  std::string label;  // [A-Za-z0-9_]+: part of the test's name
  std::string problem_class;
  std::string cause;
  std::string collection = "items";
  uint32_t state = RUVECTOR_STATE_STRESS;
  double severity = 0.5;
  std::vector<Subject> subjects;
  World world;
  std::vector<Metric> metrics;
  std::map<std::string, sdk::Value> parameters;  // others take defaults
  plugin::BlastRadius radius = {1e9, 1e12, 3600};
  PlanOutcome outcome = PlanOutcome::kActs;
};

struct StrategyCase {
  PluginUnderTest plugin;
  StrategyScenario scenario;
};

class StrategyConformance : public ::testing::TestWithParam<StrategyCase> {
 protected:
  void SetUp() override;

  const StrategyScenario& scenario() const { return GetParam().scenario; }

  const ruvector_strategy_table* table_ = nullptr;
  plugin::PluginDescription description_;
};

// Every scenario: linked, as a shared object, and through its process.
std::vector<StrategyCase> StrategyCases(
    const std::string& name, ruvector_plugin_entry entry,
    const std::vector<StrategyScenario>& scenarios);

}  // namespace ruvector::plugin_testing

#define RUVECTOR_STRATEGY_CONFORMANCE(plugin_name, scenarios)              \
  extern "C" const ruvector_plugin_descriptor*                             \
      ruvector_plugin_v1_##plugin_name(void);                              \
  namespace ruvector::plugin_testing {                                     \
  INSTANTIATE_TEST_SUITE_P(                                                \
      plugin_name, StrategyConformance,                                    \
      ::testing::ValuesIn(StrategyCases(#plugin_name,                      \
                                        &ruvector_plugin_v1_##plugin_name, \
                                        scenarios)),                       \
      [](const auto& info) {                                               \
        return info.param.scenario.label + "_" + info.param.plugin.label;  \
      });                                                                  \
  }

#endif  // RUVECTOR_PLUGINS_TESTING_STRATEGY_CONFORMANCE_H_
