#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

constexpr char kWorkload[] = "db/StatefulSet/ruvector-read";

StrategyScenario Cluster(std::string label, const std::string& cause,
                         double replicas, double reads = 900,
                         double writes = 100) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class =
      cause == "hot_partition" ? "hotspot_congestion" : "replication_lag";
  s.cause = cause;
  const World::Setting setting = {RUVECTOR_ACTION_SCALE_REPLICAS, kWorkload,
                                  ""};
  s.world.Set(setting, sdk::Value(replicas));
  s.metrics = {SettingMetric("workload_replicas", kWorkload, setting),
               SettingMetric("workload_ready_replicas", kWorkload, setting),
               Fixed("partition_reads_per_second", "p0", reads),
               Fixed("partition_writes_per_second", "p0", writes)};
  s.parameters["workload"] = sdk::Value(std::string(kWorkload));
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Cluster("hot", "hot_partition", 2),
      Cluster("standby_lost", "standby_lost", 3),
      Cluster("at_the_cap", "hot_partition", 5),
      Cluster("above_the_cap", "hot_partition", 9),
      Cluster("writes", "hot_partition", 2, 100, 900),
      Cluster("lag", "replay_lag", 2),
      Cluster("no_workload", "hot_partition", 2),
  };
  all[2].outcome = all[3].outcome = PlanOutcome::kNothing;
  all[4].outcome = all[5].outcome = all[6].outcome = PlanOutcome::kRefuses;
  all[6].parameters.clear();
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(scale_replicas, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_scale_replicas;

std::string Replicas(double present,
                     const std::string& cause = "hot_partition") {
  MadePlan made = PlanOf(kEntry, Cluster("any", cause, present));
  EXPECT_EQ(made.code, RUVECTOR_OK) << made.error;
  if (made.actions.empty()) return "none: " + made.note;
  EXPECT_EQ(sdk::Argument(*made.at(0).undo, "replicas")->number(), present);
  return made.Lines()[0];
}

// spec/self-healing.md, strategy 4: half as many again, rounded up, capped.
TEST(ScaleReplicasTest, GrowsByHalfUpToTheCap) {
  const std::string scale = std::string("scale_replicas ") + kWorkload;
  EXPECT_EQ(Replicas(1), scale + " replicas=2");
  EXPECT_EQ(Replicas(2), scale + " replicas=3");
  EXPECT_EQ(Replicas(3), scale + " replicas=5");
  EXPECT_EQ(Replicas(4), scale + " replicas=5");
  EXPECT_THAT(Replicas(5), HasSubstr("max_replicas is 5"));
  EXPECT_EQ(Replicas(0), scale + " replicas=1");
  EXPECT_EQ(Replicas(3, "sync_standby_lost"), scale + " replicas=4");
}

TEST(ScaleReplicasTest, WaitsForThoseThatAreNotReady) {
  StrategyScenario s = Cluster("s", "hot_partition", 3);
  Replace(&s, Fixed("workload_ready_replicas", kWorkload, 2));
  EXPECT_THAT(PlanOf(kEntry, s).note, HasSubstr("of 3 replicas 2 are ready"));
}

TEST(ScaleReplicasTest, RefusesWhatReplicasDoNotHelp) {
  EXPECT_THAT(PlanOf(kEntry, Cluster("s", "hot_partition", 2, 1, 9)).error,
              HasSubstr("replicas take no writes"));
  EXPECT_THAT(PlanOf(kEntry, Cluster("s", "slot_retains_wal", 2)).error,
              HasSubstr("cause 'slot_retains_wal' is not for this strategy"));
  StrategyScenario s = Cluster("s", "hot_partition", 2);
  for (const char* bad : {"", "ruvector-read", "a/b/c", "/Deployment/x",
                          "db/Deployment/", "db/Deployment/x/y"}) {
    s.parameters["workload"] = sdk::Value(std::string(bad));
    EXPECT_EQ(PlanOf(kEntry, s).code, RUVECTOR_FAILED_PRECONDITION) << bad;
  }
}

}  // namespace
}  // namespace ruvector::plugin_testing
