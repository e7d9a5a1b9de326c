#include "core/graph/health.h"

#include <cmath>
#include <set>

#include "core/graph/check.h"
#include "core/graph/test_world.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

const HealthLimits kLimits;

TEST(Band, PlacesItsMarksInsideTheBandOfAnyPolicy) {
  for (const Band& band : {Band{0.8, 0.3}, Band{0.7, 0.2}, Band{0.95, 0.5}}) {
    EXPECT_GT(band.Degraded(), band.low);
    EXPECT_GT(band.Middle(), band.Degraded());
    EXPECT_GT(band.Stress(), band.Middle());
    EXPECT_LT(band.Stress(), band.high);
    EXPECT_LT(band.Critical(), band.low);
  }
}

// Traffic of n tables with these writes in one minute.
std::vector<TrafficShare> Shares(const std::vector<int64_t>& writes,
                                 const std::vector<double>& rows) {
  Shape shape;
  shape.partitions = static_cast<int64_t>(writes.size());
  World world = Healthy(shape);
  for (size_t i = 0; i < writes.size(); ++i) {
    world.last.tables[i].estimated_rows = rows[i];
    world.last.tables[i].live_tuples = static_cast<int64_t>(rows[i]);
    world.now.tables[i] = world.last.tables[i];
    *world.now.tables[i].updates += writes[i];
  }
  return Traffic(world.now, Between(&world.last, world.now), kLimits);
}

TEST(Traffic, FairIsTheLargerOfEqualAndRowShare) {
  const auto shares = Shares({6000, 2000, 2000, 0}, {10, 70, 10, 10});
  EXPECT_DOUBLE_EQ(*shares[0].written, 0.6);
  EXPECT_DOUBLE_EQ(shares[0].fair, 0.25);
  EXPECT_DOUBLE_EQ(*shares[1].written, 0.2);
  EXPECT_DOUBLE_EQ(shares[1].fair, 0.7);
  EXPECT_EQ(shares[0].read, std::nullopt);  // nothing was read
  EXPECT_DOUBLE_EQ(*shares[3].flow, 0);
}

TEST(Traffic, AFewRowsSayNothing) {
  // 990 rows a minute are too few in number, 5,999 too slow.
  for (int64_t writes : {990, 5999}) {
    const auto shares = Shares({writes, 0}, {10, 10});
    EXPECT_EQ(shares[0].written, std::nullopt);
    EXPECT_DOUBLE_EQ(*shares[0].flow, 1);
  }
  EXPECT_TRUE(Shares({6001, 0}, {10, 10})[0].written.has_value());
}

TEST(TableHealth, HotDependsOnTheExcessOverFair) {
  TableObservation table;
  const auto health = [&](double share, double fair) {
    TrafficShare traffic;
    traffic.written = share;
    traffic.fair = fair;
    return *TableHealth(table, traffic, kLimits).value;
  };
  EXPECT_EQ(health(0.125, 0.125), 1);
  EXPECT_EQ(health(0.30, 0.125), 1);    // twice the fair share: skew
  EXPECT_LT(health(0.50, 0.125), 0.8);  // half of everything: hot
  EXPECT_EQ(health(1.00, 0.125), kLimits.band.Degraded());
  EXPECT_EQ(health(0.70, 0.70), 1);  // most rows, most traffic: fair
  EXPECT_EQ(health(0.0, 0.125), 1);  // idle is not sick
  TrafficShare only;
  only.written = 1;
  only.fair = 1;
  EXPECT_EQ(TableHealth(table, only, kLimits).value, std::nullopt);
}

TEST(TableHealth, VacuumDebtIsInUnitsOfTheThreshold) {
  TableObservation table;
  table.autovacuum_threshold = 10000;
  const auto health = [&](int64_t dead) {
    table.dead_tuples = dead;
    return *TableHealth(table, {}, kLimits).value;
  };
  EXPECT_EQ(health(20000), 1);
  EXPECT_DOUBLE_EQ(health(110000), 0.5);
  EXPECT_EQ(health(200000), 0);
  // Small tables: dead rows below the unit are no debt.
  table.autovacuum_threshold = 50;
  EXPECT_EQ(health(2000), 1);
  // Autovacuum off: PostgreSQL's default formula on the known rows.
  table.autovacuum_threshold = std::nullopt;
  table.estimated_rows = 49750;  // 50 + 0.2 * 49750 = 10000
  EXPECT_DOUBLE_EQ(health(110000), 0.5);
  table.estimated_rows = std::nullopt;
  table.dead_tuples = 110000;
  EXPECT_EQ(TableHealth(table, {}, kLimits).value, std::nullopt);
}

