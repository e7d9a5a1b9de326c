#include "core/cut/sparse_pass.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/cut/key_scan.h"

namespace ruvector::cut {
namespace {

template <typename Weight>
class SparseFrontier {
 public:
  SparseFrontier(const Adjacency<Weight>& graph, Weight cap)
      : graph_(graph),
        cap_(cap),
        waiting_(graph.size()),
        heavy_(2 * (graph.total_degree() / graph.size())),
        key_(PaddedSize(graph.size()), kTaken<Weight>) {
    std::fill_n(key_.begin(), graph.size(), 0);
    hubs_.reserve(graph.size());
    leaves_.reserve(graph.size());
  }

  Weight Take(uint32_t x) {
    --waiting_;
    return std::exchange(key_[x], kTaken<Weight>);
  }

  uint32_t Next() {
    for (std::vector<uint32_t>* ready : {&hubs_, &leaves_}) {
      if (ready->empty()) continue;
      const uint32_t x = ready->back();
      ready->pop_back();
      return x;
    }
    return static_cast<uint32_t>(ArgMax(key_.data(), key_.size()));
  }

  void Scan(uint32_t x) {
    Weight* const key = key_.data();
    const Weight cap = cap_;
    for (const Arc<Weight>& arc : graph_.row(x)) {
      const Weight before = key[arc.to];
      const Weight after = before + arc.weight;
      key[arc.to] = after;
      if (before < cap && after >= cap) MakeReady(arc.to);
    }
  }

  void LowerCap(Weight cap) {
    for (int x = 0; x < graph_.size(); ++x) {
      if (key_[x] >= cap && key_[x] < cap_) MakeReady(x);
    }
    cap_ = cap;
  }

  bool AllReady() const { return hubs_.size() + leaves_.size() == waiting_; }

 private:
  void MakeReady(uint32_t x) {
    (graph_.degree(x) > heavy_ ? hubs_ : leaves_).push_back(x);
  }

  const Adjacency<Weight>& graph_;
  Weight cap_;
  size_t waiting_;
  const int64_t heavy_;  // twice the average degree
  std::vector<Weight> key_;
  std::vector<uint32_t> hubs_;
  std::vector<uint32_t> leaves_;
};

}  // namespace

Ordering<int32_t> MaximumAdjacencyPass(const Adjacency<int32_t>& graph,
                                       int32_t cap, bool lower_cap) {
  SparseFrontier<int32_t> frontier(graph, cap);
  return RunPass<int32_t>(graph, frontier, cap, lower_cap);
}

Ordering<int64_t> MaximumAdjacencyPass(const Adjacency<int64_t>& graph,
                                       int64_t cap, bool lower_cap) {
  SparseFrontier<int64_t> frontier(graph, cap);
  return RunPass<int64_t>(graph, frontier, cap, lower_cap);
}

}  // namespace ruvector::cut
