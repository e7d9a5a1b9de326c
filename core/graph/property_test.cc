// Properties over random worlds; every failure names its seed.
#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "core/base/rng.h"
#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/carry.h"
#include "core/graph/test_world.h"
#include "core/graph/witness.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ruvector::graph {
namespace {

Shape RandomShape(Rng* rng, int64_t most_leaves) {
  Shape shape;
  shape.partitions = 1 + static_cast<int64_t>(
                             rng->Below(rng->Below(4) == 0 ? most_leaves : 12));
  const int64_t room = most_leaves / shape.partitions;
  if (rng->Below(2) == 0 && room > 0) {
    shape.lists = static_cast<int64_t>(rng->Below(room + 1));
  }
  shape.sync_replicas = static_cast<int64_t>(rng->Below(3));
  shape.async_replicas = static_cast<int64_t>(rng->Below(3));
  shape.extra_shards =
      rng->Below(3) == 0 ? static_cast<int64_t>(rng->Below(6)) : 0;
  shape.archiver = rng->Below(2) == 0;
  shape.backup = rng->Below(2) == 0;
  shape.hnsw = rng->Below(3) == 0;
  return shape;
}

// Uneven rows and traffic, ordinary noise, and values nobody could read: all
// of it healthy.
World RandomHealthy(Rng* rng, const Shape& shape) {
  World world = Healthy(shape);
  const bool busy = rng->Below(2) == 0;
  for (size_t i = 0; i < world.now.tables.size(); ++i) {
    TableObservation& now = world.now.tables[i];
    TableObservation& last = world.last.tables[i];
    const auto rows = static_cast<int64_t>(1000 + rng->Below(100000));
    now.live_tuples = last.live_tuples = rows;
    now.estimated_rows = last.estimated_rows = static_cast<double>(rows);
    now.dead_tuples = static_cast<int64_t>(rng->Below(2000));
    now.bloat_fraction = 0.5 * rng->Uniform();
    // In proportion to the rows, or to nothing: up to 1.2 times the fair one.
    const double noise = 1 + 0.2 * rng->Uniform();
    now.inserts = *last.inserts +
                  static_cast<int64_t>(busy ? 20000 * noise : rng->Below(3));
    const auto dice = rng->Below(12);
    if (dice == 0) now.dead_tuples = std::nullopt;
    if (dice == 1) now.bloat_fraction = std::nullopt;
    if (dice == 2) now.inserts = std::nullopt;
    if (dice == 3) now.updates = 0;  // a reset counter
    if (dice == 4) now.live_tuples = std::nullopt;
    if (dice == 5) now.access = Access::kNotSampled;
  }
  for (IvfIndexObservation& index : world.now.ivf_indexes) {
    if (rng->Below(6) == 0) index.access = Access::kNotSampled;
    if (rng->Below(6) == 0) *index.declared_lists += 10;  // not all sampled
    if (rng->Below(6) == 0) index.rows_at_build = std::nullopt;
    for (IvfListObservation& list : index.lists) {
      list.mean_distance = 0.8 + 0.4 * rng->Uniform();
      const auto dice = rng->Below(12);
      if (dice == 0) list.rows = std::nullopt;
      if (dice == 1) list.rows_at_build = std::nullopt;
      if (dice == 2) list.mean_distance = std::nullopt;
      if (dice == 3) list.baseline_mean_distance = std::nullopt;
    }
  }
  for (ReplicaObservation& replica : world.now.replication.replicas) {
    replica.replay_lag_bytes = static_cast<int64_t>(rng->Below(60 << 20));
    if (rng->Below(4) == 0) replica.replay_lag_bytes = std::nullopt;
    if (rng->Below(4) == 0) replica.reply_age_us = std::nullopt;
  }
  if (rng->Below(5) == 0) world.now.archiver.last_archived = std::nullopt;
  if (rng->Below(5) == 0) world.now.archiver.last_failed = std::nullopt;
  if (!world.now.archiver.last_archived.has_value()) {
    world.now.archiver.last_failed = std::nullopt;
  }
  if (rng->Below(5) == 0) world.now.disks[0].total_bytes = std::nullopt;
  if (rng->Below(5) == 0) world.now.xid = XidObservation();
  world.now.disks[0].free_bytes =
      static_cast<int64_t>(20000000000 + rng->Below(70000000000));
  if (rng->Below(3) == 0) {
    world.now = CarryForward(std::move(world.now), world.last);
  }
  return world;
}

double Norm(const World& world) {
  const auto graph = Build(world.now, &world.last, BuildOptions());
  EXPECT_TRUE(graph.ok()) << graph.status();
  AssessOptions options;
  options.compute_nontrivial = false;
  const auto assessment = Assess(*graph, options);
  EXPECT_TRUE(assessment.ok()) << assessment.status();
  EXPECT_TRUE(assessment->norm.has_value());
  return assessment->norm.value_or(-1);
}

TEST(Property, EveryHealthyTopologyIsExactlyOne) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    const Shape shape = RandomShape(&rng, 990);
    SCOPED_TRACE(testing::PrintToString(shape) + " seed " +
                 std::to_string(seed));
    ASSERT_EQ(Norm(RandomHealthy(&rng, shape)), 1);
  }
}

