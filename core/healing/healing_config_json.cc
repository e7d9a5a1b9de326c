// Healing settings from and to JSON, by the table of healing_keys.h.
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/keys.h"
#include "core/healing/healing_config.h"
#include "core/healing/healing_keys.h"
#include "core/healing/hours.h"

namespace ruvector::healing {
namespace {

using document::Bounds;
using nlohmann::json;

constexpr std::string_view kWhat = "healing";
constexpr std::string_view kPerHour = "max_attempts_per_hour";
constexpr std::string_view kPerWindow = "max_attempts_per_window";
constexpr std::string_view kWindow = "attempt_window_seconds";
constexpr std::string_view kStrategies = "strategies";
constexpr size_t kMaxStrategies = 256;
constexpr size_t kMaxNameBytes = 63;

bool Read(const json& value, Bounds, StrategyMode& out) {
  return document::ReadEnum<StrategyMode>(value, kStrategyModeNames, out);
}
bool Read(const json& value, Bounds bounds, std::optional<StrategyMode>& out) {
  if (value.is_null()) {
    out.reset();
    return true;
  }
  StrategyMode mode{};
  if (!Read(value, bounds, mode)) return false;
  out = mode;
  return true;
}
bool Read(const json& value, Bounds, LockLevel& out) {
  return document::ReadEnum<LockLevel>(value, kLockLevelNames, out);
}
bool Read(const json& value, Bounds bounds, std::vector<std::string>& out) {
  if (!value.is_array() || value.size() > static_cast<size_t>(bounds.max)) {
    return false;
  }
  std::vector<std::string> names(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    if (!document::Read(value[i], {0, kMaxNameBytes}, names[i])) return false;
  }
  out = std::move(names);
  return true;
}
template <typename T>
bool Read(const json& value, Bounds bounds, T& out) {
  return document::Read(value, bounds, out);
}

json Write(StrategyMode mode) { return StrategyModeName(mode); }
json Write(LockLevel level) { return LockLevelName(level); }
template <typename T>
json Write(const T& value) {
  return value;
}
template <typename T>
json Write(const std::optional<T>& value) {
  return value.has_value() ? Write(*value) : json(nullptr);
}

template <typename Settings>
absl::Status MergeByTable(const json& given, const std::string& group,
                          absl::Span<const HealingKey<Settings>> table,
                          Settings& settings) {
  const std::string prefix = group.empty() ? "" : group + ".";
  std::vector<std::string> paths;
  for (const auto& key : table) {
    paths.push_back(prefix + std::string(key.path));
  }
  return document::MergeKeys(
      given, kWhat, group, paths,
      [&](size_t row, const json& value, const std::string& path) {
        const HealingKey<Settings>& key = table[row];
        const bool taken = std::visit(
            [&](auto field) {
              return Read(value, key.bounds, field(settings));
            },
            key.field);
        return taken
                   ? absl::OkStatus()
                   : document::Mismatch(kWhat, path, ExpectedText(key), value);
      });
}

template <typename Settings>
json WriteByTable(const Settings& settings,
                  absl::Span<const HealingKey<Settings>> table) {
  // Accessors are for both directions; nothing is written through this one.
  auto& readable = const_cast<Settings&>(settings);
  json whole = json::object();
  for (const auto& key : table) {
    document::SetPath(
        whole, key.path,
        std::visit([&](auto field) -> json { return Write(field(readable)); },
                   key.field));
  }
  return whole;
}

absl::Status MergeStrategies(const json& given, HealingConfig& config) {
  if (!given.is_object()) {
    return document::Mismatch(kWhat, kStrategies, "object", given);
  }
  for (const auto& [name, value] : given.items()) {
    const std::string path = absl::StrFormat("%s.%s", kStrategies, name);
    if (name.empty() || name.size() > kMaxNameBytes ||
        name.find('.') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s key \"%s\": expected the name of a strategy",
                          kWhat, path.substr(0, 100)));
    }
    if (value.is_null()) {
      config.strategies.erase(name);
    } else if (!value.is_object()) {
      return document::Mismatch(kWhat, path, "object or null", value);
    } else {
      RV_RETURN_IF_ERROR(
          MergeByTable(value, path, StrategyKeys(), config.strategies[name]));
    }
  }
  if (config.strategies.size() > kMaxStrategies) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s key \"%s\": expected at most %d entries, got %d", kWhat,
        kStrategies, kMaxStrategies, config.strategies.size()));
  }
  return absl::OkStatus();
}

