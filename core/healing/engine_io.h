// What goes into the engine (engine.h) and what comes out. Plain values.
// [any-thread]
//
// What the host promises:
//   - Inputs come one at a time; the effects of a step are taken up before the
//     next input, in their order.
//   - Writes (CommitIntent, RecordState, RecordEnd, EmitEvent, SaveMemory) of
//     one step and EncodeMemory of its state are one transaction. They form a
//     line: none is tried before the earlier ones are committed, one that fails
//     is tried again without its CommitIntents, which are answered by
//     IntentResult. While healing is disabled the line stands still.
//   - RunExecution, RunUndos and AskPlan of a step are performed when its
//     transaction, and so every earlier one, is committed; the other effects at
//     once. CancelWorker of a run that has not begun keeps it from beginning;
//     the answer is NoWorker.
//   - A worker that was started ends in exactly one ExecutionEnded or
//     UndoEnded, at the latest after KillWorker; when that is sent, no process
//     of the action lives any more and its acts are committed or rolled back.
//   - A process begins with ConfigChanged, KillSwitch, StrategiesChanged and
//     Restarted, in this order, when no worker of an earlier one lives.
#ifndef RUVECTOR_CORE_HEALING_ENGINE_IO_H_
#define RUVECTOR_CORE_HEALING_ENGINE_IO_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/healing/action.h"
#include "core/healing/healing_config.h"
#include "core/healing/incident.h"
#include "core/healing/strategy_profile.h"

namespace ruvector::healing {

struct EngineMemory;

// ---- Inputs ---------------------------------------------------------------

// A sensing pass. Of collections that it does not name nothing is said.
struct Pass {
  std::vector<std::string> collections;
  std::vector<Incident> incidents;  // of these, worst first
};

struct PlanMade {
  int64_t action;
  PlanSummary plan;
};
enum class PlanFailure : uint8_t {
  kNotApplicable,  // the plugin says so: FAILED_PRECONDITION
  kError,          // any other code, or a plan that plan_check refuses
  kFault           // its process crashed, hung or wrote rubbish
};
struct PlanFailed {
  int64_t action;
  PlanFailure why;
  std::string message;
};
struct IntentResult {
  int64_t action;
  bool committed;
  std::string message;  // if not
};
struct WorkerStarted {
  int64_t action;
};
// Nothing was started, for execution or for undoing.
struct NoWorker {
  int64_t action;
};
enum class ExecutionEnd : uint8_t {
  kCompleted,  // RUVECTOR_OK
  kFailed,     // another code
  kStopped,    // it obeyed CancelWorker
  kFault       // its process crashed, hung or wrote rubbish, or was killed
};
struct ExecutionEnded {
  int64_t action;
  ExecutionEnd how;
  ActsDone acts;
  std::string message;
};
enum class UndoEnd : uint8_t {
  kFinished,  // no undo is left
  kFailed,    // another try may help: lock time-out, cancelled, killed
  kConflict   // it will not: someone has changed the value since
};
struct UndoEnded {
  int64_t action;
  UndoEnd how;
  int64_t undos_left;
  std::string message;
};
// Answer to TakeSample; nullopt where a value could not be read.
struct Sampled {
  int64_t action;
  std::vector<Measured> values;
};

// Persons. `request` comes back in Reply. Privileges are the host's to check.
struct Trigger {
  int64_t request;
  std::string collection;
  std::string by;
};
struct Execute {
  int64_t request;
  std::string collection;
  std::string strategy;
  std::string parameters;  // opaque, for the plan
  std::string by;
};
struct Approve {
  int64_t request;
  int64_t action;
  std::string by;
};
struct Reject {
  int64_t request;
  int64_t action;
  std::string by;
};
struct Abort {
  int64_t request;
  int64_t action;
  std::string by;
};
// Of a closed row, state done, as the journal has it.
struct Rollback {
  int64_t request;
  Action row;
  ActsDone acts;
  std::string by;
};
struct ResetBreaker {
  int64_t request;
  std::string collection;
  std::string by;
};
struct ReleaseStrategy {
  int64_t request;
  std::string strategy;
  std::string by;
};
struct ResetLearning {
  int64_t request;
  std::string strategy;  // "": all
  std::string by;
};

struct ConfigChanged {
  HealingConfig config;
};
struct KillSwitch {
  bool on;
};
// The whole registry, after every load.
struct StrategiesChanged {
  std::vector<StrategyProfile> strategies;
};
struct OpenRow {
  Action action;
  ActsDone acts;  // from the journal of acts, not from the row
};
struct Restarted {
  std::string memory;         // EncodeMemory, "" for a new database
  std::vector<OpenRow> rows;  // all that have not ended
  uint64_t seed;              // for a new database
};
struct Tick {};

struct Input {
  absl::Time at;
  std::variant<Tick, Pass, PlanMade, PlanFailed, IntentResult, WorkerStarted,
               NoWorker, ExecutionEnded, UndoEnded, Sampled, Trigger, Execute,
               Approve, Reject, Abort, Rollback, ResetBreaker, ReleaseStrategy,
               ResetLearning, ConfigChanged, KillSwitch, StrategiesChanged,
               Restarted>
      what;
};

// ---- Effects --------------------------------------------------------------

// Let the strategy plan, within the blast radius of the configuration. Answer:
// PlanMade or PlanFailed, at `deadline` at the latest.
struct AskPlan {
  Action action;
  absl::Time deadline;
};
// Write the row and sign the intent. Answer: IntentResult.
struct CommitIntent {
  Action action;
};
// Insert or update the row.
struct RecordState {
  Action action;
};
// The same for a row that has ended, with the event of its end, which is named
// after the state: "healing.done".
struct RecordEnd {
  Action action;
};
// Append to the signed log.
struct EmitEvent {
  std::string type;  // "healing.executing", "healing.breaker_opened", ...
  int64_t action;    // 0: none
  std::string collection;
  std::string detail;
};
struct SaveMemory {};
// Read the action's target and guards, in the order of Expectations.
struct TakeSample {
  int64_t action;
  Expectations expectations;
};
// In a dynamic worker, which starts the strategy's process. Answer:
// WorkerStarted and later ExecutionEnded, or NoWorker.
struct RunExecution {
  int64_t action;
  absl::Time deadline;
};
// The undos that have not run, newest first, each with its own commit. Answer:
// UndoEnded or NoWorker.
struct RunUndos {
  int64_t action;
  absl::Time deadline;
};
// Cancel the statement, set the strategy's should_stop.
struct CancelWorker {
  int64_t action;
  StopReason reason;
};
// Kill the strategy's process and terminate the worker.
struct KillWorker {
  int64_t action;
};
// Tell a person.
struct Reply {
  int64_t request;
  absl::Status status;
  int64_t action;  // that it is about; 0: none
};

using Effect = std::variant<AskPlan, CommitIntent, RecordState, RecordEnd,
                            EmitEvent, SaveMemory, TakeSample, RunExecution,
                            RunUndos, CancelWorker, KillWorker, Reply>;

// It changes a table, or starts something that may.
bool Writes(const Effect& effect);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_ENGINE_IO_H_
