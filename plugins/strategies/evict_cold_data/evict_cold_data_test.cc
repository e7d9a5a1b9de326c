#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

constexpr double kDays = 86400;
constexpr double kMb = 1048576;

World::Setting Tablespace(const std::string& relation) {
  return {RUVECTOR_ACTION_MOVE_TO_TABLESPACE, relation, ""};
}

// Three partitions of 100 MB with one index of 50 MB each on disk "fast",
// idle for the given days.
StrategyScenario Disk(std::string label, const std::vector<double>& idle) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "memory_pressure";
  s.cause = "disk_filling";
  s.subjects = {{"disk", "fast", 1}};
  s.metrics.push_back(FixedText("routing", "", "weights"));
  for (size_t i = 0; i < idle.size(); ++i) {
    const std::string p = "p" + std::to_string(i), index = p + "_idx";
    for (const std::string& relation : {p, index}) {
      s.world.Set(Tablespace(relation), sdk::Value(std::string("pg_default")));
    }
    s.metrics.push_back(
        SettingMetric("partition_tablespace", p, Tablespace(p)));
    s.metrics.push_back(
        SettingMetric("index_tablespace", index, Tablespace(index)));
    s.metrics.push_back(FixedText("index_table", index, p));
    s.metrics.push_back(Fixed("index_bytes", index, 50 * kMb));
    s.metrics.push_back(Fixed("partition_bytes", p, 100 * kMb));
    s.metrics.push_back(Fixed("partition_index_bytes", p, 50 * kMb));
    s.metrics.push_back(FixedText("partition_disk", p, "fast"));
    s.metrics.push_back(Fixed("partition_idle_seconds", p, idle[i] * kDays));
  }
  s.metrics.push_back(Fixed("tablespace_free_bytes", "cold", 1000 * kMb));
  s.metrics.push_back(FixedText("tablespace_disk", "cold", "slow"));
  s.parameters["cold_tablespace"] = sdk::Value(std::string("cold"));
  return s;
}

// Rows of p0 and p1 go to "archive"; the model moves the smallest ids first.
StrategyScenario Rows(std::string label) {
  StrategyScenario s = Disk(std::move(label), {0, 0});
  s.parameters = {{"cold_partition", sdk::Value(std::string("archive"))},
                  {"age_column", sdk::Value(std::string("created_at"))},
                  {"batch_ms", sdk::Value(10.0)}};
  s.metrics.push_back(FixedText("partition_disk", "archive", "slow"));
  int64_t base = 0;
  for (const char* name : {"p0", "p1"}) {
    const std::string p = name;
    for (int64_t i = 0; i < 20; ++i) s.world.rows[p].insert(base + i);
    s.metrics.push_back({"partition_rows", p, [p](const World& w) {
                           return sdk::Value(
                               static_cast<double>(w.rows.at(p).size()));
                         }});
    s.metrics.push_back(
        {"act_rows", "move_rows " + p + " archive", [base](const World& w) {
           double rows = 0;
           for (int64_t row : w.rows.at("archive")) {
             if (row >= base && row < base + 20) ++rows;
           }
           return sdk::Value(rows);
         }});
    base += 1000;
  }
  s.world.rows["archive"] = {};
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Disk("one_cold", {0, 30, 1}),
      Disk("all_cold", {10, 20, 30}),
      Rows("old_rows"),
      Disk("none_cold", {0, 1, 2}),
      Disk("same_disk", {10}),
      Disk("no_place", {10}),
      Disk("memory", {10}),
      Disk("not_watched", {10}),
  };
  all[3].outcome = PlanOutcome::kNothing;
  for (size_t i = 4; i < all.size(); ++i) {
    all[i].outcome = PlanOutcome::kRefuses;
  }
  Replace(&all[4], FixedText("tablespace_disk", "cold", "fast"));
  all[5].parameters.clear();
  all[6].cause = "memory_short";
  Replace(&all[7], Unreadable("partition_idle_seconds", "p0"));
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(evict_cold_data, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_evict_cold_data;

TEST(EvictColdDataTest, MovesColdPartitionsWithTheirIndexesAndNothingElse) {
  MadePlan made = PlanOf(kEntry, Disk("s", {0, 30, 1}));
  EXPECT_THAT(made.Lines(),
              ElementsAre("move_to_tablespace p1 tablespace=cold",
                          "move_to_tablespace p1_idx tablespace=cold"));
  EXPECT_EQ(sdk::Argument(*made.at(0).undo, "tablespace")->text(),
            "pg_default");
}

// 1,000 MB free, nine tenths of them usable: of seven partitions of 150 MB six
// fit, of two disks' partitions only the full one's count.
TEST(EvictColdDataTest, LeavesRoomAtTheOtherEndAndOtherDisksAlone) {
  StrategyScenario s = Disk("s", std::vector<double>(7, 30));
  EXPECT_EQ(PlanOf(kEntry, s).actions.size(), 12u);
  for (const char* p : {"p0", "p1", "p2", "p3", "p4"}) {
    Replace(&s, FixedText("partition_disk", p, "other"));
  }
  EXPECT_EQ(PlanOf(kEntry, s).actions.size(), 4u);
  s.parameters["max_partitions"] = sdk::Value(1.0);
  EXPECT_EQ(PlanOf(kEntry, s).actions.size(), 2u);
}

TEST(EvictColdDataTest, LargestFirst) {
  StrategyScenario s = Disk("s", {30, 30, 30});
  Replace(&s, Fixed("partition_bytes", "p2", 300 * kMb));
  s.parameters["max_partitions"] = sdk::Value(1.0);
  EXPECT_THAT(PlanOf(kEntry, s).Lines()[0], HasSubstr("p2"));
}

// The conformance kit's clock: 2026-01-01 00:00:00 UTC; 90 days before that.
TEST(EvictColdDataTest, OldRowsMoveByTheColumnThatTheUserNames) {
  MadePlan made = PlanOf(kEntry, Rows("s"));
  ASSERT_EQ(made.code, RUVECTOR_OK) << made.error;
  EXPECT_THAT(made.Lines()[0],
              HasSubstr("move_rows p0 to=archive max_rows=20"));
  EXPECT_THAT(made.Lines()[0],
              HasSubstr("column=created_at before=2025-10-03 00:00:00+00"));
  const Done done = CarryOut(kEntry, Rows("s"));
  EXPECT_EQ(done.code, RUVECTOR_OK) << done.error;
  EXPECT_EQ(done.world.rows.at("archive").size(), 40u);
}

TEST(EvictColdDataTest, RefusesWithoutAPlaceOrAReason) {
  StrategyScenario s = Rows("s");
  Replace(&s, FixedText("partition_disk", "archive", "fast"));
  EXPECT_THAT(PlanOf(kEntry, s).error, HasSubstr("on the disk that fills"));
  s = Rows("s");
  Replace(&s, FixedText("routing", "", "none"));
  EXPECT_THAT(PlanOf(kEntry, s).error, HasSubstr("no routing column"));
  s = Disk("s", {10});
  s.cause = "connection_saturation";
  EXPECT_THAT(PlanOf(kEntry, s).error, HasSubstr("not for this strategy"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
