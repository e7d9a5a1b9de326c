// The graph that every function of core/cut takes: a list of weighted edges.
//
// Purpose: one fixed-point representation, so that the value of a cut is a sum
// of integers: exact, and independent of the order in which it was added up.
//
// Shape: nodes are 0 .. n-1; the list is undirected, in any order. Parallel
// edges add up. A self loop crosses no cut and is ignored. An edge of weight 0
// carries nothing but exists: it is listed among the edges of a cut that it
// crosses, because a dead edge is what the user must see.
//
// Units: weight = capacity * kOne, rounded to nearest. Sums are int64.
//
// Limits: m * 2^31 must stay below 2^63, which every list that fits in memory
// does. Source: shared/reference/mincut-measurements.md. [any-thread]
#ifndef RUVECTOR_CORE_CUT_EDGE_H_
#define RUVECTOR_CORE_CUT_EDGE_H_

#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"

namespace ruvector::cut {

// Fixed point of a capacity of 1.
inline constexpr int32_t kOne = 4096;

struct Edge {
  uint32_t u;
  uint32_t v;
  int32_t weight;
};
static_assert(sizeof(Edge) == 12, "the cost model counts 12 bytes an edge");

// Capacity to weight. Capacities above 2^31 / kOne saturate. NaN and negative
// capacities give -1, which every function of this package refuses. A positive
// capacity below 1 / (2 * kOne) rounds to 0: it is as good as dead.
inline int32_t ToFixed(double capacity) {
  if (!(capacity >= 0)) return -1;
  const double scaled = std::nearbyint(capacity * kOne);
  constexpr double kMax = std::numeric_limits<int32_t>::max();
  return scaled >= kMax ? std::numeric_limits<int32_t>::max()
                        : static_cast<int32_t>(scaled);
}

// Value of a cut, or weight, to capacity.
inline double FromFixed(int64_t weight) {
  return static_cast<double>(weight) / kOne;
}

// OK, or InvalidArgument naming the first edge with an endpoint >= n or a
// negative weight, or n when n < min_nodes or n > 2^31 - 1.
absl::Status ValidateGraph(int n, absl::Span<const Edge> edges, int min_nodes);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_EDGE_H_
