// The exact minimum cut between two sets of nodes.
//
// Purpose: what a service needs is a path from its clients to its data, from
// the WAL to its synchronous standbys. The least weight whose removal parts
// the two adds damage up along the way, where the global minimum cut only
// finds the weakest link (design.md 7.3, service_norm).
//
// Method: maximum flow by shortest augmenting phases (Dinic 1970) on the
// undirected graph, all sources and all sinks merged; the cut is the one
// nearest to the sources.
#ifndef RUVECTOR_CORE_CUT_TERMINAL_CUT_H_
#define RUVECTOR_CORE_CUT_TERMINAL_CUT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"
#include "core/cut/minimum_cut.h"

namespace ruvector::cut {

// The least cut with every source on side 0 and every sink on side 1. Nodes
// that the residual flow does not reach from the sources are on side 1. A node
// may be named twice in one set.
//
// InvalidArgument: an empty set, a node outside 0 .. n-1, a node in both sets,
// and what MinimumCut refuses. [any-thread]
absl::StatusOr<Cut> MinimumTerminalCut(int n, absl::Span<const Edge> edges,
                                       absl::Span<const uint32_t> sources,
                                       absl::Span<const uint32_t> sinks);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_TERMINAL_CUT_H_
