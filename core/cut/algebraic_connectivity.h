// lambda2: the second smallest eigenvalue of the weighted Laplacian.
//
// Purpose: the cut says where a graph is weakest, lambda2 how well it holds
// together as a whole (Fiedler 1973). It is 0 exactly when the graph is in
// more than one piece, n for the unit-weight complete graph, 1 for the star,
// 2 - 2 cos(pi / n) for the path.
//
// Method: Lanczos on the complement of the constant vector, which is projected
// out last in every step (projected out earlier, it comes back). Where the
// graph is nearly a tree, or a few hubs with leaves, elimination is cheap and
// the iteration runs on the inverse, which converges in a few steps; elsewhere
// on the Laplacian itself.
//
// Accuracy: relative error <= 1e-8; typically 1e-12.
#ifndef RUVECTOR_CORE_CUT_ALGEBRAIC_CONNECTIVITY_H_
#define RUVECTOR_CORE_CUT_ALGEBRAIC_CONNECTIVITY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"

namespace ruvector::cut {

// Undirected; parallel edges add up, self loops and weights of 0 carry nothing.
struct WeightedEdge {
  uint32_t u;
  uint32_t v;
  double weight;
};

// InvalidArgument: n < 2, an endpoint outside 0 .. n-1, a weight that is
// negative, infinite or NaN. Internal: the iteration did not reach the
// accuracy promised above. Deterministic. [any-thread]
absl::StatusOr<double> AlgebraicConnectivity(
    int n, absl::Span<const WeightedEdge> edges);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_ALGEBRAIC_CONNECTIVITY_H_
