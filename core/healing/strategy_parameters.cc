#include "core/healing/strategy_parameters.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/keys.h"

namespace ruvector::healing {
namespace {

using document::Mismatch;
using nlohmann::json;
using plugin::ParameterDescription;
using plugin::PluginDescription;

constexpr char kWhat[] = "parameter";
constexpr char kDryRun[] = "dry_run";
constexpr char kMaxMoves[] = "max_moves";
constexpr double kMostMoves = 1e15;

const ParameterDescription* Find(const PluginDescription& strategy,
                                 const std::string& name) {
  for (const ParameterDescription& p : strategy.parameters) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

absl::Status Unknown(const PluginDescription& strategy, const std::string& key,
                     bool of_host) {
  std::vector<std::string> known;
  if (of_host) known = {kDryRun, kMaxMoves};
  for (const ParameterDescription& p : strategy.parameters) {
    known.push_back(p.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown parameter \"", key, "\" of strategy '", strategy.name,
      "', known are: ", absl::StrJoin(known, ", ")));
}

absl::Status CheckValue(const ParameterDescription& p, const json& value) {
  if (p.number.has_value()) {
    double number = 0;
    const document::Bounds bounds{p.minimum, p.maximum};
    if (document::Read(value, bounds, number)) return absl::OkStatus();
    return Mismatch(kWhat, p.name,
                    document::Expected(document::Tag<double>(), bounds), value);
  }
  std::string text;
  const document::Bounds bounds{0, 4096};
  if (document::Read(value, bounds, text)) return absl::OkStatus();
  return Mismatch(kWhat, p.name, "text", value);
}

absl::StatusOr<json> Parse(std::string_view text) {
  if (text.empty()) return json::object();
  return document::ParseObject(text, "parameters");
}

}  // namespace

absl::StatusOr<PersonsWish> ParseWish(const PluginDescription& strategy,
                                      std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json object, Parse(text));
  PersonsWish wish;
  for (const auto& [key, value] : object.items()) {
    if (key == kDryRun) {
      if (!document::Read(value, {}, wish.dry_run)) {
        return Mismatch(kWhat, key, "boolean", value);
      }
    } else if (key == kMaxMoves) {
      int64_t moves = 0;
      const document::Bounds bounds{0, kMostMoves};
      if (!document::Read(value, bounds, moves)) {
        return Mismatch(kWhat, key,
                        document::Expected(document::Tag<int64_t>(), bounds),
                        value);
      }
      wish.max_moves = static_cast<double>(moves);
    } else if (const ParameterDescription* p = Find(strategy, key)) {
      RV_RETURN_IF_ERROR(CheckValue(*p, value));
    } else {
      return Unknown(strategy, key, true);
    }
  }
  return wish;
}

absl::StatusOr<std::string> MergeParameters(const PluginDescription& strategy,
                                            std::string_view base,
                                            std::string_view text) {
  RV_ASSIGN_OR_RETURN(json merged, Parse(base));
  RV_ASSIGN_OR_RETURN(const json object, Parse(text));
  for (const auto& [key, value] : object.items()) {
    const ParameterDescription* p = Find(strategy, key);
    if (p == nullptr) return Unknown(strategy, key, false);
    if (value.is_null()) {
      merged.erase(key);
      continue;
    }
    RV_RETURN_IF_ERROR(CheckValue(*p, value));
    merged[key] = value;
  }
  return document::Dump(merged);
}

absl::StatusOr<std::vector<sdk::Value>> ParameterValues(
    const PluginDescription& strategy, absl::Span<const std::string> layers) {
  std::vector<json> parsed;
  for (const std::string& layer : layers) {
    RV_ASSIGN_OR_RETURN(json object, Parse(layer));
    parsed.push_back(std::move(object));
  }
  std::vector<sdk::Value> values;
  for (const ParameterDescription& p : strategy.parameters) {
    sdk::Value value;
    if (p.number.has_value()) value = sdk::Value(*p.number);
    if (p.text.has_value()) value = sdk::Value(*p.text);
    for (const json& layer : parsed) {
      const auto found = layer.find(p.name);
      if (found == layer.end()) continue;
      RV_RETURN_IF_ERROR(CheckValue(p, *found));
      value = found->is_string() ? sdk::Value(found->get<std::string>())
                                 : sdk::Value(found->get<double>());
    }
    values.push_back(std::move(value));
  }
  return values;
}

std::string ParametersJson(const PluginDescription& strategy) {
  json all = json::object();
  for (const ParameterDescription& p : strategy.parameters) {
    json& one = all[p.name] = {{"description", p.description}};
    one["default"] = p.number.has_value() ? json(*p.number)
                     : p.text.has_value() ? json(*p.text)
                                          : json(nullptr);
    if (!p.number.has_value()) continue;
    one["minimum"] = p.minimum;
    one["maximum"] = p.maximum;
  }
  return document::Dump(all);
}

}  // namespace ruvector::healing
