// The part of a graph that its least cuts can run through. (internal)
//
// Purpose: the certificate of IncrementalCut. When it is built:
//   a class    is a set of nodes that every cut below `tau` leaves together
//              (maximum-adjacency passes with tau as the cap prove it); tau is
//              chosen as far above the least cut as leaves few classes;
//   the core   is the largest class;
//   a pendant  is a node outside with more weight to the core than the least
//              cut has.
// The kernel has one node for the core with all pendants, and one for each
// other class. A cut that is not one of the kernel's splits a class, and then
// weighs at least tau less all that edges have lost since, or it parts a
// pendant from the core, and then weighs at least what they share now. The
// least of these bounds is the floor: cuts of the kernel at or below it are
// least cuts of the graph.
#ifndef RUVECTOR_CORE_CUT_KERNEL_H_
#define RUVECTOR_CORE_CUT_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

// [single-thread]
class Kernel {
 public:
  // nullopt if no tau leaves few enough classes. `least` > 0 is the value of
  // the minimum cut. *hint: where the last search for tau ended, 0 at first.
  static std::optional<Kernel> Build(int n, absl::Span<const Edge> edges,
                                     int64_t least, int* hint);

  // Edge `index`, which is no self loop, gets a new weight.
  void Change(size_t index, const Edge& before, int32_t weight);

  bool InOneNode(uint32_t u, uint32_t v) const { return node_[u] == node_[v]; }

  // The floor: what classes decide, these and the pendants among u and v, all.
  int64_t ClassFloor() const { return tau_ - lost_; }
  int64_t FloorAt(uint32_t u, uint32_t v) const;
  int64_t Floor() const;

  // The side, over the graph's nodes, of a least cut of the kernel if it is
  // below `value`; else empty.
  std::vector<uint8_t> FindCutBelow(int64_t value) const;

 private:
  Kernel() = default;
  void FillWeights(absl::Span<const Edge> edges, int nodes);
  int64_t& weight(uint32_t a, uint32_t b) { return weights_[a * nodes_ + b]; }

  int64_t tau_ = 0;
  int64_t lost_ = 0;  // sum over edges of max(0, base - present weight)
  std::vector<int32_t> base_;     // per edge: its weight at Build
  std::vector<uint32_t> node_;    // per graph node: its kernel node
  std::vector<uint8_t> in_core_;  // per graph node
  std::vector<int64_t> to_core_;  // per pendant: its weight to the core;
                                  // kNoPendant for the others
  size_t nodes_ = 0;
  std::vector<int64_t> weights_;  // nodes_ x nodes_, present, diagonal 0
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_KERNEL_H_
