#include "core/graph/graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::graph {
namespace {

constexpr double kMostCapacity = 500000;

absl::Status Defect(const char* what, size_t index, const char* field,
                    double value, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      what, " ", index, ": ", field, " is ", value, ", expected ", expected));
}

bool Fraction(double x) { return x >= 0 && x <= 1; }
bool Amount(double x) { return x >= 0 && x <= kMostCapacity; }

absl::Status Check(const Edge& e, size_t i, size_t nodes) {
  if (e.source >= nodes || e.target >= nodes) {
    return Defect("edge", i, "end", std::max(e.source, e.target),
                  "an index of a node");
  }
  if (e.source == e.target) {
    return Defect("edge", i, "target", e.target,
                  "another node than its source");
  }
  const std::pair<const char*, double> amounts[] = {
      {"baseline", e.baseline},
      {"capacity", e.capacity},
      {"service_baseline", e.service_baseline},
      {"service", e.service}};
  for (const auto& [name, value] : amounts) {
    if (!Amount(value)) {
      return Defect("edge", i, name, value, "a number from 0 to 500000");
    }
  }
  if (!Fraction(e.error_rate)) {
    return Defect("edge", i, "error_rate", e.error_rate,
                  "a number from 0 to 1");
  }
  return absl::OkStatus();
}

absl::Status CheckIndices(const char* what, const std::vector<uint32_t>& list,
                          size_t nodes) {
  for (uint32_t v : list) {
    if (v >= nodes) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " ", v, " is no index of the ", nodes, " nodes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view ToString(NodeType type) {
  switch (type) {
    case NodeType::kPartition:
      return "partition";
    case NodeType::kCentroid:
      return "centroid";
    case NodeType::kShard:
      return "shard";
    case NodeType::kMaintenanceDep:
      return "maintenance_dep";
    case NodeType::kReplicationTarget:
      return "replication_target";
  }
  return "";
}

absl::string_view ToString(EdgeType type) {
  switch (type) {
    case EdgeType::kPartitionLink:
      return "partition_link";
    case EdgeType::kRoutingLink:
      return "routing_link";
    case EdgeType::kDependency:
      return "dependency";
    case EdgeType::kReplication:
      return "replication";
  }
  return "";
}

absl::Status Validate(const ContractedGraph& graph) {
  const size_t n = graph.nodes.size();
  absl::flat_hash_set<std::pair<NodeType, int64_t>> ids;
  for (size_t i = 0; i < n; ++i) {
    const Node& node = graph.nodes[i];
    if (!Fraction(node.health.value_or(1)) || !Fraction(node.applied_health)) {
      return Defect("node", i, "health",
                    node.health.value_or(node.applied_health),
                    "a number from 0 to 1");
    }
    if (!ids.emplace(node.type, node.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", i, ": ", ToString(node.type), " ", node.id,
                       " is given twice"));
    }
  }
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    RV_RETURN_IF_ERROR(Check(graph.edges[i], i, n));
  }
  if (n > 0 && graph.root >= n) {
    return Defect("graph", 0, "root", graph.root, "an index of a node");
  }
  if (graph.commit_quorum < 0) {
    return Defect("graph", 0, "commit_quorum",
                  static_cast<double>(graph.commit_quorum), "at least 0");
  }
  RV_RETURN_IF_ERROR(CheckIndices("data sink", graph.data_sinks, n));
  return CheckIndices("commit sink", graph.commit_sinks, n);
}

}  // namespace ruvector::graph
