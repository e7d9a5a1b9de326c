// The action workers of all databases, in shared memory: what each is to do,
// whether it is to stop, and how it ended. [backend-main]
//
//   supervisor                     worker
//   Reserve -> slot, ticket
//   StartActionWorker(slot)        Claim(slot, ticket)
//   RequestStop, KillSlot          stop_of(slot); NoteStrategyPid, NoteAct
//   Ended(slot) -> report          Report, at the latest on its way out
//   Release
//
// A slot is the supervisor's from Reserve to Release; the worker owns it
// between Claim and the end of its process. A ticket is given once, so a worker
// that starts late finds that it is not wanted any more.
#ifndef RUVECTOR_PGEXT_HEALING_ACTION_SLOTS_H_
#define RUVECTOR_PGEXT_HEALING_ACTION_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/healing/action.h"
#include "core/healing/engine_io.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::healing {

constexpr int kMaxActionSlots = 64;

enum class ActionWork : uint8_t {
  kExecute,  // the strategy's execute
  kUndo,     // all undos of the journal
  kSettle    // clean away what was kept for an undo
};
const char* ActionWorkName(ActionWork work);

enum class SlotPhase : uint8_t { kFree, kReserved, kRunning, kEnded };

struct ActionSlot {
  // Guarded by ActionSlots::lock.
  SlotPhase phase;
  Oid database;
  int64_t action;
  ActionWork work;
  bool kept;  // of kSettle: the action was verified
  uint32_t ticket;
  TimestampTz deadline;
  TimestampTz started;
  StopReason stop;   // kNone: go on
  pid_t supervisor;  // of the process that reserved it
  pid_t pid;         // of the worker, 0: none
  pid_t strategy;    // group of its strategy's process, 0: none
  int64_t acts;
  // The report. `reported` is false for a worker that was terminated.
  bool reported;
  ExecutionEnd execution_end;
  UndoEnd undo_end;
  int64_t undos_left;
  char message[1024];  // the strategy's last word, then how it ended
};

// nullptr when the library was not preloaded.
ActionSlot* ActionSlotAt(int slot);
size_t ActionSlotsSize();
void InitActionSlots(LWLock* lock);

// A copy, consistent in itself.
ActionSlot ReadActionSlot(int slot);

// ---- Supervisor -----------------------------------------------------------

// -1: all are taken.
int ReserveActionSlot(int64_t action, ActionWork work, bool kept,
                      TimestampTz deadline, uint32_t* ticket);
void ReleaseActionSlot(int slot);
// Sets the reason and cancels the worker's statement.
void RequestActionStop(int slot, StopReason reason);
// Kills the strategy's process and terminates the worker.
void KillActionWorker(int slot);
// On the way out: what this supervisor has started is to end.
void StopOwnActionWorkers();
// Terminates what an earlier supervisor of this database left, and releases
// the slots of workers that are gone. Whether any still lives.
bool ClearForeignActionSlots();

// ---- Worker ---------------------------------------------------------------

// False: nobody waits for this worker any more.
bool ClaimActionSlot(int slot, uint32_t ticket);
void NoteActionStrategy(int slot, pid_t group);
// `message` is kept until the next one; acts that were performed.
void NoteActionProgress(int slot, int64_t acts, std::string_view message);
void ReportExecution(int slot, ExecutionEnd how, std::string_view message);
void ReportUndo(int slot, UndoEnd how, int64_t undos_left,
                std::string_view message);
// On the way out: kills what is left of the strategy, ends the slot, wakes the
// supervisor.
void EndActionSlot(int slot);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTION_SLOTS_H_
