// MergePolicy, PolicyToJson, PolicyDiff: the JSON side of policy.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "core/base/hint.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/keys.h"
#include "core/gate/policy.h"
#include "core/gate/policy_keys.h"
#include "core/notify/webhook_url.h"
#include "nlohmann/json.hpp"

namespace ruvector::gate {
namespace {

using document::Dump;
using nlohmann::json;

constexpr size_t kMaxTextBytes = 1000;
constexpr size_t kMaxChannelBytes = 63;  // NAMEDATALEN - 1, as NOTIFY has it
constexpr size_t kMaxArgs = 64;

absl::Status Mismatch(std::string_view path, std::string_view expected,
                      const json& value) {
  return document::Mismatch("policy", path, expected, value);
}

bool Read(const json& value, document::Bounds, Mode& out) {
  return document::ReadEnum(value, kModeNames, out);
}
template <typename T>
bool Read(const json& value, document::Bounds bounds, T& out) {
  return document::Read(value, bounds, out);
}

// Arrays are read with their own errors, since their elements have paths.

bool ReadText(const json& value, size_t max_bytes, std::string& out) {
  return document::Read(value, {0, static_cast<double>(max_bytes)}, out);
}

absl::Status CheckMembers(const json& value, const std::string& path,
                          std::initializer_list<std::string_view> known) {
  if (!value.is_object()) return Mismatch(path, "object", value);
  std::string list;
  for (std::string_view name : known) {
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  for (const auto& [name, member] : value.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return WithHint(
          absl::InvalidArgumentError(
              absl::StrFormat("unknown policy key \"%s.%s\"", path, name)),
          absl::StrFormat("Known keys in \"%s\" are %s.", path, list));
    }
  }
  return absl::OkStatus();
}

absl::Status RequireText(const json& object, const std::string& path,
                         const char* member, size_t min_bytes, size_t max_bytes,
                         std::string& out) {
  const std::string expected = absl::StrFormat(
      "text of %d to %d bytes without NUL", min_bytes, max_bytes);
  const auto found = object.find(member);
  if (found == object.end()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("policy key \"%s.%s\": expected %s, got nothing", path,
                        member, expected));
  }
  if (!ReadText(*found, max_bytes, out) || out.size() < min_bytes) {
    return Mismatch(absl::StrFormat("%s.%s", path, member), expected, *found);
  }
  return absl::OkStatus();
}

absl::Status ReadElement(const json& value, const std::string& path,
                         Channel& out) {
  RV_RETURN_IF_ERROR(CheckMembers(value, path, {"type", "config"}));
  std::string type;
  RV_RETURN_IF_ERROR(RequireText(value, path, "type", 1, 20, type));
  const auto config = value.find("config");
  if (config == value.end()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "policy key \"%s.config\": expected object, got nothing", path));
  }
  const std::string below = path + ".config";
  if (type == "pg_notify") {
    out.type = Channel::Type::kPgNotify;
    RV_RETURN_IF_ERROR(CheckMembers(*config, below, {"channel"}));
    return RequireText(*config, below, "channel", 1, kMaxChannelBytes,
                       out.target);
  }
  if (type == "webhook") {
    out.type = Channel::Type::kWebhook;
    RV_RETURN_IF_ERROR(CheckMembers(*config, below, {"url"}));
    RV_RETURN_IF_ERROR(RequireText(*config, below, "url", 1,
                                   notify::kMaxUrlBytes, out.target));
    const std::string_view expected = notify::UrlObjection(out.target);
    if (expected.empty()) return absl::OkStatus();
    return Mismatch(below + ".url", expected, notify::RedactUrl(out.target));
  }
  return Mismatch(path + ".type", "one of \"pg_notify\", \"webhook\"",
                  value["type"]);
}

