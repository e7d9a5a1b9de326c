#include "core/cut/minimum_cut.h"

#include <algorithm>
#include <string>

#include "core/base/rng.h"
#include "core/cut/cut_test_util.h"
#include "core/cut/near_complete.h"
#include "core/cut/oracle.h"
#include "core/cut/workload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::cut {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MinimumCut, EqualsEveryPartitionTried) {
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    const int n = 2 + static_cast<int>(rng.Below(9));
    const std::vector<Edge> edges = RandomEdges(n, rng);
    const absl::StatusOr<Cut> cut = MinimumCut(n, edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_EQ(cut->value, TryAllCuts(n, edges, 1)) << "graph " << i;
    ExpectConsistent(*cut, n, edges, 1);
  }
}

// Large enough for every stage: list, rows of arcs, matrix.
TEST(MinimumCut, EqualsBoostOnLargerGraphs) {
  Rng rng(2);
  for (int i = 0; i < 150; ++i) {
    const int n = 40 + static_cast<int>(rng.Below(260));
    std::vector<Edge> edges = RandomEdges(n, rng);
    edges.resize(std::min<size_t>(edges.size(), 6000));
    const absl::StatusOr<Cut> cut = MinimumCut(n, edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_EQ(cut->value, BoostMinimumCut(n, edges)) << "graph " << i;
    ExpectConsistent(*cut, n, edges, 1);
  }
}

// Sparse connected graphs whose least cut is a planted one, sums above 2^31.
TEST(MinimumCut, EqualsBoostOnPlantedCuts) {
  Rng rng(3);
  for (int i = 0; i < 60; ++i) {
    const int n = 150 + static_cast<int>(rng.Below(150));
    const int32_t unit = i % 2 == 0 ? 50 : 20000000;
    std::vector<Edge> edges;
    for (int j = 0; j < 12 * n; ++j) {
      const uint32_t u = static_cast<uint32_t>(rng.Below(n));
      const uint32_t v = static_cast<uint32_t>(rng.Below(n));
      const bool across = (u % 3 == 0) != (v % 3 == 0);
      if (across && rng.Below(60) != 0) continue;
      edges.push_back({u, v, static_cast<int32_t>(1 + rng.Below(unit))});
    }
    const absl::StatusOr<Cut> cut = MinimumCut(n, edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_EQ(cut->value, BoostMinimumCut(n, edges)) << "graph " << i;
    ExpectConsistent(*cut, n, edges, 1);
  }
}

// The values of shared/reference/mincut-measurements.md, seed 1 (fixed point).
TEST(MinimumCut, FindsTheReferenceValues) {
  const std::pair<const char*, double> kExpected[] = {
      {"G1lit", 0},       {"G1conn", 0.3003}, {"G2_0.05", 13.869},
      {"G2_0.3", 120.22}, {"G2_1.0", 468.58}, {"G3_2", 2.1465},
      {"G3_8", 5.3882},   {"G4_5k", 0.5237},  {"G4_20k", 4.1743},
      {"G4_clq", 4.1960}};
  for (const auto& [name, lambda] : kExpected) {
    const Workload w = MakeWorkload(name, 1);
    const absl::StatusOr<Cut> cut = MinimumCut(w.n, w.edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    EXPECT_NEAR(FromFixed(cut->value), lambda, lambda * 1e-4) << name;
    ExpectConsistent(*cut, w.n, w.edges, 1);
  }
}

TEST(MinimumCut, IgnoresTheOrderOfTheList) {
  Rng rng(5);
  for (const char* name : WorkloadNames()) {
    Workload w = MakeWorkload(name, 2);
    const int64_t value = MinimumCut(w.n, w.edges)->value;
    for (size_t i = w.edges.size(); i > 1; --i) {
      std::swap(w.edges[i - 1], w.edges[rng.Below(i)]);
      if (rng.Below(2) == 0) {
        std::swap(w.edges[i - 1].u, w.edges[i - 1].v);
      }
    }
    const absl::StatusOr<Cut> cut = MinimumCut(w.n, w.edges);
    EXPECT_EQ(cut->value, value) << name;
    ExpectConsistent(*cut, w.n, w.edges, 1);
  }
}

TEST(MinimumCut, ListsDeadEdgesOfTheCut) {
  const std::vector<Edge> edges = {
      {0, 1, kOne}, {1, 2, 0}, {2, 3, kOne}, {3, 0, 0}, {2, 2, kOne}};
  const absl::StatusOr<Cut> cut = MinimumCut(4, edges);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->value, 0);
  EXPECT_THAT(cut->side, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(cut->edges, ElementsAre(1, 3));
}

TEST(MinimumCut, MarksTheSmallerSide) {
  const std::vector<Edge> star = {{0, 1, 5}, {0, 2, 3}, {0, 3, 4}};
  EXPECT_THAT(MinimumCut(4, star)->side, ElementsAre(0, 0, 1, 0));
  const std::vector<Edge> pair = {{0, 1, 5}};
  EXPECT_THAT(MinimumCut(2, pair)->side, ElementsAre(0, 1));
  EXPECT_EQ(MinimumCut(3, {})->value, 0);
}

TEST(MinimumCut, HoldsSumsBeyond32Bits) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  std::vector<Edge> edges;
  for (uint32_t i = 0; i < 200; ++i) {
    for (uint32_t j = i + 1; j < 200; ++j) edges.push_back({i, j, kMax});
  }
  EXPECT_EQ(MinimumCut(200, edges)->value, int64_t{199} * kMax);
  std::vector<Edge> parallel(40000, Edge{0, 1, kMax});
  EXPECT_EQ(MinimumCut(2, parallel)->value, int64_t{40000} * kMax);
}

// Nodes beyond the packed sums of SumDegrees: a total above 2^40.
TEST(MinimumCut, HoldsTotalsBeyond40Bits) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  std::vector<Edge> edges;
  for (int copy = 0; copy < 100; ++copy) {
    for (uint32_t i = 0; i < 20; ++i) edges.push_back({i, (i + 1) % 20, kMax});
  }
  EXPECT_EQ(MinimumCut(20, edges)->value, int64_t{200} * kMax);
}

TEST(NearComplete, ProvesCompleteGraphsAndNothingFalse) {
  Rng rng(7);
  int proved = 0;
  for (int i = 0; i < 3000; ++i) {
    const int n = 8 + static_cast<int>(rng.Below(3));
    std::vector<Edge> edges;
    for (int j = 0; j < n; ++j) {
      for (int k = j + 1; k < n; ++k) {
        if (rng.Below(8) == 0) continue;
        const bool doubled = rng.Below(20) == 0;
        for (int copy = 0; copy <= doubled; ++copy) {
          edges.push_back(
              {static_cast<uint32_t>(j), static_cast<uint32_t>(k),
               static_cast<int32_t>(1 + rng.Below(i % 2 ? 8 : 40))});
        }
      }
    }
    const auto dense = NearComplete::Measure(n, edges);
    if (!dense.has_value()) continue;
    for (int size : {2, 3}) {
      const int64_t least = TryAllCuts(n, edges, size);
      ASSERT_FALSE(dense->Proves(least + 1, size));
      proved += dense->Proves(dense->least_degree(), size);
    }
  }
  EXPECT_GT(proved, 100);
  const Workload w = MakeWorkload("G2_1.0", 3);
  const auto dense = NearComplete::Measure(w.n, w.edges);
  ASSERT_TRUE(dense.has_value());
  EXPECT_TRUE(dense->Proves(dense->least_degree(), 2));
}

TEST(MinimumCut, RefusesBadGraphs) {
  const auto message = [](int n, std::vector<Edge> edges) {
    const absl::Status status = MinimumCut(n, edges).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message(1, {}), "graph has 1 nodes, expected at least 2");
  EXPECT_EQ(message(-3, {}), "graph has -3 nodes, expected at least 2");
  EXPECT_THAT(message(3, {{0, 1, 1}, {0, 3, 1}}),
              HasSubstr("edge 1 joins nodes 0 and 3, expected both below 3"));
  EXPECT_THAT(message(3, {{0, 1, -1}}), HasSubstr("edge 0 has weight -1"));
  EXPECT_THAT(message(3, {{2, 2, -1}}), HasSubstr("edge 0 has weight -1"));
  EXPECT_THAT(message(2, {{0, 1, 5}, {1, 0, -5}}), HasSubstr("edge 1"));
}

TEST(Edge, ConvertsCapacities) {
  EXPECT_EQ(ToFixed(1), kOne);
  EXPECT_EQ(ToFixed(0.5), kOne / 2);
  EXPECT_EQ(ToFixed(1e12), std::numeric_limits<int32_t>::max());
  EXPECT_EQ(ToFixed(-0.1), -1);
  EXPECT_EQ(ToFixed(std::nan("")), -1);
  EXPECT_EQ(FromFixed(ToFixed(0.25)), 0.25);
}

}  // namespace
}  // namespace ruvector::cut
