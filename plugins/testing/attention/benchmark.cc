// bazel run -c opt //plugins/testing/attention:benchmark
//
// Each mechanism over n ancestors of d dimensions, with all its context:
//   Forward   through the C table: checks, mathematics, no allocation
//   Attend    through the registry, with its checks and the result's memory
// and Context: a DAG of n nodes made, and the context of its root found.
#include "benchmark/benchmark.h"

#include <cstdlib>
#include <limits>
#include <vector>

#include "core/attention/dag_context.h"
#include "core/attention/registry.h"
#include "core/base/rng.h"
#include "plugins/testing/attention/built_in.h"

namespace ruvector::attention {
namespace {

// A plan-like tree: node v feeds a later one, three at most between them.
std::vector<DagEdge> Tree(uint32_t nodes) {
  Rng rng(2);
  std::vector<DagEdge> edges;
  for (uint32_t v = 0; v + 1 < nodes; ++v) {
    const uint64_t far = std::min<uint64_t>(3, nodes - 1 - v);
    edges.push_back({v, v + 1 + static_cast<uint32_t>(rng.Below(far))});
  }
  return edges;
}

struct Data {
  std::vector<float> query, keys, criticalities;
  std::vector<double> times;
  NodeContext context;

  Data(uint32_t count, uint32_t dim) {
    Rng rng(1);
    context =
        ContextOfNode(*Dag::Make(count + 1, Tree(count + 1)), count, false);
    if (context.nodes.size() != count) std::abort();
    const auto number = [&] { return static_cast<float>(rng.Uniform() - 0.5); };
    for (uint32_t j = 0; j < dim; ++j) query.push_back(number());
    for (uint32_t j = 0; j < count * dim; ++j) keys.push_back(number());
    for (uint32_t i = 0; i < count; ++i) {
      criticalities.push_back(static_cast<float>(rng.Uniform()));
      times.push_back(1000 * rng.Uniform());
    }
  }
  AttentionRequest Request() const {
    AttentionRequest request;
    request.query = query;
    request.keys = keys;
    context.Lend(request);
    request.criticalities = criticalities;
    request.timestamps_ms = times;
    return request;
  }
};

Data Sized(const benchmark::State& state) {
  return Data(static_cast<uint32_t>(state.range(0)),
              static_cast<uint32_t>(state.range(1)));
}

void Attend(benchmark::State& state, const Mechanism& mechanism) {
  const Data data = Sized(state);
  const AttentionRequest request = data.Request();
  if (!mechanism.Attend(request).ok()) std::abort();
  for (auto _ : state) benchmark::DoNotOptimize(mechanism.Attend(request));
}

void Forward(benchmark::State& state, const ruvector_attention_table& table) {
  const Data data = Sized(state);
  const AttentionRequest r = data.Request();
  std::vector<ruvector_value> parameters;
  for (uint32_t i = 0; i < table.parameter_count; ++i) {
    parameters.push_back(table.parameters[i].fallback);
  }
  const ruvector_attention_input input = {
      sizeof(input),
      static_cast<uint32_t>(data.query.size()),
      static_cast<uint32_t>(data.times.size()),
      *r.query_depth,
      std::numeric_limits<double>::quiet_NaN(),
      r.query.data(),
      r.keys.data(),
      r.depths.data(),
      r.hops.data(),
      r.costs.data(),
      r.criticalities.data(),
      r.on_critical_path.data(),
      r.is_parallel.data(),
      r.is_common_ancestor.data(),
      r.timestamps_ms.data()};
  std::vector<float> weights(input.count), aggregated(input.dim);
  std::vector<double> scratch(
      table.scratch_size(input.count, input.dim) / sizeof(double) + 1);
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      aggregated.data(), scratch.data()};
  for (auto _ : state) {
    if (table.forward(parameters.data(), &input, &output, nullptr, 0) != 0) {
      std::abort();
    }
    benchmark::ClobberMemory();
  }
}

void Context(benchmark::State& state) {
  const uint32_t nodes = static_cast<uint32_t>(state.range(0));
  const std::vector<DagEdge> edges = Tree(nodes);
  for (auto _ : state) {
    const auto dag = Dag::Make(nodes, edges);
    benchmark::DoNotOptimize(ContextOfNode(*dag, nodes - 1, true));
  }
}

void RegisterAll() {
  for (const Mechanism& mechanism : BuiltIn().All()) {
    benchmark::RegisterBenchmark(
        ("Forward/" + mechanism.name()).c_str(),
        [mechanism](benchmark::State& s) { Forward(s, mechanism.table()); })
        ->Args({100, 64});
    benchmark::RegisterBenchmark(
        ("Attend/" + mechanism.name()).c_str(),
        [mechanism](benchmark::State& s) { Attend(s, mechanism); })
        ->Args({100, 64})
        ->Args({1000, 64});
  }
  benchmark::RegisterBenchmark("Context", &Context)
      ->Arg(20)
      ->Arg(100)
      ->Arg(1000);
}

}  // namespace
}  // namespace ruvector::attention

int main(int argc, char** argv) {
  ruvector::attention::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
