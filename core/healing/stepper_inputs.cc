// What the host reports: facts that Advance acts on.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/healing/stepper.h"

namespace ruvector::healing {

void Stepper::Take(const Pass& input) {
  s_.looked_at.insert(input.collections.begin(), input.collections.end());
  const auto named = [&](const std::string& collection) {
    return std::find(input.collections.begin(), input.collections.end(),
                     collection) != input.collections.end();
  };
  std::vector<Incident> problems = input.incidents;
  for (const Incident& incident : s_.problems) {
    if (!named(incident.collection)) {
      problems.push_back(incident);
      continue;
    }
    for (const Incident& now : input.incidents) {
      const auto memory = s_.memory.incidents.find(KeyOf(now));
      if (KeyOf(now) == KeyOf(incident) &&
          now.gate_state > incident.gate_state &&
          memory != s_.memory.incidents.end()) {
        memory->second.unfit.clear();
      }
    }
  }
  s_.problems = std::move(problems);
  const absl::Duration patience =
      Seconds(s_.config.breaker.close_after_seconds);
  for (auto it = s_.memory.incidents.begin();
       it != s_.memory.incidents.end();) {
    auto& [key, memory] = *it;
    if (!named(key.collection)) {
      ++it;
      continue;
    }
    if (IsPresent(key)) {
      memory.absent_since.reset();
      ++it;
      continue;
    }
    memory.ruled_out.clear();
    memory.unfit.clear();
    memory.tried.clear();
    if (!memory.absent_since.has_value()) memory.absent_since = now_;
    if (now_ < *memory.absent_since + patience || !active()) {
      ++it;
      continue;
    }
    if (memory.open) {
      Emit("breaker_closed", nullptr, key.collection,
           absl::StrCat(key.problem.problem_class, " has been away"));
      Save();
    }
    it = s_.memory.incidents.erase(it);
  }
}

void Stepper::Take(const PlanMade& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || open->action.state != ActionState::kProposed) return;
  open->plan_made = input;
}

void Stepper::Take(const PlanFailed& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || open->action.state != ActionState::kProposed) return;
  open->plan_failed = input;
}

void Stepper::Take(const IntentResult& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || open->action.state != ActionState::kCommitting) return;
  open->intent = input;
}

// It has begun between being asked for and now; for the window of attempts the
// later counts.
void Stepper::Begun(OpenAction& open) {
  Attempts(open.action).back() = now_;
  const auto deadline = open.deadline;
  Move(open, ActionEvent::kStarted, "");
  open.deadline = deadline;
}

void Stepper::Take(const WorkerStarted& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || open->action.state != ActionState::kStarting) return;
  Begun(*open);
}

void Stepper::Take(const NoWorker& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || !open->busy) return;
  Action& a = open->action;
  if (a.state == ActionState::kStarting) {
    open->busy = false;
    open->cancelled.reset();
    open->killed.reset();
    if (a.stop != StopReason::kAborted) a.stop = StopReason::kNone;
    DropAttempt(a);
    a.started.reset();
    Move(*open, ActionEvent::kNoSlot, "no worker slot is free");
    open->not_before = now_ + Seconds(s_.config.slot_retry_seconds);
  } else if (a.state == ActionState::kRollingBack) {
    open->busy = false;
    --a.undo_tries;
    open->not_before = now_ + Seconds(s_.config.slot_retry_seconds);
  }
}

void Stepper::Take(const ExecutionEnded& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || !open->busy) return;
  // A worker that was too quick to say that it had started.
  if (open->action.state == ActionState::kStarting) Begun(*open);
  if (open->action.state != ActionState::kExecuting) return;
  open->busy = false;
  open->action.acts = input.acts;
  open->ended = input;
}

void Stepper::Take(const UndoEnded& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || !open->busy ||
      open->action.state != ActionState::kRollingBack) {
    return;
  }
  open->busy = false;
  // What the kill switch stopped was no try.
  if (input.how == UndoEnd::kFailed && open->cancelled.has_value() &&
      now_ < open->deadline.value_or(absl::InfiniteFuture())) {
    --open->action.undo_tries;
  }
  open->undo_ended = input;
}

void Stepper::Take(const Sampled& input) {
  OpenAction* open = Find(input.action);
  if (open == nullptr || !open->asked) return;
  open->sampled = input.values;
}

void Stepper::Take(const ConfigChanged& input) {
  s_.config = input.config;
  // A person has changed what may be done: everything is looked at again.
  for (auto& [key, memory] : s_.memory.incidents) {
    memory.ruled_out.clear();
    memory.unfit.clear();
  }
  // The samples that were asked for while it was off are lost.
  for (auto& [id, open] : s_.open) {
    if (!active() && open.action.state == ActionState::kVerifying) {
      open.asked = false;
      open.sampled.reset();
    }
  }
}

void Stepper::Take(const KillSwitch& input) {
  s_.kill_switch = input.on;
  for (auto& [id, open] : s_.open) {
    if (input.on && open.action.state == ActionState::kVerifying) {
      open.asked = false;
      open.sampled.reset();
    }
  }
}

void Stepper::Take(const StrategiesChanged& input) {
  s_.strategies.clear();
  for (const StrategyProfile& profile : input.strategies) {
    s_.strategies[profile.name] = profile;
    EngineMemory::OfStrategy& memory = s_.memory.strategies[profile.name];
    if (memory.identity == profile.identity) continue;
    const bool was_quarantined = memory.quarantined;
    memory = {profile.identity, 0, false};
    if (was_quarantined && active()) {
      Emit("released", nullptr, "",
           absl::StrCat("strategy '", profile.name, "' has another file"));
      Save();
    }
  }
}

void Stepper::Take(const Restarted& input) {
  if (s_.recovered) return;
  auto memory = DecodeMemory(input.memory);
  if (memory.ok()) {
    s_.memory = *std::move(memory);
  } else {
    s_.memory.seed = input.seed;
  }
  // Strategies that were loaded before keep their fresh identity.
  for (const auto& [name, profile] : s_.strategies) {
    EngineMemory::OfStrategy& known = s_.memory.strategies[name];
    if (known.identity != profile.identity)
      known = {profile.identity, 0, false};
  }
  s_.recovered = true;
  if (!memory.ok() && !input.memory.empty() && active()) {
    Emit("memory_lost", nullptr, "", std::string(memory.status().message()));
  }
  for (const OpenRow& row : input.rows) {
    if (IsEnd(row.action.state) || s_.open.count(row.action.id) != 0) continue;
    OpenAction& open = s_.open[row.action.id];
    open.action = row.action;
    open.action.acts = row.acts;
    open.unrecorded = true;
    s_.memory.next_action = std::max(s_.memory.next_action, row.action.id + 1);
    switch (row.action.state) {
      case ActionState::kProposed:
      case ActionState::kSampling:
        // Never written; nothing ran.
        open.action.state = ActionState::kWaiting;
        break;
      case ActionState::kCommitting:
      case ActionState::kStarting: {
        // When it really began is between the intent and now.
        std::vector<absl::Time>& attempts = Attempts(open.action);
        if (attempts.empty()) attempts.push_back(now_);
        attempts.back() = now_;
        open.action.started = open.action.started.value_or(row.action.since);
        Move(open, ActionEvent::kFoundOpen, "the server was restarted");
        break;
      }
      default:
        break;
    }
    if (open.action.state == ActionState::kExecuting) {
      open.restarted = true;
      open.ended =
          ExecutionEnded{row.action.id, ExecutionEnd::kStopped, row.acts, ""};
    }
  }
}

}  // namespace ruvector::healing
