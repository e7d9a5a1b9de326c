// From state to state: what each one waits for.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/healing/stepper.h"

namespace ruvector::healing {
namespace {

// Of attempt_window_seconds: older attempts can never count again.
constexpr absl::Duration kLongestWindow = absl::Hours(24 * 30);

}  // namespace

void Stepper::Settle() {
  for (auto& [id, open] : s_.open) Watch(open);
  if (!active()) {
    for (auto open = s_.open.begin(); open != s_.open.end();) {
      HoldWhileDisabled(open->second);
      const bool planning = open->second.action.state == ActionState::kProposed;
      open = planning ? s_.open.erase(open) : std::next(open);
    }
    return;
  }
  ProposeFromPass();
  // An end frees what another one waits for, so again until nothing moves.
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [id, open] : s_.open) {
      for (ActionState before = open.action.state;;
           before = open.action.state) {
        Advance(open);
        if (open.action.state == before) break;
        moved = true;
      }
    }
    for (auto open = s_.open.begin(); open != s_.open.end();) {
      const bool ended = IsEnd(open->second.action.state);
      open = ended ? s_.open.erase(open) : std::next(open);
    }
  }
}

void Stepper::StopWorker(OpenAction& open, StopReason reason) {
  if (!open.busy || open.cancelled.has_value()) return;
  open.cancelled = now_;
  if (open.action.stop == StopReason::kNone) open.action.stop = reason;
  effects_.push_back(CancelWorker{open.action.id, reason});
}

// A worker has a deadline, and after it a grace.
void Stepper::Watch(OpenAction& open) {
  if (!open.busy) return;
  if (!active()) {
    StopWorker(open, StopReason::kDisabled);
  } else if (open.deadline.has_value() && now_ >= *open.deadline) {
    StopWorker(open, StopReason::kTimedOut);
  }
  const absl::Duration grace = Seconds(s_.config.timeouts.cancel_grace_seconds);
  if (open.cancelled.has_value() && !open.killed.has_value() &&
      now_ >= *open.cancelled + grace) {
    open.killed = now_;
    effects_.push_back(KillWorker{open.action.id});
  }
}

// Nothing is written, but what is asked of the host may still be answered.
void Stepper::HoldWhileDisabled(OpenAction& open) {
  const std::string why = "healing is disabled";
  Action& a = open.action;
  if (a.state == ActionState::kSampling) {
    Move(open, ActionEvent::kHeld, why);
  } else if (a.state == ActionState::kCommitting && open.intent.has_value()) {
    a.intent_committed = a.intent_committed || open.intent->committed;
    DropAttempt(a);
    Move(open, ActionEvent::kHeld, why);
  }
}

void Stepper::Advance(OpenAction& open) {
  switch (open.action.state) {
    case ActionState::kProposed:
      return AdvanceProposed(open);
    case ActionState::kAwaitingApproval:
      return AdvanceAwaiting(open);
    case ActionState::kWaiting:
      return AdvanceWaiting(open);
    case ActionState::kSampling:
      return AdvanceSampling(open);
    case ActionState::kCommitting:
      return AdvanceCommitting(open);
    case ActionState::kExecuting:
      return AdvanceExecuting(open);
    case ActionState::kVerifying:
      return AdvanceVerifying(open);
    case ActionState::kRollingBack:
      return AdvanceRollingBack(open);
    default:
      return;  // starting: the host answers
  }
}

void Stepper::TakePlan(OpenAction& open) {
  Action& a = open.action;
  a.plan = open.plan_made->plan;
  open.plan_made.reset();
  if (a.plan.statistics_only) {
    a.expectations = ForStatisticsOnly(std::move(a.expectations));
  }
  if (a.plan.steps == 0) {
    open.unfit = true;
    Move(open, ActionEvent::kRefused,
         absl::StrCat("nothing is to be done: ", a.plan.note));
    return;
  }
  if (const std::string beyond = WhyBeyond(a); !beyond.empty()) {
    Move(open, ActionEvent::kRefused, beyond);
    return;
  }
  StrategyMode mode = EffectiveMode(s_.config, a.strategy, a.asks_first,
                                    a.incident.problem_class);
  if (a.named && mode == StrategyMode::kReport) mode = StrategyMode::kApprove;
  switch (mode) {
    case StrategyMode::kOff:
      Move(open, ActionEvent::kRefused, "the strategy's mode is off");
      break;
    case StrategyMode::kReport:
      Move(open, ActionEvent::kPlannedToShow, a.plan.note);
      break;
    case StrategyMode::kApprove:
      if (!HasApproval(a, s_.config.approval)) {
        Move(open, ActionEvent::kPlannedToAsk, a.plan.note);
        break;
      }
      [[fallthrough]];
    case StrategyMode::kAuto:
      Move(open, ActionEvent::kPlannedToRun, a.plan.note);
      break;
  }
}

