// Maximum-adjacency orderings: what a pass proves, and the pass itself.
// (internal)
//
// Nodes are taken one by one, always one whose key (its weight to the nodes
// taken so far) is greatest, where keys at or above a cap count as equal. Then
// two consecutive nodes are at least min(cap, key of the second) connected
// (Nagamochi and Ibaraki 1992; with a cap, Nagamochi, Ono and Ibaraki 1994).
//
// A pass ends as soon as every node that is left has a key at or above the
// cap: any of them could be next, so each is that connected to the last one.
// A complete pass ends with a node whose key is its degree, so a cap of at
// most the least degree always leaves fewer labels than nodes.
#ifndef RUVECTOR_CORE_CUT_ORDERING_H_
#define RUVECTOR_CORE_CUT_ORDERING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/no_postgres.h"

namespace ruvector::cut {

// The order in which a pass took the nodes, and what it proved.
template <typename Weight>
struct Ordering {
  std::vector<uint32_t> order;  // the nodes taken; the rest follow the last
  std::vector<Weight> key;      // key[i]: of order[i] when it was taken
  // The least cut between a prefix of the order and the rest, if it is below
  // the cap that the pass started with; else that cap and 0.
  Weight bound = 0;
  int prefix = 0;

  // One label for each id below `ids`, equal where a connectivity of at least
  // `threshold` was proved; 0 < threshold <= bound. *labels: how many.
  std::vector<uint32_t> Labels(Weight threshold, int ids, int* labels) const {
    constexpr uint32_t kNotTaken = ~uint32_t{0};
    std::vector<uint32_t> label(ids, kNotTaken);
    uint32_t current = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && key[i] < threshold) ++current;
      label[order[i]] = current;
    }
    for (uint32_t& l : label) l = std::min(l, current);
    *labels = static_cast<int>(current) + 1;
    return label;
  }
};

// The pass. A Frontier knows the keys of the nodes not yet taken:
//   Take(x)          takes x and returns its key;
//   Next()           a node with a key at or above the cap, else the greatest;
//   Scan(x)          adds x's row to the keys;
//   LowerCap(cap)    from now on;
//   AllReady()       every node not taken has a key at or above the cap.
// With `lower_cap` the cap falls to every prefix cut below it (the search for
// the minimum cut); without, it stays (the search for a kernel).
template <typename Weight, typename Graph, typename Frontier>
Ordering<Weight> RunPass(const Graph& graph, Frontier& frontier, Weight cap,
                         bool lower_cap) {
  const int n = graph.size();
  Ordering<Weight> result;
  result.bound = cap;
  result.order.reserve(n);
  result.key.reserve(n);

  uint32_t x = graph.HeaviestNode();
  int64_t prefix_cut = 0;
  for (int taken = 1;; ++taken) {
    const Weight key = frontier.Take(x);
    result.order.push_back(x);
    result.key.push_back(key);
    prefix_cut += int64_t{graph.degree(x)} - 2 * int64_t{key};
    if (lower_cap && taken < n && prefix_cut < result.bound) {
      result.bound = static_cast<Weight>(prefix_cut);
      result.prefix = taken;
      if (prefix_cut == 0) return result;
      frontier.LowerCap(result.bound);
    }
    frontier.Scan(x);
    if (frontier.AllReady()) return result;
    x = frontier.Next();
  }
}

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_ORDERING_H_
