// How fast the cuts are, each family beside its own yardstick in one run.
//
//   bazel build //core/cut:cut_benchmark
//   taskset -c 1 bazel-bin/core/cut/cut_benchmark --benchmark_filter='4_20k'
//
// Degrees is the yardstick of the reference table: one pass over the list that
// accumulates node degrees, as plainly as it can be written. The Spectra modes
// are the yardstick of lambda2, Boost's stoer_wagner_min_cut that of the cut.
// docs/benchmarks/cut.md has the figures, and how the ratios are made.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "Eigen/SparseCore"
#include "Spectra/MatOp/SparseSymMatProd.h"
#include "Spectra/MatOp/SparseSymShiftSolve.h"
#include "Spectra/SymEigsShiftSolver.h"
#include "Spectra/SymEigsSolver.h"
#include "benchmark/benchmark.h"
#include "core/base/rng.h"
#include "core/cut/algebraic_connectivity.h"
#include "core/cut/incremental_cut.h"
#include "core/cut/minimum_cut.h"
#include "core/cut/nontrivial_cut.h"
#include "core/cut/oracle.h"
#include "core/cut/terminal_cut.h"
#include "core/cut/workload.h"

namespace ruvector::cut {
namespace {

void Degrees(benchmark::State& state, const Workload& w) {
  std::vector<int64_t> degree(w.n);
  for (auto _ : state) {
    std::fill(degree.begin(), degree.end(), 0);
    for (const Edge& e : w.edges) {
      degree[e.u] += e.weight;
      degree[e.v] += e.weight;
    }
    benchmark::DoNotOptimize(degree.data());
    benchmark::ClobberMemory();
  }
}

void Auto(benchmark::State& state, const Workload& w) {
  for (auto _ : state) benchmark::DoNotOptimize(MinimumCut(w.n, w.edges));
}

void Boost(benchmark::State& state, const Workload& w) {
  for (auto _ : state) benchmark::DoNotOptimize(BoostMinimumCut(w.n, w.edges));
}

void Nontrivial(benchmark::State& state, const Workload& w) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(MinimumNontrivialCut(w.n, w.edges));
  }
}

void Terminal(benchmark::State& state, const Workload& w) {
  const uint32_t sink = static_cast<uint32_t>(w.n - 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(MinimumTerminalCut(w.n, w.edges, {0}, {sink}));
  }
}

// One random edge moved by up to 20 %. The time is the median over the calls
// of a repetition, read around each call; the mean stands beside it.
void Incremental(benchmark::State& state, const Workload& w) {
  IncrementalCut cut = *IncrementalCut::Create(w.n, w.edges);
  Rng rng(1);
  std::vector<double> times;
  double sum = 0;
  for (auto _ : state) {
    const uint32_t edge = static_cast<uint32_t>(rng.Below(w.edges.size()));
    const int32_t weight = static_cast<int32_t>(w.edges[edge].weight *
                                                (0.8 + 0.4 * rng.Uniform()));
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(cut.SetWeight(edge, weight));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    state.SetIterationTime(seconds);
    times.push_back(seconds);
    sum += seconds;
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2,
                   times.end());
  state.counters["median_us"] = times[times.size() / 2] * 1e6;
  state.counters["mean_us"] = sum / static_cast<double>(times.size()) * 1e6;
  state.counters["rebuilds"] = static_cast<double>(cut.stats().rebuilds);
}

std::vector<WeightedEdge> Capacities(const Workload& w) {
  std::vector<WeightedEdge> edges;
  for (const Edge& e : w.edges)
    edges.push_back({e.u, e.v, FromFixed(e.weight)});
  return edges;
}

void Lambda2(benchmark::State& state, const Workload& w) {
  const std::vector<WeightedEdge> edges = Capacities(w);
  double lambda2 = 0;
  for (auto _ : state) lambda2 = *AlgebraicConnectivity(w.n, edges);
  state.counters["lambda2"] = lambda2;
}

// sign * L + diagonal * I from the list, as a user of Spectra would build it.
Eigen::SparseMatrix<double> ShiftedLaplacian(
    int n, const std::vector<WeightedEdge>& edges, double sign,
    double diagonal) {
  std::vector<Eigen::Triplet<double>> entries;
  for (const WeightedEdge& e : edges) {
    entries.emplace_back(e.u, e.v, -sign * e.weight);
    entries.emplace_back(e.v, e.u, -sign * e.weight);
    entries.emplace_back(e.u, e.u, sign * e.weight);
    entries.emplace_back(e.v, e.v, sign * e.weight);
  }
  for (int x = 0; x < n; ++x) entries.emplace_back(x, x, diagonal);
  Eigen::SparseMatrix<double> matrix(n, n);
  matrix.setFromTriplets(entries.begin(), entries.end());
  return matrix;
}

// The greatest eigenvalues of c I - L, c a bound of L's greatest.
void SpectraShifted(benchmark::State& state, const Workload& w) {
  const std::vector<WeightedEdge> edges = Capacities(w);
  double lambda2 = 0;
  for (auto _ : state) {
    std::vector<double> degree(w.n);
    for (const WeightedEdge& e : edges) {
      degree[e.u] += e.weight;
      degree[e.v] += e.weight;
    }
    const double c = 2 * *std::max_element(degree.begin(), degree.end());
    const auto matrix = ShiftedLaplacian(w.n, edges, -1, c);
    Spectra::SparseSymMatProd<double> op(matrix);
    Spectra::SymEigsSolver<Spectra::SparseSymMatProd<double>> solver(op, 2, 20);
    solver.init();
    solver.compute(Spectra::SortRule::LargestAlge, 10000, 1e-10);
    lambda2 = c - solver.eigenvalues()[1];
  }
  state.counters["lambda2"] = lambda2;
}

// The eigenvalues nearest to a shift just below 0.
void SpectraInverse(benchmark::State& state, const Workload& w) {
  const std::vector<WeightedEdge> edges = Capacities(w);
  double lambda2 = 0;
  for (auto _ : state) {
    const auto matrix = ShiftedLaplacian(w.n, edges, 1, 0);
    Spectra::SparseSymShiftSolve<double> op(matrix);
    Spectra::SymEigsShiftSolver<Spectra::SparseSymShiftSolve<double>> solver(
        op, 2, 12, -1e-3);
    solver.init();
    solver.compute(Spectra::SortRule::LargestMagn, 1000, 1e-10);
    lambda2 = std::max(solver.eigenvalues()[0], solver.eigenvalues()[1]);
  }
  state.counters["lambda2"] = lambda2;
}

void RegisterAll() {
  for (const std::string name : WorkloadNames()) {
    const Workload w = MakeWorkload(name, 1);
    const auto add = [&](const char* what, auto run) {
      return benchmark::RegisterBenchmark((what + ("/" + name)).c_str(), run, w)
          ->Unit(benchmark::kMicrosecond);
    };
    add("Degrees", Degrees);
    add("Auto", Auto);
    add("Boost", Boost)->Iterations(1);
    add("Nontrivial", Nontrivial);
    add("Terminal", Terminal);
    add("Incremental", Incremental)->Iterations(20000)->UseManualTime();
    if (name == "G1lit") continue;  // lambda2 is 0
    add("Lambda2", Lambda2);
    add("SpectraShifted", SpectraShifted);
    add("SpectraInverse", SpectraInverse);
  }
}

}  // namespace
}  // namespace ruvector::cut

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  ruvector::cut::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
}
