#include "pgext/healing/action_slots.h"

#include <signal.h>

#include "core/process/spawn.h"
#include "pgext/boot/database_slots.h"
extern "C" {
#include "mb/pg_wchar.h"
#include "storage/shmem.h"
}

namespace ruvector::healing {
namespace {

struct ActionSlots {
  LWLock* lock;  // immutable after startup
  uint32_t next_ticket;
  ActionSlot slots[kMaxActionSlots];
};

ActionSlots* table = nullptr;  // scope: backend, into shared memory

class Locked {
 public:
  Locked() { LWLockAcquire(table->lock, LW_EXCLUSIVE); }
  ~Locked() { LWLockRelease(table->lock); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

void SetMessage(ActionSlot& slot, std::string_view text) {
  const int length = pg_mbcliplen(text.data(), static_cast<int>(text.size()),
                                  sizeof(slot.message) - 1);
  memcpy(slot.message, text.data(), length);
  slot.message[length] = '\0';
}

// The process died without a word, as when the worker could not be forked.
bool IsGone(const ActionSlot& slot) {
  return slot.pid == 0 || (kill(slot.pid, 0) != 0 && errno == ESRCH);
}

}  // namespace

const char* ActionWorkName(ActionWork work) {
  switch (work) {
    case ActionWork::kExecute:
      return "executing";
    case ActionWork::kUndo:
      return "undoing";
    case ActionWork::kSettle:
      return "settling";
  }
  return "";
}

ActionSlot* ActionSlotAt(int slot) {
  return table == nullptr ? nullptr : &table->slots[slot];
}

size_t ActionSlotsSize() { return sizeof(ActionSlots); }

void InitActionSlots(LWLock* lock) {
  bool found = false;
  table = static_cast<ActionSlots*>(
      ShmemInitStruct("ruvector actions", ActionSlotsSize(), &found));
  if (found) return;
  memset(static_cast<void*>(table), 0, ActionSlotsSize());
  table->lock = lock;
}

ActionSlot ReadActionSlot(int slot) {
  LWLockAcquire(table->lock, LW_SHARED);
  const ActionSlot copy = table->slots[slot];
  LWLockRelease(table->lock);
  return copy;
}

int ReserveActionSlot(int64_t action, ActionWork work, bool kept,
                      TimestampTz deadline, uint32_t* ticket) {
  const Locked locked;
  for (int i = 0; i < kMaxActionSlots; ++i) {
    ActionSlot& slot = table->slots[i];
    if (slot.phase != SlotPhase::kFree) continue;
    memset(static_cast<void*>(&slot), 0, sizeof(slot));
    slot.phase = SlotPhase::kReserved;
    slot.database = MyDatabaseId;
    slot.action = action;
    slot.work = work;
    slot.kept = kept;
    slot.deadline = deadline;
    slot.supervisor = MyProcPid;
    slot.ticket = *ticket = ++table->next_ticket;
    return i;
  }
  return -1;
}

void ReleaseActionSlot(int slot) {
  const Locked locked;
  table->slots[slot].phase = SlotPhase::kFree;
}

void RequestActionStop(int slot, StopReason reason) {
  const Locked locked;
  ActionSlot& s = table->slots[slot];
  if (s.stop == StopReason::kNone) s.stop = reason;
  if (s.phase == SlotPhase::kRunning && s.pid != 0) kill(s.pid, SIGINT);
}

void KillActionWorker(int slot) {
  const Locked locked;
  ActionSlot& s = table->slots[slot];
  if (s.phase != SlotPhase::kRunning) return;
  if (s.strategy != 0) process::KillGroup(s.strategy);
  if (s.pid != 0) kill(s.pid, SIGTERM);
}

void StopOwnActionWorkers() {
  const Locked locked;
  for (ActionSlot& slot : table->slots) {
    if (slot.supervisor != MyProcPid) continue;
    if (slot.phase == SlotPhase::kRunning) {
      if (slot.strategy != 0) process::KillGroup(slot.strategy);
      if (slot.pid != 0) kill(slot.pid, SIGTERM);
    } else {
      slot.phase = SlotPhase::kFree;
    }
  }
}

bool ClearForeignActionSlots() {
  bool alive = false;
  const Locked locked;
  for (ActionSlot& slot : table->slots) {
    if (slot.phase == SlotPhase::kFree || slot.database != MyDatabaseId ||
        slot.supervisor == MyProcPid) {
      continue;
    }
    // A reserved one is nobody's from now on: its worker cannot claim it.
    if (slot.phase != SlotPhase::kRunning || IsGone(slot)) {
      slot.phase = SlotPhase::kFree;
      continue;
    }
    if (slot.strategy != 0) process::KillGroup(slot.strategy);
    kill(slot.pid, SIGTERM);
    alive = true;
  }
  return alive;
}

bool ClaimActionSlot(int slot, uint32_t ticket) {
  const Locked locked;
  ActionSlot& s = table->slots[slot];
  if (s.phase != SlotPhase::kReserved || s.ticket != ticket ||
      s.stop != StopReason::kNone) {
    return false;
  }
  s.phase = SlotPhase::kRunning;
  s.pid = MyProcPid;
  s.started = GetCurrentTimestamp();
  return true;
}

void NoteActionStrategy(int slot, pid_t group) {
  const Locked locked;
  table->slots[slot].strategy = group;
}

void NoteActionProgress(int slot, int64_t acts, std::string_view message) {
  const Locked locked;
  table->slots[slot].acts = acts;
  SetMessage(table->slots[slot], message);
}

void ReportExecution(int slot, ExecutionEnd how, std::string_view message) {
  const Locked locked;
  ActionSlot& s = table->slots[slot];
  s.reported = true;
  s.execution_end = how;
  SetMessage(s, message);
}

void ReportUndo(int slot, UndoEnd how, int64_t undos_left,
                std::string_view message) {
  const Locked locked;
  ActionSlot& s = table->slots[slot];
  s.reported = true;
  s.undo_end = how;
  s.undos_left = undos_left;
  SetMessage(s, message);
}

void EndActionSlot(int slot) {
  Oid database = InvalidOid;
  {
    const Locked locked;
    ActionSlot& s = table->slots[slot];
    if (s.phase != SlotPhase::kRunning || s.pid != MyProcPid) return;
    if (s.strategy != 0) process::KillGroup(s.strategy);
    s.strategy = 0;
    s.pid = 0;
    s.phase = SlotPhase::kEnded;
    database = s.database;
  }
  boot::WakeWorker(database, boot::WorkerRole::kHealing);
}

}  // namespace ruvector::healing
