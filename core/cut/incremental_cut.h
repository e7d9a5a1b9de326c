// The exact minimum cut of a graph whose weights change, kept up to date.
//
// Purpose: one sensor reading moves one capacity. Most such changes provably
// cannot move the cut, and then the old cut is returned without work; the
// answer is exact after every call all the same.
//
// Certificate: a kernel (kernel.h), in which nodes that every cut below some
// tau leaves together are one, and a floor, below which no cut lies that is not
// one of the kernel's. tau is above the least cut, and the floor falls only by
// what weights have lost since. So
//   a weight off the cut rises, or one on the cut falls    nothing can overtake
//                                                          the present cut;
//   a weight inside a kernel node falls                    the cut stands while
//                                                          it is at most the
//                                                          floor;
//   otherwise                                              the kernel is
//   solved.
// When the cut passes the floor, the graph is solved anew and, unless it goes
// on like that, a new kernel is built.
//
// The structure is fixed: to add or remove a node or an edge, make a new one.
// Cost of a change: tens of nanoseconds when the certificate holds, some
// microseconds for a kernel, about one MinimumCut for a rebuild.
#ifndef RUVECTOR_CORE_CUT_INCREMENTAL_CUT_H_
#define RUVECTOR_CORE_CUT_INCREMENTAL_CUT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"
#include "core/cut/minimum_cut.h"

namespace ruvector::cut {

// [single-thread]
class IncrementalCut {
 public:
  struct Change {
    uint32_t edge;   // index into the list given to Create
    int32_t weight;  // the new weight, fixed point
  };

  // How often each way was taken, since Create.
  struct Stats {
    int64_t certified = 0;      // calls answered by the certificate alone
    int64_t kernel_solves = 0;  // calls answered by the kernel
    int64_t rebuilds = 0;       // calls answered by a full computation
  };

  // Takes the list over. InvalidArgument: what MinimumCut refuses.
  static absl::StatusOr<IncrementalCut> Create(int n, std::vector<Edge> edges);

  IncrementalCut(IncrementalCut&&) noexcept;
  IncrementalCut& operator=(IncrementalCut&&) noexcept;
  ~IncrementalCut();

  // Gives one edge, or several at once, a new weight. In a batch a later
  // change of the same edge wins. InvalidArgument for a negative weight or an
  // index out of range; then no weight of the call was changed.
  absl::Status SetWeight(uint32_t edge, int32_t weight);
  absl::Status SetWeights(absl::Span<const Change> changes);

  // A least cut of the graph as it is now. The reference stays valid, and its
  // content unchanged until the next SetWeight or SetWeights.
  const Cut& current() const;
  // The list with its present weights.
  absl::Span<const Edge> edges() const;
  const Stats& stats() const;

 private:
  class State;
  explicit IncrementalCut(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_INCREMENTAL_CUT_H_
