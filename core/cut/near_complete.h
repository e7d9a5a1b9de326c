// The proof that small sides make the least cuts, without a matrix. (internal)
//
// A set S of k nodes keeps at most (k-1) t of the capped weights min(w, t) of
// each of its nodes inside, so with c(v) = sum of min(w, t) over v's edges
//   cut(S) >= sum over S of (c(v) - (k-1) t) >= k (min c - (k-1) t),
// which is concave in k: if it reaches a value at k = 2 and k = n/2, every cut
// with more than one node on each side does. Succeeds for graphs with most of
// all possible edges; needs no more than one pass over the list.
// Parallel edges would break the (k-1) t and are looked for.
// Source: shared/reference/mincut-measurements.md, step 3.
#ifndef RUVECTOR_CORE_CUT_NEAR_COMPLETE_H_
#define RUVECTOR_CORE_CUT_NEAR_COMPLETE_H_

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

class NearComplete {
 public:
  // nullopt if the list is not near enough to a complete graph (a sparse one
  // is dismissed by its size alone), or not valid. [any-thread]
  static std::optional<NearComplete> Measure(int n,
                                             absl::Span<const Edge> edges);

  // Whether it is proved that every cut with at least `from_size` nodes on each
  // side weighs at least `value`; from_size >= 2.
  bool Proves(int64_t value, int from_size) const;

  uint32_t lightest_node() const { return lightest_node_; }
  int64_t least_degree() const { return least_degree_; }

 private:
  NearComplete() = default;
  int n_ = 0;
  uint32_t lightest_node_ = 0;
  int64_t least_degree_ = 0;
  int64_t cap_ = 0;                  // t above
  int64_t least_capped_degree_ = 0;  // min c
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_NEAR_COMPLETE_H_
