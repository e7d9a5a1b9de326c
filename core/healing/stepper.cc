// Bookkeeping of a step: moves, ends, lessons, memory.
#include "core/healing/stepper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ruvector::healing {

OpenAction* Stepper::Find(int64_t action) {
  const auto found = s_.open.find(action);
  return found == s_.open.end() ? nullptr : &found->second;
}

void Stepper::Emit(std::string_view type, const Action* action,
                   const std::string& collection, const std::string& detail) {
  effects_.push_back(EmitEvent{absl::StrCat("healing.", std::string(type)),
                               action == nullptr ? 0 : action->id, collection,
                               detail});
}

void Stepper::Move(OpenAction& open, ActionEvent event, std::string reason) {
  Action& a = open.action;
  const std::optional<ActionState> next = NextState(a.state, event);
  if (!next.has_value()) {
    ++s_.illegal_moves;
    return;
  }
  const bool had_acted = MayHaveActed(a.state);
  a.state = *next;
  a.since = now_;
  a.reason = std::move(reason);
  open.deadline.reset();
  open.not_before = absl::InfinitePast();
  open.asked = false;
  open.sampled.reset();
  open.intent.reset();
  if (!active()) {
    open.unrecorded = true;
    return;
  }
  open.unrecorded = false;
  switch (a.state) {
    case ActionState::kProposed:
    case ActionState::kSampling:
    case ActionState::kStarting:
      return;
    case ActionState::kCommitting:
      effects_.push_back(CommitIntent{a});
      return;
    default:
      break;
  }
  if (IsEnd(a.state)) {
    Conclude(open, had_acted);
    effects_.push_back(RecordEnd{a});
    return;
  }
  effects_.push_back(RecordState{a});
  Emit(ActionStateName(a.state), &a, a.incident.collection, a.reason);
}

void Stepper::Wait(OpenAction& open, const std::string& why) {
  if (open.action.reason == why && !open.unrecorded) return;
  open.action.reason = why;
  open.unrecorded = false;
  effects_.push_back(RecordState{open.action});
}

// What an end leaves in the memory.
void Stepper::Conclude(OpenAction& open, bool had_acted) {
  const Action& a = open.action;
  if (!had_acted) {
    if (a.state == ActionState::kDone) return;
    RuleOut(open);
    return;
  }
  Memory::OfCollection& collection =
      s_.memory.collections[a.incident.collection];
  collection.pause_until =
      now_ + Seconds(s_.config.min_healing_interval_seconds);
  // What was seen before says nothing after it.
  const std::string name = a.incident.collection;
  s_.looked_at.erase(name);
  s_.problems.erase(
      std::remove_if(s_.problems.begin(), s_.problems.end(),
                     [&](const Incident& i) { return i.collection == name; }),
      s_.problems.end());
  if (a.state != ActionState::kNeedsHuman || !a.known_problem) return;
  Memory::OfIncident& incident = s_.memory.incidents[KeyOf(a.incident)];
  if (!incident.open) {
    incident.open = true;
    Emit("breaker_opened", &a, a.incident.collection,
         "an action needs a person");
  }
}

void Stepper::Learn(const Action& a, bool verified) {
  if (!a.known_problem) return;
  if (s_.config.learning_enabled) {
    s_.memory.learner.Record(ProblemOf(a.incident), {a.strategy, a.impact},
                             {verified, a.improvement}, now_);
  }
  Memory::OfIncident& incident = s_.memory.incidents[KeyOf(a.incident)];
  if (verified) {
    incident.ineffective = 0;
    incident.tried.erase(a.strategy);
    return;
  }
  incident.tried[a.strategy] = now_ + Seconds(s_.config.attempt_window_seconds);
  ++incident.ineffective;
  if (!incident.open &&
      incident.ineffective >= s_.config.breaker.ineffective_attempts) {
    incident.open = true;
    Emit("breaker_opened", &a, a.incident.collection,
         absl::StrCat(incident.ineffective,
                      " attempts in a row were not verified"));
  }
}

void Stepper::CountFault(const std::string& strategy, const std::string& what) {
  Memory::OfStrategy& memory = s_.memory.strategies[strategy];
  ++memory.faults;
  if (memory.quarantined || memory.faults < s_.config.quarantine_after_faults) {
    return;
  }
  memory.quarantined = true;
  Emit("quarantined", nullptr, "",
       absl::StrCat("strategy '", strategy, "' after ", memory.faults,
                    " faults in a row, the last: ", what));
}

void Stepper::RuleOut(const OpenAction& open) {
  const Action& a = open.action;
  // Of a problem that is gone nothing is remembered: it may come back.
  if (!a.known_problem || IsGone(a)) return;
  Memory::OfIncident& incident = s_.memory.incidents[KeyOf(a.incident)];
  (open.unfit ? incident.unfit : incident.ruled_out)[a.strategy] =
      now_ + Seconds(s_.config.attempt_window_seconds);
}

std::vector<absl::Time>& Stepper::Attempts(const Action& a) {
  return s_.memory.collections[a.incident.collection].attempts;
}

// The attempt that was counted with the intent has not begun.
void Stepper::DropAttempt(const Action& a) {
  std::vector<absl::Time>& attempts = Attempts(a);
  if (!attempts.empty()) attempts.pop_back();
}

void Stepper::FollowClock() {
  if (now_ >= s_.last_input) {
    s_.last_input = now_;
    return;
  }
  const absl::Duration back = now_ - s_.last_input;
  s_.last_input = now_;
  const auto shift = [back](std::optional<absl::Time>& time) {
    if (time.has_value()) *time += back;
  };
  for (auto& [id, open] : s_.open) {
    open.action.since += back;
    open.action.created += back;
    open.not_before += back;
    shift(open.deadline);
    shift(open.cancelled);
    shift(open.killed);
    shift(open.action.started);
    shift(open.action.completed);
  }
  for (auto& [key, incident] : s_.memory.incidents) {
    shift(incident.absent_since);
    for (auto& [strategy, until] : incident.ruled_out) until += back;
    for (auto& [strategy, until] : incident.unfit) until += back;
    for (auto& [strategy, until] : incident.tried) until += back;
  }
  for (auto& [name, collection] : s_.memory.collections) {
    collection.pause_until += back;
    for (absl::Time& attempt : collection.attempts) attempt += back;
  }
}

}  // namespace ruvector::healing
