#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

World::Setting Weight(const std::string& partition) {
  return {RUVECTOR_ACTION_SET_ROUTING_WEIGHT, partition, ""};
}

// A model of ruvector_route: each partition takes its weight's share of 1,000
// rows a second, times an affinity that weights do not know of.
constexpr double kInserts = 1000;
double Inserts(const World& w, const std::map<std::string, double>& affinity,
               const std::string& partition) {
  double sum = 0;
  for (const auto& [name, factor] : affinity) {
    sum += factor * w.Get(Weight(name)).number().value_or(0);
  }
  return kInserts * affinity.at(partition) *
         w.Get(Weight(partition)).number().value_or(0) / sum;
}

StrategyScenario Routed(std::string label,
                        const std::map<std::string, double>& affinity,
                        uint32_t state, double reads = 100) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "hotspot_congestion";
  s.cause = "hot_partition";
  s.state = state;
  s.metrics.push_back(FixedText("routing", "", "weights"));
  for (const auto& [name, factor] : affinity) {
    s.world.Set(Weight(name), sdk::Value(1.0));
    s.metrics.push_back(SettingMetric("routing_weight", name, Weight(name)));
    const std::string partition = name;
    for (const char* metric :
         {"partition_inserts_per_second", "partition_writes_per_second"}) {
      s.metrics.push_back({metric, name, [affinity, partition](const World& w) {
                             return sdk::Value(Inserts(w, affinity, partition));
                           }});
    }
    s.metrics.push_back(
        Fixed("partition_reads_per_second", name, factor > 1 ? reads : 100));
  }
  return s;
}

const std::map<std::string, double> kOneHot = {
    {"p0", 1}, {"p1", 9}, {"p2", 1}, {"p3", 1}};

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Routed("stress", kOneHot, RUVECTOR_STATE_STRESS),
      Routed("critical", kOneHot, RUVECTOR_STATE_CRITICAL),
      Routed("two_of_four", {{"p0", 9}, {"p1", 1}, {"p2", 7}, {"p3", 1}},
             RUVECTOR_STATE_CRITICAL),
      Routed("even", {{"p0", 1}, {"p1", 1}}, RUVECTOR_STATE_STRESS),
      Routed("by_reads", kOneHot, RUVECTOR_STATE_STRESS, 1e6),
      Routed("alone", {{"p0", 1}}, RUVECTOR_STATE_STRESS),
      Routed("no_routing", kOneHot, RUVECTOR_STATE_STRESS),
  };
  all[3].outcome = PlanOutcome::kNothing;
  all[4].outcome = all[5].outcome = all[6].outcome = PlanOutcome::kRefuses;
  all[6].metrics[0] = FixedText("routing", "", "none");
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(drain_hot_partition, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_drain_hot_partition;

double InsertRatio(const World& w,
                   const std::map<std::string, double>& affinity) {
  double most = 0;
  for (const auto& [name, factor] : affinity) {
    most = std::max(most, Inserts(w, affinity, name));
  }
  return most * static_cast<double>(affinity.size()) / kInserts;
}

// 750 of 1,000 a second, three times the mean of 250: the weight is a third.
TEST(DrainHotPartitionTest, StressDividesTheWeightByTheExcess) {
  const StrategyScenario s = Routed("s", kOneHot, RUVECTOR_STATE_STRESS);
  MadePlan made = PlanOf(kEntry, s);
  EXPECT_THAT(made.Lines(), ElementsAre("set_routing_weight p1 weight=0.333"));
  EXPECT_EQ(sdk::Argument(*made.at(0).undo, "weight")->number(), 1);
  const Done done = CarryOut(kEntry, s);
  EXPECT_LT(InsertRatio(done.world, kOneHot),
            0.9 * InsertRatio(s.world, kOneHot));
}

// Divided by its excess, 60 would become 16 of 21: still three times its share.
TEST(DrainHotPartitionTest, AWeightThatOutweighsTheOthersBecomesTheirs) {
  const std::map<std::string, double> even = {
      {"p0", 1}, {"p1", 1}, {"p2", 1}, {"p3", 1}};
  StrategyScenario s = Routed("s", even, RUVECTOR_STATE_STRESS);
  s.world.Set(Weight("p1"), sdk::Value(60.0));
  EXPECT_THAT(PlanOf(kEntry, s).Lines(),
              ElementsAre("set_routing_weight p1 weight=1"));
  const Done done = CarryOut(kEntry, s);
  EXPECT_NEAR(InsertRatio(done.world, even), 1, 1e-9);
}

TEST(DrainHotPartitionTest, CriticalTakesNoNewRowsAtAll) {
  const Done done =
      CarryOut(kEntry, Routed("s", kOneHot, RUVECTOR_STATE_CRITICAL));
  ASSERT_EQ(done.code, RUVECTOR_OK) << done.error;
  EXPECT_EQ(Inserts(done.world, kOneHot, "p1"), 0);
  EXPECT_NEAR(InsertRatio(done.world, kOneHot), 4.0 / 3, 1e-9);
}

TEST(DrainHotPartitionTest, HalfOfTheOpenPartitionsStayOpen) {
  // Two of three are over twice the mean of none: only one of three may go.
  const std::map<std::string, double> two = {
      {"p0", 10}, {"p1", 9}, {"p2", 0.1}};
  StrategyScenario s = Routed("s", two, RUVECTOR_STATE_CRITICAL);
  s.parameters["hot_ratio"] = sdk::Value(1.1);
  EXPECT_THAT(PlanOf(kEntry, s).Lines(),
              ElementsAre("set_routing_weight p0 weight=0"));
}

TEST(DrainHotPartitionTest, RefusalsSayWhatToDoInstead) {
  EXPECT_THAT(
      PlanOf(kEntry, Routed("s", kOneHot, RUVECTOR_STATE_STRESS, 1e6)).error,
      HasSubstr("rebalance_partitions"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
