#include "core/cut/flow_network.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace ruvector::cut {
namespace {

struct SummedEdge {
  uint32_t u;
  uint32_t v;
  int64_t weight;
};

std::vector<SummedEdge> WithoutParallels(absl::Span<const Edge> edges) {
  std::vector<SummedEdge> list;
  list.reserve(edges.size());
  for (const Edge& e : edges) {
    if (e.u == e.v || e.weight == 0) continue;
    list.push_back({std::min(e.u, e.v), std::max(e.u, e.v), e.weight});
  }
  const auto before = [](const SummedEdge& a, const SummedEdge& b) {
    return std::tie(a.u, a.v) < std::tie(b.u, b.v);
  };
  if (!std::is_sorted(list.begin(), list.end(), before)) {
    std::sort(list.begin(), list.end(), before);
  }
  size_t kept = 0;
  for (const SummedEdge& e : list) {
    if (kept > 0 && list[kept - 1].u == e.u && list[kept - 1].v == e.v) {
      list[kept - 1].weight += e.weight;
    } else {
      list[kept++] = e;
    }
  }
  list.resize(kept);
  return list;
}

}  // namespace

FlowNetwork::FlowNetwork(int n, absl::Span<const Edge> edges)
    : start_(n + 1), degree_(n), level_(n), next_(n) {
  const std::vector<SummedEdge> list = WithoutParallels(edges);
  for (const SummedEdge& e : list) {
    ++start_[e.u + 1];
    ++start_[e.v + 1];
    degree_[e.u] += e.weight;
    degree_[e.v] += e.weight;
  }
  for (int x = 0; x < n; ++x) start_[x + 1] += start_[x];
  arcs_.resize(start_[n]);
  std::vector<uint32_t> slot(start_.begin(), start_.end() - 1);
  for (const SummedEdge& e : list) {
    const uint32_t there = slot[e.u]++, back = slot[e.v]++;
    arcs_[there] = {e.v, back, e.weight};
    arcs_[back] = {e.u, there, e.weight};
  }
  residual_.resize(arcs_.size());
  for (size_t i = 0; i < arcs_.size(); ++i) residual_[i] = arcs_[i].weight;
}

int64_t FlowNetwork::Run(absl::Span<const uint32_t> sources,
                         absl::Span<const uint8_t> sink, int64_t limit) {
  Reset();
  int64_t flow = 0;
  while (flow < limit && FindLevels(sources, sink)) {
    std::copy(start_.begin(), start_.end() - 1, next_.begin());
    for (uint32_t s : sources) {
      while (flow < limit) {
        const int64_t amount = Augment(s, sink);
        if (amount == 0) break;
        flow += amount;
      }
    }
  }
  return flow;
}

bool FlowNetwork::FindLevels(absl::Span<const uint32_t> sources,
                             absl::Span<const uint8_t> sink) {
  std::fill(level_.begin(), level_.end(), -1);
  queue_.assign(sources.begin(), sources.end());
  for (uint32_t s : sources) level_[s] = 0;
  int32_t sink_level = std::numeric_limits<int32_t>::max();
  for (size_t head = 0; head < queue_.size(); ++head) {
    const uint32_t x = queue_[head];
    if (level_[x] >= sink_level) break;
    for (uint32_t a = start_[x]; a < start_[x + 1]; ++a) {
      const uint32_t y = arcs_[a].to;
      if (level_[y] >= 0 || residual_[a] == 0) continue;
      level_[y] = level_[x] + 1;
      if (sink[y]) {
        sink_level = level_[y];
      } else {
        queue_.push_back(y);
      }
    }
  }
  return sink_level != std::numeric_limits<int32_t>::max();
}

// One path from `source` to a sink along rising levels; what it carries, 0 if
// there is none.
int64_t FlowNetwork::Augment(uint32_t source, absl::Span<const uint8_t> sink) {
  path_.clear();
  uint32_t x = source;
  while (!sink[x]) {
    uint32_t& a = next_[x];
    while (a < start_[x + 1] &&
           (residual_[a] == 0 || level_[arcs_[a].to] != level_[x] + 1)) {
      ++a;
    }
    if (a < start_[x + 1]) {
      path_.push_back(a);
      x = arcs_[a].to;
      continue;
    }
    if (path_.empty()) return 0;
    x = arcs_[arcs_[path_.back()].back].to;
    path_.pop_back();
    ++next_[x];
  }
  int64_t amount = std::numeric_limits<int64_t>::max();
  for (uint32_t a : path_) amount = std::min(amount, residual_[a]);
  for (uint32_t a : path_) Push(a, amount);
  return amount;
}

void FlowNetwork::Push(uint32_t arc, int64_t amount) {
  const uint32_t back = arcs_[arc].back;
  residual_[arc] -= amount;
  residual_[back] += amount;
  touched_.push_back(arc);
}

void FlowNetwork::Reset() {
  for (uint32_t a : touched_) {
    const uint32_t back = arcs_[a].back;
    residual_[a] = arcs_[a].weight;
    residual_[back] = arcs_[back].weight;
  }
  touched_.clear();
}

std::vector<uint8_t> FlowNetwork::SinkSide() const {
  std::vector<uint8_t> side(level_.size());
  for (size_t x = 0; x < side.size(); ++x) side[x] = level_[x] < 0;
  return side;
}

}  // namespace ruvector::cut
