// bazel run //plugins/attention/topological:benchmark
//
// One call over n ancestors of d dimensions: through the C table (forward),
// through the registry with its checks and allocations (attend), and the same
// mathematics in Eigen's floats without any check, as the yardstick.
#include "benchmark/benchmark.h"

#include <cmath>
#include <vector>

#include "Eigen/Core"
#include "core/attention/registry.h"
#include "core/base/rng.h"

extern "C" const ruvector_plugin_descriptor* ruvector_plugin_v1_topological(
    void);

namespace ruvector::attention {
namespace {

struct Data {
  std::vector<float> query, keys;

  explicit Data(const benchmark::State& state) {
    Rng rng(1);
    query.resize(static_cast<size_t>(state.range(1)));
    keys.resize(query.size() * static_cast<size_t>(state.range(0)));
    for (float& v : query) v = static_cast<float>(rng.Uniform() - 0.5);
    for (float& v : keys) v = static_cast<float>(rng.Uniform() - 0.5);
  }
  uint32_t count() const {
    return static_cast<uint32_t>(keys.size() / query.size());
  }
  uint32_t dim() const { return static_cast<uint32_t>(query.size()); }
};

void Forward(benchmark::State& state) {
  const Data data(state);
  const ruvector_attention_table& table =
      *ruvector_plugin_v1_topological()->attention;
  std::vector<ruvector_value> parameters;
  for (uint32_t i = 0; i < table.parameter_count; ++i) {
    parameters.push_back(table.parameters[i].fallback);
  }
  ruvector_attention_input input = {};
  input.struct_size = sizeof(input);
  input.dim = data.dim();
  input.count = data.count();
  input.query_depth = -1;
  input.query = data.query.data();
  input.keys = data.keys.data();
  std::vector<float> weights(input.count), aggregated(input.dim);
  std::vector<double> scratch(
      table.scratch_size(input.count, input.dim) / sizeof(double) + 1);
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      aggregated.data(), scratch.data()};
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        table.forward(parameters.data(), &input, &output, nullptr, 0));
    benchmark::ClobberMemory();
  }
}

void Attend(benchmark::State& state) {
  const Data data(state);
  MechanismRegistry registry;
  if (!registry.Add(ruvector_plugin_v1_topological()).ok()) std::abort();
  const Mechanism topological = *registry.Find("topological");
  AttentionRequest request;
  request.query = data.query;
  request.keys = data.keys;
  for (auto _ : state) {
    benchmark::DoNotOptimize(topological.Attend(request));
  }
}

void EigenFloat(benchmark::State& state) {
  const Data data(state);
  using Matrix =
      Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> keys(data.keys.data(), data.count(),
                                      data.dim());
  const Eigen::Map<const Eigen::VectorXf> query(data.query.data(), data.dim());
  Eigen::VectorXf weights, aggregated;
  for (auto _ : state) {
    weights = keys * query / std::sqrt(static_cast<float>(data.dim()));
    weights = (weights.array() - weights.maxCoeff()).exp();
    weights /= weights.sum();
    aggregated = keys.transpose() * weights;
    benchmark::DoNotOptimize(aggregated.data());
    benchmark::ClobberMemory();
  }
}

void Sizes(benchmark::internal::Benchmark* b) {
  for (int64_t dim : {64, 256}) {
    for (int64_t count : {10, 100, 500, 1000}) b->Args({count, dim});
  }
}

BENCHMARK(Forward)->Apply(Sizes);
BENCHMARK(Attend)->Apply(Sizes);
BENCHMARK(EigenFloat)->Apply(Sizes);

}  // namespace
}  // namespace ruvector::attention

BENCHMARK_MAIN();
