// Performing, journaling, undoing and describing what strategies ask for: the
// server's side of every action kind of core/plugin/plugin_abi.h.
//
// One act is one action that a strategy asked for while its remediation (the
// row `action_id` of the supervisor's journal) runs. Table
// ruvector.healing_acts holds one row per act, and this is what makes it
// crash-exact:
//
//   - The row, with its undo, is committed as `intended` before anything is
//     changed.
//   - What fits into one transaction (throttle, weight, storage parameter,
//     rows, tablespace, jobs) commits together with the row's `done`.
//   - What does not (concurrent builds, VACUUM) is found out from the catalogs
//     afterwards: ResolveActs turns every `intended` of a process that is gone
//     into `done`, `not_done` or, with leftovers cleaned away, `not_done`.
//
// All functions without a SpiSession run at the top level of a background
// worker of ours: no transaction is open, they open their own, several. The
// worker has PrepareWorker's signal handlers; SIGINT cancels the statement that
// runs (absl::StatusCode::kCancelled). Nothing is retried after a cancel or
// past the deadline. Locks that could make users wait are asked for with a
// short lock_timeout, again and again with growing pauses, until the deadline.
//
// What kinds mean here, beyond plugin_abi.h:
//   MOVE_ROWS           one act is one batch of min(max_rows, batch_rows) rows
//                       in one transaction, of a managed collection alone
//   SET_ROUTING_WEIGHT  null: it has no weight and takes no new rows;
//                       some partition always keeps one
//   REBUILD_INDEX       undo RESTORE_INDEX: built beside, swapped, the old one
//                       kept until FinishAction. undo REBUILD_INDEX: in place,
//                       leaf by leaf, for want of disk, or for a leaf that is
//                       attached to a partitioned index
//   HOLD_JOB            "cron <jobid>"; others cannot be held
//   SET_RELOPTION       what tunes upkeep: autovacuum_*, vacuum_*, toast.*,
//                       fillfactor, parallel_workers
// An object is a table, partition or index of the collection; others are
// refused.
//
// Rights: the worker is superuser. No user-defined code runs with that: what
// writes users' rows does so as the table's owner in a security-restricted
// operation, as PostgreSQL's own maintenance commands do; search_path is
// pinned. Our own acts pass the gate unasked (design 7.7).
//
// Source: design.md 5, 7.7, 7.11; environment.md (workers, portals).
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_ACTS_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_ACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/action.h"
#include "core/healing/engine_io.h"
#include "core/plugin/plugin_abi.h"
#include "core/strategy_host/host_callbacks.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

struct ActRequest {
  int64_t action_id;              // of the remediation
  std::string collection;         // as enrolled
  const ruvector_action& action;  // OWNERSHIP: caller, for the call. Has passed
                                  // ActionPermit
  absl::Time deadline;
};

// Performs one act, journal first. [backend-main, top level]
//   Aborted             the undo does not hold the present value: read it again
//   FailedPrecondition  does not apply here; the message says why
//   NotFound            the object does not exist (any more)
//   Cancelled, DeadlineExceeded
//   Unavailable         locks were not to be had, no connection: perhaps later
//   Unimplemented       a kind that this version does not know
// The Status keeps SQLSTATE, DETAIL and HINT of a server error. After an error
// the act has had no effect, or its row says `partial` and RunNextUndo takes
// back what is there.
absl::StatusOr<strategy_host::ActOutcome> PerformAct(const ActRequest& request);

// What the journal says of a remediation, for ExecutionEnded and Restarted. An
// act that is still `intended` counts as changed where it may be; call
// ResolveActs first to know. [backend-main] In the caller's transaction.
absl::StatusOr<ActsDone> ReadActsDone(pg::SpiSession& spi, int64_t action_id);

// Settles what a killed worker left: `intended` acts become what the catalogs
// say they are, half-built indexes that are ours go. No process of the action
// may live. Does nothing where nothing is open. [backend-main, top level]
absl::Status ResolveActs(int64_t action_id, absl::Time deadline);

struct UndoStep {
  // kFinished: this undo is done (undos_left 0: it was the last, or there was
  // none). kFailed, kConflict: as engine_io.h has it.
  UndoEnd end = UndoEnd::kFinished;
  int64_t undos_left = 0;
  // Why it failed; or what was left as it is because users changed it since.
  std::string message;
};

// Takes back the newest act that is not undone, in commits of its own.
// ResolveActs is part of it. An error Status only where the journal itself
// cannot be read or written. [backend-main, top level]
absl::StatusOr<UndoStep> RunNextUndo(int64_t action_id, absl::Time deadline);

// RunNextUndo until nothing is left or one does not succeed: the whole answer
// to RunUndos. Never an error; one is kFailed. [backend-main, top level]
UndoEnded RunAllUndos(int64_t action_id, absl::Time deadline);

// The remediation has ended. `kept`: verified, what it made stays, what was
// kept for its undo (the old index) goes, and the undo becomes a rebuild.
// Otherwise: rolled back; what the undos left to clean away goes. Repeats
// safely; an error leaves the rest for the next call.
// [backend-main, top level]
absl::Status FinishAction(int64_t action_id, bool kept, absl::Time deadline);

// What a dry run shows of one action. Nothing is changed.
struct ActStatement {
  std::string
      statement;  // one or several, each ending in ";"; what \gexec runs
  std::string undo_statement;         // "" where there is none
  LockLevel lock = LockLevel::kNone;  // strongest, on tables and indexes
  // nullopt: unknown
  std::optional<double> rows;
  std::optional<double> bytes;
  std::optional<double> seconds;
};
// NotFound, FailedPrecondition, Unimplemented as PerformAct would answer.
// [backend-main] In the caller's transaction.
absl::StatusOr<ActStatement> DescribeAct(pg::SpiSession& spi,
                                         const std::string& collection,
                                         const ruvector_action& action);

// Ends holds of jobs whose time is over. For the supervisor's every round;
// cheap where nothing is held. [backend-main] In the caller's transaction.
absl::Status ReleaseExpiredHolds(pg::SpiSession& spi);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_ACTS_H_
