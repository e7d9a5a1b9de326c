#include "core/attention/context_document.h"

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/json_check.h"
#include "core/plugin/malformed.h"
#include "nlohmann/json.hpp"

namespace ruvector::attention {
namespace {

using document::Bounds;
using nlohmann::json;

constexpr char kWhat[] = "context";
constexpr double kAny = std::numeric_limits<double>::max();
constexpr double kInt = std::numeric_limits<int32_t>::max();
// The largest integer that a JSON number holds for sure.
constexpr double kSeed = 9007199254740991;

absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     int32_t& out) {
  int64_t wide = 0;
  if (!document::Read(value, bounds, wide)) {
    return document::Mismatch(
        kWhat, path, document::Expected(document::Tag<int64_t>(), bounds),
        value);
  }
  out = static_cast<int32_t>(wide);
  return absl::OkStatus();
}

absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     float& out) {
  double wide = 0;
  if (!document::Read(value, bounds, wide)) {
    return document::Mismatch(
        kWhat, path, document::Expected(document::Tag<double>(), bounds),
        value);
  }
  out = static_cast<float>(wide);
  return absl::OkStatus();
}

absl::Status ReadOne(const std::string& path, const json& value, Bounds,
                     uint8_t& out) {
  if (!value.is_boolean()) {
    return document::Mismatch(kWhat, path, "boolean", value);
  }
  out = value.get<bool>();
  return absl::OkStatus();
}

template <class T>
absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     T& out) {
  if (document::Read(value, bounds, out)) return absl::OkStatus();
  return document::Mismatch(
      kWhat, path, document::Expected(document::Tag<T>(), bounds), value);
}

template <class T>
absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     std::vector<T>& out) {
  if (!value.is_array()) {
    return document::Mismatch(kWhat, path, "array", value);
  }
  out.reserve(value.size());
  for (const json& element : value) {
    const std::string place = absl::StrCat(path, "[", out.size(), "]");
    RV_RETURN_IF_ERROR(ReadOne(place, element, bounds, out.emplace_back()));
  }
  return absl::OkStatus();
}

template <class T>
absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     std::optional<T>& out) {
  return ReadOne(path, value, bounds, out.emplace());
}

absl::Status ReadOne(const std::string& path, const json& value, Bounds bounds,
                     std::map<std::string, double, std::less<>>& out) {
  if (!value.is_object()) {
    return document::Mismatch(kWhat, path, "object", value);
  }
  for (const auto& [name, number] : value.items()) {
    RV_RETURN_IF_ERROR(
        ReadOne(absl::StrCat(path, ".", name), number, bounds, out[name]));
  }
  return absl::OkStatus();
}

struct Key {
  const char* name;
  absl::Status (*read)(const std::string&, const json&, ContextDocument&);
};

// A row for a member of that name.
#define RV_CONTEXT_KEY(member, low, high)                                     \
  Key {                                                                       \
#member, [](const std::string& path, const json& value,                     \
                ContextDocument& out) {                                     \
      return ReadOne(path, value, Bounds{low, high}, out.member);           \
    } \
  }

constexpr Key kKeys[] = {
    RV_CONTEXT_KEY(depths, 0, kInt),
    RV_CONTEXT_KEY(hops, 0, kInt),
    RV_CONTEXT_KEY(costs, 0, kAny),
    RV_CONTEXT_KEY(criticalities, 0, 1),
    RV_CONTEXT_KEY(on_critical_path, 0, 1),
    RV_CONTEXT_KEY(is_parallel, 0, 1),
    RV_CONTEXT_KEY(is_common_ancestor, 0, 1),
    RV_CONTEXT_KEY(timestamps_ms, -kAny, kAny),
    RV_CONTEXT_KEY(query_depth, 0, kInt),
    RV_CONTEXT_KEY(query_timestamp_ms, -kAny, kAny),
    RV_CONTEXT_KEY(parameters, -kAny, kAny),
    RV_CONTEXT_KEY(mechanisms, 0, 63),
    RV_CONTEXT_KEY(weights, 0, kAny),
    RV_CONTEXT_KEY(exploration, 0, 1),
    RV_CONTEXT_KEY(seed, 0, kSeed),
};
#undef RV_CONTEXT_KEY

absl::StatusOr<json> ParseObject(std::string_view text, const char* what) {
  RV_RETURN_IF_ERROR(document::CheckJson(text, what));
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_object()) return value;
  return plugin::Malformed(what, " is ", document::Came(value),
                           ", expected an object");
}

absl::Status ReadKey(const std::string& name, const json& value,
                     ContextDocument& out) {
  for (const Key& key : kKeys) {
    if (key.name == name) {
      return value.is_null() ? absl::OkStatus() : key.read(name, value, out);
    }
  }
  return plugin::Malformed(
      "context has an unknown key \"", name, "\", known are: ",
      absl::StrJoin(kKeys, ", ", [](std::string* text, const Key& key) {
        absl::StrAppend(text, key.name);
      }));
}

}  // namespace

void ContextDocument::Lend(AttentionRequest& request) const {
  request.query_depth = query_depth;
  request.query_timestamp_ms = query_timestamp_ms;
  request.depths = depths;
  request.hops = hops;
  request.costs = costs;
  request.criticalities = criticalities;
  request.on_critical_path = on_critical_path;
  request.is_parallel = is_parallel;
  request.is_common_ancestor = is_common_ancestor;
  request.timestamps_ms = timestamps_ms;
  request.parameters = parameters;
}

absl::StatusOr<ContextDocument> ParseConfig(std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json value, ParseObject(text, "config"));
  ContextDocument out;
  for (const auto& [name, member] : value.items()) {
    if (member.is_null()) continue;
    if (name == "depths") {
      RV_RETURN_IF_ERROR(ReadKey(name, member, out));
    } else {
      RV_RETURN_IF_ERROR(
          ReadOne(name, member, Bounds{-kAny, kAny}, out.parameters[name]));
    }
  }
  if (out.parameters.count("depth_decay") > 0 && out.depths.empty()) {
    return plugin::Malformed(
        "config key \"depth_decay\" needs the key \"depths\"");
  }
  return out;
}

absl::StatusOr<ContextDocument> ParseContext(std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json value, ParseObject(text, kWhat));
  ContextDocument out;
  for (const auto& [name, member] : value.items()) {
    RV_RETURN_IF_ERROR(ReadKey(name, member, out));
  }
  return out;
}

}  // namespace ruvector::attention
