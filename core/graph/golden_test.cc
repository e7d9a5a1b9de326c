// The scenario table of design.md 7.3, row by row, over many topologies.
#include <string>
#include <vector>

#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/carry.h"
#include "core/graph/test_world.h"
#include "core/graph/witness.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

std::string StateOf(std::optional<double> norm) {
  if (!norm.has_value() || *norm >= 0.8) return "normal";
  return *norm >= 0.3 ? "stress" : "critical";
}

struct Seen {
  ContractedGraph graph;
  Assessment assessment;
};

Seen Look(const World& world) {
  absl::StatusOr<ContractedGraph> graph =
      Build(world.now, &world.last, BuildOptions());
  EXPECT_TRUE(graph.ok()) << graph.status();
  absl::StatusOr<Assessment> assessment = Assess(*graph, AssessOptions());
  EXPECT_TRUE(assessment.ok()) << assessment.status();
  return {*std::move(graph), *std::move(assessment)};
}

std::string State(const World& world) {
  return StateOf(Look(world).assessment.norm);
}

// True if the deciding cut crosses an edge to the node of that name.
bool Blames(const World& world, const std::string& name) {
  const Seen seen = Look(world);
  for (uint32_t e : seen.assessment.witness) {
    if (seen.graph.nodes[seen.graph.edges[e].source].name == name ||
        seen.graph.nodes[seen.graph.edges[e].target].name == name) {
      return true;
    }
  }
  return false;
}

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (int64_t partitions : {1, 2, 8, 64}) {
    for (int64_t lists : {0, 1, 100, 1000}) {
      for (int64_t replicas : {0, 1, 3}) {
        for (bool sync : {false, true}) {
          for (bool archiver : {false, true}) {
            if (sync && replicas == 0) continue;
            // Of the giants, which are contracted first, one kind.
            const int64_t leaves = partitions * lists;
            if (leaves > 8000 ||
                (leaves > 1000 && !(replicas == 1 && archiver))) {
              continue;
            }
            Shape shape;
            shape.partitions = partitions;
            shape.lists = lists;
            (sync ? shape.sync_replicas : shape.async_replicas) = replicas;
            shape.archiver = archiver;
            shape.backup = archiver;
            shape.hnsw = partitions == 8;
            shape.extra_shards = partitions == 64 ? 3 : 0;
            shapes.push_back(shape);
          }
        }
      }
    }
  }
  return shapes;
}

TEST(Golden, HealthyIsNormalAndExactlyOne) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(testing::PrintToString(shape));
    const Seen seen = Look(Healthy(shape));
    ASSERT_TRUE(seen.assessment.norm.has_value());
    EXPECT_EQ(*seen.assessment.norm, 1);
    EXPECT_EQ(*seen.assessment.lambda_baseline, 1);
    EXPECT_FALSE(seen.assessment.stale);
    EXPECT_LE(seen.graph.nodes.size(), 1000u);
  }
}

TEST(Golden, OneListOfAHundredIsNormal) {
  for (const Shape& shape : Shapes()) {
    if (shape.lists < 100) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World drifted = Healthy(shape);
    DriftList(&drifted, 0, 7);
    EXPECT_EQ(State(drifted), "normal");
    World emptied = Healthy(shape);
    EmptyList(&emptied, 0, 7);
    EXPECT_EQ(State(emptied), "normal");
    EXPECT_LT(*Look(drifted).assessment.norm, 1);
  }
}

TEST(Golden, AThirdOfTheListsDriftedIsStress) {
  for (const Shape& shape : Shapes()) {
    if (shape.lists < 100) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    for (int64_t p = 0; p < shape.partitions; ++p) {
      for (int64_t l = 0; l < shape.lists; l += 3) DriftList(&world, p, l);
    }
    EXPECT_EQ(State(world), "stress");
    EXPECT_EQ(Look(world).assessment.kind, CutKind::kData);
  }
}

TEST(Golden, AllListsDriftedIsStressNotCritical) {
  for (const Shape& shape : Shapes()) {
    if (shape.lists == 0) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    for (int64_t p = 0; p < shape.partitions; ++p) {
      for (int64_t l = 0; l < shape.lists; ++l) DriftList(&world, p, l);
    }
    EXPECT_EQ(State(world), "stress");
  }
}

