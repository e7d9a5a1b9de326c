// Each detector: at its threshold, just short of it, and without its inputs.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/healing/classifier.h"
#include "core/healing/fault_world.h"
#include "core/healing/wilson.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMb = int64_t{1} << 20;

class DetectorsTest : public ::testing::Test {
 protected:
  std::vector<Problem> Run() {
    world->Finish();
    return Classify(world->situation, limits).value();
  }
  std::optional<Problem> Find(Cause cause) {
    for (Problem& problem : Run()) {
      if (problem.cause == cause) return std::move(problem);
    }
    return std::nullopt;
  }
  bool Fires(Cause cause) { return Find(cause).has_value(); }
  std::string Lead(Cause cause) { return Find(cause).value().subjects[0].name; }
  graph::Observation& now() { return world->world.now; }
  graph::Observation& last() { return world->world.last; }
  Situation& in() { return world->situation; }

  HealingLimits limits;
  std::unique_ptr<FaultWorld> world = Quiet({/*partitions=*/8, /*lists=*/20,
                                             /*sync_replicas=*/1,
                                             /*async_replicas=*/2,
                                             /*extra_shards=*/0,
                                             /*archiver=*/true,
                                             /*backup=*/true,
                                             /*hnsw=*/true});
};

TEST_F(DetectorsTest, NothingIsWrongWithAHealthyWorld) {
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(DetectorsTest, HotPartition) {
  // Shares of written rows: fair is 1/8; core/graph leaves the normal band at
  // an excess of 0.354.
  const auto write = [&](double share) {
    for (size_t i = 0; i < 8; ++i) {
      now().tables[i].inserts =
          *last().tables[i].inserts +
          static_cast<int64_t>(1e6 * (i == 3 ? share : (1 - share) / 7));
    }
  };
  write(0.43);
  EXPECT_FALSE(Fires(Cause::kHotPartition));
  write(0.44);
  EXPECT_EQ(Lead(Cause::kHotPartition), "public.items_3");
  write(0.95);
  const Problem problem = Find(Cause::kHotPartition).value();
  EXPECT_DOUBLE_EQ(problem.severity, 1);
  EXPECT_EQ(problem.problem_class(), ProblemClass::kHotspotCongestion);
  now().tables[3].inserts = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kHotPartition));
}

TEST_F(DetectorsTest, WithoutAnEarlierPassThereAreNoRates) {
  graph::MakeHot(&world->world, 3);
  world->Finish();
  in().previous = nullptr;
  in().state = gate::State::kNormal;  // it was built with both
  EXPECT_THAT(Classify(in(), limits).value(), IsEmpty());
}

TEST_F(DetectorsTest, DeadTuples) {
  // Threshold 2,050; the normal band ends at 5.6 times that.
  now().tables[2].dead_tuples = 11400;
  EXPECT_FALSE(Fires(Cause::kDeadTuples));
  now().tables[2].dead_tuples = 11600;
  EXPECT_EQ(Lead(Cause::kDeadTuples), "public.items_2");
  now().tables[2].carried = true;
  EXPECT_FALSE(Fires(Cause::kDeadTuples));
  now().tables[2].carried = false;
  now().tables[2].dead_tuples = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kDeadTuples));
}

TEST_F(DetectorsTest, HeapBloat) {
  now().tables[1].bloat_fraction = 0.61;
  EXPECT_FALSE(Fires(Cause::kHeapBloat));
  now().tables[1].bloat_fraction = 0.63;
  EXPECT_EQ(Lead(Cause::kHeapBloat), "public.items_1");
}

