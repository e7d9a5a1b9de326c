#include "core/healing/witness_support.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "core/graph/witness.h"

namespace ruvector::healing {
namespace {

using graph::Assessment;
using graph::ContractedGraph;
using graph::CutKind;
using graph::Edge;
using graph::Node;

// Its capacity, as the deciding cut counts it, is below the normal band.
bool IsWeak(const Edge& edge, CutKind kind, double high) {
  const bool global = kind == CutKind::kGlobal;
  const double baseline = global ? edge.baseline : edge.service_baseline;
  const double value = global ? graph::EffectiveCapacity(edge) : edge.service;
  return baseline > 0 && value < high * baseline;
}

// The ends of an edge that make it weak: a partition_link is as weak as the
// sicker of two partitions, and the other one is not to blame.
std::vector<uint32_t> SickEnds(const ContractedGraph& graph, const Edge& edge,
                               double high) {
  std::vector<uint32_t> ends;
  for (uint32_t end : {edge.source, edge.target}) {
    if (graph.nodes[end].lost || graph.nodes[end].applied_health < high) {
      ends.push_back(end);
    }
  }
  return ends;
}

bool Matches(const ContractedGraph& graph, uint32_t index,
             const NodeRef& wanted) {
  const Node& node = graph.nodes[index];
  if (node.type != wanted.type) return false;
  if (!wanted.name.empty()) return node.name == wanted.name;
  if (node.id == wanted.id) return true;
  for (const graph::Merge& merge : graph.merges) {
    if (merge.node == index) {
      return std::find(merge.ids.begin(), merge.ids.end(), wanted.id) !=
             merge.ids.end();
    }
  }
  return false;
}

bool Touches(const ContractedGraph& graph, const std::vector<uint32_t>& ends,
             const Problem& problem) {
  for (const Subject& subject : problem.subjects) {
    for (const NodeRef& wanted : subject.nodes) {
      for (uint32_t end : ends) {
        if (Matches(graph, end, wanted)) return true;
      }
    }
  }
  return false;
}

Subject NodeSubject(const Node& node) {
  Subject subject;
  subject.kind =
      node.type == graph::NodeType::kPartition ? "partition" : "node";
  subject.name = node.name;
  subject.nodes = {{node.type, node.id, ""}};
  return subject;
}

// The nodes that make the weak edges of the witness weak, each once.
std::vector<uint32_t> WeakNodes(const Situation& situation, double high) {
  const ContractedGraph& graph = *situation.graph;
  absl::flat_hash_set<uint32_t> seen;
  std::vector<uint32_t> nodes;
  for (uint32_t e : situation.assessment->witness) {
    const Edge& edge = graph.edges[e];
    if (!IsWeak(edge, situation.assessment->kind, high)) continue;
    for (uint32_t end : SickEnds(graph, edge, high)) {
      if (seen.insert(end).second) nodes.push_back(end);
    }
  }
  return nodes;
}

}  // namespace

void SupportByWitness(const Situation& situation, const HealingLimits& limits,
                      std::vector<Problem>* problems) {
  if (situation.graph == nullptr) return;
  const double high = limits.health.band.high;
  const ContractedGraph& graph = *situation.graph;
  for (uint32_t e : situation.assessment->witness) {
    if (!IsWeak(graph.edges[e], situation.assessment->kind, high)) continue;
    const std::vector<uint32_t> ends = SickEnds(graph, graph.edges[e], high);
    for (Problem& problem : *problems) {
      if (Touches(graph, ends, problem)) problem.witness.push_back(e);
    }
  }
  for (Problem& problem : *problems) {
    if (problem.witness.empty()) continue;
    problem.confidence += limits.witness_gain * (1 - problem.confidence);
  }
}

void AddUnknown(const Situation& situation, const HealingLimits& limits,
                std::vector<Problem>* problems) {
  if (situation.state == gate::State::kNormal || situation.graph == nullptr ||
      !situation.assessment->norm.has_value()) {
    return;
  }
  const double high = limits.health.band.high;
  const double norm = *situation.assessment->norm;
  if (!(norm < high)) return;
  for (const Problem& problem : *problems) {
    if (!problem.witness.empty()) return;
  }
  const ContractedGraph& graph = *situation.graph;
  std::vector<uint32_t> weak = WeakNodes(situation, high);
  if (!weak.empty() && std::all_of(weak.begin(), weak.end(), [&](uint32_t n) {
        return graph.nodes[n].stale;
      })) {
    return;
  }
  Problem unknown;
  unknown.cause = Cause::kUnexplained;
  unknown.severity = kLeastSeverity +
                     (1 - kLeastSeverity) * std::min(1.0, (high - norm) / high);
  unknown.confidence = limits.unexplained_confidence;
  for (uint32_t node : weak) {
    unknown.subjects.push_back(NodeSubject(graph.nodes[node]));
  }
  if (unknown.subjects.empty()) unknown.subjects.emplace_back();
  for (Subject& subject : unknown.subjects) {
    subject.share = 1 / static_cast<double>(unknown.subjects.size());
  }
  unknown.subjects_found = static_cast<int64_t>(unknown.subjects.size());
  unknown.witness = situation.assessment->witness;
  unknown.evidence.push_back({"norm", "", norm,
                              "smallest normalised cut of the contracted graph",
                              high});
  unknown.evidence.push_back({"witness", "",
                              graph::WitnessText(graph, *situation.assessment),
                              "edges of the deciding cut"});
  problems->push_back(std::move(unknown));
}

}  // namespace ruvector::healing