TEST(Golden, OneHotPartitionIsStress) {
  for (const Shape& shape : Shapes()) {
    if (shape.partitions < 2) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    for (int64_t victim : {int64_t{0}, shape.partitions / 2}) {
      World world = Healthy(shape);
      MakeHot(&world, victim);
      EXPECT_EQ(State(world), "stress");
      EXPECT_TRUE(Blames(world, world.now.tables[victim].name));
    }
  }
}

TEST(Golden, ThreeQuartersSaturatedIsCritical) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    for (int64_t p = 0; p * 4 < shape.partitions * 3; ++p) {
      Saturate(&world, p);
    }
    EXPECT_EQ(State(world), "critical");
  }
}

TEST(Golden, OneOfEightSaturatedIsStress) {
  Shape shape;
  shape.partitions = 8;
  World world = Healthy(shape);
  Saturate(&world, 3);
  EXPECT_EQ(State(world), "stress");
}

TEST(Golden, UnreadablePartitionIsCritical) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    TableObservation& table = world.now.tables[shape.partitions / 2];
    table.access = Access::kUnreadable;
    table.access_reason = "could not open file \"base/5/20000\"";
    table.live_tuples = table.dead_tuples = std::nullopt;
    EXPECT_EQ(State(world), "critical");
    EXPECT_EQ(*Look(world).assessment.norm, 0);
    EXPECT_TRUE(Blames(world, table.name));
  }
}

TEST(Golden, UnreachableShardIsCritical) {
  for (const Shape& shape : Shapes()) {
    if (shape.extra_shards == 0) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    world.now.shards[2].access = Access::kUnreadable;
    world.now.shards[2].access_reason = "connection refused";
    EXPECT_EQ(State(world), "critical");
  }
}

// Citus on the coordinator: one empty shell, the data on the workers.
TEST(Golden, AnInactiveCitusWorkerIsCritical) {
  Shape shape;
  shape.extra_shards = 3;
  World world = Healthy(shape);
  for (Observation* o : {&world.last, &world.now}) {
    o->tables[0].estimated_rows = std::nullopt;
    o->tables[0].live_tuples = 0;
    o->tables[0].heap_bytes = 0;
    for (ShardObservation& shard : o->shards) shard.bytes = 1 << 20;
  }
  EXPECT_EQ(*Look(world).assessment.norm, 1);
  EXPECT_EQ(Look(world).graph.data_sinks.size(), 4u);
  world.now.shards[2].access = Access::kUnreadable;
  world.now.shards[2].access_reason = "Citus lists the node as inactive";
  EXPECT_EQ(State(world), "critical");
  EXPECT_TRUE(Blames(world, "worker2"));
}

TEST(Golden, FailingArchiverOrOldBackupIsStress) {
  for (const Shape& shape : Shapes()) {
    if (!shape.archiver) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World failing = Healthy(shape);
    FailArchiver(&failing);
    EXPECT_EQ(State(failing), "stress");
    EXPECT_TRUE(Blames(failing, "archiver"));
    World old = Healthy(shape);
    old.now.backup.last_base_backup = old.now.at - absl::Hours(24 * 30);
    EXPECT_EQ(State(old), "stress");
    FailArchiver(&old);
    EXPECT_EQ(State(old), "stress");
  }
}

TEST(Golden, AsynchronousReplicaLostIsStressAtMost) {
  for (const Shape& shape : Shapes()) {
    if (shape.async_replicas == 0) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    for (int64_t i = 0; i < shape.async_replicas; ++i) {
      LoseReplica(&world, i);
      EXPECT_EQ(State(world), "stress");
    }
  }
}

TEST(Golden, OnlySynchronousStandbyLostIsCritical) {
  for (const Shape& shape : Shapes()) {
    if (shape.sync_replicas == 0) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    LoseReplica(&world, 0);
    if (shape.sync_replicas == 1) {
      EXPECT_EQ(State(world), "critical");
      EXPECT_TRUE(Blames(world, "standby0"));
      continue;
    }
    // Another one takes over: commits go on, redundancy is lost.
    world.now.replication.replicas[1].sync_state = SyncState::kSync;
    EXPECT_EQ(State(world), "stress");
    for (int64_t i = 1; i < shape.sync_replicas; ++i) LoseReplica(&world, i);
    EXPECT_EQ(State(world), "critical");
  }
}