TEST_F(DetectorsTest, StaleStatistics) {
  // 50 + 0.1 * 10,000 rows; six times that.
  now().tables[4].modified_since_analyze = 6299;
  EXPECT_FALSE(Fires(Cause::kStaleStatistics));
  now().tables[4].modified_since_analyze = 6300;
  const Problem problem = Find(Cause::kStaleStatistics).value();
  EXPECT_EQ(problem.subjects[0].name, "public.items_4");
  EXPECT_DOUBLE_EQ(problem.severity, kLeastSeverity);
  // The table's own threshold goes before the default.
  in().statistics = {{now().tables[4].oid, 5000}};
  EXPECT_FALSE(Fires(Cause::kStaleStatistics));
  in().statistics.clear();
  // Autoanalyze has just been there, unless it cannot have been.
  now().tables[4].last_analyze = now().at - absl::Seconds(299);
  EXPECT_FALSE(Fires(Cause::kStaleStatistics));
  now().tables[4].autovacuum_enabled = false;
  EXPECT_TRUE(Fires(Cause::kStaleStatistics));
  now().tables[4].modified_since_analyze = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kStaleStatistics));
}

TEST_F(DetectorsTest, IvfflatDriftBeginsAtASeventhOfTheRows) {
  for (int64_t list = 0; list < 2; ++list) {
    graph::DriftList(&world->world, 5, list);
  }
  EXPECT_FALSE(Fires(Cause::kIvfflatDrift));
  for (int64_t list = 2; list < 4; ++list) {
    graph::DriftList(&world->world, 5, list);
  }
  const Problem problem = Find(Cause::kIvfflatDrift).value();
  EXPECT_EQ(problem.subjects[0].name, "public.items_5_ivf");
  EXPECT_EQ(problem.problem_class(), ProblemClass::kCentroidSkew);
  now().ivf_indexes[5].access = graph::Access::kNotSampled;
  EXPECT_FALSE(Fires(Cause::kIvfflatDrift));
}

// A load that has not committed is in the index, not in the table's counters.
TEST_F(DetectorsTest, IvfflatIsNotJudgedWhileALoadIsNotCommitted) {
  graph::IvfIndexObservation& index = now().ivf_indexes[1];
  const graph::TableObservation* table = nullptr;
  for (const graph::TableObservation& one : now().tables) {
    if (one.oid == index.table_oid) table = &one;
  }
  const auto rows = graph::KnownRows(*table).value() +
                    static_cast<double>(table->dead_tuples.value_or(0));
  index.rows_at_build = 30;
  const double entries = graph::IvfContextOf(index).rows.value();
  index.lists[0].rows = index.lists[0].rows.value() + 1.9 * rows - entries;
  EXPECT_TRUE(Fires(Cause::kIvfflatFewRows));
  index.lists[0].rows = index.lists[0].rows.value() + 0.2 * rows;
  EXPECT_FALSE(Fires(Cause::kIvfflatFewRows));
}

TEST_F(DetectorsTest, IvfflatBuiltOnFewRows) {
  graph::IvfIndexObservation& index = now().ivf_indexes[1];
  for (auto& list : index.lists) list.rows = 250;
  index.rows_at_build = 200;  // 10 per list: enough to learn from
  EXPECT_FALSE(Fires(Cause::kIvfflatFewRows));
  index.rows_at_build = 199;
  EXPECT_EQ(Lead(Cause::kIvfflatFewRows), "public.items_1_ivf");
  index.rows_at_build = 0;
  EXPECT_TRUE(Fires(Cause::kIvfflatFewRows));
  // Few rows then and few rows now: there is nothing to rebuild from.
  for (auto& list : index.lists) list.rows = list.rows_at_build = 30;
  EXPECT_FALSE(Fires(Cause::kIvfflatFewRows));
}

TEST_F(DetectorsTest, EmptyListsTellOfABuildThatNobodySaw) {
  graph::IvfIndexObservation& index = now().ivf_indexes[1];
  index.rows_at_build = std::nullopt;
  for (auto& list : index.lists) list.rows_at_build = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kIvfflatFewRows));
  for (size_t i = 0; i < 6; ++i) index.lists[i].rows = 0;
  const Problem problem = Find(Cause::kIvfflatFewRows).value();
  EXPECT_LE(problem.confidence, limits.without_history);
  index.declared_lists = 21;  // not all lists were sampled
  EXPECT_FALSE(Fires(Cause::kIvfflatFewRows));
}

