#include "core/cut/kernel.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

#include "core/cut/adjacency.h"
#include "core/cut/degrees.h"
#include "core/cut/dense_graph.h"
#include "core/cut/least_cut.h"
#include "core/cut/search.h"
#include "core/cut/sparse_pass.h"

namespace ruvector::cut {
namespace {

constexpr int64_t kNoPendant = std::numeric_limits<int64_t>::max();

// Solving a kernel of this size costs a few microseconds.
constexpr int kMaxNodes = 48;

// tau as a multiple of the least cut, from the longest lasting to the
// shortest.
constexpr double kRatios[] = {16, 8, 4, 2, 1.5, 1.25, 1.1, 1.05, 1.02};
// A pendant must exceed the least cut by this factor when the kernel is built.
constexpr double kPendantRatio = 1.1;

struct Classing {
  std::vector<uint32_t> label;
  int labels = 0;
};

// Passes and contractions until a pass contracts little or `enough` are left.
template <typename Weight>
Classing ClassesAt(Adjacency<Weight> graph, Weight tau) {
  Classing result;
  result.labels = graph.size();
  result.label.resize(graph.size());
  std::iota(result.label.begin(), result.label.end(), 0);
  for (;;) {
    int labels = 0;
    const std::vector<uint32_t> label =
        MaximumAdjacencyPass(graph, tau, /*lower_cap=*/false)
            .Labels(tau, graph.size(), &labels);
    if (labels == graph.size()) return result;
    const bool little = 10 * labels > 9 * graph.size();
    for (uint32_t& l : result.label) l = label[l];
    result.labels = labels;
    if (labels == 1 || little) return result;
    graph = graph.Contract(label, labels);
  }
}

Classing ClassesAt(absl::Span<const Edge> edges, const Degrees& degrees,
                   int64_t tau) {
  if (degrees.total <= std::numeric_limits<int32_t>::max()) {
    return ClassesAt(Adjacency<int32_t>(edges, degrees),
                     static_cast<int32_t>(tau));
  }
  return ClassesAt(Adjacency<int64_t>(edges, degrees), tau);
}

uint32_t LargestClass(const Classing& classes) {
  std::vector<int> size(classes.labels);
  for (uint32_t l : classes.label) ++size[l];
  return static_cast<uint32_t>(std::max_element(size.begin(), size.end()) -
                               size.begin());
}

}  // namespace

std::optional<Kernel> Kernel::Build(int n, absl::Span<const Edge> edges,
                                    int64_t least, int* hint) {
  const absl::StatusOr<Degrees> degrees = SumDegrees(n, edges);
  if (!degrees.ok()) return std::nullopt;
  constexpr int kCount = static_cast<int>(std::size(kRatios));
  for (int r = std::max(0, *hint - 1); r < kCount; ++r) {
    const double tau = static_cast<double>(least) * kRatios[r] + 1;
    // Nothing weighs more than everything.
    if (tau > static_cast<double>(degrees->total)) continue;
    Kernel kernel;
    kernel.tau_ = static_cast<int64_t>(tau);
    Classing classes = ClassesAt(edges, *degrees, kernel.tau_);
    const uint32_t core = LargestClass(classes);

    kernel.in_core_.resize(n);
    for (int x = 0; x < n; ++x) {
      kernel.in_core_[x] = classes.label[x] == core;
    }
    std::vector<int64_t> to_core(n);
    for (const Edge& e : edges) {
      if (kernel.in_core_[e.u]) to_core[e.v] += e.weight;
      if (kernel.in_core_[e.v]) to_core[e.u] += e.weight;
    }
    std::vector<int> alone(classes.labels);
    for (uint32_t l : classes.label) ++alone[l];
    const int64_t enough =
        static_cast<int64_t>(static_cast<double>(least) * kPendantRatio) + 1;
    constexpr uint32_t kUnnamed = ~uint32_t{0};
    std::vector<uint32_t> name(classes.labels, kUnnamed);
    name[core] = 0;
    uint32_t nodes = 1;
    kernel.node_.resize(n);
    kernel.to_core_.assign(n, kNoPendant);
    for (int x = 0; x < n; ++x) {
      const uint32_t l = classes.label[x];
      if (l != core && alone[l] == 1 && to_core[x] >= enough) {
        kernel.to_core_[x] = to_core[x];
        kernel.node_[x] = 0;
        continue;
      }
      if (name[l] == kUnnamed) name[l] = nodes++;
      kernel.node_[x] = name[l];
    }
    if (nodes > kMaxNodes) continue;
    kernel.base_.resize(edges.size());
    for (size_t i = 0; i < edges.size(); ++i) kernel.base_[i] = edges[i].weight;
    kernel.FillWeights(edges, static_cast<int>(nodes));
    *hint = r;
    return kernel;
  }
  *hint = kCount;
  return std::nullopt;
}

void Kernel::FillWeights(absl::Span<const Edge> edges, int nodes) {
  nodes_ = static_cast<size_t>(nodes);
  weights_.assign(nodes_ * nodes_, 0);
  for (const Edge& e : edges) {
    const uint32_t a = node_[e.u], b = node_[e.v];
    if (a == b) continue;
    weight(a, b) += e.weight;
    weight(b, a) += e.weight;
  }
}

void Kernel::Change(size_t index, const Edge& before, int32_t after) {
  const int32_t base = base_[index];
  lost_ += std::max(0, base - after) - std::max(0, base - before.weight);
  const int64_t rise = int64_t{after} - before.weight;
  const uint32_t a = node_[before.u], b = node_[before.v];
  if (a != b) {
    weight(a, b) += rise;
    weight(b, a) += rise;
    return;
  }
  for (const auto& [pendant, other] :
       {std::pair(before.u, before.v), std::pair(before.v, before.u)}) {
    if (in_core_[other] && to_core_[pendant] != kNoPendant) {
      to_core_[pendant] += rise;
    }
  }
}

int64_t Kernel::FloorAt(uint32_t u, uint32_t v) const {
  return std::min({ClassFloor(), to_core_[u], to_core_[v]});
}

int64_t Kernel::Floor() const {
  return std::min(ClassFloor(),
                  *std::min_element(to_core_.begin(), to_core_.end()));
}

std::vector<uint8_t> Kernel::FindCutBelow(int64_t value) const {
  DenseGraph<int64_t> graph(static_cast<int>(nodes_));
  for (uint32_t a = 0; a < nodes_; ++a) {
    for (uint32_t b = 0; b < a; ++b) graph.Add(a, b, weights_[a * nodes_ + b]);
  }
  LeastCut least(static_cast<int>(nodes_));
  SearchDense(std::move(graph), least);
  if (least.value() >= value) return {};
  const std::vector<uint8_t> kernel_side = least.TakeSide();
  std::vector<uint8_t> side(node_.size());
  for (size_t x = 0; x < side.size(); ++x) side[x] = kernel_side[node_[x]];
  return side;
}

}  // namespace ruvector::cut
