#include "core/graph/contract.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/graph/node_data.h"

namespace ruvector::graph {
namespace {

// Children of one node that are of one type.
using Family = std::pair<uint32_t, NodeType>;

class Contraction {
 public:
  Contraction(ContractedGraph graph, const std::vector<uint32_t>& parent_edge)
      : in_(std::move(graph)), parent_edge_(parent_edge) {
    const size_t n = in_.nodes.size();
    parent_.resize(n, in_.root);
    depth_.assign(n, 0);
    for (uint32_t v = 0; v < n; ++v) {
      if (v == in_.root) continue;
      const Edge& edge = in_.edges[parent_edge_[v]];
      parent_[v] = edge.source == v ? edge.target : edge.source;
    }
    for (uint32_t v = 0; v < n; ++v) {
      for (uint32_t u = v; u != in_.root; u = parent_[u]) ++depth_[v];
    }
    SumUpSubtrees();
  }

  Contracted Run(int64_t max_nodes) && {
    ChooseKept(max_nodes);
    PlaceNodes();
    PlaceEdges();
    PlaceSinks();
    return std::move(out_);
  }

 private:
  struct Subtree {
    double worst_capacity = 1;  // effective, relative to the baseline
    double worst_health = 1;
    bool measured = false;
    bool lost = false;
    bool stale = false;
    double service = 0;  // what flows through to its sinks
    double service_baseline = 0;
    int64_t nodes = 1;
    int64_t members = 0;
  };

  void SumUpSubtrees();
  void ChooseKept(int64_t max_nodes);
  void PlaceNodes();
  uint32_t MergedNodeFor(uint32_t child);
  void PlaceEdges();
  void PlaceSinks();
  bool IsSink(uint32_t v) const { return sinks_.contains(v); }
  Family FamilyOf(uint32_t v) const { return {parent_[v], in_.nodes[v].type}; }