TEST_F(DetectorsTest, HnswFullOfTheDead) {
  now().hnsw_indexes[0].dead_elements = 122;  // + 3 deleted of 400: 0.3125
  EXPECT_FALSE(Fires(Cause::kHnswBloat));
  now().hnsw_indexes[0].dead_elements = 126;
  EXPECT_EQ(Lead(Cause::kHnswBloat), "public.items_0_hnsw");
}

TEST_F(DetectorsTest, HnswLargerThanItsRowsNeed) {
  graph::HnswIndexObservation& index = now().hnsw_indexes[0];
  // 10,000 rows, m 16, 768 dimensions: 3,395 bytes each, two per page.
  const int64_t needed = 5000 * 8192;
  index.dimensions = 768;
  index.bytes = 2 * needed - 1;
  EXPECT_FALSE(Fires(Cause::kHnswBloat));
  index.bytes = 2 * needed;
  EXPECT_TRUE(Fires(Cause::kHnswBloat));
  index.m = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kHnswBloat));
  index.m = 16;
  now().tables[0].live_tuples = std::nullopt;
  now().tables[0].estimated_rows = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kHnswBloat));
}

TEST_F(DetectorsTest, InvalidIndex) {
  in().invalid_indexes = {{9, "public.i", 20001, true, true, kMb}};
  EXPECT_FALSE(Fires(Cause::kInvalidIndex));  // at work
  in().invalid_indexes->front().being_built = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kInvalidIndex));
  in().invalid_indexes->front().being_built = false;
  const Problem problem = Find(Cause::kInvalidIndex).value();
  EXPECT_EQ(problem.subjects[0].table_oid, 20001u);
  EXPECT_EQ(std::get<std::string>(problem.evidence[0].value), "ruvector");
  in().invalid_indexes = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kInvalidIndex));
}

TEST_F(DetectorsTest, RecallIsBelowOnlyIfTheWholeIntervalIs) {
  RecallProbe probe{7, "public.i", 20001, true, 900, 1000, 0.95};
  in().recall_probes = {probe};
  EXPECT_TRUE(Fires(Cause::kIvfflatRecall));
  in().recall_probes[0].ivfflat = false;
  EXPECT_TRUE(Fires(Cause::kHnswRecall));
  // The same share of fewer trials proves nothing.
  in().recall_probes[0].successes = 90;
  in().recall_probes[0].trials = 100;
  EXPECT_FALSE(Fires(Cause::kHnswRecall));
  in().recall_probes[0].trials = 0;
  EXPECT_FALSE(Fires(Cause::kHnswRecall));
  in().recall_probes = {probe};
  in().recall_probes[0].target = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kIvfflatRecall));
}

TEST(WilsonTest, KnownValues) {
  EXPECT_EQ(WilsonInterval(0, 0, 1.96).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0, 1.96).high, 1);
  const Interval most = WilsonInterval(8, 10, 1.959964);
  EXPECT_NEAR(most.low, 0.49016, 1e-4);
  EXPECT_NEAR(most.high, 0.94331, 1e-4);
  const Interval all = WilsonInterval(10, 10, 1.959964);
  EXPECT_NEAR(all.low, 0.72247, 1e-4);
  EXPECT_DOUBLE_EQ(all.high, 1);
  const Interval none = WilsonInterval(0, 10, 1.959964);
  EXPECT_NEAR(none.low, 0, 1e-12);
  EXPECT_NEAR(none.high, 0.27753, 1e-4);
}

