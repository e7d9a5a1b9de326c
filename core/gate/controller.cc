#include "core/gate/controller.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"

namespace ruvector::gate {
namespace {

// What the tables can store.
absl::Time Microseconds(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

void Shift(std::optional<absl::Time>& time, absl::Duration by) {
  if (time.has_value()) *time += by;
}

// Keeps what is left of every period when the clock goes back.
void FollowClock(ControllerState& state, absl::Time now) {
  if (!state.last_sample.has_value() || now >= *state.last_sample) return;
  const absl::Duration back = now - *state.last_sample;
  Shift(state.hold_since, back);
  Shift(state.cooldown_until, back);
  Shift(state.last_transition, back);
  Shift(state.last_fresh, back);
  Shift(state.last_sample, back);
  if (state.manual.has_value()) state.manual->until += back;
}

// Records that the effective state is no longer `from`, if so.
void Effect(State from, Reason reason, StepResult& result) {
  const State to = EffectiveState(result.next);
  if (to != from) result.transition = Transition{from, to, reason};
}

void ExpireOverride(absl::Time now, StepResult& result) {
  ControllerState& next = result.next;
  if (!next.manual.has_value() || now < next.manual->until) return;
  const State from = next.manual->state;
  next.manual.reset();
  Effect(from, Reason::kOverrideExpired, result);
}

void Move(const Policy& policy, State to, Reason reason, absl::Time now,
          StepResult& result) {
  ControllerState& next = result.next;
  const Transition transition{next.state, to, reason};
  next.state = to;
  next.degrade_count = 0;
  next.critical_count = 0;
  next.hold_since.reset();
  next.last_transition = now;
  next.cooldown_until =
      now + absl::Seconds(policy.hysteresis.cooldown_after_transition_seconds);
  if (next.manual.has_value()) {
    result.masked = transition;
    return;
  }
  // An override that expired in this very step has its transition widened.
  const State from =
      result.transition.has_value() ? result.transition->from : transition.from;
  result.transition.reset();
  Effect(from, reason, result);
}

// Counts consecutive norms below `threshold`; true at the limit.
bool CountBelow(const Sample& sample, double norm, double threshold,
                int64_t limit, int64_t& count) {
  if (norm < threshold) {
    ++count;
  } else if (!sample.stale) {
    count = 0;
  }
  return count >= limit;
}

// True when the norm has been above the restore threshold for long enough.
bool Held(const Policy& policy, const Sample& sample, double norm,
          ControllerState& next) {
  if (norm <= RestoreThreshold(policy, next.state)) {
    next.hold_since.reset();
    return false;
  }
  if (sample.stale) return false;
  if (!next.hold_since.has_value()) {
    next.hold_since = sample.at;
  } else {
    const absl::Duration max_gap =
        kMaxGapIntervals * absl::Seconds(policy.sample_interval_secs);
    const absl::Duration gap =
        sample.at - next.last_fresh.value_or(*next.hold_since);
    if (gap > max_gap) *next.hold_since += gap - max_gap;
  }
  return sample.at - *next.hold_since >=
         absl::Seconds(policy.hysteresis.restore_hold_seconds);
}

void Control(const Policy& policy, const Sample& sample, double norm,
             StepResult& result) {
  ControllerState& next = result.next;
  const Hysteresis& rules = policy.hysteresis;
  if (next.state != State::kCritical &&
      norm < rules.immediate_critical_fraction * policy.threshold_low) {
    Move(policy, State::kCritical, Reason::kImmediate, sample.at, result);
    return;
  }
  if (next.cooldown_until.has_value()) {
    if (sample.at < *next.cooldown_until) return;
    next.cooldown_until.reset();
  }
  switch (next.state) {
    case State::kNormal:
      if (CountBelow(sample, norm, policy.threshold_high, rules.degrade_samples,
                     next.degrade_count)) {
        Move(policy, State::kStress, Reason::kDegraded, sample.at, result);
      }
      break;
    case State::kStress:
      if (CountBelow(sample, norm, policy.threshold_low, rules.critical_samples,
                     next.critical_count)) {
        Move(policy, State::kCritical, Reason::kCritical, sample.at, result);
      } else if (Held(policy, sample, norm, next)) {
        Move(policy, State::kNormal, Reason::kRestored, sample.at, result);
      }
      break;
    case State::kCritical:
      if (Held(policy, sample, norm, next)) {
        Move(policy, State::kStress, Reason::kRestored, sample.at, result);
      }
      break;
  }
}

// Announces once per approach: again only after the norm was clear of it.
void WatchApproach(const Policy& policy, double norm, StepResult& result) {
  ControllerState& next = result.next;
  const double warn_below =
      policy.threshold_high *
      (1 + policy.notifications.warning_threshold_pct / 100);
  const bool near = norm < warn_below;
  result.threshold_approach =
      near && !next.approaching && next.state == State::kNormal;
  next.approaching = near;
}

}  // namespace

std::string_view ReasonName(Reason reason) {
  constexpr std::string_view kNames[] = {
      "degraded", "critical",         "immediate",       "restored",
      "override", "override_cleared", "override_expired"};
  return kNames[static_cast<size_t>(reason)];
}

State EffectiveState(const ControllerState& state) {
  return state.manual.has_value() ? state.manual->state : state.state;
}

StepResult Step(const Policy& policy, const ControllerState& state,
                const Sample& raw) {
  Sample sample = raw;
  sample.at = Microseconds(raw.at);
  if (sample.norm.has_value() && std::isnan(*sample.norm)) {
    sample.norm.reset();
  }
  StepResult result;
  result.next = state;
  ControllerState& next = result.next;
  FollowClock(next, sample.at);
  ExpireOverride(sample.at, result);
  next.stale = sample.stale || !sample.norm.has_value();
  if (sample.norm.has_value()) {
    Control(policy, sample, *sample.norm, result);
    WatchApproach(policy, *sample.norm, result);
  }
  next.last_sample = sample.at;
  if (!next.stale) next.last_fresh = sample.at;
  return result;
}

StepResult Tick(const ControllerState& state, absl::Time now) {
  StepResult result;
  result.next = state;
  FollowClock(result.next, Microseconds(now));
  ExpireOverride(Microseconds(now), result);
  return result;
}

std::optional<absl::Time> NextDeadline(const ControllerState& state) {
  if (!state.manual.has_value()) return std::nullopt;
  return state.manual->until;
}

absl::StatusOr<StepResult> SetOverride(const ControllerState& state,
                                       const Override& manual, absl::Time now) {
  if (manual.reason.empty()) {
    return absl::InvalidArgumentError(
        "override: expected a reason, got an empty text");
  }
  Override kept = manual;
  kept.until = Microseconds(manual.until);
  if (kept.until <= Microseconds(now)) {
    return absl::InvalidArgumentError(
        "override: expected an end after now, got " +
        absl::FormatTime(manual.until, absl::UTCTimeZone()));
  }
  StepResult result;
  result.next = state;
  FollowClock(result.next, Microseconds(now));
  result.next.manual = std::move(kept);
  Effect(EffectiveState(state), Reason::kOverride, result);
  return result;
}

StepResult ClearOverride(const ControllerState& state, absl::Time now) {
  StepResult result;
  result.next = state;
  FollowClock(result.next, Microseconds(now));
  result.next.manual.reset();
  Effect(EffectiveState(state), Reason::kOverrideCleared, result);
  return result;
}

absl::Duration SoonestImprovement(const Policy& policy,
                                  const ControllerState& state,
                                  absl::Time now) {
  if (EffectiveState(state) == State::kNormal) return absl::ZeroDuration();
  if (state.manual.has_value()) {
    return std::max(state.manual->until - now, absl::ZeroDuration());
  }
  const absl::Duration hold =
      absl::Seconds(policy.hysteresis.restore_hold_seconds);
  const absl::Time begin =
      state.hold_since.has_value()
          ? *state.hold_since
          : std::max(now, state.cooldown_until.value_or(now));
  return std::max(begin + hold - now, absl::ZeroDuration());
}

}  // namespace ruvector::gate
