#include "core/healing/healing_config.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "core/healing/hours.h"

namespace ruvector::healing {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::Time Midnight(absl::Time now) {
  return absl::UnixEpoch() + absl::Floor(now - absl::UnixEpoch(), kDay);
}

}  // namespace

std::optional<int> MinuteOfDay(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (size_t i : {0, 1, 3, 4}) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) {
      return std::nullopt;
    }
  }
  const int hour = (text[0] - '0') * 10 + text[1] - '0';
  const int minute = (text[3] - '0') * 10 + text[4] - '0';
  if (hour > 23 || minute > 59) return std::nullopt;
  return hour * 60 + minute;
}

StrategyMode EffectiveMode(const HealingConfig& config,
                           const std::string& strategy, bool asks_first,
                           const std::string& problem_class) {
  StrategyMode mode =
      StrategyConfigOf(config, strategy)
          .mode.value_or(
              asks_first ? std::min(StrategyMode::kApprove, config.default_mode)
                         : config.default_mode);
  if (Contains(config.require_approval_strategies, strategy) ||
      Contains(config.require_approval_problems, problem_class)) {
    mode = std::min(mode, StrategyMode::kApprove);
  }
  return mode;
}

const StrategyConfig& StrategyConfigOf(const HealingConfig& config,
                                       const std::string& strategy) {
  static const auto* const none = new StrategyConfig();
  const auto found = config.strategies.find(strategy);
  return found == config.strategies.end() ? *none : found->second;
}

absl::Duration ExecutionTimeout(const HealingConfig& config,
                                const std::string& strategy,
                                double expected_seconds) {
  if (const auto own = StrategyConfigOf(config, strategy).timeout_seconds) {
    return absl::Seconds(*own);
  }
  const Timeouts& rules = config.timeouts;
  if (!std::isfinite(expected_seconds)) {
    return absl::Seconds(rules.max_seconds);
  }
  return std::clamp(absl::Seconds(expected_seconds * rules.factor),
                    absl::Seconds(rules.min_seconds),
                    absl::Seconds(rules.max_seconds));
}

bool WithinAllowedHours(const AllowedHours& hours, absl::Time now) {
  return NextAllowed(hours, now) <= now;
}

absl::Time NextAllowed(const AllowedHours& hours, absl::Time now) {
  if (!hours.start.has_value() || !hours.end.has_value()) return now;
  const absl::Duration start =
      absl::Minutes(MinuteOfDay(*hours.start).value_or(0));
  const absl::Duration end = absl::Minutes(MinuteOfDay(*hours.end).value_or(0));
  const absl::Time midnight = Midnight(now);
  const absl::Duration at = now - midnight;
  const bool within =
      start < end ? start <= at && at < end : start <= at || at < end;
  if (within) return now;
  return midnight + start + (at < start ? absl::ZeroDuration() : kDay);
}

}  // namespace ruvector::healing