TEST_F(DetectorsTest, VacuumHeldBackNamesTheBlocker) {
  in().vacuum_blockers = {
      {BlockerKind::kSnapshot, "4711", 4999999, absl::Hours(5), "psql"}};
  EXPECT_FALSE(Fires(Cause::kHeldBySnapshot));
  in().vacuum_blockers->front().age_xids = 5000000;
  EXPECT_EQ(Lead(Cause::kHeldBySnapshot), "4711");
  for (const auto& [kind, cause] :
       {std::pair(BlockerKind::kPrepared, Cause::kHeldByPrepared),
        std::pair(BlockerKind::kSlot, Cause::kHeldBySlot),
        std::pair(BlockerKind::kStandby, Cause::kHeldByStandby)}) {
    in().vacuum_blockers->front().kind = kind;
    EXPECT_EQ(Run().size(), 1u);
    EXPECT_EQ(Lead(cause), "4711");
  }
  in().vacuum_blockers->front().age_xids = std::nullopt;
  EXPECT_THAT(Run(), IsEmpty());
  in().vacuum_blockers = std::nullopt;
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(DetectorsTest, AYoungerBlockerCountsWhereVacuumCameInVain) {
  graph::TableObservation& table = now().tables[0];
  graph::Saturate(&world->world, 0);
  in().vacuum_blockers = {
      {BlockerKind::kSnapshot, "4711", 100000, absl::Minutes(30), ""}};
  table.last_vacuum = now().at - absl::Minutes(5);
  EXPECT_EQ(Run()[0].cause, Cause::kHeldBySnapshot);
  EXPECT_EQ(Run()[1].cause, Cause::kDeadTuples);
  EXPECT_EQ(Run()[1].explained_by, 0u);
  // Vacuum has not come since it began, so it is not why.
  table.last_vacuum = now().at - absl::Minutes(31);
  EXPECT_FALSE(Fires(Cause::kHeldBySnapshot));
  table.last_vacuum = now().at - absl::Minutes(5);
  in().vacuum_blockers->front().age_xids = 99999;
  EXPECT_FALSE(Fires(Cause::kHeldBySnapshot));
  in().vacuum_blockers->front().age_xids = 100000;
  in().vacuum_blockers->front().age = absl::Minutes(9);
  EXPECT_FALSE(Fires(Cause::kHeldBySnapshot));
}

TEST_F(DetectorsTest, ALogicalSlotKeepsNoRowsOfTables) {
  graph::TableObservation& table = now().tables[0];
  graph::Saturate(&world->world, 0);
  table.last_vacuum = now().at - absl::Minutes(5);
  in().vacuum_blockers = {
      {BlockerKind::kSlot, "s", 100000, std::nullopt, "logical"}};
  EXPECT_EQ(Run()[0].cause, Cause::kHeldBySlot);
  in().vacuum_blockers->front().catalogs_only = true;
  EXPECT_FALSE(Fires(Cause::kHeldBySlot));
  EXPECT_EQ(Run()[0].explained_by, std::nullopt);
  // What it does to the catalogs in the long run is a problem of its own.
  in().vacuum_blockers->front().age_xids = 5000000;
  EXPECT_TRUE(Fires(Cause::kHeldBySlot));
}

TEST_F(DetectorsTest, WhatWasComparedSaysWithWhat) {
  in().memory = {"meminfo", 100, 90, {}};
  const Problem problem = Run().at(0);
  ASSERT_EQ(problem.cause, Cause::kMemoryShort);
  const auto find = [&](absl::string_view key) {
    for (const Evidence& one : problem.evidence) {
      if (one.key == key) return one;
    }
    return Evidence();
  };
  EXPECT_EQ(find("used_share").threshold, 0.85);
  EXPECT_EQ(find("used_bytes").threshold, std::nullopt);
  EXPECT_THAT(ProblemJson(problem), ::testing::HasSubstr("\"threshold\":0.85"));
}

TEST_F(DetectorsTest, XidAge) {
  now().tables[6].xid_age = 399999999;  // of 200,000,000
  EXPECT_FALSE(Fires(Cause::kXidAge));
  now().tables[6].xid_age = 400000000;
  EXPECT_EQ(Lead(Cause::kXidAge), "public.items_6");
  now().tables[6].freeze_max_age = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kXidAge));
  now().xid.cluster_age = static_cast<int64_t>(0.81 * 2144483647.0);
  EXPECT_EQ(Lead(Cause::kXidAge), "transaction age");
  now().xid.carried = true;
  EXPECT_FALSE(Fires(Cause::kXidAge));
}

