// What one pass costs as a collection grows from 10 to 10,000 nodes: building
// the graph (health, topology, contraction, node data), assessing it, and the
// texts. One node in fifty is a partition, the others are its IVFFlat lists;
// one in ten is hurt, so that contraction has something to keep.
#include <cstdint>

#include "benchmark/benchmark.h"
#include "core/base/rng.h"
#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/test_world.h"
#include "core/graph/witness.h"

namespace ruvector::graph {
namespace {

World WorldOf(int64_t nodes) {
  Shape shape;
  shape.partitions = nodes < 100 ? 1 : nodes / 50;
  shape.lists = nodes / shape.partitions - 1;
  shape.archiver = true;
  World world = Healthy(shape);
  Rng rng(nodes);
  for (size_t p = 0; p < world.now.tables.size(); ++p) {
    if (rng.Below(10) == 0) {
      world.now.tables[p].dead_tuples = static_cast<int64_t>(rng.Below(40000));
    }
    for (int64_t l = 0; l < shape.lists; ++l) {
      if (rng.Below(10) == 0) DriftList(&world, static_cast<int64_t>(p), l);
    }
  }
  return world;
}

BuildOptions Options(int64_t most) {
  BuildOptions options;
  options.max_nodes = most;
  return options;
}

constexpr int64_t kUnbounded = 1 << 20;

void Count(const ContractedGraph& graph, benchmark::State& state) {
  state.counters["nodes"] = static_cast<double>(graph.nodes.size());
  state.counters["edges"] = static_cast<double>(graph.edges.size());
}

void BM_Build(benchmark::State& state) {
  const World world = WorldOf(state.range(0));
  ContractedGraph graph;
  for (auto _ : state) {
    graph = *Build(world.now, &world.last, Options(state.range(1)));
    benchmark::DoNotOptimize(graph);
  }
  Count(graph, state);
}

void Assessing(benchmark::State& state, const AssessOptions& options) {
  const World world = WorldOf(state.range(0));
  const ContractedGraph graph =
      *Build(world.now, &world.last, Options(state.range(1)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Assess(graph, options));
  }
  Count(graph, state);
}

// The cuts that decide the state.
void BM_Assess(benchmark::State& state) {
  AssessOptions options;
  options.compute_nontrivial = false;
  Assessing(state, options);
}

// With the best non-trivial cut and lambda2.
void BM_AssessAll(benchmark::State& state) {
  AssessOptions options;
  options.compute_lambda2 = true;
  Assessing(state, options);
}

void BM_Texts(benchmark::State& state) {
  const World world = WorldOf(state.range(0));
  const ContractedGraph graph =
      *Build(world.now, &world.last, Options(state.range(1)));
  const Assessment assessment = *Assess(graph, {});
  for (auto _ : state) {
    benchmark::DoNotOptimize(WitnessJson(graph, assessment));
  }
}

void Sizes(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kMicrosecond)->ArgNames({"observed", "max"});
  for (int64_t nodes : {10, 30, 100, 300, 1000, 3000, 10000}) {
    b->Args({nodes, 1000});
    if (nodes > 1000) b->Args({nodes, kUnbounded});
  }
}
BENCHMARK(BM_Build)->Apply(Sizes);
BENCHMARK(BM_Assess)->Apply(Sizes);
BENCHMARK(BM_AssessAll)->Apply(Sizes);
BENCHMARK(BM_Texts)->Apply(Sizes);

}  // namespace
}  // namespace ruvector::graph

BENCHMARK_MAIN();
