// Contraction by what single edges show, on the list itself. (internal)
//
// Padberg and Rinaldi 1990: the ends of an edge are on one side of every cut
// below the bound if
//   test 1: its weight is at least the bound;
//   test 2: twice its weight is at least the degree of one end u, and the
//           bound is at most that degree (moving u across can only help).
// Test 2 reads u's degree, so u must not have been merged before.
#ifndef RUVECTOR_CORE_CUT_HEAVY_EDGES_H_
#define RUVECTOR_CORE_CUT_HEAVY_EDGES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/degrees.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

struct ContractedList {
  int nodes = 0;
  std::vector<uint32_t> label;  // the new node of each old one
  std::vector<Edge> edges;      // without those that became loops
};

// nullopt if no edge reaches the bound: then the tests are not worth a pass.
// `bound` is at most the least degree, and above 0. [any-thread]
std::optional<ContractedList> ContractHeavyEdges(absl::Span<const Edge> edges,
                                                 const Degrees& degrees,
                                                 int64_t bound);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_HEAVY_EDGES_H_
