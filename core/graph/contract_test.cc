#include "core/graph/contract.h"

#include <set>

#include "core/base/rng.h"
#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/test_world.h"
#include "core/graph/witness.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ruvector::graph {
namespace {

ContractedGraph BuildTo(const World& world, int64_t max_nodes) {
  BuildOptions options;
  options.max_nodes = max_nodes;
  auto graph = Build(world.now, &world.last, options);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

// Random damage of every kind but loss.
World Hurt(const Shape& shape, uint64_t seed) {
  Rng rng(seed);
  World world = Healthy(shape);
  const uint64_t one_in = 2 + rng.Below(40);
  for (size_t p = 0; p < world.now.tables.size(); ++p) {
    TableObservation& table = world.now.tables[p];
    table.live_tuples = world.last.tables[p].live_tuples =
        static_cast<int64_t>(rng.Below(50000));
    if (rng.Below(one_in) == 0) {
      table.dead_tuples = static_cast<int64_t>(rng.Below(60000));
    }
    if (shape.lists == 0) continue;
    for (IvfListObservation& list : world.now.ivf_indexes[p].lists) {
      if (rng.Below(one_in) == 0) list.mean_distance = 1 + rng.Uniform();
    }
  }
  return world;
}

Shape Big(int64_t partitions, int64_t lists, int64_t shards) {
  Shape shape;
  shape.partitions = partitions;
  shape.lists = lists;
  shape.extra_shards = shards;
  shape.async_replicas = 2;
  shape.archiver = true;
  return shape;
}

TEST(Contract, KeepsTheAssessment) {
  for (const Shape& shape : {Big(1, 3000, 0), Big(64, 100, 0), Big(2000, 0, 0),
                             Big(1500, 3, 7), Big(40, 40, 300)}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const World world = Hurt(shape, seed);
      const ContractedGraph whole = BuildTo(world, 1 << 20);
      AssessOptions options;
      options.compute_nontrivial = false;
      const Assessment want = *Assess(whole, options);
      EXPECT_TRUE(whole.merges.empty());
      for (int64_t most : {1000, 400, 60}) {
        SCOPED_TRACE(testing::PrintToString(shape) + " seed " +
                     std::to_string(seed) + " most " + std::to_string(most));
        const ContractedGraph graph = BuildTo(world, most);
        EXPECT_LE(static_cast<int64_t>(graph.nodes.size()), most);
        EXPECT_GT(static_cast<int64_t>(graph.nodes.size()), most / 3);
        EXPECT_EQ(graph.original_nodes,
                  static_cast<int64_t>(whole.nodes.size()));
        const Assessment got = *Assess(graph, options);
        // The cut rounds every edge to 1/4096: parallel ones once each, their
        // sum once.
        EXPECT_NEAR(*got.lambda_raw, *want.lambda_raw, 1.5 / 4096);
        EXPECT_EQ(*got.lambda_baseline, *want.lambda_baseline);
        EXPECT_NEAR(*got.service_norm, *want.service_norm, 1e-5);
        EXPECT_EQ(got.kind, want.kind);
      }
    }
  }
}

// Every node is kept, or in exactly one merge; nothing is dropped.
TEST(Contract, AccountsForEveryNode) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const World world = Hurt(Big(300, 12, 3), seed);
    const ContractedGraph whole = BuildTo(world, 1 << 20);
    const ContractedGraph graph = BuildTo(world, 500);
    std::set<std::pair<NodeType, int64_t>> left;
    for (const Node& node : whole.nodes) left.emplace(node.type, node.id);
    int64_t replaced = 0, merged_nodes = 0;
    for (const Merge& merge : graph.merges) {
      const Node& node = graph.nodes[merge.node];
      EXPECT_LT(node.id, 0);
      EXPECT_EQ(node.members, static_cast<int64_t>(merge.ids.size()));
      EXPECT_NE(node.name.find("merged"), std::string::npos) << node.name;
      replaced += merge.nodes_replaced;
      ++merged_nodes;
      for (int64_t id : merge.ids) {
        EXPECT_EQ(left.erase({node.type, id}), 1u);
      }
    }
    for (const Node& node : graph.nodes) {
      if (node.id >= 0) {
        EXPECT_EQ(left.erase({node.type, node.id}), 1u);
      }
    }
    // What remains lies below merged partitions.
    EXPECT_EQ(
        static_cast<int64_t>(graph.nodes.size()) - merged_nodes + replaced,
        graph.original_nodes);
    const auto json = nlohmann::json::parse(MergesJson(graph));
    EXPECT_EQ(json["merged_nodes"], replaced);
    EXPECT_EQ(json["original_nodes"], graph.original_nodes);
    EXPECT_EQ(json["merges"].size(), graph.merges.size());
  }
}

// Nothing that was merged is sicker than anything that was kept beside it.
TEST(Contract, MergesTheHealthiest) {
  const World world = Hurt(Big(1, 3000, 0), 3);
  const ContractedGraph graph = BuildTo(world, 500);
  ASSERT_EQ(graph.merges.size(), 1u);
  for (const Node& node : graph.nodes) {
    if (node.type != NodeType::kCentroid || node.id < 0) continue;
    EXPECT_LE(node.applied_health, graph.merges[0].worst_health);
  }
}

TEST(Contract, ALostPartitionAmongThousandsIsStillCritical) {
  World world = Healthy(Big(3000, 0, 0));
  world.now.tables[1234].access = Access::kUnreadable;
  world.now.tables[1234].access_reason = "input/output error";
  const ContractedGraph graph = BuildTo(world, 100);
  const Assessment got = *Assess(graph, {});
  EXPECT_EQ(*got.norm, 0);
  EXPECT_NE(WitnessText(graph, got).find("public.items_1234"),
            std::string::npos);
}

TEST(Contract, HealthyGiantsAreExactlyOne) {
  for (const Shape& shape : {Big(1, 20000, 0), Big(5000, 0, 0),
                             Big(500, 20, 50), Big(900, 1, 2000)}) {
    SCOPED_TRACE(testing::PrintToString(shape));
    const ContractedGraph graph = BuildTo(Healthy(shape), 1000);
    EXPECT_LE(graph.nodes.size(), 1000u);
    EXPECT_EQ(*Assess(graph, {})->norm, 1);
    EXPECT_EQ(*Assess(graph, {})->lambda_baseline, 1);
  }
}

TEST(Contract, SmallGraphsAreLeftAlone) {
  const ContractedGraph graph = BuildTo(Healthy(Big(5, 3, 1)), 1000);
  EXPECT_TRUE(graph.merges.empty());
  EXPECT_EQ(graph.original_nodes, static_cast<int64_t>(graph.nodes.size()));
  EXPECT_EQ(nlohmann::json::parse(MergesJson(graph))["merged_nodes"], 0);
}

}  // namespace
}  // namespace ruvector::graph