TEST_F(DetectorsTest, ReplayLag) {
  now().replication.replicas[1].replay_lag_us = 90000000;
  EXPECT_FALSE(Fires(Cause::kReplayLag));
  now().replication.replicas[1].replay_lag_us = 100000000;
  EXPECT_EQ(Lead(Cause::kReplayLag), "standby1");
  now().replication.carried = true;
  EXPECT_FALSE(Fires(Cause::kReplayLag));
}

TEST_F(DetectorsTest, LostStandbys) {
  graph::LoseReplica(&world->world, 2);
  EXPECT_EQ(Lead(Cause::kStandbyLost), "standby2");
  EXPECT_FALSE(Fires(Cause::kSyncStandbyLost));
  graph::LoseReplica(&world->world, 0);
  EXPECT_EQ(Lead(Cause::kSyncStandbyLost), "standby0");
  EXPECT_EQ(Run()[0].cause, Cause::kSyncStandbyLost);
  // A quorum that others fill is not lost.
  now().replication.replicas[1].sync_state = graph::SyncState::kSync;
  EXPECT_FALSE(Fires(Cause::kSyncStandbyLost));
  now().replication.known = false;
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(DetectorsTest, SlotRetainsWal) {
  graph::ReplicationSlotObservation slot;
  slot.name = "cdc";
  slot.retained_bytes = 47;
  slot.safe_wal_bytes = 53;
  now().replication.slots = {slot};
  EXPECT_FALSE(Fires(Cause::kSlotRetainsWal));
  now().replication.slots[0].retained_bytes = 50;
  EXPECT_EQ(Lead(Cause::kSlotRetainsWal), "cdc");
  now().replication.slots[0].safe_wal_bytes = std::nullopt;  // no room known
  EXPECT_FALSE(Fires(Cause::kSlotRetainsWal));
  now().replication.slots[0].wal_status = "lost";
  EXPECT_TRUE(Fires(Cause::kSlotRetainsWal));
}

TEST_F(DetectorsTest, LockPileup) {
  in().lock_queues = {{4711, "ALTER TABLE", "active", "", 3, absl::Seconds(5)}};
  EXPECT_EQ(Lead(Cause::kLockPileup), "4711");
  in().lock_queues->front().waiting = 2;
  EXPECT_FALSE(Fires(Cause::kLockPileup));
  in().lock_queues->front().longest_wait = absl::Seconds(60);
  EXPECT_TRUE(Fires(Cause::kLockPileup));
  in().lock_queues->front().waiting = 100;
  in().lock_queues->front().longest_wait = absl::Milliseconds(4999);
  EXPECT_FALSE(Fires(Cause::kLockPileup));
  in().lock_queues->front().longest_wait = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kLockPileup));
  in().lock_queues = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kLockPileup));
}

TEST_F(DetectorsTest, MaintenanceCollision) {
  in().maintenance->jobs = {
      {JobKind::kWraparoundVacuum, "av 1", "", std::nullopt},
      {JobKind::kIndexBuild, "build", "", std::nullopt}};
  in().io->stalled = 0.4;
  const Problem problem = Find(Cause::kMaintenanceCollision).value();
  EXPECT_EQ(problem.subjects[0].name, "build");
  EXPECT_EQ(problem.subjects[1].share, 0);  // never held
  in().io->stalled = 0.39;
  EXPECT_FALSE(Fires(Cause::kMaintenanceCollision));
  in().io = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kMaintenanceCollision));
  // All workers busy and three times as many tables in the queue.
  in().maintenance->autovacuum_workers = 1;
  in().maintenance->queue_depth = 3;
  EXPECT_TRUE(Fires(Cause::kMaintenanceCollision));
  in().maintenance->queue_depth = 2;
  EXPECT_FALSE(Fires(Cause::kMaintenanceCollision));
  in().maintenance->autovacuum_workers = 2;  // one of them is free
  in().maintenance->queue_depth = 20;
  EXPECT_FALSE(Fires(Cause::kMaintenanceCollision));
  in().maintenance->queue_depth = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kMaintenanceCollision));
}