void Stepper::AdvanceProposed(OpenAction& open) {
  Action& a = open.action;
  if (a.stop == StopReason::kAborted) {
    Move(open, ActionEvent::kStopped, absl::StrCat("aborted by ", a.stop_by));
  } else if (open.plan_made.has_value()) {
    TakePlan(open);
  } else if (open.plan_failed.has_value()) {
    const PlanFailed failed = *std::exchange(open.plan_failed, std::nullopt);
    if (failed.why == PlanFailure::kFault) {
      CountFault(a.strategy, failed.message);
    }
    open.unfit = failed.why == PlanFailure::kNotApplicable;
    Move(open, ActionEvent::kRefused, failed.message);
  } else if (open.deadline.has_value() && now_ >= *open.deadline) {
    Move(open, ActionEvent::kRefused, "no plan in time");
  }
}

void Stepper::AdvanceAwaiting(OpenAction& open) {
  Action& a = open.action;
  if (a.stop == StopReason::kAborted) {
    Move(open, ActionEvent::kStopped, absl::StrCat("aborted by ", a.stop_by));
    return;
  }
  const StrategyMode mode = EffectiveMode(s_.config, a.strategy, a.asks_first,
                                          a.incident.problem_class);
  if (mode == StrategyMode::kOff ||
      (mode == StrategyMode::kReport && !a.named) ||
      s_.strategies.count(a.strategy) == 0) {
    Move(open, ActionEvent::kRefused, "the strategy may not run or is gone");
  } else if (HasApproval(a, s_.config.approval)) {
    Move(open, ActionEvent::kApproved,
         absl::StrCat("approved by ", a.approved_by.empty()
                                          ? a.initiated_by
                                          : a.approved_by.back()));
  } else if (now_ >= a.since + Seconds(s_.config.approval.expiry_seconds)) {
    Move(open, ActionEvent::kLapsed, "nobody approved in time");
  }
}

void Stepper::AdvanceWaiting(OpenAction& open) {
  Action& a = open.action;
  const std::string beyond = WhyBeyond(a);
  const absl::Time lapses =
      a.since + Seconds(s_.config.approval.expiry_seconds);
  const StrategyMode mode = EffectiveMode(s_.config, a.strategy, a.asks_first,
                                          a.incident.problem_class);
  const auto memory = s_.memory.strategies.find(a.strategy);
  const bool quarantined =
      memory != s_.memory.strategies.end() && memory->second.quarantined;
  if (a.stop == StopReason::kAborted) {
    Move(open, ActionEvent::kStopped, absl::StrCat("aborted by ", a.stop_by));
  } else if (mode == StrategyMode::kOff ||
             (mode == StrategyMode::kReport && !a.named) ||
             s_.strategies.count(a.strategy) == 0 || quarantined) {
    Move(open, ActionEvent::kRefused,
         "the strategy may not run, is quarantined or gone");
  } else if (!beyond.empty()) {
    Move(open, ActionEvent::kRefused, beyond);
  } else if (IsGone(a)) {
    Move(open, ActionEvent::kLapsed, "the problem is gone");
  } else if (now_ >= lapses) {
    Move(open, ActionEvent::kLapsed,
         absl::StrCat("could not begin in time: ", a.reason));
  } else if (mode != StrategyMode::kAuto &&
             !HasApproval(a, s_.config.approval)) {
    Move(open, ActionEvent::kApprovalNeeded, "the configuration asks for it");
  } else {
    absl::Time retry = absl::InfiniteFuture();
    const std::string why = WhyNotAdmitted(open, &retry);
    if (why.empty()) {
      Move(open, ActionEvent::kAdmitted, "");
      open.deadline = now_ + Seconds(s_.config.timeouts.sample_seconds);
      effects_.push_back(TakeSample{a.id, a.expectations});
      open.asked = true;
      return;
    }
    open.deadline = std::min(retry, lapses);
    Wait(open, why);
    return;
  }
}

void Stepper::AdvanceSampling(OpenAction& open) {
  Action& a = open.action;
  if (a.stop == StopReason::kAborted) {
    Move(open, ActionEvent::kStopped, absl::StrCat("aborted by ", a.stop_by));
    return;
  }
  if (!open.sampled.has_value() && now_ < *open.deadline) return;
  a.before = open.sampled.value_or(std::vector<Measured>());
  if (const auto unknown = UnknownMetric(a.expectations, a.before)) {
    Move(open, ActionEvent::kRefused,
         absl::StrCat(*unknown,
                      " cannot be read, so a result could not be verified"));
    return;
  }
  std::vector<absl::Time>& attempts = Attempts(a);
  attempts.erase(attempts.begin(),
                 std::upper_bound(attempts.begin(), attempts.end(),
                                  now_ - kLongestWindow));
  attempts.push_back(now_);
  Move(open, ActionEvent::kMeasured, "");
}

void Stepper::AdvanceCommitting(OpenAction& open) {
  Action& a = open.action;
  if (!open.intent.has_value()) return;
  const IntentResult intent = *open.intent;
  if (!intent.committed) {
    DropAttempt(a);
    Move(open, ActionEvent::kIntentNotWritten,
         absl::StrCat("the intent could not be written: ", intent.message));
    open.not_before = now_ + Seconds(s_.config.slot_retry_seconds);
    return;
  }
  a.intent_committed = true;
  if (a.stop == StopReason::kAborted) {
    DropAttempt(a);
    Move(open, ActionEvent::kStopped, absl::StrCat("aborted by ", a.stop_by));
    return;
  }
  Attempts(a).back() = now_;
  a.started = now_;
  Move(open, ActionEvent::kIntentCommitted, "");
  open.busy = true;
  open.cancelled.reset();
  open.killed.reset();
  open.ended.reset();
  open.deadline =
      now_ + ExecutionTimeout(s_.config, a.strategy, a.plan.seconds);
  effects_.push_back(RunExecution{a.id, *open.deadline});
}