TEST(Property, WithoutAnEarlierPassToo) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Rng rng(seed);
    const World world = RandomHealthy(&rng, RandomShape(&rng, 300));
    const auto graph = Build(world.now, nullptr, BuildOptions());
    ASSERT_TRUE(graph.ok());
    ASSERT_EQ(Assess(*graph, {})->norm, 1) << seed;
  }
}

// Everything unknown but the existence of things: neutral, never a failure.
TEST(Property, NothingKnownIsNotFailure) {
  Observation blind;
  blind.tables.resize(5);
  for (uint32_t i = 0; i < 5; ++i) blind.tables[i].oid = 100 + i;
  blind.ivf_indexes.resize(1);
  blind.ivf_indexes[0].oid = 7;
  blind.ivf_indexes[0].table_oid = 102;
  blind.ivf_indexes[0].lists.resize(3);
  for (int64_t l = 0; l < 3; ++l) blind.ivf_indexes[0].lists[l].id = l;
  blind.disks.resize(1);
  blind.replication.known = true;
  blind.replication.replicas.resize(1);
  blind.replication.replicas[0].name = "a";
  const auto graph = Build(blind, nullptr, BuildOptions());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(Assess(*graph, {})->norm, 1);
  for (const Node& node : graph->nodes) {
    if (node.type == NodeType::kPartition || node.type == NodeType::kCentroid) {
      EXPECT_EQ(node.health, std::nullopt) << node.name;
      EXPECT_EQ(node.applied_health, 1);
    }
  }
}

using Worsening = std::function<void(World*, Rng*)>;

std::vector<std::pair<const char*, Worsening>> Worsenings() {
  const auto table = [](World* w, Rng* rng) -> TableObservation& {
    return w->now.tables[rng->Below(w->now.tables.size())];
  };
  return {
      {"more dead rows",
       [table](World* w, Rng* rng) {
         TableObservation& t = table(w, rng);
         t.dead_tuples = t.dead_tuples.value_or(0) +
                         static_cast<int64_t>(rng->Below(100000));
       }},
      {"more bloat",
       [table](World* w, Rng* rng) {
         TableObservation& t = table(w, rng);
         if (!t.bloat_fraction.has_value()) return;
         *t.bloat_fraction += (1 - *t.bloat_fraction) * rng->Uniform();
       }},
      {"drift",
       [](World* w, Rng* rng) {
         for (IvfIndexObservation& index : w->now.ivf_indexes) {
           for (IvfListObservation& list : index.lists) {
             if (rng->Below(3) == 0 && list.mean_distance.has_value()) {
               *list.mean_distance *= 1 + rng->Uniform();
             }
           }
         }
       }},
      {"dead graph elements",
       [](World* w, Rng* rng) {
         for (HnswIndexObservation& index : w->now.hnsw_indexes) {
           *index.dead_elements += static_cast<int64_t>(rng->Below(100));
         }
       }},
      {"less disk",
       [](World* w, Rng* rng) {
         *w->now.disks[0].free_bytes = static_cast<int64_t>(
             static_cast<double>(*w->now.disks[0].free_bytes) * rng->Uniform());
       }},
      {"older transactions",
       [](World* w, Rng* rng) {
         w->now.xid.cluster_age = w->now.xid.cluster_age.value_or(0) +
                                  static_cast<int64_t>(rng->Below(1000000000));
       }},
      {"a replica lags",
       [](World* w, Rng* rng) {
         for (ReplicaObservation& r : w->now.replication.replicas) {
           if (rng->Below(2) == 0) {
             r.replay_lag_bytes = r.replay_lag_bytes.value_or(0) +
                                  static_cast<int64_t>(rng->Below(1ull << 33));
           }
         }
       }},
      {"a replica is lost",
       [](World* w, Rng* rng) {
         auto& replicas = w->now.replication.replicas;
         if (!replicas.empty()) {
           LoseReplica(w, static_cast<int64_t>(rng->Below(replicas.size())));
         }
       }},
      {"the archiver fails",
       [](World* w, Rng*) {
         if (w->now.archiver.mode != ArchiveMode::kOn) return;
         *w->now.archiver.failed_count += 10;
         w->now.archiver.last_failed = w->now.at;
         w->now.archiver.ready_files = *w->now.archiver.ready_files + 50;
       }},
      {"an older backup",
       [](World* w, Rng* rng) {
         if (!w->now.backup.last_base_backup.has_value()) return;
         *w->now.backup.last_base_backup -=
             absl::Hours(static_cast<int64_t>(rng->Below(300)));
       }},
      {"an unreadable table",
       [table](World* w, Rng* rng) {
         if (rng->Below(4) == 0) table(w, rng).access = Access::kUnreadable;
       }},
      {"an unreachable shard",
       [](World* w, Rng* rng) {
         if (w->now.shards.size() > 1 && rng->Below(4) == 0) {
           w->now.shards.back().access = Access::kUnreadable;
         }
       }},
  };
}

