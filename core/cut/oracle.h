// Slow and obvious answers to compare with (testonly). [any-thread]
#ifndef RUVECTOR_CORE_CUT_ORACLE_H_
#define RUVECTOR_CORE_CUT_ORACLE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

// The least cut with at least `min_side` nodes on each side, sources on one
// and sinks on the other; all 2^n partitions are tried.
int64_t TryAllCuts(int n, absl::Span<const Edge> edges, int min_side,
                   absl::Span<const uint32_t> sources = {},
                   absl::Span<const uint32_t> sinks = {});

// Boost's stoer_wagner_min_cut.
int64_t BoostMinimumCut(int n, absl::Span<const Edge> edges);

// A graph of one of several shapes: any density, weights from a narrow, a wide
// or a full 31-bit range, zero weights, parallel edges, self loops, several
// components; in no particular order.
std::vector<Edge> RandomEdges(int n, Rng& rng);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_ORACLE_H_
