#include "core/graph/node_data.h"

#include <utility>

#include "nlohmann/json.hpp"

namespace ruvector::graph {
namespace {

using Json = nlohmann::ordered_json;

Json Number(std::optional<double> value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ToJson(const Aspect& aspect) {
  Json json;
  json["aspect"] = aspect.name;
  if (!aspect.object.empty()) json["object"] = aspect.object;
  json["health"] = Number(aspect.health);
  json["source"] = aspect.source;
  for (const auto& [name, value] : aspect.values) json[name] = Number(value);
  return json;
}

}  // namespace

std::string NodeData(const Node& node, const Health& health) {
  Json json;
  Json aspects = Json::array();
  const char* decided_by = nullptr;
  for (const Aspect& aspect : health.aspects) {
    if (decided_by == nullptr && aspect.health.has_value() &&
        aspect.health == health.value) {
      decided_by = aspect.name;
    }
    aspects.push_back(ToJson(aspect));
  }
  if (health.lost) decided_by = "access";
  json["decided_by"] = decided_by == nullptr ? Json(nullptr) : Json(decided_by);
  json["applied_health"] = node.applied_health;
  if (node.importance > 0) json["share"] = node.importance;
  if (!health.reason.empty()) json["reason"] = health.reason;
  if (health.lost) json["lost"] = true;
  if (health.stale) json["stale"] = true;
  json["aspects"] = std::move(aspects);
  return Text(json);
}

std::string MergedNodeData(const Merge& merge, const Node& node) {
  Json json;
  json["merged"] = merge.ids.size();
  json["nodes_replaced"] = merge.nodes_replaced;
  json["applied_health"] = node.applied_health;
  json["health_from"] = "worst of the merged nodes";
  if (node.importance > 0) json["share"] = node.importance;
  return Text(json);
}

}  // namespace ruvector::graph