TEST_F(DetectorsTest, Dependencies) {
  graph::FailArchiver(&world->world);
  EXPECT_TRUE(Fires(Cause::kArchiverFailing));
  now().archiver.carried = true;
  EXPECT_FALSE(Fires(Cause::kArchiverFailing));
  now().backup.last_base_backup = now().at - absl::Hours(24 * 7.6);
  EXPECT_FALSE(Fires(Cause::kBackupOverdue));
  now().backup.last_base_backup = now().at - absl::Hours(24 * 7.8);
  EXPECT_TRUE(Fires(Cause::kBackupOverdue));
  now().checkpointer.requested = *last().checkpointer.requested + 1;
  EXPECT_FALSE(Fires(Cause::kCheckpointStorm));
  now().checkpointer.requested = *last().checkpointer.requested + 4;
  EXPECT_TRUE(Fires(Cause::kCheckpointStorm));
}

TEST_F(DetectorsTest, Memory) {
  in().memory = Memory{"meminfo", 10000, 8499, {{"a", 1}, {"b", 3}}};
  EXPECT_FALSE(Fires(Cause::kMemoryShort));
  in().memory->used_bytes = 8500;
  EXPECT_EQ(Lead(Cause::kMemoryShort), "b");
  in().memory->limit_bytes = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kMemoryShort));
  in().memory = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kMemoryShort));
}

TEST_F(DetectorsTest, Connections) {
  in().connections = Connections{90, 103, 3, 5, 60, {}};
  EXPECT_EQ(Find(Cause::kConnectionSaturation)->subjects[0].kind,
            std::string("collection"));
  in().connections->used = 89;
  EXPECT_FALSE(Fires(Cause::kConnectionSaturation));
  in().connections->used = 100;
  EXPECT_DOUBLE_EQ(Find(Cause::kConnectionSaturation)->severity, 1);
  in().connections->reserved = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kConnectionSaturation));
}

TEST_F(DetectorsTest, DiskFullOrSoonFull) {
  graph::DiskObservation& disk = now().disks[0];
  disk.total_bytes = last().disks[0].total_bytes = 1000000;
  last().disks[0].free_bytes = 120000;
  disk.free_bytes = 120000;
  EXPECT_FALSE(Fires(Cause::kDiskFilling));
  disk.free_bytes = last().disks[0].free_bytes = 105000;
  EXPECT_TRUE(Fires(Cause::kDiskFilling));
  // At 10,000 a minute 290,000 last for 29 minutes; from 70 % on that counts.
  disk.free_bytes = 290000;
  last().disks[0].free_bytes = 300000;
  EXPECT_TRUE(Fires(Cause::kDiskFilling));
  // Two passes that follow each other at once show a burst, not a trend.
  const absl::Time before = last().at;
  last().at = now().at - absl::Seconds(29);
  EXPECT_FALSE(Fires(Cause::kDiskFilling));
  last().at = before;
  disk.free_bytes = 301000;
  last().disks[0].free_bytes = 330000;
  EXPECT_FALSE(Fires(Cause::kDiskFilling));
  disk.free_bytes = std::nullopt;
  EXPECT_FALSE(Fires(Cause::kDiskFilling));
}

TEST_F(DetectorsTest, DataThatCannotBeRead) {
  now().tables[2].access = graph::Access::kNotSampled;
  EXPECT_FALSE(Fires(Cause::kDataUnreadable));
  now().tables[2].access = graph::Access::kUnreadable;
  EXPECT_EQ(Lead(Cause::kDataUnreadable), "public.items_2");
  EXPECT_EQ(Run().size(), 1u);  // and no kUnexplained beside it
}

}  // namespace
}  // namespace ruvector::healing
