// What people see: witness, merges, node data, Graphviz.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/test_world.h"
#include "core/graph/witness.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ruvector::graph {
namespace {

using Json = nlohmann::json;

struct Seen {
  ContractedGraph graph;
  Assessment assessment;
};

Seen Look(const World& world) {
  auto graph = Build(world.now, &world.last, BuildOptions());
  EXPECT_TRUE(graph.ok()) << graph.status();
  auto assessment = Assess(*graph, AssessOptions());
  EXPECT_TRUE(assessment.ok()) << assessment.status();
  return {*std::move(graph), *std::move(assessment)};
}

World HotOfEight() {
  Shape shape;
  shape.partitions = 8;
  World world = Healthy(shape);
  MakeHot(&world, 3);
  return world;
}

TEST(Witness, NamesTheHotPartitionAndAddsUp) {
  const Seen seen = Look(HotOfEight());
  const Json edges = Json::parse(WitnessJson(seen.graph, seen.assessment));
  ASSERT_EQ(edges.size(), 3u);  // its shard and its two neighbours
  double sum = 0;
  for (const Json& edge : edges) {
    EXPECT_TRUE(edge["source_id"] == 20003 || edge["target_id"] == 20003);
    sum += edge["capacity"].get<double>();
  }
  EXPECT_NEAR(sum, *seen.assessment.lambda_raw, 1e-3);
  const auto routing = std::find_if(
      edges.begin(), edges.end(),
      [](const Json& edge) { return edge["edge_type"] == "routing_link"; });
  EXPECT_EQ((*routing)["source_type"], "partition");
  EXPECT_EQ((*routing)["source_name"], "public.items_3");
  EXPECT_EQ((*routing)["target_type"], "shard");
  EXPECT_EQ((*routing)["target_name"], "this node");
  // 3,000 + 120,000 of 24,000 + 120,000 writes, and an eighth of the reads.
  EXPECT_NEAR((*routing)["flow"].get<double>(), 183000.0 / 624000, 1e-9);
}

TEST(Witness, WeakestFirstAndLimited) {
  Shape shape;
  shape.partitions = 8;
  World world = Healthy(shape);
  for (int64_t p = 0; p < 6; ++p) Saturate(&world, p);
  const Seen seen = Look(world);
  EXPECT_EQ(seen.assessment.kind, CutKind::kData);
  const Json edges = Json::parse(WitnessJson(seen.graph, seen.assessment));
  ASSERT_EQ(edges.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(edges[i]["capacity"].get<double>(), i < 6 ? 0 : 0.125);
  }
  EXPECT_EQ(WitnessText(seen.graph, seen.assessment, 1),
            "public.items_0 - this node (routing_link 0 of 0.125) and 7 more");
  EXPECT_EQ(Json::parse(WitnessJson(seen.graph, seen.assessment, 5)).size(),
            5u);
  // As the tables keep it.
  EXPECT_EQ(WitnessTextOf(WitnessJson(seen.graph, seen.assessment, 2), 8, 1),
            WitnessText(seen.graph, seen.assessment, 1));
  EXPECT_EQ(WitnessTextOf("[]", 0), "");
}

TEST(NodeData, SaysWhereTheHealthCameFrom) {
  const Seen seen = Look(HotOfEight());
  const Node* hot = nullptr;
  for (const Node& node : seen.graph.nodes) {
    if (node.name == "public.items_3") hot = &node;
  }
  ASSERT_NE(hot, nullptr);
  const Json data = Json::parse(hot->data);
  EXPECT_EQ(data["decided_by"], "hot");
  EXPECT_EQ(data["aspects"][0]["aspect"], "hot");
  EXPECT_NEAR(data["aspects"][0]["write_share"].get<double>(),
              123000.0 / 144000, 1e-9);
  EXPECT_EQ(data["aspects"][0]["fair_share"], 0.125);
  EXPECT_NE(data["aspects"][0]["source"].get<std::string>().find(
                "pg_stat_all_tables"),
            std::string::npos);
  EXPECT_EQ(data["aspects"][0]["health"], *hot->health);
  EXPECT_FALSE(data.contains("lost"));
}

TEST(Names, AreThoseOfTheTables) {
  EXPECT_EQ(ToString(NodeType::kPartition), "partition");
  EXPECT_EQ(ToString(NodeType::kCentroid), "centroid");
  EXPECT_EQ(ToString(NodeType::kShard), "shard");
  EXPECT_EQ(ToString(NodeType::kMaintenanceDep), "maintenance_dep");
  EXPECT_EQ(ToString(NodeType::kReplicationTarget), "replication_target");
  EXPECT_EQ(ToString(EdgeType::kPartitionLink), "partition_link");
  EXPECT_EQ(ToString(EdgeType::kRoutingLink), "routing_link");
  EXPECT_EQ(ToString(EdgeType::kDependency), "dependency");
  EXPECT_EQ(ToString(EdgeType::kReplication), "replication");
}

}  // namespace
}  // namespace ruvector::graph
