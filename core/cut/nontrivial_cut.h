// The exact minimum over cuts that split off more than one node.
//
// Purpose: in a graph with leaves the global minimum cut is nearly always the
// weakest leaf, which says no more than a minimum over leaves would. The best
// cut with at least two nodes on each side shows the weakest seam between
// groups instead (design.md 7.3 stores both).
//
// Method: U is the best of all cuts that split off exactly two nodes. A cut
// below U has a connected side of at least two nodes away from a root set Z of
// at least two, hence an edge of positive weight inside it. Z grows by nodes
// that no cut below U can separate from it: two-hop bounds first (Padberg and
// Rinaldi's tests 3 and 4), a maximum flow bounded by U where they fail. What
// flow finds below U becomes the new U.
//
// Cost: milliseconds for the graphs of shared/workloads/mincut; m bounded
// maximum flows at worst.
#ifndef RUVECTOR_CORE_CUT_NONTRIVIAL_CUT_H_
#define RUVECTOR_CORE_CUT_NONTRIVIAL_CUT_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"
#include "core/cut/minimum_cut.h"

namespace ruvector::cut {

// The least cut with at least two nodes on each side; `side` as in
// MinimumCut. InvalidArgument: n < 4, and what MinimumCut refuses.
// [any-thread]
absl::StatusOr<Cut> MinimumNontrivialCut(int n, absl::Span<const Edge> edges);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_NONTRIVIAL_CUT_H_