TEST(TableHealth, BloatDegradesOnly) {
  TableObservation table;
  table.bloat_fraction = 1;
  EXPECT_EQ(TableHealth(table, {}, kLimits).value, std::nullopt);
  table.heap_bytes = int64_t{1} << 30;
  EXPECT_EQ(TableHealth(table, {}, kLimits).value, kLimits.band.Degraded());
  table.heap_bytes = 1 << 20;  // a megabyte may be as empty as it likes
  EXPECT_EQ(TableHealth(table, {}, kLimits).value, 1);
}

TEST(TableHealth, AccessIsNotAHealthValue) {
  TableObservation table;
  table.access = Access::kNotSampled;
  EXPECT_TRUE(TableHealth(table, {}, kLimits).stale);
  EXPECT_FALSE(TableHealth(table, {}, kLimits).lost);
  table.access = Access::kUnreadable;
  EXPECT_TRUE(TableHealth(table, {}, kLimits).lost);
}

TEST(IvfListHealth, DriftIsRelativeToItsOwnBuild) {
  IvfListObservation list;
  list.sampled_rows = 50;
  const auto health = [&](double scale) {
    list.baseline_mean_distance = 3.0 * scale;
    list.mean_distance = 3.3 * scale;
    EXPECT_EQ(IvfListHealth(list, {}, kLimits).value, 1);
    list.mean_distance = 4.2 * scale;
    EXPECT_LT(IvfListHealth(list, {}, kLimits).value, 0.8);
    list.mean_distance = 6.0 * scale;
    return *IvfListHealth(list, {}, kLimits).value;
  };
  // Never an absolute distance: the same at any scale.
  for (double scale : {1e-6, 1.0, 1e6}) {
    EXPECT_EQ(health(scale), kLimits.band.Degraded());
  }
  list.sampled_rows = 9;
  EXPECT_EQ(IvfListHealth(list, {}, kLimits).value, std::nullopt);
  list.sampled_rows = 50;
  list.baseline_mean_distance = std::nullopt;
  EXPECT_EQ(IvfListHealth(list, {}, kLimits).value, std::nullopt);
}

TEST(IvfListHealth, ATinyRadiusIsMeasuredAgainstTheIndex) {
  IvfListObservation list;
  list.sampled_rows = 50;
  list.baseline_mean_distance = 0.01;
  list.mean_distance = 0.1;  // ten times its own, a tenth of the others
  IvfContext context;
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value,
            kLimits.band.Degraded());
  context.mean_baseline_distance = 1.0;
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value, 1);
  // Identical vectors: no radius at all, nothing to compare with.
  list.baseline_mean_distance = 0;
  context.mean_baseline_distance = 0;
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value, std::nullopt);
}

TEST(IvfListHealth, GrowthComparesSharesNotRows) {
  IvfListObservation list;
  list.rows_at_build = 1000;
  list.rows = 10000;
  IvfContext context;
  context.rows_at_build = 100000;
  context.rows = 1000000;  // everything grew tenfold
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value, 1);
  context.rows = 110000;  // only this list did
  EXPECT_LT(IvfListHealth(list, context, kLimits).value, 0.8);
  list.rows = 0;  // emptied
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value,
            kLimits.band.Degraded());
  list.rows_estimated = true;  // or so a sample says
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value, std::nullopt);
  list.rows_estimated = false;
  list.rows_at_build = 3;  // was never more than a handful
  EXPECT_EQ(IvfListHealth(list, context, kLimits).value, 1);
}

TEST(IvfIndexHealth, CentersOfTooLittleData) {
  IvfIndexObservation index;
  index.lists.resize(10);
  for (IvfListObservation& list : index.lists) list.rows = 50000;
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, std::nullopt);
  index.rows_at_build = 100000;
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, 1);
  index.rows_at_build = 0;  // built on an empty table
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, kLimits.band.Degraded());
  for (IvfListObservation& list : index.lists) list.rows = 50;
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, 1);
}

// A page budget that leaves lists out: what was read is compared with what the
// same lists had.
TEST(IvfIndexHealth, ComparesTheListsThatWereRead) {
  IvfIndexObservation index;
  index.declared_lists = 100;
  index.rows_at_build = 100000;  // of all 100
  index.lists.resize(10);
  for (IvfListObservation& list : index.lists) {
    list.rows = 10000;
    list.rows_at_build = 10;
  }
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, kLimits.band.Degraded());
  for (IvfListObservation& list : index.lists) list.rows_at_build = 10000;
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, 1);
  index.declared_lists = 10;  // all of them: the whole index's number holds
  index.rows_at_build = 10;
  EXPECT_EQ(IvfIndexHealth(index, kLimits).value, kLimits.band.Degraded());
}