void Stepper::UndoOrAsk(OpenAction& open, std::string reason) {
  Move(open,
       open.action.acts.irreversible ? ActionEvent::kCannotUndo
                                     : ActionEvent::kToUndo,
       std::move(reason));
}

void Stepper::AdvanceExecuting(OpenAction& open) {
  Action& a = open.action;
  if (!open.ended.has_value()) return;
  const ExecutionEnded ended = *std::exchange(open.ended, std::nullopt);
  a.completed = now_;
  if (!open.restarted) {
    if (ended.how == ExecutionEnd::kFault || open.killed.has_value()) {
      CountFault(a.strategy, ended.message);
    } else if (const auto memory = s_.memory.strategies.find(a.strategy);
               memory != s_.memory.strategies.end()) {
      memory->second.faults = 0;
    }
  }
  const bool by_itself = !open.restarted && (a.stop == StopReason::kNone ||
                                             a.stop == StopReason::kTimedOut);
  const bool completed = ended.how == ExecutionEnd::kCompleted;
  // What cannot be undone may be whole nevertheless: the result decides.
  const bool judge = completed || (open.restarted && a.acts.irreversible);
  if (a.acts.changed && judge && a.stop != StopReason::kAborted) {
    if (!open.restarted) a.stop = StopReason::kNone;
    Move(open, ActionEvent::kCompleted, ended.message);
    return;
  }
  const std::string_view why =
      open.restarted                      ? "the server was restarted"
      : a.stop == StopReason::kAborted    ? "aborted"
      : a.stop == StopReason::kTimedOut   ? "it took too long"
      : a.stop == StopReason::kDisabled   ? "healing was disabled"
      : ended.how == ExecutionEnd::kFault ? "the strategy's process failed"
      : completed                         ? "it found nothing to change"
                                          : "it failed";
  const std::string reason = absl::StrCat(
      std::string(why), ended.message.empty() ? "" : ": ", ended.message);
  if (by_itself) Learn(a, /*verified=*/false);
  if (a.acts.changed) {
    UndoOrAsk(open, reason);
  } else {
    Move(open, ActionEvent::kNothingChanged, reason);
  }
}

void Stepper::AdvanceVerifying(OpenAction& open) {
  Action& a = open.action;
  if (a.stop == StopReason::kAborted) {
    UndoOrAsk(open, absl::StrCat("aborted by ", a.stop_by));
    return;
  }
  const int64_t stabilisation =
      StrategyConfigOf(s_.config, a.strategy)
          .stabilisation_seconds.value_or(s_.config.stabilisation_seconds);
  const absl::Time due = a.since + Seconds(stabilisation);
  if (!open.asked) {
    open.deadline = due;
    if (now_ < due) return;
    open.asked = true;
    open.deadline = now_ + Seconds(s_.config.timeouts.sample_seconds);
    effects_.push_back(TakeSample{a.id, a.expectations});
    return;
  }
  if (!open.sampled.has_value() && now_ < *open.deadline) return;
  a.after = open.sampled.value_or(std::vector<Measured>());
  const Verdict verdict = Judge(a.expectations, a.before, a.after);
  a.improvement = verdict.improvement;
  Learn(a, verdict.met);
  if (verdict.met) {
    Move(open, ActionEvent::kVerified, verdict.reason);
  } else {
    UndoOrAsk(open, verdict.reason);
  }
}

void Stepper::AdvanceRollingBack(OpenAction& open) {
  Action& a = open.action;
  if (open.undo_ended.has_value()) {
    const UndoEnded ended = *std::exchange(open.undo_ended, std::nullopt);
    a.acts.undos = ended.undos_left;
    if (ended.how == UndoEnd::kFinished || ended.undos_left == 0) {
      a.acts.undos = 0;
    } else if (ended.how == UndoEnd::kConflict ||
               a.undo_tries >= s_.config.undo_attempts) {
      Move(open, ActionEvent::kUndoFailed,
           absl::StrCat(a.reason, "; undoing failed: ", ended.message));
      return;
    } else {
      open.not_before = now_ + Seconds(s_.config.slot_retry_seconds);
    }
  }
  if (open.busy) return;
  if (a.acts.undos == 0) {
    Move(open, ActionEvent::kUndone, a.reason);
    return;
  }
  open.deadline = open.not_before;
  if (now_ < open.not_before) return;
  ++a.undo_tries;
  open.busy = true;
  open.cancelled.reset();
  open.killed.reset();
  open.deadline = now_ + Seconds(s_.config.timeouts.undo_seconds);
  effects_.push_back(RunUndos{a.id, *open.deadline});
}

}  // namespace ruvector::healing
