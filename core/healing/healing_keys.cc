#include "core/healing/healing_keys.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_format.h"

namespace ruvector::healing {
namespace {

// Get<&HealingConfig::breaker, &Breaker::close_after_seconds>
template <auto... Members>
constexpr auto& Get(HealingConfig& config) {
  return (config.*....*Members);
}
template <auto Member>
constexpr auto& In(StrategyConfig& config) {
  return config.*Member;
}

using C = HealingConfig;
using S = StrategyConfig;
constexpr double kDay = 86400;
constexpr double kAny = 1e15;
constexpr double kMaxNames = 64;

constexpr HealingKey<C> kKeys[] = {
    {"enabled",
     &Get<&C::enabled>,
     {},
     "Off: the engine begins nothing, stops what runs and writes nothing."},
    {"default_mode",
     &Get<&C::default_mode>,
     {},
     "Of strategies without a mode of their own that do not ask first."},
    {"min_healing_interval_seconds",
     &Get<&C::min_healing_interval_seconds>,
     {0, kDay},
     "Pause of a collection after an attempt has ended."},
    {"max_attempts_per_window",
     &Get<&C::max_attempts_per_window>,
     {0, 1000},
     "Attempts on a collection within any window; by persons too. The key "
     "`max_attempts_per_hour` stands for this with a window of 3600."},
    {"attempt_window_seconds",
     &Get<&C::attempt_window_seconds>,
     {1, 30 * kDay},
     "That window."},
    {"max_auto_heal_impact",
     &Get<&C::max_auto_heal_impact>,
     {0, 1},
     "Largest impact of a strategy that the engine chooses."},
    {"max_impact_in_flight",
     &Get<&C::max_impact_in_flight>,
     {0, 100},
     "Largest sum of the impacts of all actions that run."},
    {"min_confidence",
     &Get<&C::min_confidence>,
     {0, 1},
     "Problems classified with less are left to persons."},
    {"require_approval_strategies",
     &Get<&C::require_approval_strategies>,
     {0, kMaxNames},
     "Strategies that never run without approval."},
    {"require_approval_problems",
     &Get<&C::require_approval_problems>,
     {0, kMaxNames},
     "Problem classes for which none does."},
    {"learning_enabled",
     &Get<&C::learning_enabled>,
     {},
     "Off: outcomes are not learned and the least disturbing strategy goes "
     "first."},
    {"blast_radius.max_rows",
     &Get<&C::blast_radius, &BlastLimits::max_rows>,
     {0, kAny},
     "Rows that one plan may touch."},
    {"blast_radius.max_bytes",
     &Get<&C::blast_radius, &BlastLimits::max_bytes>,
     {0, kAny},
     "Bytes that one plan may write."},
    {"blast_radius.max_seconds",
     &Get<&C::blast_radius, &BlastLimits::max_seconds>,
     {0, 30 * kDay},
     "Seconds that one plan may be expected to take."},
    {"blast_radius.max_lock_level",
     &Get<&C::blast_radius, &BlastLimits::max_lock_level>,
     {},
     "Strongest lock on a user's table that one plan may take."},
    {"allowed_hours.start",
     &Get<&C::allowed_hours, &AllowedHours::start>,
     {0, 5},
     "From when on, UTC, the engine may begin what no person asked for: "
     "`\"22:00\"`; null: always."},
    {"allowed_hours.end",
     &Get<&C::allowed_hours, &AllowedHours::end>,
     {0, 5},
     "Until when; earlier than the start is over midnight."},
    {"approval.expiry_seconds",
     &Get<&C::approval, &Approval::expiry_seconds>,
     {1, 365 * kDay},
     "How long a plan waits for approval, and after it for its turn."},
    {"approval.second_person",
     &Get<&C::approval, &Approval::second_person>,
     {},
     "Approval needs two persons: who asked and one more, or two who "
     "approve."},
    {"approval.role",
     &Get<&C::approval, &Approval::role>,
     {0, 63},
     "Role whose members may approve; empty is the operator role."},
    {"stabilisation_seconds",
     &Get<&C::stabilisation_seconds>,
     {0, kDay},
     "From the end of an action until its result is measured."},
    {"timeouts.plan_seconds",
     &Get<&C::timeouts, &Timeouts::plan_seconds>,
     {1, 3600},
     "For making a plan."},
    {"timeouts.sample_seconds",
     &Get<&C::timeouts, &Timeouts::sample_seconds>,
     {1, 3600},
     "For reading metrics; what was not read is unknown, and not met."},
    {"timeouts.factor",
     &Get<&C::timeouts, &Timeouts::factor>,
     {1, 100},
     "An action may take this many times its estimate."},
    {"timeouts.min_seconds",
     &Get<&C::timeouts, &Timeouts::min_seconds>,
     {1, 30 * kDay},
     "But always this long."},
    {"timeouts.max_seconds",
     &Get<&C::timeouts, &Timeouts::max_seconds>,
     {1, 30 * kDay},
     "And never longer, also when there is no estimate."},
    {"timeouts.undo_seconds",
     &Get<&C::timeouts, &Timeouts::undo_seconds>,
     {1, 30 * kDay},
     "For one attempt at undoing an action."},
    {"timeouts.cancel_grace_seconds",
     &Get<&C::timeouts, &Timeouts::cancel_grace_seconds>,
     {0, 3600},
     "From cancelling an action's worker until it is killed."},
    {"undo_attempts",
     &Get<&C::undo_attempts>,
     {1, 100},
     "Attempts at undoing before a person is needed."},
    {"slot_retry_seconds",
     &Get<&C::slot_retry_seconds>,
     {1, 3600},
     "Pause before another try when there is no free worker, the intent could "
     "not be written or an undo failed."},
    {"breaker.ineffective_attempts",
     &Get<&C::breaker, &Breaker::ineffective_attempts>,
     {1, 1000},
     "Attempts on a fault in a row without a verified result, after which it "
     "is left to persons."},
    {"breaker.close_after_seconds",
     &Get<&C::breaker, &Breaker::close_after_seconds>,
     {0, 30 * kDay},
     "The fault must have been away this long for the engine to act on it "
     "again."},
    {"quarantine_after_faults",
     &Get<&C::quarantine_after_faults>,
     {1, 1000},
     "Faults in a row of a strategy's process, after which it is not used "
     "until a person releases it or its file changes."},
};

constexpr HealingKey<S> kStrategyKeys[] = {
    {"mode",
     &In<&S::mode>,
     {},
     "What the strategy may do; null: approve if it asks first, else "
     "`default_mode`."},
    {"stabilisation_seconds",
     &In<&S::stabilisation_seconds>,
     {0, kDay},
     "In place of the general one."},
    {"timeout_seconds",
     &In<&S::timeout_seconds>,
     {1, 30 * kDay},
     "How long it may run, in place of the estimate times "
     "`timeouts.factor`."},
    {"target_margin",
     &In<&S::target_margin>,
     {0, 100},
     "By what share its target must improve, in place of its own figure."},
    {"guard_margin",
     &In<&S::guard_margin>,
     {0, 100},
     "By what share its guards may get worse, in place of its own figures."},
};

using document::Bounds;
using document::Tag;

std::string Expected(Tag<StrategyMode>, Bounds) {
  return document::OneOf(kStrategyModeNames);
}
std::string Expected(Tag<std::optional<StrategyMode>>, Bounds) {
  return document::OneOf(kStrategyModeNames) + " or null";
}
std::string Expected(Tag<LockLevel>, Bounds) {
  return document::OneOf(kLockLevelNames);
}
std::string Expected(Tag<std::vector<std::string>>, Bounds bounds) {
  return absl::StrFormat("array of at most %.0f names", bounds.max);
}
template <typename T>
std::string Expected(Tag<T> tag, Bounds bounds) {
  return document::Expected(tag, bounds);
}

template <typename Settings>
std::string ExpectedOf(const HealingKey<Settings>& key) {
  return std::visit(
      [&](auto field) {
        using T =
            std::remove_reference_t<decltype(field(std::declval<Settings&>()))>;
        return Expected(Tag<T>(), key.bounds);
      },
      key.field);
}

}  // namespace

absl::Span<const HealingKey<HealingConfig>> HealingKeys() { return kKeys; }
absl::Span<const HealingKey<StrategyConfig>> StrategyKeys() {
  return kStrategyKeys;
}
std::string ExpectedText(const HealingKey<HealingConfig>& key) {
  return ExpectedOf(key);
}
std::string ExpectedText(const HealingKey<StrategyConfig>& key) {
  return ExpectedOf(key);
}

}  // namespace ruvector::healing
