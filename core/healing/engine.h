// The remediation engine of one database, as a pure function: from its state
// and one input to the next state and what the host is to do. [any-thread]
//
// No clock, no chance but the state's own seed, no I/O: a simulator and the
// healing supervisor run the same code. States of an action and the moves
// between them are in action_state.h; the rules are:
//
//   what is healed  problems of the latest pass, worst first, that are known,
//       classified with min_confidence, and not left to persons by the breaker.
//       One open action per incident
//   with what  strategies that handle the class, are not off, quarantined or
//       ruled out, of at most max_auto_heal_impact. Such as have been tried on
//       this incident without success come last; what may run by itself comes
//       before what asks; report comes when nothing else is left. Among equals
//       the learner chooses
//   when  one action in flight per collection and per object, impacts in
//       flight within max_impact_in_flight, attempts within their window,
//       after the collection's pause, within the allowed hours. The last two
//       do not bind what a person asked for; the others bind everybody
//   how  values before are read, then the intent is committed, then it runs.
//       A target or guard that cannot be read before is a reason not to act:
//       the result could not be verified
//   after  it stabilises and is judged (verification.h). Not verified, failed,
//       too late or aborted: undone if that is possible, else needs_human
//   learning  every attempt that ended by itself is a lesson; what a person, a
//       restart or the kill switch ended is none
//   disabled (configuration or kill switch)  nothing is begun and nothing is
//       written: there are only CancelWorker, KillWorker and Reply. What ran
//       is judged as after a crash when healing is enabled again
//   restart  every row that may have acted ends in done, rolled_back or
//       needs_human: nothing changed is rolled_back, what can be undone is
//       undone, what cannot is verified
//
// Time going backwards: stored times move with it.
#ifndef RUVECTOR_CORE_HEALING_ENGINE_H_
#define RUVECTOR_CORE_HEALING_ENGINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/healing/action.h"
#include "core/healing/engine_io.h"
#include "core/healing/healing_config.h"
#include "core/healing/incident.h"
#include "core/healing/learner.h"

namespace ruvector::healing {

// What must outlive the process. The host stores EncodeMemory in the same
// transaction as the rows of a step.
struct EngineMemory {
  struct OfIncident {
    int64_t ineffective = 0;  // attempts in a row without a verified result
    bool open = false;        // the breaker: left to persons
    std::optional<absl::Time> absent_since;       // of the passes
    std::map<std::string, absl::Time> ruled_out;  // strategies, until
    // Ruled out by their own plan: not any more once the gate's state is worse.
    std::map<std::string, absl::Time> unfit;
    std::map<std::string, absl::Time> tried;  // without success, until
  };
  struct OfCollection {
    std::vector<absl::Time> attempts;  // ascending
    absl::Time pause_until = absl::InfinitePast();
  };
  struct OfStrategy {
    std::string identity;  // of the file that the faults are of
    int64_t faults = 0;    // in a row
    bool quarantined = false;
  };

  int64_t next_action = 1;
  uint64_t seed = 0;
  std::map<IncidentKey, OfIncident> incidents;
  std::map<std::string, OfCollection> collections;
  std::map<std::string, OfStrategy> strategies;
  Learner learner;
};

std::string EncodeMemory(const EngineMemory& memory);
absl::StatusOr<EngineMemory> DecodeMemory(std::string_view json);

// An action that has not ended, and what the host owes it. The second part
// dies with the process.
struct OpenAction {
  Action action;

  std::optional<absl::Time> deadline;            // of the present state
  absl::Time not_before = absl::InfinitePast();  // waiting, rolling_back
  bool busy = false;                             // a worker of it may live
  std::optional<absl::Time> cancelled;           // when it was told to stop
  std::optional<absl::Time> killed;
  bool asked = false;       // for the samples of this state
  bool unfit = false;       // its strategy had no plan for the situation
  bool unrecorded = false;  // moved while disabled: the row is behind
  bool restarted = false;   // ended by a restart
  // Reports that have not been acted on.
  std::optional<PlanMade> plan_made;
  std::optional<PlanFailed> plan_failed;
  std::optional<IntentResult> intent;
  std::optional<std::vector<Measured>> sampled;
  std::optional<ExecutionEnded> ended;
  std::optional<UndoEnded> undo_ended;
};

struct EngineState {
  bool recovered = false;  // Restarted has come; nothing is done before
  bool kill_switch = false;
  HealingConfig config;
  std::map<std::string, StrategyProfile> strategies;
  std::map<int64_t, OpenAction> open;
  std::vector<Incident> problems;   // of the latest pass, worst first
  std::set<std::string> looked_at;  // collections that a pass has named
  // Why an incident of `problems` is not being healed, for status.
  std::map<IncidentKey, std::string> deferred;
  EngineMemory memory;
  int64_t illegal_moves = 0;  // not in the table, not made; a defect if not 0
  absl::Time last_input = absl::InfinitePast();
};

struct EngineStep {
  EngineState state;
  std::vector<Effect> effects;
};

// Total: an input that does not fit (an action that is not open, a report
// that nobody waits for) changes nothing.
EngineStep Step(EngineState state, const Input& input);

// When to send a Tick if nothing else comes; nullopt: never.
std::optional<absl::Time> NextDeadline(const EngineState& state);

// Healing may act: recovered, enabled, kill switch off.
bool IsActive(const EngineState& state);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_ENGINE_H_
