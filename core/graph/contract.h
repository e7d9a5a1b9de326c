// Contracts a graph to a bounded number of nodes by merging its healthiest
// siblings.
//
// What is kept: nodes in order of the worst effective capacity in their
// subtree, so the sick ones and the way to them survive. What is merged: the
// remaining children of a kept node, one merged node per (parent, type), with
// everything below them. This is vertex contraction: parallel edges add up,
// so cuts that do not separate merged siblings keep their value; as the
// weakest leaf is kept, the minimum cut keeps its value too, and the
// service of a merged subtree is its own terminal flow, so the service keeps
// its value. Nothing is dropped: every merge is listed in the result.
#ifndef RUVECTOR_CORE_GRAPH_CONTRACT_H_
#define RUVECTOR_CORE_GRAPH_CONTRACT_H_

#include <cstdint>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/graph/graph.h"

namespace ruvector::graph {

// parent[v] is the index of the edge that leads from v towards the root
// (graph.edges[parent[v]] joins v to its parent); the root's entry is
// ignored. Edges that are nobody's parent edge (partition_link) are carried
// over. Returns the graph unchanged if it has at most max_nodes nodes. If even
// one merged node per type at the root is too much, the result is that
// smallest graph. O(n log n). [any-thread]
struct Contracted {
  ContractedGraph graph;
  // Per node of graph: its index in the input, or kMergedNode.
  std::vector<uint32_t> origin;
};
inline constexpr uint32_t kMergedNode = UINT32_MAX;
Contracted Contract(ContractedGraph graph, const std::vector<uint32_t>& parent,
                    int64_t max_nodes);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_CONTRACT_H_
