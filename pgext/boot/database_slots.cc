#include "pgext/boot/database_slots.h"

#include "pgext/bridge/pg_compat.h"
extern "C" {
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
  }
  return "unknown";
}

DatabaseTable* Databases() { return table; }

size_t DatabaseSlotsSize() { return sizeof(DatabaseTable); }

void InitDatabaseSlots(LWLock* lock) {
  bool found = false;
  table = static_cast<DatabaseTable*>(
      ShmemInitStruct("ruvector databases", DatabaseSlotsSize(), &found));
  if (found) return;
  memset(table, 0, DatabaseSlotsSize());
  table->lock = lock;
  table->launcher_proc = -1;
  for (DatabaseEntry& entry : table->entries) entry.worker_proc = -1;
}

DatabaseEntry* FindDatabaseLocked(Oid database) {
  for (DatabaseEntry& entry : table->entries) {
    if (entry.status != DatabaseStatus::kUnused && entry.database == database) {
      return &entry;
    }
  }
  return nullptr;
}

DatabaseEntry* FindOrAddDatabaseLocked(Oid database) {
  if (DatabaseEntry* entry = FindDatabaseLocked(database)) return entry;
  for (DatabaseEntry& entry : table->entries) {
    if (entry.status != DatabaseStatus::kUnused) continue;
    memset(&entry, 0, sizeof(entry));
    entry.database = database;
    entry.status = DatabaseStatus::kUnknown;
    entry.worker_proc = -1;
    entry.status_since = GetCurrentTimestamp();
    return &entry;
  }
  return nullptr;
}

void WakeLauncher() {
  if (table == nullptr) return;
  LWLockAcquire(table->lock, LW_SHARED);
  const int proc = table->launcher_proc;
  LWLockRelease(table->lock);
  SetProcLatch(proc);
}

void WakeWorker(Oid database) {
  if (table == nullptr) return;
  int worker = -1;
  LWLockAcquire(table->lock, LW_EXCLUSIVE);
  if (DatabaseEntry* entry = FindOrAddDatabaseLocked(database)) {
    worker = entry->worker_proc;
    if (worker < 0 && entry->status == DatabaseStatus::kNoExtension) {
      entry->status = DatabaseStatus::kUnknown;
    }
  }
  const int proc = worker >= 0 ? worker : table->launcher_proc;
  LWLockRelease(table->lock);
  SetProcLatch(proc);
}

void AskWorkerToLeave(Oid database, int timeout_ms) {
  if (table == nullptr) return;
  const TimestampTz give_up =
      TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
  for (;;) {
    LWLockAcquire(table->lock, LW_EXCLUSIVE);
    DatabaseEntry* entry = FindDatabaseLocked(database);
    const bool gone =
        entry == nullptr ||
        (entry->worker_proc < 0 && entry->status != DatabaseStatus::kStarting);
    if (entry != nullptr) {
      entry->leave_requested = true;
      entry->retry_after =
          TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 10000);
      if (gone && entry->status != DatabaseStatus::kNoExtension) {
        entry->status = DatabaseStatus::kLeft;
      }
    }
    const int worker = entry != nullptr ? entry->worker_proc : -1;
    LWLockRelease(table->lock);
    if (gone || GetCurrentTimestamp() >= give_up) return;
    SetProcLatch(worker);
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                    20, RV_WAIT_EVENT("WorkerLeave"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

}  // namespace ruvector::boot
