// One pass over the edge list: what every node carries. (internal)
//
// Purpose: the first upper bound (the least degree), the sizes from which the
// adjacency is laid out, and the check of the list, all in one stream. A run of
// edges with the same `u` (sorted lists have long ones) is summed in a
// register, so that a sorted list does not wait for its own stores.
#ifndef RUVECTOR_CORE_CUT_DEGREES_H_
#define RUVECTOR_CORE_CUT_DEGREES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

struct Degrees {
  std::vector<int64_t> weight;  // per node: sum over its edges
  std::vector<uint32_t> arcs;   // per node: number of its edges, no self loop
  int64_t total = 0;            // sum over all edges, no self loop
  int32_t heaviest = 0;         // the heaviest single edge
};

// InvalidArgument as ValidateGraph with min_nodes = 1. [any-thread]
absl::StatusOr<Degrees> SumDegrees(int n, absl::Span<const Edge> edges);

// Adds value(e) to sums[u] and sums[v] for every edge that is no self loop.
// False, with sums unspecified, as soon as an edge is invalid.
template <typename Value>
bool SumPerNode(int n, absl::Span<const Edge> edges, Value value,
                uint64_t* sums) {
  const uint32_t nodes = static_cast<uint32_t>(n);
  const Edge* e = edges.data();
  const Edge* const end = e + edges.size();
  while (e < end) {
    const uint32_t u = e->u;
    if (u >= nodes) return false;
    uint64_t run = 0;
    do {
      if ((e->v >= nodes) | (e->weight < 0)) return false;
      const uint64_t x = e->v == u ? 0 : value(*e);
      run += x;
      sums[e->v] += x;
      ++e;
    } while (e < end && e->u == u);
    sums[u] += run;
  }
  return true;
}

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_DEGREES_H_
