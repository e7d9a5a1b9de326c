#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

constexpr double kMb = 1048576;
constexpr char kJob[] = "autovacuum: VACUUM t";

Metric ActsDone(uint32_t kind, const std::string& name,
                const std::string& object) {
  return {"acts_done", name + " " + object, [=](const World& w) {
            return sdk::Value(
                static_cast<double>(w.maintained.count({kind, object})));
          }};
}

// One table with one HNSW index of a million rows, 4 GB, and the journal.
StrategyScenario Upkeep(std::string label, const std::string& cause) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "index_fragmentation";
  s.cause = cause;
  const bool of_index = cause.find("hnsw") == 0 || cause == "invalid_index";
  s.subjects = {{of_index ? "index" : "partition", of_index ? "idx" : "t", 1}};
  s.metrics = {
      Fixed("partition_rows", "t", 1e6),
      Fixed("partition_bytes", "t", 4000 * kMb),
      Fixed("partition_dead_rows", "t", 0),
      Fixed("partition_vacuum_threshold", "t", 200050),
      Fixed("partition_modified_rows", "t", 5e5),
      Fixed("partition_xid_age", "t", 5e8),
      Fixed("partition_freeze_age", "t", 2e8),
      FixedText("index_method", "idx", "hnsw"),
      FixedText("index_table", "idx", "t"),
      Fixed("index_valid", "idx", cause == "invalid_index" ? 0 : 1),
      Fixed("index_ours", "idx", 1),
      Fixed("index_being_built", "idx", 0),
      Fixed("index_bytes", "idx", 4000 * kMb),
      Fixed("index_rows", "idx", 1e6),
      Fixed("index_free_bytes", "idx", 1e6 * kMb),
      Fixed("index_m", "idx", 16),
      Fixed("index_dead_share", "idx", 0.2),
      Fixed("index_surplus_share", "idx", 0.2),
      Fixed("maintenance_memory_bytes", "", 8000 * kMb),
      FixedText("job_kind", kJob, "autovacuum"),
      FixedText("job_table", kJob, "t"),
      ActsDone(RUVECTOR_ACTION_REINDEX, "reindex", "idx"),
      ActsDone(RUVECTOR_ACTION_VACUUM, "vacuum", "t"),
      ActsDone(RUVECTOR_ACTION_ANALYZE, "analyze", "t"),
      ActsDone(RUVECTOR_ACTION_DROP_INVALID_INDEX, "drop_invalid_index", "idx"),
  };
  s.radius = {1e9, 1e12, 36000};
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Upkeep("bloated_hnsw", "hnsw_bloat"),
      Upkeep("reindex_then_vacuum", "hnsw_bloat"),
      Upkeep("recall", "hnsw_recall_below_target"),
      Upkeep("dead_tuples", "dead_tuples"),
      Upkeep("statistics", "stale_statistics"),
      Upkeep("xid_age", "xid_age"),
      Upkeep("leftover", "invalid_index"),
      Upkeep("somebody_elses", "invalid_index"),
      Upkeep("sound", "hnsw_recall_below_target"),
      Upkeep("free_room_only", "heap_bloat"),
      Upkeep("other_cause", "hot_partition"),
  };
  Replace(&all[1], Fixed("partition_dead_rows", "t", 3e5));
  Replace(&all[7], Fixed("index_ours", "idx", 0));
  Replace(&all[8], Fixed("index_dead_share", "idx", 0));
  Replace(&all[8], Fixed("index_surplus_share", "idx", 0));
  for (size_t i = 7; i < all.size(); ++i) {
    all[i].outcome = PlanOutcome::kRefuses;
  }
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(compact_indexes, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr auto kEntry = &ruvector_plugin_v1_compact_indexes;

std::vector<std::string> Lines(const StrategyScenario& s) {
  MadePlan made = PlanOf(kEntry, s);
  EXPECT_EQ(made.code, RUVECTOR_OK) << made.error;
  return made.Lines();
}

StrategyScenario WithDead(double share, double memory_mb = 8000) {
  StrategyScenario s = Upkeep("s", "hnsw_bloat");
  Replace(&s, Fixed("index_dead_share", "idx", share));
  Replace(&s, Fixed("index_surplus_share", "idx", 0));
  Replace(&s, Fixed("maintenance_memory_bytes", "", memory_mb * kMb));
  return s;
}

// The model's two sides, worked out again: 1e6 rows, 4,000 MiB at 50 MB/s
// (83.9 s a pass), insert 2 ms, build 0.5 ms. REINDEX is 84 + 500 = 584 s;
// VACUUM is 252 s + 2,000 s * (1 - (1-d)^32), above 584 from 16.6 % of the
// elements to be repaired, d = 0.57 %.
TEST(CompactIndexesTest, ReindexesFromTheDeadShareThatTheModelSays) {
  const double turn = 1 - std::pow(1 - (584 - 252) / 2000.0, 1 / 32.0);
  EXPECT_THAT(Lines(WithDead(turn * 0.9)), ElementsAre("vacuum t"));
  EXPECT_THAT(Lines(WithDead(turn * 1.1)), ElementsAre("reindex idx"));
  // A build that does not fit costs as much as inserts: 84 + 2,000 s, which is
  // more than 252 + 2,000 * 0.91 at 7 %; VACUUM it is.
  EXPECT_THAT(Lines(WithDead(0.07, 100)), ElementsAre("vacuum t"));
  EXPECT_THAT(Lines(WithDead(0.2, 100)), ElementsAre("reindex idx"));
}

// What VACUUM will make dead in the index counts as well.
TEST(CompactIndexesTest, DeadRowsOfTheTableAreDeadElementsToBe) {
  StrategyScenario s = WithDead(0);
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
  Replace(&s, Fixed("partition_dead_rows", "t", 3e5));
  EXPECT_THAT(Lines(s), ElementsAre("reindex idx", "vacuum t"));
  s.cause = "dead_tuples";
  s.subjects = {{"partition", "t", 1}};
  EXPECT_THAT(Lines(s), ElementsAre("reindex idx", "vacuum t"));
}

TEST(CompactIndexesTest, OnlyReindexReturnsBytesAndItNeedsRoom) {
  StrategyScenario s = WithDead(0);
  Replace(&s, Fixed("index_surplus_share", "idx", 0.6));
  EXPECT_THAT(Lines(s), ElementsAre("reindex idx"));
  Replace(&s, Fixed("index_free_bytes", "idx", 1000 * kMb));
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
  EXPECT_THAT(PlanOf(kEntry, s).note, HasSubstr("free for a second copy"));
  Replace(&s, Unreadable("index_free_bytes", "idx"));
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
}

TEST(CompactIndexesTest, OtherCausesHaveTheirOwnCommand) {
  EXPECT_THAT(Lines(Upkeep("s", "stale_statistics")), ElementsAre("analyze t"));
  EXPECT_THAT(Lines(Upkeep("s", "xid_age")), ElementsAre("vacuum t"));
  EXPECT_THAT(Lines(Upkeep("s", "invalid_index")),
              ElementsAre("drop_invalid_index idx"));
  StrategyScenario s = Upkeep("s", "xid_age");
  s.subjects = {{"dependency", "transaction age", 1}};
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
  s = Upkeep("s", "heap_bloat");
  Replace(&s, Fixed("partition_dead_rows", "t", 3e5));
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
}

TEST(CompactIndexesTest, DropsNothingThatMayBeSomebodyElses) {
  for (const Metric& doubt :
       {Fixed("index_ours", "idx", 0), Unreadable("index_ours", "idx"),
        Fixed("index_being_built", "idx", 1), Fixed("index_valid", "idx", 1),
        Unreadable("index_being_built", "idx")}) {
    StrategyScenario s = Upkeep("s", "invalid_index");
    Replace(&s, doubt);
    EXPECT_EQ(PlanOf(kEntry, s).code, RUVECTOR_FAILED_PRECONDITION);
  }
}

TEST(CompactIndexesTest, LeavesOutWhatIsBeyondTheBlastRadius) {
  StrategyScenario s = Upkeep("s", "hnsw_bloat");
  s.radius.max_seconds = 10;
  EXPECT_THAT(Lines(s), IsEmpty());
  EXPECT_THAT(PlanOf(kEntry, s).note, HasSubstr("beyond the blast radius"));
}

// An ordinary autovacuum gives way; one that prevents wraparound does not.
TEST(CompactIndexesTest, PlansNothingOnATableThatIsBeingFrozen) {
  for (const char* cause : {"xid_age", "dead_tuples", "stale_statistics",
                            "hnsw_bloat", "invalid_index"}) {
    StrategyScenario s = Upkeep("s", cause);
    EXPECT_FALSE(Lines(s).empty()) << cause;
    Replace(&s, FixedText("job_kind", kJob, "wraparound_vacuum"));
    const MadePlan made = PlanOf(kEntry, s);
    EXPECT_EQ(made.code, RUVECTOR_FAILED_PRECONDITION) << cause;
    EXPECT_THAT(made.error, HasSubstr("prevents wraparound is at work on t"));
  }
}

TEST(CompactIndexesTest, OtherTablesDoNotWaitForTheOneThatIsBeingFrozen) {
  StrategyScenario s = Upkeep("s", "xid_age");
  Replace(&s, FixedText("job_kind", kJob, "wraparound_vacuum"));
  Replace(&s, FixedText("job_table", kJob, "other"));
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
  s.subjects.push_back({"partition", "other", 1});
  EXPECT_THAT(Lines(s), ElementsAre("vacuum t"));
  EXPECT_THAT(PlanOf(kEntry, s).note, HasSubstr("other is left to"));
}

TEST(CompactIndexesTest, RefusalsSayWhoDecides) {
  StrategyScenario s = Upkeep("s", "hnsw_recall_below_target");
  Replace(&s, Fixed("index_dead_share", "idx", 0));
  Replace(&s, Fixed("index_surplus_share", "idx", 0));
  EXPECT_THAT(PlanOf(kEntry, s).error, HasSubstr("hnsw.ef_search"));
  EXPECT_THAT(PlanOf(kEntry, Upkeep("s", "heap_bloat")).error,
              HasSubstr("a person decides"));
}

}  // namespace
}  // namespace ruvector::plugin_testing
