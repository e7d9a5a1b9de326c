#include "core/healing/engine.h"

#include <algorithm>
#include <utility>

#include "core/healing/stepper.h"

namespace ruvector::healing {
namespace {

// What the tables can store.
absl::Time Microseconds(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

bool IsActive(const EngineState& state) {
  return state.recovered && state.config.enabled && !state.kill_switch;
}

bool Writes(const Effect& effect) {
  return !std::holds_alternative<TakeSample>(effect) &&
         !std::holds_alternative<CancelWorker>(effect) &&
         !std::holds_alternative<KillWorker>(effect) &&
         !std::holds_alternative<Reply>(effect);
}

EngineStep Step(EngineState state, const Input& input) {
  EngineStep step{std::move(state), {}};
  Stepper stepper(step.state, Microseconds(input.at));
  stepper.FollowClock();
  std::visit([&](const auto& what) { stepper.Take(what); }, input.what);
  stepper.Settle();
  step.effects = std::move(stepper).effects();
  return step;
}

std::optional<absl::Time> NextDeadline(const EngineState& state) {
  absl::Time next = absl::InfiniteFuture();
  const absl::Duration grace =
      absl::Seconds(state.config.timeouts.cancel_grace_seconds);
  for (const auto& [id, open] : state.open) {
    const Action& a = open.action;
    if (open.cancelled.has_value()) {
      if (open.busy && !open.killed.has_value()) {
        next = std::min(next, *open.cancelled + grace);
      }
    } else if (open.deadline.has_value() && IsActive(state)) {
      next = std::min(next, *open.deadline);
    }
    if (a.state == ActionState::kAwaitingApproval && IsActive(state)) {
      next = std::min(
          next, a.since + absl::Seconds(state.config.approval.expiry_seconds));
    }
  }
  if (next == absl::InfiniteFuture()) return std::nullopt;
  return next;
}

}  // namespace ruvector::healing
