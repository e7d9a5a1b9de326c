#include "core/graph/assess.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/status_macros.h"
#include "core/cut/algebraic_connectivity.h"
#include "core/cut/edge.h"
#include "core/cut/minimum_cut.h"
#include "core/cut/nontrivial_cut.h"
#include "core/cut/terminal_cut.h"

namespace ruvector::graph {
namespace {

// Fixed points of the terminal cuts. The data service adds up to 1 over up to
// tens of thousands of leaves; the commit service is a count of standbys.
constexpr double kDataOne = 1 << 30;
constexpr double kCommitOne = 1 << 20;

int32_t ToFixed(double service, double one) {
  constexpr double kMost = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::min(kMost, std::nearbyint(service * one)));
}

std::vector<cut::Edge> GlobalEdges(const ContractedGraph& graph,
                                   bool baseline) {
  std::vector<cut::Edge> edges;
  edges.reserve(graph.edges.size());
  for (const Edge& e : graph.edges) {
    edges.push_back(
        {e.source, e.target,
         cut::ToFixed(baseline ? e.baseline : EffectiveCapacity(e))});
  }
  return edges;
}

struct Service {
  std::optional<double> norm;
  std::vector<uint32_t> witness;
  std::vector<uint8_t> side;
};

// A terminal cut over some of the graph's edges.
class ServiceNetwork {
 public:
  // `one` is the fixed point of a service of 1.
  ServiceNetwork(const ContractedGraph& graph, EdgeType type, double one)
      : one_(one), touched_(graph.nodes.size(), false) {
    for (uint32_t i = 0; i < graph.edges.size(); ++i) {
      const Edge& e = graph.edges[i];
      if (e.type != type || e.service_baseline <= 0) continue;
      edges_.push_back({e.source, e.target, ToFixed(e.service, one)});
      healthy_.push_back(
          {e.source, e.target, ToFixed(e.service_baseline, one)});
      origin_.push_back(i);
      touched_[e.source] = touched_[e.target] = true;
    }
  }

  // Commits need at most `quorum` acknowledgements: a node of its own between
  // them and the WAL. Returns that node.
  uint32_t AddQuorum(int64_t quorum, uint32_t root) {
    const auto gate = static_cast<uint32_t>(touched_.size());
    const cut::Edge edge{gate, root,
                         ToFixed(static_cast<double>(quorum), one_)};
    edges_.push_back(edge);
    healthy_.push_back(edge);
    touched_.push_back(true);
    return gate;
  }

  absl::StatusOr<Service> Cut(uint32_t source,
                              const std::vector<uint32_t>& sinks) const {
    const int n = static_cast<int>(touched_.size());
    Service service;
    RV_ASSIGN_OR_RETURN(const cut::Cut best,
                        cut::MinimumTerminalCut(n, healthy_, {source}, sinks));
    if (best.value == 0) return service;
    RV_ASSIGN_OR_RETURN(cut::Cut now,
                        cut::MinimumTerminalCut(n, edges_, {source}, sinks));
    service.norm = std::min(
        1.0, static_cast<double>(now.value) / static_cast<double>(best.value));
    for (uint32_t e : now.edges) {
      if (e < origin_.size()) service.witness.push_back(origin_[e]);
    }
    service.side = std::move(now.side);
    for (size_t v = 0; v < service.side.size(); ++v) {
      if (!touched_[v]) service.side[v] = 0;
    }
    return service;
  }

