#include "core/graph/dot.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ruvector::graph {
namespace {

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      quoted += c;
    }
  }
  return quoted + "\"";
}

const char* Shape(NodeType type) {
  switch (type) {
    case NodeType::kPartition:
      return "box";
    case NodeType::kCentroid:
      return "ellipse";
    case NodeType::kShard:
      return "box3d";
    case NodeType::kMaintenanceDep:
      return "hexagon";
    case NodeType::kReplicationTarget:
      return "cylinder";
  }
  return "box";
}

// Hue from red (0) to green (1/3).
std::string Colour(const Node& node) {
  if (!node.health.has_value()) return "\"#cccccc\"";
  return absl::StrFormat("\"%.3f 0.550 0.950\"", *node.health / 3);
}

void AppendNode(const ContractedGraph& graph, uint32_t v, std::string* dot) {
  const Node& node = graph.nodes[v];
  const std::string health = node.health.has_value()
                                 ? absl::StrFormat("health %.2f", *node.health)
                             : node.stale ? "stale"
                                          : "not measured";
  absl::StrAppend(
      dot, "    n", v, " [label=",
      Quoted(absl::StrCat(node.name, "\n", ToString(node.type), ", ", health)),
      ", shape=", Shape(node.type),
      ", style=", node.stale ? "\"filled,dashed\"" : "filled",
      ", fillcolor=", Colour(node), "];\n");
}

void AppendSide(const ContractedGraph& graph, const Assessment& assessment,
                uint8_t side, const char* label, std::string* dot) {
  std::string nodes;
  for (uint32_t v = 0; v < graph.nodes.size(); ++v) {
    if (assessment.side[v] == side) AppendNode(graph, v, &nodes);
  }
  if (nodes.empty()) return;
  absl::StrAppend(
      dot, "  subgraph cluster_", side, " {\n    label=", Quoted(label),
      ";\n    color=", side == 1 ? "red" : "gray", ";\n", nodes, "  }\n");
}

}  // namespace

std::string ToDot(const ContractedGraph& graph, const Assessment& assessment,
                  absl::string_view title) {
  std::string heading(title);
  if (assessment.norm.has_value()) {
    absl::StrAppend(
        &heading,
        absl::StrFormat("\nlambda %.4g of %.4g, norm "
                        "%.3f (%s cut)",
                        *assessment.lambda_raw, *assessment.lambda_baseline,
                        *assessment.norm, ToString(assessment.kind)));
  } else {
    absl::StrAppend(&heading, "\nno data");
  }
  std::string dot = absl::StrCat(
      "graph ", Quoted(title), " {\n  label=", Quoted(heading),
      ";\n  labelloc=t;\n  fontname=\"sans-serif\";\n"
      "  node [fontname=\"sans-serif\", fontsize=10];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9, color=gray40];\n");
  AppendSide(graph, assessment, 0, "holds together", &dot);
  AppendSide(graph, assessment, 1, "cut off first", &dot);
  std::vector<bool> crossing(graph.edges.size(), false);
  for (uint32_t e : assessment.witness) crossing[e] = true;
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    const Edge& edge = graph.edges[e];
    const bool global = assessment.kind == CutKind::kGlobal;
    const double capacity = global ? EffectiveCapacity(edge) : edge.service;
    absl::StrAppend(&dot, "  n", edge.source, " -- n", edge.target);
    if (crossing[e]) {
      absl::StrAppend(&dot, absl::StrFormat(" [style=dashed, color=red, "
                                            "fontcolor=red, penwidth=2, "
                                            "label=\"%.3g\"]",
                                            capacity));
    }
    absl::StrAppend(&dot, ";\n");
  }
  absl::StrAppend(&dot, "}\n");
  return dot;
}

}  // namespace ruvector::graph
