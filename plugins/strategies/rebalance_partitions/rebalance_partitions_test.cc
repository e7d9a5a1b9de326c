#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

using Partitions = std::vector<std::pair<std::string, int64_t>>;

// The load of a model: every row is read as often as its number says, so load
// travels with rows. Rows of partition i are i * 1000000 and on.
double HeatOf(int64_t row) { return row < 1000000 ? 10 : 1; }

double Load(const World& world, const std::string& partition) {
  double load = 0;
  const auto rows = world.rows.find(partition);
  if (rows == world.rows.end()) return 0;
  for (int64_t row : rows->second) load += HeatOf(row);
  return load;
}

double LoadRatio(const World& world) {
  double most = 0, sum = 0;
  for (const auto& [name, rows] : world.rows) {
    most = std::max(most, Load(world, name));
    sum += Load(world, name);
  }
  return most * static_cast<double>(world.rows.size()) / sum;
}

std::multiset<int64_t> AllRows(const World& world) {
  std::multiset<int64_t> all;
  for (const auto& [name, rows] : world.rows) {
    all.insert(rows.begin(), rows.end());
  }
  return all;
}

// p0 is ten times as hot as the others, by reads.
StrategyScenario Hot(std::string label, const Partitions& partitions,
                     double inserts_into_p0 = 0) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "hotspot_congestion";
  s.cause = "hot_partition";
  s.subjects = {{"partition", "p0", 1}};
  s.metrics.push_back(FixedText("routing", "", "weights"));
  s.metrics.push_back(Fixed("lambda_norm", "", 0.5));
  int64_t base = 0;
  for (const auto& [name, rows] : partitions) {
    for (int64_t i = 0; i < rows; ++i) s.world.rows[name].insert(base + i);
    base += 1000000;

    const std::string partition = name;
    const double inserts = name == "p0" ? inserts_into_p0 : 0;
    s.metrics.push_back(
        {"partition_rows", name, [partition](const World& w) {
           return sdk::Value(static_cast<double>(w.rows.at(partition).size()));
         }});
    s.metrics.push_back(
        {"partition_reads_per_second", name, [partition](const World& w) {
           return sdk::Value(Load(w, partition));
         }});
    s.metrics.push_back(Fixed("partition_bytes", name, 1e6));
    s.metrics.push_back(Fixed("partition_index_bytes", name, 1e6));
    s.metrics.push_back(Fixed("partition_writes_per_second", name, inserts));
    s.metrics.push_back(Fixed("partition_inserts_per_second", name, inserts));
    s.metrics.push_back(Fixed("partition_hnsw_indexes", name, 1));
    s.metrics.push_back(Fixed("partition_ivfflat_indexes", name, 0));
  }
  // What the journal knows: rows of p0 that are elsewhere now.
  for (const auto& [name, rows] : partitions) {
    if (name == "p0") continue;
    const std::string to = name;
    s.metrics.push_back(
        {"act_rows", "move_rows p0 " + name, [to](const World& w) {
           double moved = 0;
           for (int64_t row : w.rows.at(to)) {
             if (row < 1000000) ++moved;
           }
           return sdk::Value(moved);
         }});
  }
  s.parameters["batch_ms"] = sdk::Value(100.0);  // about 47 rows
  return s;
}

const Partitions kFour = {{"p0", 400}, {"p1", 400}, {"p2", 200}, {"p3", 400}};

