#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

constexpr double kMb = 1048576;

World::Setting Lists(const std::string& index) {
  return {RUVECTOR_ACTION_REBUILD_INDEX, index, ""};
}

void AddIndex(StrategyScenario* s, const std::string& name,
              const std::string& parent, double rows, double lists) {
  s->world.Set(Lists(name), sdk::Value(lists));
  s->metrics.push_back(FixedText("index_method", name, "ivfflat"));
  if (!parent.empty()) {
    s->metrics.push_back(FixedText("index_parent", name, parent));
  }
  s->metrics.push_back(Fixed("index_bytes", name, rows * 512));
  s->metrics.push_back(Fixed("index_rows", name, rows));
  s->metrics.push_back(Fixed("index_free_bytes", name, 100000 * kMb));
  s->metrics.push_back(Fixed("index_dimensions", name, 96));
  s->metrics.push_back(SettingMetric("index_lists", name, Lists(name)));
  s->metrics.push_back(
      {"acts_done", "rebuild_index " + name, [name, lists](const World& w) {
         return sdk::Value(w.Get(Lists(name)) == sdk::Value(lists) ? 0.0 : 1.0);
       }});
}

// One index on a plain table.
StrategyScenario Plain(std::string label, double rows, double lists,
                       const std::string& cause = "ivfflat_drift") {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "centroid_skew";
  s.cause = cause;
  s.subjects = {{"index", "idx", 1}};
  s.metrics.push_back(Fixed("maintenance_memory_bytes", "", 1000 * kMb));
  AddIndex(&s, "idx", "", rows, lists);
  s.radius = {1e9, 1e12, 36000};
  return s;
}