  ContractedGraph in_;
  const std::vector<uint32_t>& parent_edge_;
  std::vector<uint32_t> parent_;
  std::vector<int> depth_;
  std::vector<uint32_t> top_down_;  // parents before children
  std::vector<Subtree> below_;      // including the node itself
  absl::flat_hash_set<uint32_t> sinks_;
  std::vector<bool> kept_;
  std::vector<uint32_t> place_;  // input node -> output node
  absl::flat_hash_map<Family, uint32_t> merged_;
  Contracted out_;
};

void Contraction::SumUpSubtrees() {
  const auto n = static_cast<uint32_t>(in_.nodes.size());
  sinks_.insert(in_.data_sinks.begin(), in_.data_sinks.end());
  sinks_.insert(in_.commit_sinks.begin(), in_.commit_sinks.end());
  top_down_.resize(n);
  for (uint32_t v = 0; v < n; ++v) top_down_[v] = v;
  std::stable_sort(
      top_down_.begin(), top_down_.end(),
      [this](uint32_t a, uint32_t b) { return depth_[a] < depth_[b]; });
  below_.resize(n);
  for (auto it = top_down_.rbegin(); it != top_down_.rend(); ++it) {
    const uint32_t v = *it;
    if (v == in_.root) continue;
    const Node& node = in_.nodes[v];
    const Edge& edge = in_.edges[parent_edge_[v]];
    Subtree& mine = below_[v];
    if (edge.baseline > 0) {
      mine.worst_capacity = std::min(mine.worst_capacity,
                                     EffectiveCapacity(edge) / edge.baseline);
    }
    mine.worst_health = std::min(mine.worst_health, node.applied_health);
    mine.measured = mine.measured || node.health.has_value();
    mine.lost = mine.lost || node.lost;
    mine.stale = mine.stale || node.stale;
    mine.members += node.members;
    // What comes up from below is already in `service`; a sink passes all.
    mine.service =
        IsSink(v) ? edge.service : std::min(edge.service, mine.service);
    mine.service_baseline =
        IsSink(v) ? edge.service_baseline
                  : std::min(edge.service_baseline, mine.service_baseline);
    Subtree& up = below_[parent_[v]];
    up.worst_capacity = std::min(up.worst_capacity, mine.worst_capacity);
    up.worst_health = std::min(up.worst_health, mine.worst_health);
    up.measured = up.measured || mine.measured;
    up.lost = up.lost || mine.lost;
    up.stale = up.stale || mine.stale;
    up.service += mine.service;
    up.service_baseline += mine.service_baseline;
    up.nodes += mine.nodes;
    up.members += mine.members;
  }
}

// A node comes after its parent in this order, as its subtree is part of its
// parent's: so every prefix is a tree.
void Contraction::ChooseKept(int64_t max_nodes) {
  std::vector<uint32_t> order;
  for (uint32_t v : top_down_) {
    if (v != in_.root) order.push_back(v);
  }
  std::stable_sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    return std::tie(below_[a].worst_capacity, below_[a].worst_health,
                    depth_[a]) < std::tie(below_[b].worst_capacity,
                                          below_[b].worst_health, depth_[b]);
  });
  std::map<Family, int64_t> left;  // not kept children of kept nodes
  std::vector<std::vector<NodeType>> families(in_.nodes.size());
  absl::flat_hash_map<Family, int64_t> sizes;
  for (uint32_t v : order) {
    if (++sizes[FamilyOf(v)] == 1) {
      families[parent_[v]].push_back(in_.nodes[v].type);
    }
  }
  const auto open = [&](uint32_t v) {
    for (NodeType type : families[v]) left[{v, type}] = sizes[{v, type}];
    return static_cast<int64_t>(families[v].size());
  };
  int64_t total = 1 + open(in_.root);
  size_t best = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    if (--left[FamilyOf(order[k])] > 0) ++total;
    total += open(order[k]);
    if (total <= max_nodes) best = k + 1;
  }
  kept_.assign(in_.nodes.size(), false);
  kept_[in_.root] = true;
  for (size_t k = 0; k < best; ++k) kept_[order[k]] = true;
  // A lone leaf is no smaller as a merged node.
  absl::flat_hash_map<Family, int64_t> alone;
  for (uint32_t v : order) {
    if (!kept_[v] && kept_[parent_[v]]) alone[FamilyOf(v)] += below_[v].nodes;
  }
  for (uint32_t v : order) {
    if (!kept_[v] && kept_[parent_[v]] && alone[FamilyOf(v)] == 1) {
      kept_[v] = true;
    }
  }
}

uint32_t Contraction::MergedNodeFor(uint32_t child) {
  const Family family = FamilyOf(child);
  if (auto it = merged_.find(family); it != merged_.end()) return it->second;
  const Node& parent = in_.nodes[family.first];
  Node node;
  node.type = family.second;
  node.id = -parent.id - 1;
  node.members = 0;
  out_.graph.nodes.push_back(std::move(node));
  out_.origin.push_back(kMergedNode);
  const auto place = static_cast<uint32_t>(out_.graph.nodes.size() - 1);
  Merge merge;
  merge.node = place;
  out_.graph.merges.push_back(std::move(merge));
  merged_[family] = place;
  return place;
}

void Contraction::PlaceNodes() {
  place_.resize(in_.nodes.size());
  for (uint32_t v = 0; v < in_.nodes.size(); ++v) {
    if (!kept_[v]) continue;
    place_[v] = static_cast<uint32_t>(out_.graph.nodes.size());
    out_.graph.nodes.push_back(in_.nodes[v]);
    out_.origin.push_back(v);
  }
  absl::flat_hash_map<uint32_t, size_t> merge_of;
  for (uint32_t v : top_down_) {
    if (kept_[v]) continue;
    if (!kept_[parent_[v]]) {
      place_[v] = place_[parent_[v]];
      continue;
    }
    place_[v] = MergedNodeFor(v);
    merge_of.try_emplace(place_[v], out_.graph.merges.size() - 1);
    Merge& merge = out_.graph.merges[merge_of[place_[v]]];
    Node& node = out_.graph.nodes[place_[v]];
    const Subtree& mine = below_[v];
    merge.ids.push_back(in_.nodes[v].id);
    merge.nodes_replaced += mine.nodes;
    merge.worst_health = std::min(merge.worst_health, mine.worst_health);
    node.applied_health = merge.worst_health;
    if (mine.measured) node.health = node.applied_health;
    node.lost = node.lost || mine.lost;
    node.stale = node.stale || mine.stale;
    node.members += in_.nodes[v].members;
    node.importance = std::min(1.0, node.importance + in_.nodes[v].importance);
  }
  for (const auto& [family, place] : merged_) {
    Node& node = out_.graph.nodes[place];
    node.name = absl::StrCat(node.members, " merged ", ToString(node.type),
                             " nodes of ", in_.nodes[family.first].name);
    node.data = MergedNodeData(out_.graph.merges[merge_of[place]], node);
  }
}

