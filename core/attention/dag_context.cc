#include "core/attention/dag_context.h"

#include <algorithm>
#include <cmath>

#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"

namespace ruvector::attention {
namespace {

using plugin::Malformed;

constexpr double kSamePath = 1e-9;
constexpr int32_t kUnreached = -1;

// Neighbours of each node in one array, by counting.
void Index(uint32_t nodes, absl::Span<const DagEdge> edges,
           uint32_t DagEdge::*from, uint32_t DagEdge::*to,
           std::vector<uint32_t>& first, std::vector<uint32_t>& neighbours) {
  first.assign(nodes + 1, 0);
  for (const DagEdge& e : edges) ++first[e.*from + 1];
  for (uint32_t v = 0; v < nodes; ++v) first[v + 1] += first[v];
  neighbours.resize(edges.size());
  std::vector<uint32_t> next(first.begin(), first.end() - 1);
  for (const DagEdge& e : edges) neighbours[next[e.*from]++] = e.*to;
}

absl::Status CheckNodes(uint32_t nodes, absl::Span<const DagEdge> edges,
                        absl::Span<const double> costs) {
  if (!costs.empty() && costs.size() != nodes) {
    return Malformed("there are ", costs.size(), " costs, expected ", nodes);
  }
  for (size_t i = 0; i < costs.size(); ++i) {
    if (!(costs[i] >= 0 && std::isfinite(costs[i]))) {
      return Malformed("the cost of node ", i, " is ", costs[i]);
    }
  }
  for (const DagEdge& e : edges) {
    if (e.producer >= nodes || e.consumer >= nodes) {
      return Malformed("edge ", e.producer, " to ", e.consumer,
                       " leaves the nodes 0 to ", nodes, " (exclusive)");
    }
  }
  return absl::OkStatus();
}

// Hops from the roots along producers; kUnreached elsewhere.
std::vector<int32_t> HopsFrom(const Dag& dag, std::vector<uint32_t> queue) {
  std::vector<int32_t> hops(dag.size(), kUnreached);
  queue.reserve(dag.size());
  for (uint32_t root : queue) hops[root] = 0;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (uint32_t producer : dag.Producers(queue[i])) {
      if (hops[producer] != kUnreached) continue;
      hops[producer] = hops[queue[i]] + 1;
      queue.push_back(producer);
    }
  }
  return hops;
}

}  // namespace

absl::StatusOr<Dag> Dag::Make(uint32_t nodes, absl::Span<const DagEdge> edges,
                              absl::Span<const double> costs) {
  RV_RETURN_IF_ERROR(CheckNodes(nodes, edges, costs));
  Dag dag;
  dag.costs_.assign(costs.begin(), costs.end());
  if (costs.empty()) dag.costs_.assign(nodes, 1);
  std::vector<uint32_t> first_consumer, consumers;
  Index(nodes, edges, &DagEdge::consumer, &DagEdge::producer,
        dag.first_producer_, dag.producers_);
  Index(nodes, edges, &DagEdge::producer, &DagEdge::consumer, first_consumer,
        consumers);

  // Producers before consumers (Kahn), with the longest way to each node.
  std::vector<uint32_t> waiting(nodes), order;
  order.reserve(nodes);
  for (uint32_t v = 0; v < nodes; ++v) {
    waiting[v] = static_cast<uint32_t>(dag.Producers(v).size());
    if (waiting[v] == 0) order.push_back(v);
  }
  std::vector<double> to(dag.costs_), from(dag.costs_);
  dag.depths_.assign(nodes, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t v = order[i];
    for (uint32_t j = first_consumer[v]; j < first_consumer[v + 1]; ++j) {
      const uint32_t c = consumers[j];
      dag.depths_[c] = std::max(dag.depths_[c], dag.depths_[v] + 1);
      to[c] = std::max(to[c], to[v] + dag.costs_[c]);
      if (--waiting[c] == 0) order.push_back(c);
    }
  }
  if (order.size() != nodes) return Malformed("the edges form a cycle");

  for (auto v = order.rbegin(); v != order.rend(); ++v) {
    for (uint32_t producer : dag.Producers(*v)) {
      from[producer] =
          std::max(from[producer], from[*v] + dag.costs_[producer]);
    }
  }
  double longest = 0;
  for (uint32_t v = 0; v < nodes; ++v) longest = std::max(longest, to[v]);
  for (uint32_t v = 0; v < nodes; ++v) {
    const double through = to[v] + from[v] - dag.costs_[v];
    dag.critical_.push_back(through >= longest * (1 - kSamePath));
  }
  return dag;
}

NodeContext ContextOfNode(const Dag& dag, uint32_t query, bool with_parallel) {
  NodeContext context;
  context.query_depth = dag.depths()[query];
  std::vector<uint32_t> parallel;
  for (uint32_t v = 0; v < dag.size(); ++v) {
    if (v != query && dag.depths()[v] == context.query_depth) {
      parallel.push_back(v);
    }
  }
  const std::vector<int32_t> hops = HopsFrom(dag, {query});
  const std::vector<int32_t> theirs = HopsFrom(dag, parallel);
  const auto add = [&](uint32_t v, bool is_parallel) {
    context.nodes.push_back(v);
    context.hops.push_back(is_parallel ? 0 : hops[v]);
    context.depths.push_back(dag.depths()[v]);
    context.costs.push_back(dag.costs()[v]);
    context.on_critical_path.push_back(dag.on_critical_path()[v]);
    context.is_parallel.push_back(is_parallel);
    context.is_common_ancestor.push_back(!is_parallel && theirs[v] > 0);
  };
  for (uint32_t v = 0; v < dag.size(); ++v) {
    if (hops[v] > 0) add(v, false);
  }
  if (with_parallel) {
    for (uint32_t v : parallel) add(v, true);
  }
  return context;
}

void NodeContext::Lend(AttentionRequest& request) const {
  request.query_depth = query_depth;
  request.hops = hops;
  request.depths = depths;
  request.costs = costs;
  request.on_critical_path = on_critical_path;
  request.is_parallel = is_parallel;
  request.is_common_ancestor = is_common_ancestor;
}

}  // namespace ruvector::attention
