// The states of one remediation and every way between them. [any-thread]
//
//   proposed ------------------> waiting_for_slot <-- awaiting_approval
//      |                          |         ^                ^
//      +---- (approve) -----------|---------|----------------+
//                                 v         | held, no slot, no intent
//                              sampling -> committing -> starting
//                                                           |
//                    +------------ executing <--------------+
//                    |              |     |
//                    |              |     +--> verifying --> done
//                    v              v             |           |
//               rolled_back <-- rolling_back <----+-----------+
//                                   |             |
//                                   +--------> needs_human
//
// Whatever has not acted may also end as rejected, expired, aborted or
// reported. Nothing acts before `starting`, which is entered only when the
// intent is committed. From `executing` on there are three ends: done,
// rolled_back and needs_human. The table below is the definition; the drawing
// is a help.
#ifndef RUVECTOR_CORE_HEALING_ACTION_STATE_H_
#define RUVECTOR_CORE_HEALING_ACTION_STATE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/no_postgres.h"

namespace ruvector::healing {

// The names are stored in tables and events: do not rename.
enum class ActionState : uint8_t {
  kProposed,          // a plan is being made
  kAwaitingApproval,  // for a person
  kWaiting,           // may run; see the action's reason for what is missing
  kSampling,          // target and guards are read before the act
  kCommitting,        // the signed intent is being written
  kStarting,          // a worker has been asked for
  kExecuting,
  kVerifying,    // stabilising, then target and guards are read again
  kRollingBack,  // undos run, newest first
  kDone,         // verified
  kRolledBack,   // nothing of it is left, or nothing was changed
  kNeedsHuman,   // something of it may be left
  kRejected,     // by a rule or a person, before anything was done
  kExpired,      // nobody approved in time, or the problem went away
  kAborted,      // by a person, before anything was done
  kReported,     // mode report: planned and shown
};
inline constexpr int kNumActionStates = 16;
inline constexpr std::array<std::string_view, kNumActionStates>
    kActionStateNames = {"proposed",  "awaiting_approval", "waiting_for_slot",
                         "sampling",  "committing",        "starting",
                         "executing", "verifying",         "rolling_back",
                         "done",      "rolled_back",       "needs_human",
                         "rejected",  "expired",           "aborted",
                         "reported"};
constexpr std::string_view ActionStateName(ActionState state) {
  return kActionStateNames[static_cast<size_t>(state)];
}

// What moves an action.
enum class ActionEvent : uint8_t {
  kPlannedToRun,       // the plan may run without a person
  kPlannedToAsk,       // the plan needs approval
  kPlannedToShow,      // mode report
  kRefused,            // no plan, beyond a limit, switched off, declined
  kLapsed,             // too late, or the problem is gone
  kStopped,            // aborted before anything was done
  kApproved,           // by as many as it takes
  kApprovalNeeded,     // the configuration asks for it now
  kAdmitted,           // object, impact, attempts, hours: all free
  kMeasured,           // the values before are known
  kHeld,               // healing was disabled meanwhile
  kIntentCommitted,    // the host says so
  kIntentNotWritten,   // disk full, read-only
  kNoSlot,             // no worker was free; nothing ran
  kStarted,            // the worker runs
  kFoundOpen,          // after a restart: it may have run
  kCompleted,          // all that was planned is done
  kNothingChanged,     // it ended, and nothing is to be undone
  kToUndo,             // failed, stopped or not verified, and reversible
  kCannotUndo,         // the same, and not reversible
  kVerified,           // target and guards are met
  kUndone,             // no undo is left
  kUndoFailed,         // too often, or it never will
  kRollbackRequested,  // by a person, of what was done
};
inline constexpr int kNumActionEvents = 24;

struct ActionTransition {
  ActionState from;
  ActionEvent event;
  ActionState to;
};

// Every legal move; anything else is a defect of the engine.
inline constexpr ActionTransition kActionTransitions[] = {
    {ActionState::kProposed, ActionEvent::kPlannedToRun, ActionState::kWaiting},
    {ActionState::kProposed, ActionEvent::kPlannedToAsk,
     ActionState::kAwaitingApproval},
    {ActionState::kProposed, ActionEvent::kPlannedToShow,
     ActionState::kReported},
    {ActionState::kProposed, ActionEvent::kRefused, ActionState::kRejected},
    {ActionState::kProposed, ActionEvent::kLapsed, ActionState::kExpired},
    {ActionState::kProposed, ActionEvent::kStopped, ActionState::kAborted},

    {ActionState::kAwaitingApproval, ActionEvent::kApproved,
     ActionState::kWaiting},
    {ActionState::kAwaitingApproval, ActionEvent::kRefused,
     ActionState::kRejected},
    {ActionState::kAwaitingApproval, ActionEvent::kLapsed,
     ActionState::kExpired},
    {ActionState::kAwaitingApproval, ActionEvent::kStopped,
     ActionState::kAborted},

    {ActionState::kWaiting, ActionEvent::kAdmitted, ActionState::kSampling},
    {ActionState::kWaiting, ActionEvent::kApprovalNeeded,
     ActionState::kAwaitingApproval},
    {ActionState::kWaiting, ActionEvent::kRefused, ActionState::kRejected},
    {ActionState::kWaiting, ActionEvent::kLapsed, ActionState::kExpired},
    {ActionState::kWaiting, ActionEvent::kStopped, ActionState::kAborted},

    {ActionState::kSampling, ActionEvent::kMeasured, ActionState::kCommitting},
    {ActionState::kSampling, ActionEvent::kRefused, ActionState::kRejected},
    {ActionState::kSampling, ActionEvent::kStopped, ActionState::kAborted},
    {ActionState::kSampling, ActionEvent::kHeld, ActionState::kWaiting},

    {ActionState::kCommitting, ActionEvent::kIntentCommitted,
     ActionState::kStarting},
    {ActionState::kCommitting, ActionEvent::kIntentNotWritten,
     ActionState::kWaiting},
    {ActionState::kCommitting, ActionEvent::kStopped, ActionState::kAborted},
    {ActionState::kCommitting, ActionEvent::kHeld, ActionState::kWaiting},
    {ActionState::kCommitting, ActionEvent::kFoundOpen,
     ActionState::kExecuting},

    {ActionState::kStarting, ActionEvent::kStarted, ActionState::kExecuting},
    {ActionState::kStarting, ActionEvent::kNoSlot, ActionState::kWaiting},
    {ActionState::kStarting, ActionEvent::kFoundOpen, ActionState::kExecuting},

    {ActionState::kExecuting, ActionEvent::kCompleted, ActionState::kVerifying},
    {ActionState::kExecuting, ActionEvent::kNothingChanged,
     ActionState::kRolledBack},
    {ActionState::kExecuting, ActionEvent::kToUndo, ActionState::kRollingBack},
    {ActionState::kExecuting, ActionEvent::kCannotUndo,
     ActionState::kNeedsHuman},

    {ActionState::kVerifying, ActionEvent::kVerified, ActionState::kDone},
    {ActionState::kVerifying, ActionEvent::kToUndo, ActionState::kRollingBack},
    {ActionState::kVerifying, ActionEvent::kCannotUndo,
     ActionState::kNeedsHuman},

    {ActionState::kRollingBack, ActionEvent::kUndone, ActionState::kRolledBack},
    {ActionState::kRollingBack, ActionEvent::kUndoFailed,
     ActionState::kNeedsHuman},

    {ActionState::kDone, ActionEvent::kRollbackRequested,
     ActionState::kRollingBack},
};

// nullopt: illegal.
constexpr std::optional<ActionState> NextState(ActionState from,
                                               ActionEvent event) {
  for (const ActionTransition& row : kActionTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

// done to reported: the journal row is closed.
constexpr bool IsEnd(ActionState state) { return state >= ActionState::kDone; }
// It may change something, or hold what it will change: its objects, its
// collection and its impact are taken.
constexpr bool IsInFlight(ActionState state) {
  return state >= ActionState::kSampling && state <= ActionState::kRollingBack;
}
// It may have changed something.
constexpr bool MayHaveActed(ActionState state) {
  return state >= ActionState::kStarting && state <= ActionState::kRollingBack;
}

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_ACTION_STATE_H_
