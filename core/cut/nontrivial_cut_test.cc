#include "core/cut/nontrivial_cut.h"

#include <algorithm>
#include <limits>

#include "core/base/rng.h"
#include "core/cut/cut_test_util.h"
#include "core/cut/oracle.h"
#include "core/cut/terminal_cut.h"
#include "core/cut/workload.h"
#include "gtest/gtest.h"

namespace ruvector::cut {
namespace {

TEST(MinimumNontrivialCut, EqualsEveryPartitionTried) {
  Rng rng(11);
  for (int i = 0; i < 12000; ++i) {
    const int n = 4 + static_cast<int>(rng.Below(7));
    const std::vector<Edge> edges = RandomEdges(n, rng);
    const absl::StatusOr<Cut> cut = MinimumNontrivialCut(n, edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_EQ(cut->value, TryAllCuts(n, edges, 2)) << "graph " << i;
    ExpectConsistent(*cut, n, edges, 2);
  }
}

// Graphs whose nodes all weigh about the same: every single node is a better
// cut than any pair, so nothing can be proved node by node.
TEST(MinimumNontrivialCut, EqualsEveryPartitionTriedOnRegularGraphs) {
  Rng rng(12);
  for (int i = 0; i < 3000; ++i) {
    const uint32_t n = 6 + static_cast<uint32_t>(rng.Below(6));
    const uint32_t reach = 1 + static_cast<uint32_t>(rng.Below(n / 2));
    const uint64_t spread = 1 + rng.Below(4);
    std::vector<Edge> edges;
    for (uint32_t x = 0; x < n; ++x) {
      for (uint32_t d = 1; d <= reach; ++d) {
        edges.push_back(
            {x, (x + d) % n, static_cast<int32_t>(20 + rng.Below(spread))});
      }
    }
    const absl::StatusOr<Cut> cut =
        MinimumNontrivialCut(static_cast<int>(n), edges);
    ASSERT_EQ(cut->value, TryAllCuts(static_cast<int>(n), edges, 2))
        << "graph " << i;
    ExpectConsistent(*cut, static_cast<int>(n), edges, 2);
  }
}

// Every cut with two nodes on each side separates some pair of pairs: the
// terminal cuts of all of them, on graphs too large to try all partitions.
TEST(MinimumNontrivialCut, EqualsAllPairsOfPairsOfTerminals) {
  Rng rng(13);
  for (int i = 0; i < 25; ++i) {
    const int n = 12 + static_cast<int>(rng.Below(5));
    const std::vector<Edge> edges = RandomEdges(n, rng);
    int64_t least = std::numeric_limits<int64_t>::max();
    // Node 0 has a partner p; the other side has a first node and a second.
    for (uint32_t p = 1; p < static_cast<uint32_t>(n); ++p) {
      for (uint32_t a = 1; a < static_cast<uint32_t>(n); ++a) {
        for (uint32_t b = a + 1; b < static_cast<uint32_t>(n); ++b) {
          if (a == p || b == p) continue;
          least = std::min(
              least, MinimumTerminalCut(n, edges, {0u, p}, {a, b})->value);
        }
      }
    }
    const absl::StatusOr<Cut> cut = MinimumNontrivialCut(n, edges);
    ASSERT_EQ(cut->value, least) << "graph " << i;
    ExpectConsistent(*cut, n, edges, 2);
  }
}

TEST(MinimumNontrivialCut, IsBoundedByPairsAndTheGlobalCut) {
  for (const char* name : {"G1lit", "G1conn", "G2_0.05", "G2_1.0", "G3_2",
                           "G3_8", "G4_5k", "G4_20k", "G4_clq"}) {
    const Workload w = MakeWorkload(name, 1);
    const absl::StatusOr<Cut> cut = MinimumNontrivialCut(w.n, w.edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ExpectConsistent(*cut, w.n, w.edges, 2);
    EXPECT_GE(cut->value, MinimumCut(w.n, w.edges)->value) << name;
    std::vector<int64_t> degree(w.n);
    for (const Edge& e : w.edges) {
      degree[e.u] += e.weight;
      degree[e.v] += e.weight;
    }
    for (const Edge& e : w.edges) {
      ASSERT_LE(cut->value, degree[e.u] + degree[e.v] - 2 * e.weight) << name;
    }
  }
}

TEST(MinimumNontrivialCut, SeesPastTheWeakestLeaf) {
  // Two squares joined by one edge of 3, and a leaf that hangs on by 1.
  const std::vector<Edge> edges = {{0, 1, 9}, {1, 2, 9}, {2, 3, 9}, {3, 0, 9},
                                   {4, 5, 9}, {5, 6, 9}, {6, 7, 9}, {7, 4, 9},
                                   {0, 4, 3}, {5, 8, 1}};
  EXPECT_EQ(MinimumCut(9, edges)->value, 1);
  const absl::StatusOr<Cut> cut = MinimumNontrivialCut(9, edges);
  EXPECT_EQ(cut->value, 3);
  EXPECT_EQ(cut->side, (std::vector<uint8_t>{1, 1, 1, 1, 0, 0, 0, 0, 0}));
}

TEST(MinimumNontrivialCut, RefusesSmallOrBadGraphs) {
  EXPECT_EQ(MinimumNontrivialCut(3, {}).status().message(),
            "graph has 3 nodes, expected at least 4");
  const std::vector<Edge> bad = {{0, 9, 1}};
  EXPECT_EQ(MinimumNontrivialCut(5, bad).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ruvector::cut
