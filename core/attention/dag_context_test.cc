#include "core/attention/dag_context.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace ruvector::attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Plain {
  uint32_t nodes = 0;
  std::vector<DagEdge> edges;
  std::vector<double> costs;
};

// Up to 9 nodes, so that every path can be listed.
Plain AnyDag() {
  Plain p;
  p.nodes = *rc::gen::inRange<uint32_t>(1, 10);
  Rng rng(*rc::gen::arbitrary<uint64_t>().as("seed"));
  const uint64_t sparse = 1 + rng.Below(4);
  std::vector<uint32_t> rank(p.nodes);
  for (uint32_t v = 0; v < p.nodes; ++v) rank[v] = v;
  for (uint32_t v = p.nodes; v > 1; --v) {
    std::swap(rank[v - 1], rank[rng.Below(v)]);
  }
  for (uint32_t a = 0; a < p.nodes; ++a) {
    p.costs.push_back(static_cast<double>(rng.Below(5)));
    for (uint32_t b = a + 1; b < p.nodes; ++b) {
      if (rng.Below(sparse) == 0) p.edges.push_back({rank[a], rank[b]});
    }
  }
  return p;
}

using Path = std::vector<uint32_t>;  // consumer first

void Extend(const Plain& p, Path path, std::vector<Path>& all) {
  all.push_back(path);
  for (const DagEdge& e : p.edges) {
    if (e.consumer != path.back()) continue;
    path.push_back(e.producer);
    Extend(p, path, all);
    path.pop_back();
  }
}

std::vector<Path> PathsFrom(const Plain& p, uint32_t node) {
  std::vector<Path> all;
  Extend(p, {node}, all);
  return all;
}

int32_t Depth(const Plain& p, uint32_t node) {
  size_t longest = 0;
  for (const Path& path : PathsFrom(p, node)) {
    longest = std::max(longest, path.size());
  }
  return static_cast<int32_t>(longest) - 1;
}

std::set<uint32_t> Ancestors(const Plain& p, uint32_t node) {
  std::set<uint32_t> found;
  for (const Path& path : PathsFrom(p, node)) {
    if (path.size() > 1) found.insert(path.back());
  }
  return found;
}

RC_GTEST_PROP(DagContextTest, MatchesTheListOfAllPaths, ()) {
  const Plain p = AnyDag();
  const auto dag = Dag::Make(p.nodes, p.edges, p.costs);
  RC_ASSERT(dag.ok());
  double longest = 0;
  std::vector<double> through(p.nodes, 0);
  for (uint32_t v = 0; v < p.nodes; ++v) {
    for (const Path& path : PathsFrom(p, v)) {
      double cost = 0;
      for (uint32_t u : path) cost += p.costs[u];
      longest = std::max(longest, cost);
      for (uint32_t u : path) through[u] = std::max(through[u], cost);
    }
  }
  const uint32_t query = *rc::gen::inRange<uint32_t>(0, p.nodes);
  const NodeContext context = ContextOfNode(*dag, query, true);
  const std::set<uint32_t> ancestors = Ancestors(p, query);
  std::vector<uint32_t> expected(ancestors.begin(), ancestors.end());
  std::set<uint32_t> theirs;
  for (uint32_t v = 0; v < p.nodes; ++v) {
    if (v == query || Depth(p, v) != Depth(p, query)) continue;
    expected.push_back(v);
    for (uint32_t u : Ancestors(p, v)) theirs.insert(u);
  }
  RC_ASSERT(context.nodes == expected);
  RC_ASSERT(context.query_depth == Depth(p, query));
  for (size_t i = 0; i < expected.size(); ++i) {
    const uint32_t v = expected[i];
    const bool is_ancestor = ancestors.count(v) > 0;
    size_t shortest = p.nodes + 1;
    for (const Path& path : PathsFrom(p, query)) {
      if (path.back() == v) shortest = std::min(shortest, path.size());
    }
    RC_ASSERT(context.hops[i] ==
              (is_ancestor ? static_cast<int32_t>(shortest) - 1 : 0));
    RC_ASSERT(context.depths[i] == Depth(p, v));
    RC_ASSERT(context.costs[i] == p.costs[v]);
    RC_ASSERT(context.is_parallel[i] == !is_ancestor);
    RC_ASSERT(context.is_common_ancestor[i] ==
              (is_ancestor && theirs.count(v) > 0));
    RC_ASSERT(context.on_critical_path[i] == (through[v] == longest));
  }
}

//  0   1
//   \ / \        3 joins 0 and 1, 4 filters 1, 5 joins 3 and 4
//    3   4
//     \ /
//      5    2 alone
TEST(DagContextTest, ASmallPlan) {
  const DagEdge edges[] = {{0, 3}, {1, 3}, {1, 4}, {3, 5}, {4, 5}};
  const double costs[] = {10, 1, 2, 1, 1, 1};
  const auto dag = Dag::Make(6, edges, costs);
  ASSERT_TRUE(dag.ok());
  EXPECT_THAT(dag->depths(), ElementsAre(0, 0, 0, 1, 1, 2));
  EXPECT_THAT(dag->on_critical_path(), ElementsAre(1, 0, 0, 1, 0, 1));
  const NodeContext root = ContextOfNode(*dag, 5, true);
  EXPECT_THAT(root.nodes, ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(root.hops, ElementsAre(2, 2, 1, 1));
  const NodeContext join = ContextOfNode(*dag, 3, true);
  EXPECT_THAT(join.nodes, ElementsAre(0, 1, 4));
  EXPECT_THAT(join.is_parallel, ElementsAre(0, 0, 1));
  EXPECT_THAT(join.is_common_ancestor, ElementsAre(0, 1, 0));
  EXPECT_THAT(ContextOfNode(*dag, 3, false).nodes, ElementsAre(0, 1));
  EXPECT_TRUE(ContextOfNode(*dag, 0, false).nodes.empty());
}

TEST(DagContextTest, MistakesAreErrors) {
  const auto error = [](uint32_t nodes, std::vector<DagEdge> edges,
                        std::vector<double> costs) {
    const auto dag = Dag::Make(nodes, edges, costs);
    EXPECT_EQ(dag.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(dag.status().message());
  };
  EXPECT_THAT(error(2, {{0, 1}, {1, 0}}, {}), HasSubstr("cycle"));
  EXPECT_THAT(error(1, {{0, 0}}, {}), HasSubstr("cycle"));
  EXPECT_THAT(error(2, {{0, 2}}, {}), HasSubstr("edge 0 to 2"));
  EXPECT_THAT(error(2, {}, {1}), HasSubstr("1 costs, expected 2"));
  EXPECT_THAT(error(1, {}, {std::nan("")}), HasSubstr("node 0 is nan"));
  EXPECT_TRUE(Dag::Make(0, {}).ok());
}

}  // namespace
}  // namespace ruvector::attention