// Four leaves below one parent, of which the first `named` are blamed.
StrategyScenario Tree(std::string label, size_t named, double free_mb = 1e5) {
  StrategyScenario s = Plain(std::move(label), 1, 1);
  s.subjects.clear();
  s.metrics.resize(1);
  s.world = World();
  for (size_t i = 0; i < 4; ++i) {
    const std::string name = "idx_" + std::to_string(i);
    AddIndex(&s, name, "idx", 50000 + 100000 * static_cast<double>(i), 10);
    Replace(&s, Fixed("index_free_bytes", name, free_mb * kMb));
    if (i < named) s.subjects.push_back({"index", name, 1});
  }
  // The parent itself, as far as the model needs it.
  s.world.Set(Lists("idx"), sdk::Value(10.0));
  s.metrics.push_back(
      {"acts_done", "rebuild_index idx", [](const World& w) {
         return sdk::Value(w.Get(Lists("idx")) == sdk::Value(10.0) ? 0.0 : 1.0);
       }});
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Plain("plain", 200000, 100),
      Plain("few_rows", 50000, 100, "ivfflat_few_rows"),
      Plain("lists_kept", 100000, 100),
      Tree("most_leaves", 3),
      Tree("one_leaf", 1),
      Plain("little_memory", 500000, 100),
      Plain("little_disk", 200000, 100),
      Plain("other_cause", 200000, 100, "hnsw_bloat"),
      Plain("not_readable", 200000, 100),
  };
  for (size_t i = 5; i < all.size(); ++i) {
    all[i].outcome = PlanOutcome::kRefuses;
  }
  Replace(&all[5], Fixed("maintenance_memory_bytes", "", 4 * kMb));
  Replace(&all[6], Fixed("index_free_bytes", "idx", 50 * kMb));
  Replace(&all[8], Unreadable("index_rows", "idx"));
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(rebuild_centroids, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_rebuild_centroids;

std::vector<std::string> Lines(const StrategyScenario& s) {
  MadePlan made = PlanOf(kEntry, s);
  EXPECT_EQ(made.code, RUVECTOR_OK) << made.error;
  return made.Lines();
}
std::string ListsOf(double rows, double lists,
                    const std::string& cause = "ivfflat_drift") {
  StrategyScenario s = Plain("s", rows, lists, cause);
  Replace(&s, Fixed("maintenance_memory_bytes", "", 1e6 * kMb));
  return Lines(s).at(0);
}

// pgvector's manual: rows / 1000 up to 1M rows, sqrt(rows) above.
TEST(RebuildCentroidsTest, ListsAreThoseOfPgvectorsManual) {
  EXPECT_EQ(ListsOf(50000, 10), "rebuild_index idx lists=50");
  EXPECT_EQ(ListsOf(1e6, 10), "rebuild_index idx lists=1000");
  EXPECT_EQ(ListsOf(4e6, 10), "rebuild_index idx lists=2000");
  EXPECT_EQ(ListsOf(500, 10), "rebuild_index idx lists=1");
}

TEST(RebuildCentroidsTest, KeepsListsThatUsersTunedTheirProbesTo) {
  EXPECT_EQ(ListsOf(100000, 120), "rebuild_index idx lists=null");
  EXPECT_EQ(ListsOf(100000, 85), "rebuild_index idx lists=null");
  EXPECT_EQ(ListsOf(100000, 130), "rebuild_index idx lists=100");
  // More lists at the same probes would find less.
  EXPECT_EQ(ListsOf(1e6, 100, "ivfflat_recall_below_target"),
            "rebuild_index idx lists=null");
}

// 1,000,000 rows of 96 dimensions ask for 1,000 lists: samples 50,000 * 392
// bytes, bounds 50,000 * 1,000 * 4, distances 4,000,000: 225.2e6 bytes in all.
TEST(RebuildCentroidsTest, LowersListsToWhatMemoryHolds) {
  StrategyScenario s = Plain("s", 1e6, 100);
  Replace(&s, Fixed("maintenance_memory_bytes", "", 230e6));
  EXPECT_EQ(Lines(s).at(0), "rebuild_index idx lists=1000");
  Replace(&s, Fixed("maintenance_memory_bytes", "", 220e6));
  EXPECT_EQ(Lines(s).at(0), "rebuild_index idx lists=900");
  Replace(&s, Fixed("maintenance_memory_bytes", "", 40e6));
  EXPECT_THAT(PlanOf(kEntry, s).error,
              HasSubstr("1000 lists need 214 MB of maintenance_work_mem"));
}

TEST(RebuildCentroidsTest, KeepsTheOldIndexWhereItCan) {
  MadePlan plain = PlanOf(kEntry, Plain("s", 200000, 100));
  EXPECT_EQ(plain.at(0).undo->kind,
            static_cast<uint32_t>(RUVECTOR_ACTION_RESTORE_INDEX));
  // Three of four leaves, a copy of all fits: the parent, beside. 800,000 rows
  // in four leaves.
  MadePlan tree = PlanOf(kEntry, Tree("s", 3));
  EXPECT_THAT(tree.Lines(), ElementsAre("rebuild_index idx lists=200"));
  EXPECT_EQ(tree.at(0).undo->kind,
            static_cast<uint32_t>(RUVECTOR_ACTION_RESTORE_INDEX));
}

TEST(RebuildCentroidsTest, RebuildsLeavesInPlaceWhereItMust) {
  // One of four.
  MadePlan one = PlanOf(kEntry, Tree("s", 1));
  EXPECT_THAT(one.Lines(), ElementsAre("rebuild_index idx_0 lists=50"));
  EXPECT_EQ(one.at(0).undo->kind,
            static_cast<uint32_t>(RUVECTOR_ACTION_REBUILD_INDEX));
  EXPECT_EQ(sdk::Argument(*one.at(0).undo, "lists")->number(), 10);
  // All leaves are 391 MB; 250 MB hold the largest twice, not all.
  EXPECT_THAT(Lines(Tree("s", 4, 250)),
              ElementsAre("rebuild_index idx_0 lists=50",
                          "rebuild_index idx_1 lists=150",
                          "rebuild_index idx_2 lists=250",
                          "rebuild_index idx_3 lists=350"));
}

TEST(RebuildCentroidsTest, StaysWithinMaxIndexes) {
  StrategyScenario s = Tree("s", 4, 250);
  s.parameters["max_indexes"] = sdk::Value(2.0);
  EXPECT_EQ(Lines(s).size(), 2u);
  EXPECT_THAT(PlanOf(kEntry, s).note, HasSubstr("max_indexes"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
