// A maximum-adjacency pass over a sparse graph. (internal)
//
// Keys are updated arc by arc. A node that reaches the cap goes to a stack, and
// while there is one no greatest key need be looked for. Heavy nodes leave the
// stack first: their rows make the others ready soonest, and the pass ends when
// all are.
#ifndef RUVECTOR_CORE_CUT_SPARSE_PASS_H_
#define RUVECTOR_CORE_CUT_SPARSE_PASS_H_

#include <cstdint>

#include "core/base/no_postgres.h"
#include "core/cut/adjacency.h"
#include "core/cut/ordering.h"

namespace ruvector::cut {

// cap > 0; at most the least degree, unless the caller can do without
// progress. Time O(arcs + n * nodes taken while none is ready). [any-thread]
Ordering<int32_t> MaximumAdjacencyPass(const Adjacency<int32_t>& graph,
                                       int32_t cap, bool lower_cap);
Ordering<int64_t> MaximumAdjacencyPass(const Adjacency<int64_t>& graph,
                                       int64_t cap, bool lower_cap);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_SPARSE_PASS_H_
