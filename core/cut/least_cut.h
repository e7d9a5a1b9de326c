// The least cut seen so far, across contractions. (internal)
//
// Purpose: a search works on ever smaller graphs; a cut of a contracted graph
// is a cut of the first one. This keeps the map from the first nodes to the
// present ones, the least value offered, and its side over the first nodes.
#ifndef RUVECTOR_CORE_CUT_LEAST_CUT_H_
#define RUVECTOR_CORE_CUT_LEAST_CUT_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"

namespace ruvector::cut {

// [single-thread]
class LeastCut {
 public:
  explicit LeastCut(int n);

  // INT64_MAX before the first offer.
  int64_t value() const { return value_; }

  // Offers the cut that has `nodes` of the present graph on one side.
  void Offer(int64_t value, absl::Span<const uint32_t> nodes);

  // Offers the least of the cuts that split off one present node.
  template <typename Graph>
  void OfferDegrees(const Graph& graph) {
    const uint32_t least = graph.LightestNode();
    Offer(graph.degree(least), {&least, 1});
  }

  // The present graph was contracted: label[x] is x's new node.
  void Contract(absl::Span<const uint32_t> label);

  std::vector<uint8_t> TakeSide() { return std::move(side_); }

 private:
  int64_t value_;
  std::vector<uint8_t> side_;
  std::vector<uint32_t> now_;  // present node of each first node
};

// The same partition, with 1 on the side that Cut::side says. [any-thread]
std::vector<uint8_t> SmallerSide(std::vector<uint8_t> side);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_LEAST_CUT_H_