TEST(HnswHealth, DeadElements) {
  HnswIndexObservation index;
  EXPECT_EQ(HnswHealth(index, kLimits).value, std::nullopt);
  index.elements = 1000;
  index.dead_elements = 100;
  index.deleted_elements = 50;
  index.neighbour_fill = 0.01;  // shown, not judged
  EXPECT_EQ(HnswHealth(index, kLimits).value, 1);
  index.deleted_elements = 500;
  EXPECT_EQ(HnswHealth(index, kLimits).value, kLimits.band.Degraded());
}

TEST(ShardHealth, OnlyWhoWasAskedIsKnown) {
  ShardObservation shard;
  EXPECT_EQ(ShardHealth(shard).value, 1);  // this node
  shard.id = 3;
  EXPECT_EQ(ShardHealth(shard).value, std::nullopt);
  shard.latency_us = 900;
  EXPECT_EQ(ShardHealth(shard).value, 1);
  shard.access = Access::kUnreadable;
  EXPECT_EQ(ShardHealth(shard).value, 0);
  EXPECT_TRUE(ShardHealth(shard).lost);
}

TEST(ReplicaHealth, LagDegradesAbsenceIsZero) {
  ReplicaObservation replica;
  EXPECT_EQ(ReplicaHealth(replica, std::nullopt, kLimits).value, 1);
  replica.replay_lag_us = 400 * 1000000;
  EXPECT_EQ(ReplicaHealth(replica, std::nullopt, kLimits).value,
            kLimits.band.Degraded());
  replica.replay_lag_us = std::nullopt;
  replica.replay_lag_bytes = int64_t{8} << 30;
  EXPECT_EQ(ReplicaHealth(replica, std::nullopt, kLimits).value,
            kLimits.band.Degraded());
  replica.replay_lag_bytes = -8;  // two positions read at two moments
  EXPECT_EQ(ReplicaHealth(replica, std::nullopt, kLimits).value, 1);
  replica.reply_age_us = 9000000;
  EXPECT_EQ(ReplicaHealth(replica, 10000000, kLimits).value, 1 - 0.8 * 0.67);
  EXPECT_EQ(ReplicaHealth(replica, 60000000, kLimits).value, 1);
  replica.present = false;
  EXPECT_EQ(ReplicaHealth(replica, std::nullopt, kLimits).value, 0);
}

TEST(SlotHealth, RetainedWalAgainstTheRoomLeft) {
  ReplicationSlotObservation slot;
  EXPECT_EQ(SlotHealth(slot, std::nullopt, kLimits).value, std::nullopt);
  slot.retained_bytes = 90;
  slot.active = false;  // an idle slot is no fault by itself
  EXPECT_EQ(SlotHealth(slot, 900, kLimits).value, 1);
  EXPECT_EQ(SlotHealth(slot, 10, kLimits).value, kLimits.band.Degraded());
  slot.safe_wal_bytes = 900;
  EXPECT_EQ(SlotHealth(slot, 10, kLimits).value, 1);
  slot.safe_wal_bytes = -5;
  EXPECT_EQ(SlotHealth(slot, 900, kLimits).value, kLimits.band.Degraded());
  slot.wal_status = "lost";
  EXPECT_EQ(SlotHealth(slot, 900, kLimits).value, 0);
}

TEST(ArchiverHealth, LastAttemptAndRate) {
  const absl::Time t = absl::FromUnixSeconds(1000000);
  ArchiverObservation archiver;
  archiver.mode = ArchiveMode::kOn;
  EXPECT_EQ(ArchiverHealth(archiver, {}, kLimits).value, std::nullopt);
  archiver.last_archived = t;
  EXPECT_EQ(ArchiverHealth(archiver, {}, kLimits).value, 1);
  archiver.last_failed = t - absl::Hours(1);
  EXPECT_EQ(ArchiverHealth(archiver, {}, kLimits).value, 1);
  Delta delta;
  delta.wal_failed = 3;
  delta.wal_archived = 1;
  EXPECT_EQ(ArchiverHealth(archiver, delta, kLimits).value, 0.25);
  archiver.last_failed = t + absl::Seconds(1);
  EXPECT_EQ(ArchiverHealth(archiver, {}, kLimits).value, 0);
  archiver.last_failed = std::nullopt;
  archiver.ready_files = 300;
  EXPECT_EQ(ArchiverHealth(archiver, {}, kLimits).value, 0);
}

TEST(BackupHealth, AgeOverTheExpectedInterval) {
  const absl::Time now = absl::FromUnixSeconds(1000000);
  BackupObservation backup;
  EXPECT_EQ(BackupHealth(backup, now, kLimits).value, std::nullopt);
  backup.last_base_backup = now - absl::Hours(24 * 7);
  EXPECT_EQ(BackupHealth(backup, now, kLimits).value, 1);
  backup.expected_interval_us = int64_t{86400} * 1000000;
  EXPECT_EQ(BackupHealth(backup, now, kLimits).value, 0);
}

