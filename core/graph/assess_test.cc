// Assess() against brute force over all sides, on random small graphs.
#include "core/graph/assess.h"

#include <cmath>
#include <limits>

#include "core/base/rng.h"
#include "core/graph/build.h"
#include "core/graph/test_world.h"
#include "gtest/gtest.h"

namespace ruvector::graph {
namespace {

// A random connected graph with a random service on its routing edges.
ContractedGraph RandomGraph(Rng* rng, uint32_t n) {
  ContractedGraph graph;
  graph.has_data = true;
  for (uint32_t v = 0; v < n; ++v) {
    Node node;
    node.type = v == 0 ? NodeType::kShard : NodeType::kPartition;
    node.id = v;
    node.name = "n" + std::to_string(v);
    graph.nodes.push_back(node);
  }
  const auto add = [&](uint32_t a, uint32_t b, EdgeType type) {
    Edge edge;
    edge.source = a;
    edge.target = b;
    edge.type = type;
    edge.baseline = static_cast<double>(1 + rng->Below(8)) / 8;
    edge.capacity = edge.baseline * static_cast<double>(rng->Below(9)) / 8;
    edge.error_rate = rng->Below(4) == 0 ? 0.5 : 0;
    if (type == EdgeType::kRoutingLink) {
      edge.service_baseline = static_cast<double>(1 + rng->Below(8)) / 16;
      edge.service =
          edge.service_baseline * static_cast<double>(rng->Below(5)) / 4;
    }
    graph.edges.push_back(edge);
  };
  for (uint32_t v = 1; v < n; ++v) {
    add(v, static_cast<uint32_t>(rng->Below(v)), EdgeType::kRoutingLink);
  }
  for (uint64_t i = rng->Below(2 * n); i > 0; --i) {
    const auto a = static_cast<uint32_t>(rng->Below(n));
    const auto b = static_cast<uint32_t>(rng->Below(n));
    if (a != b) {
      add(a, b,
          rng->Below(2) == 0 ? EdgeType::kRoutingLink
                             : EdgeType::kPartitionLink);
    }
  }
  for (uint32_t v = 1; v < n; ++v) {
    if (rng->Below(2) == 0 || v == n - 1) graph.data_sinks.push_back(v);
  }
  return graph;
}

// The least sum over all sides (bit masks) that `allowed` accepts.
template <typename Allowed, typename Weight>
double Least(const ContractedGraph& graph, Allowed allowed, Weight weight) {
  double least = std::numeric_limits<double>::infinity();
  const uint32_t n = static_cast<uint32_t>(graph.nodes.size());
  for (uint32_t side = 1; side + 1 < (1u << n); ++side) {
    if (!allowed(side)) continue;
    double sum = 0;
    for (const Edge& e : graph.edges) {
      if (((side >> e.source) ^ (side >> e.target)) & 1) sum += weight(e);
    }
    least = std::min(least, sum);
  }
  return least;
}

double WitnessSum(const ContractedGraph& graph, const Assessment& a) {
  double sum = 0;
  for (uint32_t e : a.witness) {
    const Edge& edge = graph.edges[e];
    EXPECT_NE(a.side[edge.source], a.side[edge.target]);
    sum += a.kind == CutKind::kGlobal ? EffectiveCapacity(edge) : edge.service;
  }
  return sum;
}

TEST(Assess, EqualsBruteForce) {
  int by_service = 0, by_lambda = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const auto n = static_cast<uint32_t>(2 + rng.Below(8));
    const ContractedGraph graph = RandomGraph(&rng, n);
    const absl::StatusOr<Assessment> got = Assess(graph, AssessOptions());
    ASSERT_TRUE(got.ok()) << got.status();

    const auto any = [](uint32_t) { return true; };
    const double lambda = Least(graph, any, EffectiveCapacity);
    const double baseline =
        Least(graph, any, [](const Edge& e) { return e.baseline; });
    EXPECT_EQ(*got->lambda_raw, lambda);
    EXPECT_EQ(*got->lambda_baseline, baseline);
    EXPECT_NEAR(*got->lambda_norm, std::min(1.0, lambda / baseline), 1e-12);

    uint32_t sinks = 0;
    for (uint32_t v : graph.data_sinks) sinks |= 1u << v;
    const auto parts = [sinks](uint32_t side) {
      return (side & 1) == 0 && (side & sinks) == sinks;
    };
    const double service =
        Least(graph, parts, [](const Edge& e) { return e.service; });
    const double full =
        Least(graph, parts, [](const Edge& e) { return e.service_baseline; });
    EXPECT_NEAR(*got->service_norm, std::min(1.0, service / full), 1e-12);
    EXPECT_EQ(*got->norm, std::min(*got->lambda_norm, *got->service_norm));

    const bool global = *got->lambda_norm <= *got->service_norm;
    EXPECT_EQ(got->kind, global ? CutKind::kGlobal : CutKind::kData);
    EXPECT_NEAR(WitnessSum(graph, *got), global ? lambda : service, 1e-12);
    EXPECT_EQ(got->side[graph.root], 0);
    ++(global ? by_lambda : by_service);

    if (n < 4) {
      EXPECT_FALSE(got->nontrivial.has_value());
      continue;
    }
    const double seam = Least(
        graph,
        [n](uint32_t side) {
          const int size = __builtin_popcount(side);
          return size >= 2 && size + 2 <= static_cast<int>(n);
        },
        EffectiveCapacity);
    ASSERT_TRUE(got->nontrivial.has_value());
    EXPECT_EQ(got->nontrivial->value, seam);
    double sum = 0;
    for (uint32_t e : got->nontrivial->edges) {
      sum += EffectiveCapacity(graph.edges[e]);
    }
    EXPECT_EQ(sum, seam);
  }
  EXPECT_GT(by_service, 20);
  EXPECT_GT(by_lambda, 20);
}

// With one partition and no index the graph is a star of unit edges, whose
// algebraic connectivity is 1 (2 for the single edge).
TEST(Assess, Lambda2OfAStar) {
  Shape shape;
  shape.async_replicas = 4;
  const World world = Healthy(shape);
  const auto graph = Build(world.now, &world.last, {});
  ASSERT_TRUE(graph.ok());
  AssessOptions options;
  EXPECT_FALSE(Assess(*graph, options)->lambda2.has_value());
  options.compute_lambda2 = true;
  EXPECT_NEAR(*Assess(*graph, options)->lambda2, 1, 1e-8);
}

// ANY q of m standbys: commits flow while q are up, whichever they are.
TEST(Assess, CommitQuorum) {
  for (int64_t m = 1; m <= 4; ++m) {
    for (int64_t q = 1; q <= m; ++q) {
      for (uint32_t lost = 0; lost < (1u << m); ++lost) {
        Shape shape;
        shape.sync_replicas = m;
        World world = Healthy(shape);
        world.now.replication.required_sync = q;
        for (int64_t i = 0; i < m; ++i) {
          world.now.replication.replicas[i].sync_state = SyncState::kQuorum;
          if (lost >> i & 1) LoseReplica(&world, i);
        }
        const auto graph = Build(world.now, &world.last, {});
        const auto got = Assess(*graph, {});
        ASSERT_TRUE(got.ok()) << got.status();
        const int64_t up = m - __builtin_popcount(lost);
        const double service =
            static_cast<double>(std::min(up, q)) / static_cast<double>(q);
        EXPECT_NEAR(*got->service_norm, service, 1e-9)
            << m << " " << q << " " << lost;
        if (up < q) {
          EXPECT_LT(*got->norm, 0.3);  // commits wait
        } else if (up < m) {
          EXPECT_NEAR(*got->norm, 0.55, 1e-3);  // redundancy is lost
        } else {
          EXPECT_EQ(*got->norm, 1);
        }
      }
    }
  }
}

TEST(Assess, FewerThanTwoNodesOrNoDataIsUnknown) {
  ContractedGraph graph;
  EXPECT_EQ(Assess(graph, {})->norm, std::nullopt);
  graph.has_data = true;
  graph.nodes.push_back(Node{});
  EXPECT_EQ(Assess(graph, {})->norm, std::nullopt);
  EXPECT_EQ(Assess(graph, {})->side.size(), 1u);
}

TEST(Assess, RefusesWhatCannotBe) {
  Rng rng(1);
  const ContractedGraph good = RandomGraph(&rng, 5);
  ASSERT_TRUE(Assess(good, {}).ok());
  const auto refused = [&](auto hurt, const char* mention) {
    ContractedGraph graph = good;
    hurt(graph);
    const absl::Status status = Assess(graph, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(mention), std::string::npos) << status;
  };
  refused([](auto& g) { g.edges[1].capacity = NAN; }, "edge 1: capacity");
  refused([](auto& g) { g.edges[0].capacity = -1; }, "capacity is -1");
  refused([](auto& g) { g.edges[0].baseline = INFINITY; }, "baseline");
  refused([](auto& g) { g.edges[0].service = -1; }, "service");
  refused([](auto& g) { g.edges[2].error_rate = 1.1; }, "error_rate");
  refused([](auto& g) { g.edges[2].target = 5; }, "an index of a node");
  refused([](auto& g) { g.edges[2].target = g.edges[2].source; }, "target");
  refused([](auto& g) { g.nodes[4].id = 3; }, "partition 3 is given twice");
  refused([](auto& g) { g.nodes[4].health = 2; }, "health");
  refused([](auto& g) { g.data_sinks[0] = 77; }, "data sink 77");
  refused([](auto& g) { g.root = 5; }, "root");
  refused([](auto& g) { g.edges.clear(); }, "falls apart");
}

}  // namespace
}  // namespace ruvector::graph