// The spec's key is another name for two of ours.
absl::Status TakePerHour(json& given, HealingConfig& config) {
  const auto found = given.find(kPerHour);
  if (found == given.end()) return absl::OkStatus();
  if (given.contains(kPerWindow) || given.contains(kWindow)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s key \"%s\": expected without %s and %s, which it stands for", kWhat,
        kPerHour, kPerWindow, kWindow));
  }
  for (const auto& key : HealingKeys()) {
    if (key.path != kPerWindow) continue;
    if (!Read(*found, key.bounds, config.max_attempts_per_window)) {
      return document::Mismatch(kWhat, kPerHour, ExpectedText(key), *found);
    }
  }
  config.attempt_window_seconds = 3600;
  given.erase(found);
  return absl::OkStatus();
}

absl::Status CheckHour(std::string_view key,
                       const std::optional<std::string>& text) {
  if (!text.has_value() || MinuteOfDay(*text).has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s key \"allowed_hours.%s\": expected a time of day as \"22:00\", got "
      "\"%s\"",
      kWhat, key, *text));
}

absl::Status CheckFieldsTogether(const HealingConfig& config) {
  const AllowedHours& hours = config.allowed_hours;
  RV_RETURN_IF_ERROR(CheckHour("start", hours.start));
  RV_RETURN_IF_ERROR(CheckHour("end", hours.end));
  if (hours.start.has_value() != hours.end.has_value()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s key \"allowed_hours.%s\": expected a time of day beside "
        "allowed_hours.%s, got null",
        kWhat, hours.start.has_value() ? "end" : "start",
        hours.start.has_value() ? "start" : "end"));
  }
  if (config.timeouts.min_seconds > config.timeouts.max_seconds) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s key \"timeouts.min_seconds\": expected at most "
        "timeouts.max_seconds (%d), got %d",
        kWhat, config.timeouts.max_seconds, config.timeouts.min_seconds));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HealingConfig> MergeHealingConfig(const HealingConfig& base,
                                                 std::string_view text) {
  RV_ASSIGN_OR_RETURN(json given, document::ParseObject(text, kWhat));
  HealingConfig config = base;
  RV_RETURN_IF_ERROR(TakePerHour(given, config));
  if (const auto found = given.find(kStrategies); found != given.end()) {
    RV_RETURN_IF_ERROR(MergeStrategies(*found, config));
    given.erase(found);
  }
  RV_RETURN_IF_ERROR(MergeByTable(given, "", HealingKeys(), config));
  RV_RETURN_IF_ERROR(CheckFieldsTogether(config));
  return config;
}

std::string HealingConfigToJson(const HealingConfig& config) {
  json whole = WriteByTable(config, HealingKeys());
  json& strategies = whole[std::string(kStrategies)] = json::object();
  for (const auto& [name, entry] : config.strategies) {
    strategies[name] = WriteByTable(entry, StrategyKeys());
  }
  return document::Dump(whole);
}

absl::StatusOr<StrategyConfig> MergeStrategyConfig(const StrategyConfig& base,
                                                   std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json given, document::ParseObject(text, kWhat));
  StrategyConfig config = base;
  RV_RETURN_IF_ERROR(MergeByTable(given, "", StrategyKeys(), config));
  return config;
}

std::string StrategyConfigToJson(const StrategyConfig& config) {
  return document::Dump(WriteByTable(config, StrategyKeys()));
}

}  // namespace ruvector::healing
