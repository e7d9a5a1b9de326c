// The follower against MinimumCut along random passes.
#include "core/graph/cut_follower.h"

#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/cut/minimum_cut.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

std::vector<cut::Edge> RandomGraph(Rng* rng, int n) {
  std::vector<cut::Edge> edges;
  for (int v = 1; v < n; ++v) {
    edges.push_back(
        {static_cast<uint32_t>(rng->Below(static_cast<uint64_t>(v))),
         static_cast<uint32_t>(v), static_cast<int32_t>(1 + rng->Below(4096))});
  }
  for (int i = 0; i < 2 * n; ++i) {
    const auto u = static_cast<uint32_t>(rng->Below(static_cast<uint64_t>(n)));
    const auto v = static_cast<uint32_t>(rng->Below(static_cast<uint64_t>(n)));
    if (u != v) {
      edges.push_back({u, v, static_cast<int32_t>(rng->Below(4096))});
    }
  }
  return edges;
}

int64_t ValueOf(const std::vector<cut::Edge>& edges, const cut::Cut& cut) {
  int64_t value = 0;
  for (const cut::Edge& e : edges) {
    if (cut.side[e.u] != cut.side[e.v]) value += e.weight;
  }
  return value;
}

TEST(CutFollowerTest, AgreesWithRecomputationWhateverChanges) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    CutFollower follower;
    int n = 2 + static_cast<int>(rng.Below(40));
    std::vector<cut::Edge> edges = RandomGraph(&rng, n);
    for (int pass = 0; pass < 100; ++pass) {
      const uint64_t what = rng.Below(20);
      if (what == 0) {  // another topology
        n = 2 + static_cast<int>(rng.Below(40));
        edges = RandomGraph(&rng, n);
      } else if (what == 1) {  // the same number of edges, other ends
        edges[0].v = (edges[0].u + 1) % static_cast<uint32_t>(n);
      } else {
        for (uint64_t i = rng.Below(4); i > 0; --i) {
          edges[rng.Below(edges.size())].weight =
              static_cast<int32_t>(rng.Below(4096));
        }
      }
      const auto expected = cut::MinimumCut(n, edges);
      const auto followed = follower.Cut(n, edges);
      ASSERT_TRUE(expected.ok() && followed.ok());
      ASSERT_EQ(followed->value, expected->value) << seed << " " << pass;
      ASSERT_EQ(ValueOf(edges, *followed), followed->value);
    }
  }
}

TEST(CutFollowerTest, APassThatMovesNothingIsNoWork) {
  Rng rng(1);
  std::vector<cut::Edge> edges = RandomGraph(&rng, 200);
  CutFollower follower;
  const auto first = follower.Cut(200, edges);
  ASSERT_TRUE(first.ok());
  uint32_t off = 0;  // an edge that the cut does not cross
  while (first->side[edges[off].u] != first->side[edges[off].v]) ++off;
  for (int pass = 0; pass < 50; ++pass) {
    ++edges[off].weight;
    ASSERT_EQ(follower.Cut(200, edges)->value, first->value);
  }
  EXPECT_EQ(follower.stats().kernel_solves, 0);
  EXPECT_EQ(follower.stats().rebuilds, 0);
}

TEST(CutFollowerTest, WhatIsRefusedIsForgotten) {
  CutFollower follower;
  EXPECT_FALSE(follower.Cut(2, {{0, 5, 1}}).ok());
  ASSERT_TRUE(follower.Cut(2, {{0, 1, 1}}).ok());
  EXPECT_FALSE(follower.Cut(2, {{0, 1, -1}}).ok());
  EXPECT_EQ(follower.Cut(2, {{0, 1, 3}})->value, 3);
}

}  // namespace
}  // namespace ruvector::graph
