// A DAG of data flow, and the context of one of its nodes for attention, in
// O(n + e).
//
//   RV_ASSIGN_OR_RETURN(Dag dag, Dag::Make(nodes, edges, costs));
//   const NodeContext context = ContextOfNode(dag, query);
//   request.hops = context.hops; ...
//
// Edges go from producer to consumer: in a plan tree from child to parent. So
// the ancestors of a node are what its data comes from, a scan has none, and
// the root has all. (Elsewhere ancestors are the consumers, for which a root
// has none: ruvector-upstream.md B1.)
#ifndef RUVECTOR_CORE_ATTENTION_DAG_CONTEXT_H_
#define RUVECTOR_CORE_ATTENTION_DAG_CONTEXT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attention/registry.h"
#include "core/base/no_postgres.h"

namespace ruvector::attention {

struct DagEdge {
  uint32_t producer;
  uint32_t consumer;
};

// Immutable. [any-thread]
class Dag {
 public:
  // `costs`, one for each node, finite and >= 0, weigh the critical path; with
  // none every node costs 1. InvalidArgument for a node out of range, a cycle
  // or costs of another number. O(n + e).
  static absl::StatusOr<Dag> Make(uint32_t nodes,
                                  absl::Span<const DagEdge> edges,
                                  absl::Span<const double> costs = {});

  uint32_t size() const { return static_cast<uint32_t>(depths_.size()); }
  absl::Span<const uint32_t> Producers(uint32_t node) const {
    return {producers_.data() + first_producer_[node],
            first_producer_[node + 1] - first_producer_[node]};
  }
  // Edges on the longest path from a node without producers.
  const std::vector<int32_t>& depths() const { return depths_; }
  // 1 where the node lies on a path of the greatest total cost, within a
  // relative 1e-9.
  const std::vector<uint8_t>& on_critical_path() const { return critical_; }
  const std::vector<double>& costs() const { return costs_; }

 private:
  std::vector<uint32_t> first_producer_, producers_;  // by node
  std::vector<int32_t> depths_;
  std::vector<uint8_t> critical_;
  std::vector<double> costs_;
};

// The entries of an attention call, one element of each array per entry.
struct NodeContext {
  std::vector<uint32_t> nodes;  // ancestors by number, then parallel nodes
  std::vector<int32_t> hops;    // shortest way to the query; parallel nodes 0
  std::vector<int32_t> depths;
  std::vector<double> costs;
  std::vector<uint8_t> on_critical_path;
  // A node of the query's depth: neither can be the other's ancestor.
  std::vector<uint8_t> is_parallel;
  // An ancestor of the query that is also one of a parallel node.
  std::vector<uint8_t> is_common_ancestor;

  // The request's context arrays (and query_depth), borrowed from here.
  void Lend(AttentionRequest& request) const;
  int32_t query_depth = 0;
};

// With `with_parallel` the parallel nodes are entries too. `query` < size().
NodeContext ContextOfNode(const Dag& dag, uint32_t query, bool with_parallel);

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_DAG_CONTEXT_H_
