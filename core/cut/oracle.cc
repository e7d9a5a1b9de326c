#include "core/cut/oracle.h"

#include <algorithm>
#include <limits>

#include "boost/graph/adjacency_list.hpp"
#include "boost/graph/stoer_wagner_min_cut.hpp"

namespace ruvector::cut {

int64_t TryAllCuts(int n, absl::Span<const Edge> edges, int min_side,
                   absl::Span<const uint32_t> sources,
                   absl::Span<const uint32_t> sinks) {
  uint32_t ones = 0, zeros = 0;
  for (uint32_t x : sinks) ones |= 1u << x;
  for (uint32_t x : sources) zeros |= 1u << x;
  int64_t best = std::numeric_limits<int64_t>::max();
  for (uint32_t side = 0; side < (1u << n); ++side) {
    const int size = __builtin_popcount(side);
    if (size < min_side || n - size < min_side) continue;
    if ((side & ones) != ones || (side & zeros) != 0) continue;
    int64_t value = 0;
    for (const Edge& e : edges) {
      if (((side >> e.u) ^ (side >> e.v)) & 1) value += e.weight;
    }
    best = std::min(best, value);
  }
  return best;
}

int64_t BoostMinimumCut(int n, absl::Span<const Edge> edges) {
  using Graph =
      boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS,
                            boost::no_property,
                            boost::property<boost::edge_weight_t, int64_t>>;
  Graph graph(n);
  for (const Edge& e : edges) {
    if (e.u != e.v) boost::add_edge(e.u, e.v, int64_t{e.weight}, graph);
  }
  return boost::stoer_wagner_min_cut(graph,
                                     boost::get(boost::edge_weight, graph));
}

std::vector<Edge> RandomEdges(int n, Rng& rng) {
  const double density = rng.Uniform() * (rng.Below(3) == 0 ? 2.0 : 0.6);
  const int pairs = n * (n - 1) / 2;
  const int m = static_cast<int>(density * pairs) + 1;
  const int groups = 1 + static_cast<int>(rng.Below(3));
  const bool bridged = rng.Below(4) != 0;
  static constexpr int32_t kRanges[] = {1, 3, 10, kOne,
                                        std::numeric_limits<int32_t>::max()};
  const int32_t range = kRanges[rng.Below(5)];
  const bool zeros = rng.Below(3) == 0;
  std::vector<Edge> edges;
  for (int i = 0; i < m; ++i) {
    uint32_t u = static_cast<uint32_t>(rng.Below(n));
    uint32_t v = static_cast<uint32_t>(rng.Below(n));
    const bool across = bridged && rng.Below(8) == 0;
    if (!across && u % groups != v % groups) continue;
    const int32_t weight =
        zeros && rng.Below(4) == 0
            ? 0
            : static_cast<int32_t>(1 + rng.Below(static_cast<uint64_t>(range)));
    edges.push_back({u, v, std::max(weight, 0)});
    if (rng.Below(10) == 0) edges.push_back({v, u, weight});
  }
  return edges;
}

}  // namespace ruvector::cut
