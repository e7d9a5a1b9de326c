#include "core/cut/incremental_cut.h"

#include <algorithm>
#include <string>

#include "core/base/rng.h"
#include "core/cut/cut_test_util.h"
#include "core/cut/oracle.h"
#include "core/cut/workload.h"
#include "gtest/gtest.h"

namespace ruvector::cut {
namespace {

using Change = IncrementalCut::Change;

// A core that holds together, leaves that hang on it, and a few odd edges:
// kernels with classes, pendants and single nodes.
std::vector<Edge> CoreWithLeaves(int n, Rng& rng) {
  const int core = 2 + static_cast<int>(rng.Below(n / 2));
  std::vector<Edge> edges;
  const auto add = [&](int u, int v, int scale) {
    edges.push_back({static_cast<uint32_t>(u), static_cast<uint32_t>(v),
                     static_cast<int32_t>(1 + rng.Below(scale))});
  };
  for (int u = 0; u < core; ++u) {
    for (int v = u + 1; v < core; ++v) add(u, v, 60);
  }
  for (int x = core; x < n; ++x) {
    for (uint64_t k = 1 + rng.Below(4); k > 0; --k) {
      add(x, static_cast<int>(rng.Below(core)), 12);
    }
    if (rng.Below(4) == 0) add(x, static_cast<int>(rng.Below(n)), 12);
  }
  return edges;
}

int32_t NewWeight(int32_t old, Rng& rng) {
  switch (rng.Below(8)) {
    case 0:
      return 0;
    case 1:
      return old + static_cast<int32_t>(rng.Below(50));
    case 2:
      return old / 2;
    default: {
      // Mostly small steps, as sensors make them.
      const int32_t step = std::max(1, old / 5);
      return std::max<int32_t>(
          0, old - step + static_cast<int32_t>(rng.Below(2 * step + 1)));
    }
  }
}

std::vector<Change> RandomChanges(const IncrementalCut& cut, size_t most,
                                  Rng& rng) {
  std::vector<Change> changes(1 + rng.Below(most));
  for (Change& change : changes) {
    change.edge = static_cast<uint32_t>(rng.Below(cut.edges().size()));
    change.weight = NewWeight(cut.edges()[change.edge].weight, rng);
  }
  return changes;
}

TEST(IncrementalCut, EqualsEveryPartitionTriedAlongSequences) {
  Rng rng(31);
  IncrementalCut::Stats total;
  for (int i = 0; i < 1200; ++i) {
    const int n = 3 + static_cast<int>(rng.Below(8));
    std::vector<Edge> edges =
        i % 2 == 0 ? CoreWithLeaves(n, rng) : RandomEdges(n, rng);
    if (edges.empty()) continue;
    for (Edge& e : edges) e.weight = std::min(e.weight, 1 << 20);
    absl::StatusOr<IncrementalCut> cut = IncrementalCut::Create(n, edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    for (int step = 0; step < 40; ++step) {
      const size_t most = rng.Below(4) == 0 ? 5 : 1;
      ASSERT_TRUE(cut->SetWeights(RandomChanges(*cut, most, rng)).ok());
      ASSERT_EQ(cut->current().value, TryAllCuts(n, cut->edges(), 1))
          << "graph " << i << " step " << step;
      ExpectConsistent(cut->current(), n, cut->edges(), 1);
    }
    total.certified += cut->stats().certified;
    total.kernel_solves += cut->stats().kernel_solves;
    total.rebuilds += cut->stats().rebuilds;
  }
  // Each way was taken often enough to be tested.
  EXPECT_GT(total.certified, 2000);
  EXPECT_GT(total.kernel_solves, 2000);
  EXPECT_GT(total.rebuilds, 2000);
}

// The families, where kernels are large and last long.
TEST(IncrementalCut, EqualsRecomputationOnTheFamilies) {
  Rng rng(32);
  for (const std::string name :
       {"G1conn", "G2_0.05", "G3_2", "G3_8", "G4_5k", "G4_20k", "G4_clq"}) {
    const Workload w = MakeWorkload(name, 1);
    absl::StatusOr<IncrementalCut> cut = IncrementalCut::Create(w.n, w.edges);
    ASSERT_TRUE(cut.ok()) << cut.status();
    for (int step = 0; step < 300; ++step) {
      const size_t most = step % 5 == 0 ? 40 : 1;
      std::vector<Change> changes = RandomChanges(*cut, most, rng);
      // Every tenth step works on the cut itself.
      if (step % 10 == 3) {
        const std::vector<uint32_t>& crossing = cut->current().edges;
        const uint32_t edge = crossing[rng.Below(crossing.size())];
        changes.push_back({edge, NewWeight(w.edges[edge].weight, rng)});
      }
      ASSERT_TRUE(cut->SetWeights(changes).ok());
      ASSERT_EQ(cut->current().value, MinimumCut(w.n, cut->edges())->value)
          << name << " step " << step;
      ExpectConsistent(cut->current(), w.n, cut->edges(), 1);
    }
  }
}

// Small steps only, thousands of them: the slack is used up slowly.
TEST(IncrementalCut, StaysExactWhileWeightsDrift) {
  Rng rng(33);
  const Workload w = MakeWorkload("G4_20k", 3);
  absl::StatusOr<IncrementalCut> cut = IncrementalCut::Create(w.n, w.edges);
  for (int step = 0; step < 20000; ++step) {
    const uint32_t edge = static_cast<uint32_t>(rng.Below(w.edges.size()));
    const double factor = 0.8 + 0.4 * rng.Uniform();
    ASSERT_TRUE(cut->SetWeight(edge, static_cast<int32_t>(
                                         cut->edges()[edge].weight * factor))
                    .ok());
    if (step % 40 != 0) continue;
    ASSERT_EQ(cut->current().value, MinimumCut(w.n, cut->edges())->value)
        << "step " << step;
  }
  EXPECT_GT(cut->stats().certified, 20 * cut->stats().rebuilds);
}

TEST(IncrementalCut, KeepsTheCutWhenNothingCanOvertakeIt) {
  // Node 3 hangs on by 2.
  const std::vector<Edge> edges = {
      {0, 1, 10}, {1, 2, 10}, {2, 0, 10}, {2, 3, 2}, {3, 3, 1}};
  absl::StatusOr<IncrementalCut> cut = IncrementalCut::Create(4, edges);
  ASSERT_TRUE(cut.ok()) << cut.status();
  const uint8_t* const side = cut->current().side.data();
  ASSERT_TRUE(cut->SetWeight(0, 50).ok());  // off the cut, up
  ASSERT_TRUE(cut->SetWeight(3, 1).ok());   // on the cut, down
  ASSERT_TRUE(cut->SetWeight(4, 9).ok());   // a loop
  ASSERT_TRUE(cut->SetWeight(3, 0).ok());
  ASSERT_TRUE(cut->SetWeight(1, 0).ok());  // nothing is below 0
  EXPECT_EQ(cut->current().value, 0);
  EXPECT_EQ(cut->current().edges, (std::vector<uint32_t>{3}));
  EXPECT_EQ(cut->current().side.data(), side);
  EXPECT_EQ(cut->stats().rebuilds + cut->stats().kernel_solves, 0);
  ASSERT_TRUE(cut->SetWeights({{3, 60}, {3, 70}, {1, 3}}).ok());
  EXPECT_EQ(cut->edges()[3].weight, 70);
  EXPECT_EQ(cut->current().value, 13);
}

TEST(IncrementalCut, RefusesBadChangesWhole) {
  const std::vector<Edge> edges = {{0, 1, 10}, {1, 2, 20}};
  absl::StatusOr<IncrementalCut> cut = IncrementalCut::Create(3, edges);
  EXPECT_EQ(cut->SetWeights({{0, 1}, {2, 1}}).message(),
            "edge 2 does not exist, expected below 2");
  EXPECT_EQ(cut->SetWeights({{0, 1}, {1, -1}}).message(),
            "edge 1 would get weight -1, expected 0 or more");
  EXPECT_EQ(cut->current().value, 10);
  EXPECT_EQ(cut->edges()[0].weight, 10);
  EXPECT_EQ(IncrementalCut::Create(1, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ruvector::cut
