// The edges of the deciding cut as people, events and errors quote them.
#ifndef RUVECTOR_CORE_GRAPH_WITNESS_H_
#define RUVECTOR_CORE_GRAPH_WITNESS_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"

namespace ruvector::graph {

// A JSON array, one object per witness edge, weakest first, with the field
// names of the specification (source_type, source_id, target_type, target_id,
// edge_type, capacity, flow) and source_name, target_name, baseline.
// capacity is the value that adds up to the cut: the effective capacity for
// the global cut, the service for a terminal one; flow is null unless
// measured. At most `limit` edges (0: all). "[]" without a cut. Valid UTF-8.
// [any-thread]
std::string WitnessJson(const ContractedGraph& graph,
                        const Assessment& assessment, size_t limit = 0);

// The same for an error message, weakest first:
//   public.p3 - this node (routing_link 0.35 of 1.00), ... and 12 more
std::string WitnessText(const ContractedGraph& graph,
                        const Assessment& assessment, size_t limit = 5);

// The same from a WitnessJson() that was stored, of `total` edges in all.
std::string WitnessTextOf(std::string_view witness_json, size_t total,
                          size_t limit = 5);

// {"original_nodes":6480,"merged_nodes":5544,"merges":[{"name":...,"type":...,
// "id":...,"members":...,"nodes_replaced":...,
// "worst_health":...,"ids":[...]}]} for the result of a rebuild.
std::string MergesJson(const ContractedGraph& graph);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_WITNESS_H_
