#include "core/graph/delta.h"

#include "core/graph/test_world.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

World TwoTables() {
  Shape shape;
  shape.partitions = 2;
  shape.archiver = true;
  return Healthy(shape);
}

TEST(Delta, CountsWhatHappened) {
  World world = TwoTables();
  *world.now.tables[1].deletes += 7;
  *world.now.tables[1].seq_tuples_read += 11;
  const Delta delta = Between(&world.last, world.now);
  EXPECT_EQ(delta.interval, absl::Seconds(60));
  EXPECT_EQ(delta.tables[0].written, 3000);
  EXPECT_EQ(delta.tables[0].read, 60000);
  EXPECT_EQ(delta.tables[1].written, 3007);
  EXPECT_EQ(delta.tables[1].read, 60011);
  EXPECT_EQ(delta.tables[1].rows_before, 10000);
  EXPECT_EQ(delta.wal_archived, 5);
  EXPECT_EQ(delta.wal_failed, 0);
  EXPECT_EQ(delta.checkpoints_timed, 1);
  EXPECT_EQ(delta.checkpoints_requested, 0);
}

TEST(Delta, MatchesTablesByOidNotByPosition) {
  World world = TwoTables();
  std::swap(world.now.tables[0], world.now.tables[1]);
  *world.now.tables[0].inserts += 1;
  const Delta delta = Between(&world.last, world.now);
  EXPECT_EQ(delta.tables[0].written, 3001);
  world.now.tables[1].oid = 99;  // a new partition
  EXPECT_EQ(Between(&world.last, world.now).tables[1].written, std::nullopt);
}

TEST(Delta, AFallingCounterIsUnknown) {
  World world = TwoTables();
  world.now.tables[0].updates = 3;
  world.now.archiver.failed_count = 0;
  world.last.archiver.failed_count = 3;
  const Delta delta = Between(&world.last, world.now);
  EXPECT_EQ(delta.tables[0].written, std::nullopt);
  EXPECT_EQ(delta.tables[0].read, 60000);
  EXPECT_EQ(delta.wal_failed, std::nullopt);
  EXPECT_EQ(delta.wal_archived, 5);
}

TEST(Delta, NothingIsKnownAcrossARestartOrReset) {
  const auto known = [](const World& world) {
    const Delta delta = Between(&world.last, world.now);
    EXPECT_EQ(delta.tables.size(), 2u);
    EXPECT_EQ(delta.interval.has_value(), delta.tables[0].read.has_value());
    EXPECT_EQ(delta.interval.has_value(), delta.wal_failed.has_value());
    return delta.interval.has_value();
  };
  World world = TwoTables();
  EXPECT_TRUE(known(world));
  world.now.server_start = world.now.at - absl::Seconds(3);
  EXPECT_FALSE(known(world));
  world = TwoTables();
  world.now.stats_reset = world.now.at - absl::Seconds(3);
  EXPECT_FALSE(known(world));
  world = TwoTables();
  world.now.at = world.last.at;
  EXPECT_FALSE(known(world));
  world = TwoTables();
  world.last.collection_id = 2;
  EXPECT_FALSE(known(world));
  EXPECT_FALSE(Between(nullptr, world.now).interval.has_value());
}

TEST(Delta, CarriedValuesGiveNoRates) {
  World world = TwoTables();
  world.now.tables[0].carried = true;
  world.last.archiver.carried = true;
  const Delta delta = Between(&world.last, world.now);
  EXPECT_EQ(delta.tables[0].written, std::nullopt);
  EXPECT_EQ(delta.tables[0].rows_before, 10000);
  EXPECT_EQ(delta.wal_archived, std::nullopt);
}

TEST(Delta, ATableWithoutIndexesStillReads) {
  World world = TwoTables();
  for (Observation* o : {&world.last, &world.now}) {
    o->tables[0].idx_tuples_fetched = std::nullopt;
  }
  *world.now.tables[0].seq_tuples_read += 5;
  EXPECT_EQ(Between(&world.last, world.now).tables[0].read, 5);
  world.now.tables[0].seq_tuples_read = std::nullopt;
  EXPECT_EQ(Between(&world.last, world.now).tables[0].read, std::nullopt);
}

TEST(KnownRows, TakesTheLargerOfTwoLaggingSources) {
  TableObservation table;
  EXPECT_EQ(KnownRows(table), std::nullopt);
  table.live_tuples = 5;
  EXPECT_EQ(KnownRows(table), 5);
  table.estimated_rows = 200;  // after a crash the counter starts again
  EXPECT_EQ(KnownRows(table), 200);
  table.live_tuples = 300;  // before ANALYZE the estimate lags
  EXPECT_EQ(KnownRows(table), 300);
  table.live_tuples = std::nullopt;
  EXPECT_EQ(KnownRows(table), 200);
}

}  // namespace
}  // namespace ruvector::graph
