// The exact global minimum cut of a contracted graph.
//
// Purpose: lambda, the least total weight whose removal disconnects the graph,
// with the witness: which nodes fall on which side and which edges cross.
// Exact means exact: no sampling, no tolerance; equal inputs give equal output.
//
// Method: minimum degree as the first bound; a streaming certificate for
// near-complete graphs; contraction of heavy edges (Padberg and Rinaldi 1990,
// tests 1 and 2); maximum-adjacency passes with keys capped at the bound, each
// of which contracts at least one pair (Nagamochi, Ono and Ibaraki 1994); a
// dense matrix for what is left. Cost: a small multiple of one pass over the
// list for the graphs of shared/workloads/mincut, O(n m + n^3) at worst.
//
// Units: fixed point of edge.h. Ownership: results are owned by the caller.
#ifndef RUVECTOR_CORE_CUT_MINIMUM_CUT_H_
#define RUVECTOR_CORE_CUT_MINIMUM_CUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

// A partition of the nodes into two non-empty sides.
struct Cut {
  // Sum of the weights of `edges`. 0 for a graph in more than one piece.
  int64_t value = 0;
  // One per node, 0 or 1. For the global cuts, 1 marks the side with fewer
  // nodes (of two equal ones the side without node 0); for a terminal cut, 1
  // marks the side of the sinks.
  std::vector<uint8_t> side;
  // Indices into the list that was given, ascending: every edge with one end
  // on each side, those of weight 0 included.
  std::vector<uint32_t> edges;
};

// The least cut over all partitions into two non-empty sides. Of several least
// cuts, one; always the same for the same list.
//
// InvalidArgument: n < 2, an endpoint outside 0 .. n-1, a negative weight.
// [any-thread]
absl::StatusOr<Cut> MinimumCut(int n, absl::Span<const Edge> edges);

// The cut that a given partition makes: the sum and the list of its crossing
// edges. `side` has one 0 or 1 per node of a valid graph. [any-thread]
Cut DescribeCut(std::vector<uint8_t> side, absl::Span<const Edge> edges);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_MINIMUM_CUT_H_
