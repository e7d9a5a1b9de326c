#include "core/graph/carry.h"

#include "core/graph/test_world.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

World Full() {
  Shape shape;
  shape.partitions = 2;
  shape.lists = 3;
  shape.async_replicas = 1;
  shape.archiver = true;
  shape.hnsw = true;
  shape.extra_shards = 1;
  return Healthy(shape);
}

TEST(Carry, ReadableThingsStayAsSensed) {
  const World world = Full();
  const Observation carried = CarryForward(world.now, world.last);
  for (const TableObservation& table : carried.tables) {
    EXPECT_FALSE(table.carried);
    EXPECT_EQ(table.inserts, 103000);
  }
  EXPECT_FALSE(carried.archiver.carried);
}

TEST(Carry, ALockedTableKeepsWhatIsUnknownNow) {
  World world = Full();
  TableObservation& table = world.now.tables[1];
  table.access = Access::kNotSampled;
  table.access_reason = "locked";
  table.bloat_fraction = std::nullopt;
  table.dead_tuples = 777;  // statistics need no lock
  const Observation carried = CarryForward(world.now, world.last);
  EXPECT_FALSE(carried.tables[0].carried);
  EXPECT_TRUE(carried.tables[1].carried);
  EXPECT_EQ(carried.tables[1].access, Access::kNotSampled);
  EXPECT_EQ(carried.tables[1].access_reason, "locked");
  EXPECT_EQ(carried.tables[1].bloat_fraction, 0.1);
  EXPECT_EQ(carried.tables[1].dead_tuples, 777);
}

TEST(Carry, ALockedIndexKeepsItsLists) {
  World world = Full();
  IvfIndexObservation& index = world.now.ivf_indexes[0];
  index.access = Access::kNotSampled;
  index.lists.clear();
  const Observation carried = CarryForward(world.now, world.last);
  EXPECT_EQ(carried.ivf_indexes[0].lists.size(), 3u);
  EXPECT_TRUE(carried.ivf_indexes[0].carried);
  EXPECT_FALSE(carried.ivf_indexes[1].carried);
}

TEST(Carry, AnUnknownThingHasNothingToCarry) {
  World world = Full();
  world.now.tables[0].oid = 1;
  world.now.tables[0].access = Access::kNotSampled;
  EXPECT_FALSE(CarryForward(world.now, world.last).tables[0].carried);
}

TEST(Carry, AFailedSensorKeepsItsWholePart) {
  World world = Full();
  Observation blind;
  blind.collection_id = world.now.collection_id;
  blind.at = world.now.at;
  for (Sensor sensor :
       {Sensor::kTables, Sensor::kIvfFlat, Sensor::kHnsw, Sensor::kReplication,
        Sensor::kArchiver, Sensor::kBackup, Sensor::kCheckpointer,
        Sensor::kDisk, Sensor::kXid, Sensor::kShards}) {
    blind.failures.push_back({sensor, "cancelled"});
  }
  // Any number of blind passes carries the same sight.
  Observation carried = world.last;
  for (int pass = 0; pass < 3; ++pass) carried = CarryForward(blind, carried);
  EXPECT_EQ(carried.at, world.now.at);
  EXPECT_EQ(carried.tables.size(), 2u);
  EXPECT_TRUE(carried.tables[0].carried);
  EXPECT_EQ(carried.tables[0].inserts, 100000);
  EXPECT_EQ(carried.ivf_indexes.size(), 2u);
  EXPECT_EQ(carried.hnsw_indexes.size(), 2u);
  EXPECT_EQ(carried.shards.size(), 2u);
  EXPECT_EQ(carried.disks.size(), 1u);
  EXPECT_TRUE(carried.disks[0].carried);
  EXPECT_TRUE(carried.replication.known && carried.replication.carried);
  EXPECT_TRUE(carried.archiver.carried && carried.checkpointer.carried);
  EXPECT_TRUE(carried.xid.carried && carried.backup.carried);
  EXPECT_EQ(carried.failures.size(), 10u);
}

TEST(Carry, SucceedingSensorsAreNotCarried) {
  World world = Full();
  world.now.failures.push_back({Sensor::kXid, "cancelled"});
  const Observation carried = CarryForward(world.now, world.last);
  EXPECT_TRUE(carried.xid.carried);
  EXPECT_FALSE(carried.archiver.carried || carried.replication.carried ||
               carried.disks[0].carried || carried.tables[0].carried);
}

TEST(Carry, NothingCrossesCollections) {
  World world = Full();
  world.last.collection_id = 9;
  world.now.xid = XidObservation();
  world.now.failures.push_back({Sensor::kXid, "cancelled"});
  EXPECT_FALSE(CarryForward(world.now, world.last).xid.carried);
}

}  // namespace
}  // namespace ruvector::graph