absl::Status ReadElement(const json& value, const std::string& path,
                         CustomAction& out) {
  RV_RETURN_IF_ERROR(CheckMembers(value, path, {"name", "command", "args"}));
  RV_RETURN_IF_ERROR(
      RequireText(value, path, "name", 1, kMaxChannelBytes, out.name));
  RV_RETURN_IF_ERROR(
      RequireText(value, path, "command", 1, kMaxTextBytes, out.command));
  const auto args = value.find("args");
  if (args == value.end()) return absl::OkStatus();
  if (!args->is_array() || args->size() > kMaxArgs) {
    return Mismatch(path + ".args",
                    absl::StrFormat("array of at most %d texts", kMaxArgs),
                    *args);
  }
  for (size_t i = 0; i < args->size(); ++i) {
    std::string text;
    if (!ReadText((*args)[i], kMaxTextBytes, text)) {
      return Mismatch(
          absl::StrFormat("%s.args[%d]", path, i),
          absl::StrFormat("text of at most %d bytes", kMaxTextBytes),
          (*args)[i]);
    }
    out.args.push_back(std::move(text));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadField(const json& value, const PolicyKey& key,
                       const std::string& path, T& out) {
  if (!Read(value, {key.min, key.max}, out)) {
    return Mismatch(path, ExpectedText(key), value);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadField(const json& value, const PolicyKey& key,
                       const std::string& path, std::vector<T>& out) {
  if (!value.is_array() || value.size() > static_cast<size_t>(key.max)) {
    return Mismatch(path, ExpectedText(key), value);
  }
  std::vector<T> elements(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    RV_RETURN_IF_ERROR(
        ReadElement(value[i], absl::StrFormat("%s[%d]", path, i), elements[i]));
  }
  out = std::move(elements);
  return absl::OkStatus();
}

json Write(bool value) { return value; }
json Write(int64_t value) { return value; }
json Write(double value) { return value; }
json Write(const std::string& value) { return value; }
json Write(Mode value) { return ModeName(value); }
json Write(const Channel& channel) {
  if (channel.type == Channel::Type::kPgNotify) {
    return {{"type", "pg_notify"}, {"config", {{"channel", channel.target}}}};
  }
  return {{"type", "webhook"}, {"config", {{"url", channel.target}}}};
}
json Write(const CustomAction& action) {
  return {{"name", action.name},
          {"command", action.command},
          {"args", action.args}};
}
template <typename T>
json Write(const std::optional<T>& value) {
  return value.has_value() ? json(*value) : json(nullptr);
}
template <typename T>
json Write(const std::vector<T>& values) {
  json array = json::array();
  for (const T& value : values) array.push_back(Write(value));
  return array;
}

json Value(const PolicyKey& key, const Policy& policy, State state) {
  // Accessors are for both directions; nothing is written through this one.
  Policy& readable = const_cast<Policy&>(policy);
  return std::visit(
      [&](auto field) -> json { return Write(field(readable, state)); },
      key.field);
}

// Calls f(key, state, path) for every key of a document, in table order.
template <typename F>
void ForEachPath(F f) {
  for (const PolicyKey& key : PolicyKeys()) {
    if (!key.per_state) {
      f(key, State::kNormal, FullPath(key, State::kNormal));
      continue;
    }
    for (State state : kAllStates) f(key, state, FullPath(key, state));
  }
}

absl::Status CheckFloor(const Policy& policy, std::string_view name,
                        std::optional<double> floor) {
  if (!floor.has_value() ||
      (*floor > policy.threshold_low && *floor < policy.threshold_high)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "policy key \"capacity.%s\": expected a value between threshold_low (%g) "
      "and threshold_high (%g), got %g",
      name, policy.threshold_low, policy.threshold_high, *floor));
}

// Whether the values of two neighbouring rows must rise from one to the next.
bool MustRise(std::string_view path, std::string_view next) {
  constexpr std::pair<std::string_view, std::string_view> kRising[] = {
      {"good", "bad"}, {"calm", "stress"}, {"stress", "critical"}};
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || next.rfind('.') != dot ||
      path.substr(0, dot) != next.substr(0, dot)) {
    return false;
  }
  return std::find(std::begin(kRising), std::end(kRising),
                   std::pair(path.substr(dot + 1), next.substr(dot + 1))) !=
         std::end(kRising);
}

absl::Status CheckRamps(const Policy& policy) {
  const PolicyKey* previous = nullptr;
  for (const PolicyKey& key : PolicyKeys()) {
    if (previous != nullptr && MustRise(previous->path, key.path)) {
      const json low = Value(*previous, policy, State::kNormal);
      const json high = Value(key, policy, State::kNormal);
      if (!(low < high)) {
        return WithHint(
            absl::InvalidArgumentError(absl::StrFormat(
                "policy key \"%s\": expected less than %s (%s), got %s",
                previous->path, key.path, Dump(high), Dump(low))),
            "A key that is not given keeps its value: set both together.");
      }
    }
    previous = &key;
  }
  return absl::OkStatus();
}

absl::Status CheckChannels(const std::vector<Channel>& channels) {
  const auto same = [](const Channel& a, const Channel& b) {
    return a.type == b.type && a.target == b.target;
  };
  for (size_t i = 0; i < channels.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!same(channels[i], channels[j])) continue;
      return absl::InvalidArgumentError(absl::StrFormat(
          "policy key \"notifications.on_state_change.channels[%d]\": expected "
          "another channel, got that of channels[%d] again",
          i, j));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFieldsTogether(const Policy& policy) {
  if (policy.threshold_low >= policy.threshold_high) {
    return WithHint(
        absl::InvalidArgumentError(absl::StrFormat(
            "policy key \"threshold_low\": expected less than threshold_high "
            "(%g), got %g",
            policy.threshold_high, policy.threshold_low)),
        "A key that is not given keeps its value: set threshold_low and "
        "threshold_high together.");
  }
  RV_RETURN_IF_ERROR(CheckChannels(policy.notifications.channels));
  RV_RETURN_IF_ERROR(
      CheckFloor(policy, "dependency_floor", policy.capacity.dependency_floor));
  RV_RETURN_IF_ERROR(CheckFloor(policy, "async_replica_floor",
                                policy.capacity.async_replica_floor));
  return CheckRamps(policy);
}

}  // namespace

absl::StatusOr<Policy> MergePolicy(const Policy& base, std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json given, document::ParseObject(text, "policy"));
  Policy policy = base;
  std::vector<std::pair<const PolicyKey*, State>> rows;
  std::vector<std::string> paths;
  ForEachPath([&](const PolicyKey& key, State state, const std::string& path) {
    rows.emplace_back(&key, state);
    paths.push_back(path);
  });
  RV_RETURN_IF_ERROR(document::MergeKeys(
      given, "policy", "", paths,
      [&](size_t row, const json& value, const std::string& path) {
        const auto& [key, state] = rows[row];
        return std::visit(
            [&, key = key, state = state](auto field) {
              return ReadField(value, *key, path, field(policy, state));
            },
            key->field);
      }));
  RV_RETURN_IF_ERROR(CheckFieldsTogether(policy));
  return policy;
}

std::string ValueJson(const PolicyKey& key, const Policy& policy, State state) {
  return Dump(Value(key, policy, state));
}

std::string PolicyToJson(const Policy& policy) {
  json whole = json::object();
  ForEachPath([&](const PolicyKey& key, State state, const std::string& path) {
    document::SetPath(whole, path, Value(key, policy, state));
  });
  return Dump(whole);
}

std::vector<PolicyChange> PolicyDiff(const Policy& before,
                                     const Policy& after) {
  std::vector<PolicyChange> changes;
  ForEachPath([&](const PolicyKey& key, State state, const std::string& path) {
    PolicyChange change{path, ValueJson(key, before, state),
                        ValueJson(key, after, state)};
    if (change.before != change.after) changes.push_back(std::move(change));
  });
  return changes;
}

}  // namespace ruvector::gate
