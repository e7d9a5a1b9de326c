#include "pgext/boot/database_slots.h"

#include "absl/strings/str_format.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "mb/pg_wchar.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"
}

namespace ruvector::boot {
namespace {

DatabaseTable* table = nullptr;  // scope: backend, into shared memory

void SetProcLatch(int proc) {
  if (proc >= 0) SetLatch(&ProcGlobal->allProcs[proc].procLatch);
}

// Free, or else the one longest known to lack the extension.
DatabaseEntry* FindRoomLocked(WhenFull when_full) {
  DatabaseEntry* room = nullptr;
  for (DatabaseEntry& entry : *table) {
    if (!entry.in_use()) return &entry;
    const WorkerSeat& integrity = entry.seat(WorkerRole::kIntegrity);
    if (when_full == WhenFull::kGiveUp ||
        integrity.status != DatabaseStatus::kNoExtension ||
        integrity.proc >= 0 || entry.seat(WorkerRole::kHealing).proc >= 0) {
      continue;
    }
    if (room == nullptr ||
        integrity.status_since <
            room->seat(WorkerRole::kIntegrity).status_since) {
      room = &entry;
    }
  }
  return room;
}

}  // namespace

const char* DatabaseStatusName(DatabaseStatus status) {
  switch (status) {
    case DatabaseStatus::kUnused:
      return "unused";
    case DatabaseStatus::kUnknown:
      return "unknown";
    case DatabaseStatus::kStarting:
      return "starting";
    case DatabaseStatus::kServed:
      return "served";
    case DatabaseStatus::kNoExtension:
      return "no extension";
    case DatabaseStatus::kUnserved:
      return "unserved";
    case DatabaseStatus::kYielded:
      return "yielded";
    case DatabaseStatus::kLeft:
      return "left";
    case DatabaseStatus::kFailed:
      return "failed";
    case DatabaseStatus::kNoEntry:
      return "no entry";
  }
  return "unknown";
}

DatabaseTable* Databases() { return table; }

size_t DatabaseSlotsSize() {
  return add_size(offsetof(DatabaseTable, entries),
                  mul_size(settings::max_databases, sizeof(DatabaseEntry)));
}

void InitDatabaseSlots(LWLock* lock) {
  bool found = false;
  table = static_cast<DatabaseTable*>(
      ShmemInitStruct("ruvector databases", DatabaseSlotsSize(), &found));
  if (found) return;
  memset(static_cast<void*>(table), 0, DatabaseSlotsSize());
  table->lock = lock;
  table->size = settings::max_databases;
  table->launcher_proc = -1;
  for (DatabaseEntry& entry : *table) ClearDatabaseLocked(entry);
}

void ClearDatabaseLocked(DatabaseEntry& entry) {
  memset(static_cast<void*>(&entry), 0, sizeof(entry));
  for (WorkerSeat& seat : entry.seats) seat.proc = -1;
}

DatabaseEntry* FindDatabaseLocked(Oid database) {
  for (DatabaseEntry& entry : *table) {
    if (entry.in_use() && entry.database == database) return &entry;
  }
  return nullptr;
}

DatabaseEntry* FindOrAddDatabaseLocked(Oid database, WhenFull when_full) {
  if (DatabaseEntry* entry = FindDatabaseLocked(database)) return entry;
  DatabaseEntry* room = FindRoomLocked(when_full);
  if (room == nullptr) return nullptr;
  ClearDatabaseLocked(*room);
  room->database = database;
  for (WorkerSeat& seat : room->seats) {
    seat.status = DatabaseStatus::kUnknown;
    seat.status_since = GetCurrentTimestamp();
  }
  return room;
}

bool DatabasesFullLocked() {
  for (const DatabaseEntry& entry : *table) {
    if (!entry.in_use()) return false;
  }
  return true;
}

bool HasDatabaseEntry(Oid database) {
  if (table == nullptr) return true;
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  const bool has =
      FindOrAddDatabaseLocked(database, WhenFull::kDisplace) != nullptr;
  LWLockRelease(table->lock);
  return has;
}

absl::Status RequireDatabaseEntry() {
  if (HasDatabaseEntry(MyDatabaseId)) return absl::OkStatus();
  return pg::PgError(
      ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
      "no worker serves this database: ruvector has no entry for it",
      absl::StrFormat("All %d entries of ruvector.max_databases belong to "
                      "other databases.",
                      table->size),
      "Raise ruvector.max_databases and restart the server, or drop the "
      "extension or a database that does not need it. SELECT * FROM "
      "ruvector.workers shows which databases have an entry.");
}

void WakeLauncher() {
  if (table == nullptr) return;
  LWLockAcquire(table->lock, LW_SHARED);
  const int proc = table->launcher_proc;
  LWLockRelease(table->lock);
  SetProcLatch(proc);
}

void WakeWorker(Oid database, WorkerRole role) {
  if (table == nullptr) return;
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  int proc = table->launcher_proc;
  if (DatabaseEntry* entry =
          FindOrAddDatabaseLocked(database, WhenFull::kDisplace)) {
    WorkerSeat& integrity = entry->seat(WorkerRole::kIntegrity);
    if (entry->seat(role).proc >= 0) {
      proc = entry->seat(role).proc;
    } else if (integrity.proc < 0 &&
               integrity.status == DatabaseStatus::kNoExtension) {
      integrity.status = DatabaseStatus::kUnknown;
    }
  }
  LWLockRelease(table->lock);
  SetProcLatch(proc);
}

bool ClaimSeat(Oid database, WorkerRole role) {
  bool claimed = false;
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  DatabaseEntry* entry = FindOrAddDatabaseLocked(database, WhenFull::kGiveUp);
  if (entry != nullptr && entry->seat(role).proc < 0) {
    WorkerSeat& seat = entry->seat(role);
    seat.proc = RV_MY_PROC_NUMBER;
    seat.pid = MyProcPid;
    seat.status = DatabaseStatus::kServed;
    seat.status_since = GetCurrentTimestamp();
    seat.yield_requested = false;
    seat.busy = false;
    seat.note[0] = '\0';
    claimed = true;
  }
  LWLockRelease(table->lock);
  return claimed;
}

void ReleaseSeat(Oid database, WorkerRole role, DatabaseStatus status) {
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  DatabaseEntry* entry = FindDatabaseLocked(database);
  if (entry != nullptr && entry->seat(role).pid == MyProcPid) {
    WorkerSeat& seat = entry->seat(role);
    const TimestampTz now = GetCurrentTimestamp();
    seat.proc = -1;
    seat.pid = 0;
    seat.status = status;
    seat.status_since = now;
    seat.busy = false;
    if (status == DatabaseStatus::kFailed) {
      seat.retry_after = TimestampTzPlusMilliseconds(now, 5000);
    }
  }
  LWLockRelease(table->lock);
}

WorkerOrder NoteRound(WorkerRole role, bool busy) {
  WorkerOrder order = WorkerOrder::kGoOn;
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  if (DatabaseEntry* entry = FindDatabaseLocked(MyDatabaseId)) {
    WorkerSeat& seat = entry->seat(role);
    seat.last_round = GetCurrentTimestamp();
    ++seat.rounds;
    seat.busy = busy;
    if (seat.yield_requested && !busy) order = WorkerOrder::kYield;
    if (entry->leave_requested) order = WorkerOrder::kLeave;
  }
  LWLockRelease(table->lock);
  return order;
}

void NoteComplaint(WorkerRole role, const char* note) {
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  if (DatabaseEntry* entry = FindDatabaseLocked(MyDatabaseId)) {
    WorkerSeat& seat = entry->seat(role);
    strlcpy(seat.note, note, sizeof(seat.note));
    seat.note[pg_mbcliplen(seat.note, static_cast<int>(strlen(seat.note)),
                           sizeof(seat.note) - 1)] = '\0';
  }
  LWLockRelease(table->lock);
}

void AskWorkersToLeave(Oid database, int timeout_ms) {
  if (table == nullptr) return;
  const TimestampTz give_up =
      TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
  for (;;) {
    bool gone = true;
    int procs[kNumWorkerRoles] = {-1, -1};
    LWLockAcquire(table->lock, LW_EXCLUSIVE);
    if (DatabaseEntry* entry = FindDatabaseLocked(database)) {
      entry->leave_requested = true;
      for (int role = 0; role < kNumWorkerRoles; ++role) {
        WorkerSeat& seat = entry->seats[role];
        seat.retry_after =
            TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 10000);
        procs[role] = seat.proc;
        if (seat.proc >= 0 || seat.status == DatabaseStatus::kStarting) {
          gone = false;
        } else if (seat.status != DatabaseStatus::kNoExtension) {
          seat.status = DatabaseStatus::kLeft;
        }
      }
    }
    LWLockRelease(table->lock);
    if (gone || GetCurrentTimestamp() >= give_up) return;
    for (const int proc : procs) SetProcLatch(proc);
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                    20, RV_WAIT_EVENT("WorkerLeave"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

}  // namespace ruvector::boot