void Contraction::PlaceEdges() {
  using Key = std::tuple<uint32_t, uint32_t, EdgeType>;
  absl::flat_hash_map<Key, size_t> joined;
  const std::vector<Node>& nodes = in_.nodes;
  std::vector<bool> tree(in_.edges.size(), false);
  for (uint32_t v = 0; v < nodes.size(); ++v) {
    if (v != in_.root) tree[parent_edge_[v]] = true;
  }
  for (size_t e = 0; e < in_.edges.size(); ++e) {
    Edge edge = in_.edges[e];
    const uint32_t child =
        parent_[edge.source] == edge.target ? edge.source : edge.target;
    const bool merged = !kept_[edge.source] || !kept_[edge.target];
    edge.source = place_[edge.source];
    edge.target = place_[edge.target];
    if (edge.source == edge.target) continue;
    if (!merged) {
      out_.graph.edges.push_back(edge);
      continue;
    }
    edge.capacity = EffectiveCapacity(edge);
    edge.error_rate = 0;
    edge.latency_ms = std::nullopt;
    if (tree[e]) {
      edge.service = below_[child].service;
      edge.service_baseline = below_[child].service_baseline;
    }
    const Key key{std::min(edge.source, edge.target),
                  std::max(edge.source, edge.target), edge.type};
    const auto [it, fresh] = joined.try_emplace(key, out_.graph.edges.size());
    if (fresh) {
      out_.graph.edges.push_back(edge);
      continue;
    }
    Edge& sum = out_.graph.edges[it->second];
    sum.baseline += edge.baseline;
    sum.capacity += edge.capacity;
    sum.service += edge.service;
    sum.service_baseline += edge.service_baseline;
    if (sum.current_flow.has_value() && edge.current_flow.has_value()) {
      *sum.current_flow += *edge.current_flow;
    } else {
      sum.current_flow = std::nullopt;
    }
  }
}

void Contraction::PlaceSinks() {
  const auto place = [this](const std::vector<uint32_t>& from,
                            std::vector<uint32_t>* to) {
    absl::flat_hash_set<uint32_t> seen;
    for (uint32_t v : from) {
      if (seen.insert(place_[v]).second) to->push_back(place_[v]);
    }
  };
  ContractedGraph& out = out_.graph;
  place(in_.data_sinks, &out.data_sinks);
  place(in_.commit_sinks, &out.commit_sinks);
  out.root = place_[in_.root];
  out.collection_id = in_.collection_id;
  out.commit_quorum = in_.commit_quorum;
  out.has_data = in_.has_data;
  out.stale = in_.stale;
  out.stale_reasons = std::move(in_.stale_reasons);
  out.original_nodes = in_.original_nodes;
}

}  // namespace

Contracted Contract(ContractedGraph graph, const std::vector<uint32_t>& parent,
                    int64_t max_nodes) {
  graph.original_nodes = static_cast<int64_t>(graph.nodes.size());
  if (graph.original_nodes <= max_nodes) {
    Contracted unchanged;
    unchanged.origin.resize(graph.nodes.size());
    for (uint32_t v = 0; v < graph.nodes.size(); ++v) unchanged.origin[v] = v;
    unchanged.graph = std::move(graph);
    return unchanged;
  }
  return Contraction(std::move(graph), parent).Run(max_nodes);
}

}  // namespace ruvector::graph
