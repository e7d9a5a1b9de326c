#include "core/graph/witness.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace ruvector::graph {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Weight {
  uint32_t edge;
  double capacity;
  double baseline;
  double Ratio() const { return baseline > 0 ? capacity / baseline : 1; }
};

// The crossing edges with what each adds to the deciding cut, weakest first.
std::vector<Weight> Weakest(const ContractedGraph& graph,
                            const Assessment& assessment) {
  std::vector<Weight> weights;
  for (uint32_t e : assessment.witness) {
    const Edge& edge = graph.edges[e];
    if (assessment.kind == CutKind::kGlobal) {
      weights.push_back({e, EffectiveCapacity(edge), edge.baseline});
    } else {
      weights.push_back({e, edge.service, edge.service_baseline});
    }
  }
  std::stable_sort(
      weights.begin(), weights.end(),
      [](const Weight& a, const Weight& b) { return a.Ratio() < b.Ratio(); });
  return weights;
}

Json Number(std::optional<double> value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

}  // namespace

std::string WitnessJson(const ContractedGraph& graph,
                        const Assessment& assessment, size_t limit) {
  Json list = Json::array();
  for (const Weight& weight : Weakest(graph, assessment)) {
    if (limit > 0 && list.size() == limit) break;
    const Edge& edge = graph.edges[weight.edge];
    const Node& source = graph.nodes[edge.source];
    const Node& target = graph.nodes[edge.target];
    Json json;
    json["source_type"] = std::string(ToString(source.type));
    json["source_id"] = source.id;
    json["source_name"] = source.name;
    json["target_type"] = std::string(ToString(target.type));
    json["target_id"] = target.id;
    json["target_name"] = target.name;
    json["edge_type"] = std::string(ToString(edge.type));
    json["capacity"] = weight.capacity;
    json["baseline"] = weight.baseline;
    json["flow"] = Number(edge.current_flow);
    list.push_back(std::move(json));
  }
  return Text(list);
}

std::string WitnessText(const ContractedGraph& graph,
                        const Assessment& assessment, size_t limit) {
  return WitnessTextOf(WitnessJson(graph, assessment, limit),
                       assessment.witness.size(), limit);
}

std::string WitnessTextOf(std::string_view witness_json, size_t total,
                          size_t limit) {
  const Json edges = Json::parse(witness_json.begin(), witness_json.end(),
                                 nullptr, /*allow_exceptions=*/false);
  std::string text;
  size_t shown = 0;
  if (edges.is_array()) {
    for (const Json& edge : edges) {
      if (shown == limit || !edge.is_object()) break;
      absl::StrAppend(
          &text, shown++ > 0 ? ", " : "", edge.value("source_name", "?"), " - ",
          edge.value("target_name", "?"),
          absl::StrFormat(" (%s %.4g of %.4g)", edge.value("edge_type", "?"),
                          edge.value("capacity", 0.0),
                          edge.value("baseline", 0.0)));
    }
  }
  if (shown < total) {
    absl::StrAppend(&text, " and ", total - shown, " more");
  }
  return text;
}

std::string MergesJson(const ContractedGraph& graph) {
  Json json;
  int64_t replaced = 0;
  Json list = Json::array();
  for (const Merge& merge : graph.merges) {
    const Node& node = graph.nodes[merge.node];
    replaced += merge.nodes_replaced;
    Json one;
    one["name"] = node.name;
    one["type"] = std::string(ToString(node.type));
    one["id"] = node.id;
    one["members"] = node.members;
    one["nodes_replaced"] = merge.nodes_replaced;
    one["worst_health"] = merge.worst_health;
    one["ids"] = merge.ids;
    list.push_back(std::move(one));
  }
  json["original_nodes"] = graph.original_nodes;
  json["merged_nodes"] = replaced;
  json["merges"] = std::move(list);
  return Text(json);
}

}  // namespace ruvector::graph