TEST(Golden, TransactionAge) {
  for (const Shape& shape : Shapes()) {
    if (shape.lists > 100 || shape.partitions > 8) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    const auto limit = static_cast<double>(*world.now.xid.stop_age);
    const auto at = [&](double share) {
      world.now.xid.cluster_age = static_cast<int64_t>(share * limit);
      return State(world);
    };
    EXPECT_EQ(at(0.70), "normal");
    EXPECT_EQ(at(0.80), "stress");
    EXPECT_EQ(at(0.90), "stress");
    EXPECT_EQ(at(0.95), "critical");
    EXPECT_TRUE(Blames(world, "transaction age"));
    EXPECT_EQ(at(1.10), "critical");
  }
}

TEST(Golden, DiskSpace) {
  for (const Shape& shape : Shapes()) {
    if (shape.lists > 100 || shape.partitions > 8) continue;
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    const auto total = static_cast<double>(*world.now.disks[0].total_bytes);
    const auto used = [&](double share) {
      world.now.disks[0].free_bytes = static_cast<int64_t>((1 - share) * total);
      return State(world);
    };
    EXPECT_EQ(used(0.80), "normal");
    EXPECT_EQ(used(0.90), "stress");
    EXPECT_EQ(used(0.95), "stress");
    EXPECT_EQ(used(0.97), "critical");
    EXPECT_EQ(used(1.00), "critical");
  }
}

TEST(Golden, UnreadableSensorIsNullKeptAndFlagged) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(testing::PrintToString(shape));
    World world = Healthy(shape);
    // The transaction age was in stress, then its sensor fails.
    world.last.xid.cluster_age = 1800000000;
    world.now.xid = XidObservation();
    world.now.failures.push_back({Sensor::kXid, "permission denied"});
    world.now = CarryForward(world.now, world.last);
    const Seen seen = Look(world);
    EXPECT_EQ(StateOf(seen.assessment.norm), "stress");
    EXPECT_TRUE(seen.assessment.stale);
    for (const Node& node : seen.graph.nodes) {
      if (node.name != "transaction age") continue;
      EXPECT_EQ(node.health, std::nullopt);
      EXPECT_TRUE(node.stale);
      EXPECT_LT(node.applied_health, 0.8);
    }
  }
}

TEST(Golden, ALockedTableIsStaleAnIndexOutOfBudgetIsNot) {
  Shape shape;
  shape.partitions = 3;
  shape.lists = 4;
  World world = Healthy(shape);
  for (int64_t l = 0; l < 4; ++l) DriftList(&world, 0, l);
  const double drifted = *Look(world).assessment.norm;
  // The budget does not reach the drifted index: its last values hold.
  world.last = world.now;
  world.now.at += absl::Seconds(60);
  world.now.ivf_indexes[0].lists.clear();
  world.now.ivf_indexes[0].access = Access::kNotSampled;
  world.now = CarryForward(world.now, world.last);
  EXPECT_EQ(*Look(world).assessment.norm, drifted);
  EXPECT_FALSE(Look(world).assessment.stale);
  world.now.tables[1].access = Access::kNotSampled;
  world.now.tables[1].access_reason = "locked";
  world.now = CarryForward(world.now, world.last);
  const Seen seen = Look(world);
  EXPECT_EQ(*seen.assessment.norm, drifted);
  EXPECT_TRUE(seen.assessment.stale);
  EXPECT_EQ(seen.graph.stale_reasons,
            std::vector<std::string>{"public.items_1: locked"});
}

TEST(Golden, NoDataIsNotFailure) {
  World world = Healthy(Shape());
  for (Observation* o : {&world.last, &world.now}) {
    o->tables[0].estimated_rows = 0;
    o->tables[0].live_tuples = 0;
    o->tables[0].heap_bytes = 0;
  }
  const Seen seen = Look(world);
  EXPECT_EQ(seen.assessment.norm, std::nullopt);
  EXPECT_EQ(seen.assessment.lambda_raw, std::nullopt);
  EXPECT_EQ(State(world), "normal");
}

}  // namespace
}  // namespace ruvector::graph