 private:
  double one_;
  std::vector<cut::Edge> edges_;
  std::vector<cut::Edge> healthy_;
  std::vector<uint32_t> origin_;
  std::vector<bool> touched_;
};

absl::StatusOr<Service> DataService(const ContractedGraph& graph) {
  if (graph.data_sinks.empty()) return Service();
  return ServiceNetwork(graph, EdgeType::kRoutingLink, kDataOne)
      .Cut(graph.root, graph.data_sinks);
}

absl::StatusOr<Service> CommitService(const ContractedGraph& graph) {
  if (graph.commit_quorum == 0 || graph.commit_sinks.empty()) {
    return Service();
  }
  ServiceNetwork network(graph, EdgeType::kReplication, kCommitOne);
  const uint32_t gate = network.AddQuorum(graph.commit_quorum, graph.root);
  RV_ASSIGN_OR_RETURN(Service service, network.Cut(gate, graph.commit_sinks));
  if (!service.side.empty()) service.side.pop_back();
  return service;
}

absl::StatusOr<cut::Cut> GlobalCut(int n, std::vector<cut::Edge> edges,
                                   CutFollower* follower) {
  return follower == nullptr ? cut::MinimumCut(n, edges)
                             : follower->Cut(n, std::move(edges));
}

absl::Status AddGlobal(const ContractedGraph& graph,
                       const std::vector<cut::Edge>& edges,
                       CutFollowers* followers, Assessment* assessment) {
  const int n = static_cast<int>(graph.nodes.size());
  RV_ASSIGN_OR_RETURN(
      const cut::Cut healthy,
      GlobalCut(n, GlobalEdges(graph, true),
                followers == nullptr ? nullptr : &followers->healthy));
  if (healthy.value == 0) {
    return absl::InvalidArgumentError(
        "graph falls apart even in full health, expected a connected one");
  }
  RV_ASSIGN_OR_RETURN(
      cut::Cut now,
      GlobalCut(n, edges, followers == nullptr ? nullptr : &followers->now));
  assessment->lambda_raw = cut::FromFixed(now.value);
  assessment->lambda_baseline = cut::FromFixed(healthy.value);
  assessment->lambda_norm = std::min(
      1.0, static_cast<double>(now.value) / static_cast<double>(healthy.value));
  assessment->norm = assessment->lambda_norm;
  assessment->witness = std::move(now.edges);
  assessment->side = std::move(now.side);
  if (assessment->side[graph.root] == 1) {
    for (uint8_t& side : assessment->side) side = 1 - side;
  }
  return absl::OkStatus();
}

void AddService(Service service, CutKind kind, Assessment* assessment) {
  if (!service.norm.has_value()) return;
  if (!assessment->service_norm.has_value() ||
      *service.norm < *assessment->service_norm) {
    assessment->service_norm = service.norm;
  }
  if (*service.norm >= *assessment->norm) return;
  assessment->norm = service.norm;
  assessment->kind = kind;
  assessment->witness = std::move(service.witness);
  assessment->side = std::move(service.side);
}

absl::Status AddExtras(const ContractedGraph& graph,
                       const std::vector<cut::Edge>& edges,
                       const AssessOptions& options, Assessment* assessment) {
  const int n = static_cast<int>(graph.nodes.size());
  if (options.compute_nontrivial && n >= 4) {
    RV_ASSIGN_OR_RETURN(cut::Cut seam, cut::MinimumNontrivialCut(n, edges));
    assessment->nontrivial =
        NontrivialCut{cut::FromFixed(seam.value), std::move(seam.edges)};
  }
  if (!options.compute_lambda2) return absl::OkStatus();
  std::vector<cut::WeightedEdge> weighted;
  weighted.reserve(graph.edges.size());
  for (const Edge& e : graph.edges) {
    weighted.push_back({e.source, e.target, EffectiveCapacity(e)});
  }
  RV_ASSIGN_OR_RETURN(assessment->lambda2,
                      cut::AlgebraicConnectivity(n, weighted));
  return absl::OkStatus();
}

}  // namespace

absl::string_view ToString(CutKind kind) {
  switch (kind) {
    case CutKind::kGlobal:
      return "global";
    case CutKind::kData:
      return "data";
    case CutKind::kCommit:
      return "commit";
  }
  return "";
}

absl::StatusOr<Assessment> Assess(const ContractedGraph& graph,
                                  const AssessOptions& options,
                                  CutFollowers* followers) {
  RV_RETURN_IF_ERROR(Validate(graph));
  Assessment assessment;
  assessment.stale = graph.stale;
  assessment.side.assign(graph.nodes.size(), 0);
  if (graph.nodes.size() < 2 || !graph.has_data) return assessment;

  const std::vector<cut::Edge> edges = GlobalEdges(graph, false);
  RV_RETURN_IF_ERROR(AddGlobal(graph, edges, followers, &assessment));
  RV_ASSIGN_OR_RETURN(Service data, DataService(graph));
  AddService(std::move(data), CutKind::kData, &assessment);
  RV_ASSIGN_OR_RETURN(Service commit, CommitService(graph));
  AddService(std::move(commit), CutKind::kCommit, &assessment);
  RV_RETURN_IF_ERROR(AddExtras(graph, edges, options, &assessment));
  return assessment;
}

}  // namespace ruvector::graph