StrategyScenario Citus(std::string label) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "hotspot_congestion";
  s.cause = "hot_partition";
  s.metrics.push_back(FixedText("routing", "", "citus"));
  const struct {
    const char *shard, *node;
    double bytes;
  } kShards[] = {{"items_1", "a:5432", 50e6},
                 {"items_2", "a:5432", 30e6},
                 {"items_3", "a:5432", 20e6},
                 {"items_4", "b:5432", 30e6}};
  for (const auto& shard : kShards) {
    const World::Setting setting = {RUVECTOR_ACTION_MOVE_SHARD, shard.shard,
                                    ""};
    s.world.Set(setting, sdk::Value(std::string(shard.node)));
    s.metrics.push_back(SettingMetric("shard_node", shard.shard, setting));
    s.metrics.push_back(Fixed("shard_bytes", shard.shard, shard.bytes));
  }
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Hot("hot", kFour),
      Hot("few_moves", kFour),
      Hot("without_routing", kFour),
      Hot("by_new_rows", kFour, 1e6),
      Hot("even", {{"p1", 100}, {"p2", 100}}),
      Hot("alone", {{"p0", 100}}),
      Citus("shards"),
      Citus("one_node"),
  };
  all[1].parameters["max_moves"] = sdk::Value(100.0);
  all[2].metrics[0] = FixedText("routing", "", "none");
  all[2].outcome = all[3].outcome = all[5].outcome = PlanOutcome::kRefuses;
  all[4].outcome = PlanOutcome::kNothing;
  // Rows of these two count as p0's and p1's: equally hot.
  all[4].world.rows["p1"].clear();
  all[4].world.rows["p2"].clear();
  for (int64_t i = 0; i < 100; ++i) {
    all[4].world.rows["p1"].insert(1000000 + i);
    all[4].world.rows["p2"].insert(2000000 + i);
  }
  all[7].world.Set({RUVECTOR_ACTION_MOVE_SHARD, "items_4", ""},
                   sdk::Value(std::string("a:5432")));
  all[7].outcome = PlanOutcome::kRefuses;
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(rebalance_partitions, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_rebalance_partitions;

TEST(RebalancePartitionsTest, LoadIsEvenAfterwardsAndNoRowIsLost) {
  const StrategyScenario scenario = Hot("hot", kFour);
  ASSERT_GT(LoadRatio(scenario.world), 3);
  const Done done = CarryOut(kEntry, scenario);
  ASSERT_EQ(done.code, RUVECTOR_OK) << done.error;
  EXPECT_LT(LoadRatio(done.world), 1.05);
  EXPECT_EQ(AllRows(done.world), AllRows(scenario.world));
  EXPECT_THAT(PlanOf(kEntry, scenario).note,
              HasSubstr("load ratio 3.20 to 1 expected"));
}

// Any loads: the plan never makes the ratio worse, and what it promises is what
// the model then shows.
TEST(RebalancePartitionsTest, NeverMakesItWorse) {
  for (int64_t hot : {50, 120, 300, 900}) {
    for (int64_t cold : {10, 200, 800}) {
      const StrategyScenario scenario =
          Hot("any", {{"p0", hot}, {"p1", cold}, {"p2", 2 * cold}});
      const Done done = CarryOut(kEntry, scenario);
      ASSERT_EQ(done.code, RUVECTOR_OK) << done.error;
      EXPECT_LE(LoadRatio(done.world), LoadRatio(scenario.world) + 1e-9);
      EXPECT_EQ(AllRows(done.world), AllRows(scenario.world));
    }
  }
}

TEST(RebalancePartitionsTest, ColdestTakesMostAndNoneBecomesHot) {
  MadePlan made = PlanOf(kEntry, Hot("hot", kFour));
  ASSERT_EQ(made.code, RUVECTOR_OK) << made.error;
  ASSERT_EQ(made.actions.size(), 3u);
  EXPECT_THAT(made.Lines()[0], HasSubstr("move_rows p0 to=p2"));
  double rows = 0;
  for (size_t i = 0; i < 3; ++i) {
    rows += sdk::Argument(made.at(i), "max_rows")->number().value();
  }
  // 4000 + 400 + 200 + 400 = 5000, mean 1250: p0 keeps 125 rows of 10.
  EXPECT_NEAR(rows, 275, 3);
}

TEST(RebalancePartitionsTest, KeepsToMaxMovesAndTheBlastRadius) {
  StrategyScenario scenario = Hot("hot", kFour);
  scenario.parameters["max_moves"] = sdk::Value(100.0);
  Done done = CarryOut(kEntry, scenario);
  EXPECT_EQ(done.world.rows["p0"].size(), 300u);
  scenario = Hot("hot", kFour);
  scenario.radius.max_rows = 150;
  done = CarryOut(kEntry, scenario);
  EXPECT_EQ(done.world.rows["p0"].size(), 250u);
  scenario.radius.max_rows = 0;
  EXPECT_THAT(PlanOf(kEntry, scenario).note, HasSubstr("no row"));
}

// The share of updates that meet a moved row stays small: the busier the rows,
// the smaller the batch.
TEST(RebalancePartitionsTest, BusyRowsMoveInSmallerBatches) {
  const auto batch = [](double updates) {
    StrategyScenario scenario = Hot("busy", kFour);
    scenario.parameters["batch_ms"] = sdk::Value(60000.0);
    Replace(&scenario, Fixed("partition_writes_per_second", "p0", updates));
    MadePlan made = PlanOf(kEntry, scenario);
    EXPECT_EQ(made.code, RUVECTOR_OK) << made.error;
    return sdk::Argument(made.at(0), "batch_rows")->number().value();
  };
  EXPECT_GT(batch(0), 50);
  EXPECT_LT(batch(400), batch(40));
  // B * B * 2.15 ms * 100 updates per row and second <= 0.05.
  EXPECT_EQ(batch(40000), 1);
  EXPECT_EQ(batch(400), 4);
}

TEST(RebalancePartitionsTest, StopsWhenLambdaFalls) {
  StrategyScenario scenario = Hot("falls", kFour);
  Replace(&scenario,
          {"lambda_norm", "", [](const World& w) {
             return sdk::Value(w.rows.at("p0").size() < 350 ? 0.3 : 0.5);
           }});
  const Done done = CarryOut(kEntry, scenario);
  EXPECT_EQ(done.code, RUVECTOR_OK) << done.error;
  EXPECT_LT(done.world.rows.at("p0").size(), 350u);
  EXPECT_GT(done.world.rows.at("p0").size(), 300u);  // not 125
}

TEST(RebalancePartitionsTest, RefusalsSayWhatToDoInstead) {
  EXPECT_THAT(PlanOf(kEntry, Hot("inserts", kFour, 1e6)).error,
              HasSubstr("drain_hot_partition"));
  StrategyScenario none = Hot("none", kFour);
  none.metrics[0] = FixedText("routing", "", "none");
  EXPECT_THAT(PlanOf(kEntry, none).error, HasSubstr("no routing column"));
}

// 100 MB against 30 MB: the 30 MB shard leaves 70 against 60, no other is
// better.
TEST(RebalancePartitionsTest, MovesTheShardThatEvensOutBest) {
  MadePlan made = PlanOf(kEntry, Citus("shards"));
  ASSERT_EQ(made.code, RUVECTOR_OK) << made.error;
  EXPECT_THAT(made.Lines(), ElementsAre("move_shard items_2 node=b:5432"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
