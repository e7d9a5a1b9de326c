#include "core/cut/terminal_cut.h"

#include "boost/graph/adjacency_list.hpp"
#include "boost/graph/push_relabel_max_flow.hpp"
#include "core/base/rng.h"
#include "core/cut/cut_test_util.h"
#include "core/cut/oracle.h"
#include "core/cut/workload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::cut {
namespace {

using ::testing::ElementsAre;

std::vector<uint32_t> Pick(int n, const std::vector<uint8_t>& role,
                           uint8_t wanted) {
  std::vector<uint32_t> nodes;
  for (int x = 0; x < n; ++x) {
    if (role[x] == wanted) nodes.push_back(static_cast<uint32_t>(x));
  }
  return nodes;
}

TEST(MinimumTerminalCut, EqualsEveryPartitionTried) {
  Rng rng(21);
  for (int i = 0; i < 8000; ++i) {
    const int n = 2 + static_cast<int>(rng.Below(9));
    const std::vector<Edge> edges = RandomEdges(n, rng);
    std::vector<uint8_t> role(n);
    for (uint8_t& r : role) r = static_cast<uint8_t>(rng.Below(5));
    role[0] = 1;
    role[n - 1] = 2;
    const std::vector<uint32_t> sources = Pick(n, role, 1);
    const std::vector<uint32_t> sinks = Pick(n, role, 2);
    const absl::StatusOr<Cut> cut =
        MinimumTerminalCut(n, edges, sources, sinks);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_EQ(cut->value, TryAllCuts(n, edges, 1, sources, sinks));
    ExpectConsistent(*cut, n, edges, 1);
    for (uint32_t x : sources) ASSERT_EQ(cut->side[x], 0);
    for (uint32_t x : sinks) ASSERT_EQ(cut->side[x], 1);
  }
}

int64_t BoostMaximumFlow(const Workload& w, uint32_t source, uint32_t sink) {
  using Traits =
      boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
  using Graph = boost::adjacency_list<
      boost::vecS, boost::vecS, boost::directedS, boost::no_property,
      boost::property<
          boost::edge_capacity_t, int64_t,
          boost::property<boost::edge_residual_capacity_t, int64_t,
                          boost::property<boost::edge_reverse_t,
                                          Traits::edge_descriptor>>>>;
  Graph graph(w.n);
  for (const Edge& e : w.edges) {
    const auto there = boost::add_edge(e.u, e.v, graph).first;
    const auto back = boost::add_edge(e.v, e.u, graph).first;
    boost::put(boost::edge_capacity, graph, there, e.weight);
    boost::put(boost::edge_capacity, graph, back, e.weight);
    boost::put(boost::edge_reverse, graph, there, back);
    boost::put(boost::edge_reverse, graph, back, there);
  }
  return boost::push_relabel_max_flow(graph, source, sink);
}

TEST(MinimumTerminalCut, EqualsBoostOnLargerGraphs) {
  Rng rng(22);
  for (const char* name : {"G1conn", "G2_0.05", "G3_8", "G4_5k", "G4_20k"}) {
    const Workload w = MakeWorkload(name, 1);
    for (int i = 0; i < 4; ++i) {
      const uint32_t source = static_cast<uint32_t>(rng.Below(500));
      const uint32_t sink = static_cast<uint32_t>(500 + rng.Below(500));
      const absl::StatusOr<Cut> cut =
          MinimumTerminalCut(w.n, w.edges, {source}, {sink});
      ASSERT_TRUE(cut.ok()) << cut.status();
      EXPECT_EQ(cut->value, BoostMaximumFlow(w, source, sink)) << name;
      ExpectConsistent(*cut, w.n, w.edges, 1);
    }
  }
}

TEST(MinimumTerminalCut, CutsNearestToTheSources) {
  const std::vector<Edge> path = {{0, 1, 5}, {1, 2, 2}, {2, 3, 2}, {3, 4, 0}};
  const absl::StatusOr<Cut> cut = MinimumTerminalCut(5, path, {0}, {3});
  EXPECT_EQ(cut->value, 2);
  EXPECT_THAT(cut->side, ElementsAre(0, 0, 1, 1, 1));
  EXPECT_THAT(cut->edges, ElementsAre(1));
  EXPECT_EQ(MinimumTerminalCut(5, path, {0}, {4})->value, 0);
}

// A long path must not overflow any stack.
TEST(MinimumTerminalCut, FollowsLongPaths) {
  constexpr int kNodes = 200000;
  std::vector<Edge> path;
  for (uint32_t x = 0; x + 1 < kNodes; ++x) path.push_back({x, x + 1, 7});
  EXPECT_EQ(MinimumTerminalCut(kNodes, path, {0}, {kNodes - 1})->value, 7);
}

TEST(MinimumTerminalCut, RefusesBadTerminals) {
  const std::vector<Edge> edges = {{0, 1, 1}};
  EXPECT_EQ(MinimumTerminalCut(2, edges, {}, {1}).status().message(),
            "set of sources is empty, expected at least one node");
  EXPECT_EQ(MinimumTerminalCut(2, edges, {0}, {2}).status().message(),
            "sink is node 2, expected below 2");
  EXPECT_EQ(MinimumTerminalCut(2, edges, {0, 1}, {1}).status().message(),
            "node 1 is both a source and a sink");
  EXPECT_EQ(MinimumTerminalCut(1, {}, {0}, {0}).status().message(),
            "graph has 1 nodes, expected at least 2");
}

}  // namespace
}  // namespace ruvector::cut
