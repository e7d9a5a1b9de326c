#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"

namespace ruvector::plugin_testing {
namespace {

World::Setting Throttle(const std::string& operation) {
  return {RUVECTOR_ACTION_SET_THROTTLE, "items", operation};
}

// The gate of a model: the policy throttles by `policy` percent, an override
// goes above that.
StrategyScenario Gate(std::string label, uint32_t state, double severity,
                      double policy = 0) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "hotspot_congestion";
  s.state = state;
  s.severity = severity;
  for (const char* operation : {"insert", "bulk_insert"}) {
    s.metrics.push_back(
        SettingMetric("throttle_percent", operation, Throttle(operation)));
    s.metrics.push_back(
        {"effective_throttle_percent", operation, [=](const World& w) {
           return sdk::Value(std::max(
               policy, w.Get(Throttle(operation)).number().value_or(0)));
         }});
  }
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Gate("stress", RUVECTOR_STATE_STRESS, 0),
      Gate("critical", RUVECTOR_STATE_CRITICAL, 1),
      Gate("policy_throttles_less", RUVECTOR_STATE_STRESS, 0.5, 50),
      Gate("normal", RUVECTOR_STATE_NORMAL, 0.9),
      Gate("policy_throttles_more", RUVECTOR_STATE_CRITICAL, 0, 100),
      Gate("override_present", RUVECTOR_STATE_CRITICAL, 0.5),
      Gate("one_of_two", RUVECTOR_STATE_STRESS, 0),
      Gate("without_metrics", RUVECTOR_STATE_STRESS, 0),
      Gate("replay_lag", RUVECTOR_STATE_STRESS, 0.5),
      Gate("connections", RUVECTOR_STATE_STRESS, 0.5),
      Gate("lost_standby", RUVECTOR_STATE_STRESS, 0.5),
      Gate("slot", RUVECTOR_STATE_STRESS, 0.5),
  };
  all[3].outcome = PlanOutcome::kNothing;
  all[4].outcome = PlanOutcome::kNothing;
  all[5].world.Set(Throttle("insert"), sdk::Value(20.0));
  all[6].world.Set(Throttle("insert"), sdk::Value(70.0));
  all[7].metrics.clear();
  all[7].outcome = PlanOutcome::kRefuses;
  all[8].cause = "replay_lag";
  all[9].cause = "connection_saturation";
  all[10].cause = "standby_lost";
  all[11].cause = "slot_retains_wal";
  all[9].outcome = all[10].outcome = all[11].outcome = PlanOutcome::kRefuses;
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(throttle_ingestion, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::HasSubstr;

struct Percents {
  std::optional<double> insert, bulk;
  std::string note;
};

// What the plan for a problem sets.
Percents PlanFor(uint32_t state, double severity,
                 std::optional<double> effective = 0) {
  const std::string problem_class = "memory_pressure";
  const ruvector_problem problem = {sizeof(problem),
                                    0,
                                    problem_class.c_str(),
                                    "",
                                    "items",
                                    state,
                                    0,
                                    severity,
                                    0.9,
                                    nullptr};
  const sdk::Value in_force = effective ? sdk::Value(*effective) : sdk::Value();
  const ruvector_metric metrics[] = {
      {"throttle_percent", "insert", {}},
      {"throttle_percent", "bulk_insert", {}},
      {"effective_throttle_percent", "insert", in_force.View()},
      {"effective_throttle_percent", "bulk_insert", in_force.View()}};
  const ruvector_strategy_table* table =
      ruvector_plugin_v1_throttle_ingestion()->strategy;
  std::vector<ruvector_value> parameters;
  for (uint32_t i = 0; i < table->parameter_count; ++i) {
    parameters.push_back(table->parameters[i].fallback);
  }
  const ruvector_plan_request request = {
      sizeof(request), 4, &problem, metrics, parameters.data(), 0, 0, 60, 0};
  const ruvector_plan* plan = nullptr;
  char error[256] = {};
  EXPECT_EQ(table->plan(&request, &plan, error, sizeof(error)), RUVECTOR_OK)
      << error;
  Percents percents;
  percents.note = plan->note;
  for (uint32_t i = 0; i < plan->action_count; ++i) {
    const ruvector_action& action = *plan->actions[i];
    EXPECT_TRUE(sdk::Argument(*action.undo, "percent")->is_null());
    const auto percent = sdk::Argument(action, "percent")->number();
    const auto operation = sdk::Argument(action, "operation")->text();
    (operation == "insert" ? percents.insert : percents.bulk) = percent;
  }
  table->release_plan(plan);
  return percents;
}

// The figures of spec/self-healing.md, strategy 3, at severity 0.
TEST(ThrottleIngestionTest, SeverityZeroGivesTheFiguresOfTheSpecification) {
  EXPECT_EQ(PlanFor(RUVECTOR_STATE_STRESS, 0).insert, 50);
  EXPECT_EQ(PlanFor(RUVECTOR_STATE_STRESS, 0).bulk, 60);
  EXPECT_EQ(PlanFor(RUVECTOR_STATE_CRITICAL, 0).insert, 90);
  EXPECT_EQ(PlanFor(RUVECTOR_STATE_CRITICAL, 0).bulk, 100);
}

TEST(ThrottleIngestionTest,
     ThrottleRisesWithSeverityAndNeverExceedsTheCeiling) {
  double last = 0;
  for (uint32_t state : {RUVECTOR_STATE_STRESS, RUVECTOR_STATE_CRITICAL}) {
    for (double severity = 0; severity <= 1; severity += 0.125) {
      const Percents percents = PlanFor(state, severity);
      ASSERT_TRUE(percents.insert.has_value());
      EXPECT_GE(*percents.insert, last);
      EXPECT_LE(*percents.insert, 95);
      EXPECT_EQ(*percents.insert, std::floor(*percents.insert));
      last = *percents.insert;
    }
  }
  EXPECT_EQ(last, 95);
}

TEST(ThrottleIngestionTest, NeverLowersAThrottle) {
  const Percents percents = PlanFor(RUVECTOR_STATE_STRESS, 0, 55);
  EXPECT_EQ(percents.insert, std::nullopt);
  EXPECT_EQ(percents.bulk, 60);
  EXPECT_THAT(PlanFor(RUVECTOR_STATE_STRESS, 0, 80).note,
              HasSubstr("already throttled to 50 percent or more"));
  EXPECT_THAT(PlanFor(RUVECTOR_STATE_NORMAL, 1).note,
              HasSubstr("state normal"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