TEST(CheckpointerHealth, ForcedCheckpointsPerTimeout) {
  CheckpointerObservation checkpointer;
  Delta delta;
  delta.interval = absl::Seconds(60);
  EXPECT_EQ(CheckpointerHealth(checkpointer, delta, kLimits).value,
            std::nullopt);
  delta.checkpoints_requested = 2;  // ten per timeout, but only two
  EXPECT_EQ(CheckpointerHealth(checkpointer, delta, kLimits).value, 1);
  delta.checkpoints_requested = 6;
  EXPECT_EQ(CheckpointerHealth(checkpointer, delta, kLimits).value, 0);
  checkpointer.checkpoint_timeout_us = 30000000;
  EXPECT_EQ(CheckpointerHealth(checkpointer, delta, kLimits).value, 1);
}

TEST(XidHealth, TheOldestOfEverythingDecides) {
  XidObservation xid;
  EXPECT_EQ(XidHealth(xid, {}, kLimits).value, std::nullopt);
  xid.stop_age = 1000;
  xid.database_age = 100;
  EXPECT_EQ(XidHealth(xid, {}, kLimits).value, 1);
  std::vector<TableObservation> tables(2);
  tables[1].xid_age = 800;
  EXPECT_DOUBLE_EQ(*XidHealth(xid, tables, kLimits).value,
                   kLimits.band.Stress());
  tables[1].multixact_age = 950;
  EXPECT_DOUBLE_EQ(*XidHealth(xid, tables, kLimits).value,
                   kLimits.band.Critical());
}

// Both vital curves fall steadily and never jump.
TEST(DiskHealth, FallsSteadily) {
  DiskObservation disk;
  disk.total_bytes = 100000;
  double before = 1;
  for (int64_t free = 100000; free >= 0; --free) {
    disk.free_bytes = free;
    const double health = *DiskHealth(disk, kLimits).value;
    EXPECT_LE(health, before);
    EXPECT_GT(health, before - 0.001);
    before = health;
  }
  EXPECT_EQ(before, 0);
}

TEST(Check, DefaultsAreValidAndEveryNonsenseIsNamed) {
  EXPECT_TRUE(Check(HealthLimits()).ok());
  const auto refused = [](auto hurt, const char* mention) {
    Shape shape;
    shape.partitions = 2;
    shape.lists = 3;
    shape.hnsw = true;
    shape.extra_shards = 1;
    Observation o = Healthy(shape).now;
    EXPECT_TRUE(Check(o).ok()) << Check(o);
    hurt(o);
    const absl::Status status = Check(o);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << mention;
    EXPECT_NE(status.message().find(mention), std::string::npos) << status;
  };
  refused([](Observation& o) { o.tables[0].estimated_rows = NAN; },
          "estimated_rows of \"public.items_0\" is nan");
  refused([](Observation& o) { o.tables[0].estimated_rows = INFINITY; }, "inf");
  refused([](Observation& o) { o.tables[1].dead_tuples = -1; },
          "dead_tuples of \"public.items_1\" is -1");
  refused([](Observation& o) { o.tables[1].bloat_fraction = 1.5; },
          "from 0 to 1");
  refused([](Observation& o) { o.tables[1].oid = o.tables[0].oid; },
          "table 20000 is given twice");
  refused([](Observation& o) { o.ivf_indexes[0].lists[1].rows = -3; },
          "rows of \"public.items_0_ivf\" is -3");
  refused([](Observation& o) { o.ivf_indexes[0].lists[1].id = 0; }, "twice");
  refused([](Observation& o) { o.ivf_indexes[0].lists[1].id = 65535; },
          "expected 0 to 65534");
  refused([](Observation& o) { o.hnsw_indexes[0].neighbour_fill = -0.1; },
          "neighbour_fill");
  refused([](Observation& o) { o.shards[1].id = -7; }, "expected >= 0");
  refused([](Observation& o) { o.disks[0].free_bytes = int64_t{1} << 60; },
          "at most total_bytes");
  refused([](Observation& o) { o.xid.cluster_age = -1; }, "cluster_age");

  HealthLimits limits;
  limits.band.low = 0.9;
  EXPECT_FALSE(Check(limits).ok());
  limits = HealthLimits();
  limits.list_drift = {2, 2};
  EXPECT_NE(Check(limits).message().find("list_drift"), std::string::npos);
  limits = HealthLimits();
  limits.disk_used.critical = 0.5;
  EXPECT_FALSE(Check(limits).ok());
}

}  // namespace
}  // namespace ruvector::graph
