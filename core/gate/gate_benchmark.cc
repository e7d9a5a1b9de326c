// bazel run //core/gate:gate_benchmark
//
// BM_Decide* measure a decision whose operation and load the compiler cannot
// know; BM_Copy is the same with the table copied out first, as a reader under
// a sequence lock does; BM_DecideP99 gives the distribution.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/base/rng.h"
#include "core/gate/controller.h"
#include "core/gate/decision.h"
#include "core/gate/policy.h"
#include "core/gate/token_bucket.h"

namespace ruvector::gate {
namespace {

struct Question {
  Operation operation;
  Load load;
};

std::vector<Question> Questions() {
  Rng rng(1);
  std::vector<Question> questions(4096);
  for (Question& question : questions) {
    question.operation = static_cast<Operation>(rng.Below(kNumOperations));
    question.load = {static_cast<uint32_t>(rng.Below(20)),
                     static_cast<int64_t>(rng.Below(200))};
  }
  return questions;
}

void BM_Decide(benchmark::State& state) {
  const std::vector<Question> questions = Questions();
  const GateTable table =
      CompileGate(Policy(), static_cast<State>(state.range(0)));
  size_t i = 0;
  for (auto _ : state) {
    const Question& question = questions[i++ & 4095];
    benchmark::DoNotOptimize(Decide(table, question.operation, question.load));
  }
}
BENCHMARK(BM_Decide)->DenseRange(0, 2);

void BM_CopyAndDecide(benchmark::State& state) {
  const std::vector<Question> questions = Questions();
  GateTable shared = CompileGate(Policy(), State::kStress);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&shared);
    benchmark::ClobberMemory();
    GateTable table;
    std::memcpy(&table, &shared, sizeof table);
    const Question& question = questions[i++ & 4095];
    benchmark::DoNotOptimize(Decide(table, question.operation, question.load));
  }
}
BENCHMARK(BM_CopyAndDecide);

// Each decision timed alone; the cost of the clock is taken off.
void BM_DecideDistribution(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const std::vector<Question> questions = Questions();
  const GateTable table = CompileGate(Policy(), State::kCritical);
  std::vector<int64_t> decide, clock;
  size_t i = 0;
  for (auto _ : state) {
    const Question& question = questions[i++ & 4095];
    const auto begin = Clock::now();
    const auto empty = Clock::now();
    benchmark::DoNotOptimize(Decide(table, question.operation, question.load));
    const auto end = Clock::now();
    clock.push_back((empty - begin).count());
    decide.push_back((end - empty).count());
  }
  const auto quantile = [](std::vector<int64_t>& all, double q) {
    const size_t at = static_cast<size_t>(q * double(all.size() - 1));
    std::nth_element(all.begin(), all.begin() + at, all.end());
    return static_cast<double>(all[at]);
  };
  const double idle = quantile(clock, 0.5);
  state.counters["p50_ns"] = std::max(0.0, quantile(decide, 0.5) - idle);
  state.counters["p99_ns"] = std::max(0.0, quantile(decide, 0.99) - idle);
  state.counters["p999_ns"] = std::max(0.0, quantile(decide, 0.999) - idle);
}
BENCHMARK(BM_DecideDistribution)->Iterations(1000000);

void BM_BucketWithoutLimit(benchmark::State& state) {
  static TokenBucket bucket;
  bucket.Configure(0, 1, 1, 1);
  for (auto _ : state) benchmark::DoNotOptimize(bucket.Acquire(1));
}
BENCHMARK(BM_BucketWithoutLimit);

// Every acquire moves the line; with more threads they fight for one word.
void BM_BucketAcquire(benchmark::State& state) {
  static TokenBucket bucket;
  if (state.thread_index() == 0) bucket.Configure(1e8, 1, 30000000, 1000000);
  uint64_t now = 1000000;
  for (auto _ : state) benchmark::DoNotOptimize(bucket.Acquire(++now));
}
BENCHMARK(BM_BucketAcquire)->ThreadRange(1, 4)->UseRealTime();

void BM_CompileGate(benchmark::State& state) {
  const Policy policy;
  for (auto _ : state) {
    benchmark::DoNotOptimize(CompileGate(policy, State::kCritical));
  }
}
BENCHMARK(BM_CompileGate);

void BM_ControllerStep(benchmark::State& state) {
  const Policy policy;
  ControllerState controller;
  absl::Time at = absl::FromUnixSeconds(1800000000);
  for (auto _ : state) {
    at += absl::Minutes(1);
    controller = Step(policy, controller, {0.95, false, at}).next;
  }
  benchmark::DoNotOptimize(controller.state);
}
BENCHMARK(BM_ControllerStep);

void BM_MergePolicy(benchmark::State& state) {
  const Policy policy;
  for (auto _ : state) {
    benchmark::DoNotOptimize(MergePolicy(
        policy, R"({"stress_actions":{"throttle_inserts_pct":75}})"));
  }
}
BENCHMARK(BM_MergePolicy);

}  // namespace
}  // namespace ruvector::gate

BENCHMARK_MAIN();
