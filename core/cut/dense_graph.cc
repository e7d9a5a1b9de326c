#include "core/cut/dense_graph.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/cut/classes.h"
#include "core/cut/key_scan.h"

namespace ruvector::cut {
namespace {

size_t StrideFor(int n) {
  const size_t padded = PaddedSize(static_cast<size_t>(n));
  return padded % 256 == 0 ? padded + kKeyBlock : padded;
}

template <typename Weight>
class DenseFrontier {
 public:
  DenseFrontier(const DenseGraph<Weight>& graph, Weight cap)
      : graph_(graph),
        cap_(cap),
        never_ready_(graph.stride() - graph.size()),
        key_(graph.stride(), kTaken<Weight>) {
    for (uint32_t x : graph.alive()) key_[x] = 0;
  }

  Weight Take(uint32_t x) {
    ++never_ready_;
    return std::exchange(key_[x], kTaken<Weight>);
  }
  uint32_t Next() const {
    return static_cast<uint32_t>(ArgMax(key_.data(), key_.size()));
  }
  void Scan(uint32_t x) {
    below_cap_ = AddRow(key_.data(), graph_.row(x), key_.size(), cap_);
  }
  void LowerCap(Weight cap) { cap_ = cap; }
  bool AllReady() const { return below_cap_ == never_ready_; }

 private:
  const DenseGraph<Weight>& graph_;
  Weight cap_;
  size_t never_ready_;  // taken nodes, dead nodes, padding
  size_t below_cap_ = 0;
  std::vector<Weight> key_;
};

}  // namespace

template <typename Weight>
DenseGraph<Weight>::DenseGraph(int n)
    : stride_(StrideFor(n)), weights_(n * stride_), degree_(n), alive_(n) {
  std::iota(alive_.begin(), alive_.end(), 0);
}

template <typename Weight>
void DenseGraph<Weight>::Absorb(uint32_t into, uint32_t x) {
  // Either difference first: twice the weight, or both degrees, may not fit.
  const Weight between = row(into)[x];
  degree_[into] = (degree_[into] - between) + (degree_[x] - between);
  AddInto(row(into), row(x), stride_);
  row(into)[into] = 0;
}

template <typename Weight>
std::vector<uint32_t> DenseGraph<Weight>::Merge(
    absl::Span<const uint32_t> label, int labels) {
  const Classes classes(alive_, label, labels);
  std::vector<uint32_t> stands_for(ids());
  std::vector<uint32_t> stay(labels);
  for (int l = 0; l < labels; ++l) {
    const absl::Span<const uint32_t> members = classes.members(l);
    const uint32_t into = stay[l] = members[0];
    for (uint32_t x : members) stands_for[x] = into;
    if (members.size() == 1) continue;
    for (uint32_t x : members.subspan(1)) Absorb(into, x);
    // At once, and for every node that was alive: rows that are absorbed later
    // must already carry this class's weight in its column.
    for (uint32_t y : alive_) row(y)[into] = row(into)[y];
  }
  alive_ = std::move(stay);
  std::sort(alive_.begin(), alive_.end());
  return stands_for;
}

template <typename Weight>
uint32_t DenseGraph<Weight>::HeaviestNode() const {
  return *std::max_element(
      alive_.begin(), alive_.end(),
      [this](uint32_t x, uint32_t y) { return degree_[x] < degree_[y]; });
}

template <typename Weight>
uint32_t DenseGraph<Weight>::LightestNode() const {
  return *std::min_element(
      alive_.begin(), alive_.end(),
      [this](uint32_t x, uint32_t y) { return degree_[x] < degree_[y]; });
}

template class DenseGraph<int32_t>;
template class DenseGraph<int64_t>;

Ordering<int32_t> MaximumAdjacencyPass(const DenseGraph<int32_t>& graph,
                                       int32_t cap, bool lower_cap) {
  DenseFrontier<int32_t> frontier(graph, cap);
  return RunPass<int32_t>(graph, frontier, cap, lower_cap);
}

Ordering<int64_t> MaximumAdjacencyPass(const DenseGraph<int64_t>& graph,
                                       int64_t cap, bool lower_cap) {
  DenseFrontier<int64_t> frontier(graph, cap);
  return RunPass<int64_t>(graph, frontier, cap, lower_cap);
}

}  // namespace ruvector::cut
