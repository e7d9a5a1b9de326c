#include "core/cut/heavy_edges.h"

#include <utility>

#include "core/cut/union_find.h"

namespace ruvector::cut {

std::optional<ContractedList> ContractHeavyEdges(absl::Span<const Edge> edges,
                                                 const Degrees& degrees,
                                                 int64_t bound) {
  if (degrees.heaviest < bound) return std::nullopt;
  const int n = static_cast<int>(degrees.weight.size());
  UnionFind sets(n);
  std::vector<uint8_t> merged(n);
  for (const Edge& e : edges) {
    if (e.u == e.v) continue;
    const int64_t twice = 2 * int64_t{e.weight};
    const bool heavy = e.weight >= bound ||
                       (twice >= degrees.weight[e.u] && !merged[e.u]) ||
                       (twice >= degrees.weight[e.v] && !merged[e.v]);
    if (!heavy) continue;
    merged[e.u] = merged[e.v] = 1;
    sets.Unite(e.u, e.v);
    if (sets.sets() == 1) break;
  }

  ContractedList result;
  result.nodes = sets.sets();
  result.label = sets.Labels();
  if (result.nodes == 1) return result;
  for (const Edge& e : edges) {
    const uint32_t u = result.label[e.u];
    const uint32_t v = result.label[e.v];
    if (u != v) result.edges.push_back({u, v, e.weight});
  }
  return result;
}

}  // namespace ruvector::cut