TEST(Property, AWorseObservationNeverRaisesTheNorm) {
  const auto worsenings = Worsenings();
  std::set<std::string> lowered;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(1000 + seed);
    const Shape shape = RandomShape(&rng, 60);
    World world = RandomHealthy(&rng, shape);
    double norm = Norm(world);
    for (int step = 0; step < 12; ++step) {
      const auto& [name, worsen] = worsenings[rng.Below(worsenings.size())];
      worsen(&world, &rng);
      const double after = Norm(world);
      ASSERT_LE(after, norm)
          << name << ", " << shape << " seed " << seed << " step " << step;
      if (after < norm) lowered.insert(name);
      norm = after;
    }
  }
  // The property must not hold because nothing matters.
  EXPECT_EQ(lowered.size(), worsenings.size());
}

// The hotter the hottest partition, the lower.
TEST(Property, HeatNeverRaisesTheNorm) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    Shape shape;
    shape.partitions = 2 + static_cast<int64_t>(rng.Below(30));
    World world = Healthy(shape);
    double norm = Norm(world);
    for (int step = 0; step < 12; ++step) {
      *world.now.tables[1].inserts += 1000 << step;
      const double after = Norm(world);
      ASSERT_LE(after, norm) << "seed " << seed << " step " << step;
      norm = after;
    }
    EXPECT_LT(norm, 0.8);
    EXPECT_GE(norm, 0.3);
  }
}

// No single degraded thing, however important, is ever critical: critical
// refuses writes, and slow is not lost.
TEST(Property, DegradationAloneIsNeverCritical) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    World world = RandomHealthy(&rng, RandomShape(&rng, 100));
    for (TableObservation& table : world.now.tables) {
      table.bloat_fraction = 1;
    }
    for (IvfIndexObservation& index : world.now.ivf_indexes) {
      index.rows_at_build = 0;
      for (IvfListObservation& list : index.lists) list.mean_distance = 100;
    }
    for (HnswIndexObservation& index : world.now.hnsw_indexes) {
      index.dead_elements = index.elements;
    }
    for (ReplicaObservation& replica : world.now.replication.replicas) {
      replica.replay_lag_bytes = int64_t{1} << 50;
    }
    world.now.archiver.ready_files = 100000;
    world.now.checkpointer.requested = 1 << 20;
    MakeHot(&world, 0);
    const double norm = Norm(world);
    EXPECT_GE(norm, 0.3) << seed;
  }
}

TEST(Property, BuildIsDeterministicAndItsTextsAreSound) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    World world = RandomHealthy(&rng, RandomShape(&rng, 200));
    world.now.tables[0].name = "public.\"we\\ird \xff\xfe \"\"name\n\"";
    world.now.tables[0].access = Access::kUnreadable;
    world.now.tables[0].access_reason = "bad byte \xff";
    AssessOptions options;
    const auto a = Build(world.now, &world.last, BuildOptions());
    const auto b = Build(world.now, &world.last, BuildOptions());
    ASSERT_TRUE(a.ok() && b.ok());
    const Assessment assessment = *Assess(*a, options);
    EXPECT_EQ(WitnessJson(*a, assessment),
              WitnessJson(*b, *Assess(*b, options)));
    for (size_t v = 0; v < a->nodes.size(); ++v) {
      EXPECT_EQ(a->nodes[v].data, b->nodes[v].data);
      const auto json = nlohmann::json::parse(a->nodes[v].data);
      if (a->nodes[v].health.has_value() && a->nodes[v].id >= 0) {
        EXPECT_FALSE(json["decided_by"].is_null()) << a->nodes[v].data;
        for (const auto& aspect : json["aspects"]) {
          EXPECT_TRUE(aspect.contains("source"));
        }
      }
    }
    const auto witness = nlohmann::json::parse(WitnessJson(*a, assessment));
    double sum = 0;
    for (const auto& edge : witness) sum += edge["capacity"].get<double>();
    EXPECT_EQ(sum, 0);  // the unreadable table is cut off
    EXPECT_FALSE(witness.empty());
    for (const char* field : {"source_type", "source_id", "target_type",
                              "target_id", "edge_type", "capacity", "flow"}) {
      EXPECT_TRUE(witness[0].contains(field)) << field;
    }
    EXPECT_EQ(nlohmann::json::parse(WitnessJson(*a, assessment, 1)).size(), 1u);
  }
}

}  // namespace
}  // namespace ruvector::graph
