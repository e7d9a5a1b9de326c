// The databases as the launcher knows them, in shared memory. [backend-main]
//
// One entry per database that has, or may have, the extension. The launcher
// adds and removes entries; an integrity worker owns its database's entry
// while `worker_pid` is set.
#ifndef RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_
#define RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_

#include <cstddef>
#include <cstdint>

#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::boot {

constexpr int kMaxDatabases = 128;
constexpr int kMaxWorkers = kMaxDatabases;

enum class DatabaseStatus : uint8_t {
  kUnused = 0,   // free entry
  kUnknown,      // not looked at yet, or asked to be looked at again
  kStarting,     // a worker was registered
  kServed,       // a worker is at work
  kNoExtension,  // a worker looked and found none
  kUnserved,     // no background worker slot was free
  kYielded,      // its worker made room for another database
  kLeft,         // its worker left: someone drops or copies the database
  kFailed,       // its worker ended with an error; it is tried again
};
const char* DatabaseStatusName(DatabaseStatus status);

struct DatabaseEntry {
  // Guarded by DatabaseTable::lock.
  Oid database;
  DatabaseStatus status;
  bool yield_requested;
  bool leave_requested;
  bool gate_published;  // its collections' slots are what its tables say
  pid_t worker_pid;
  int worker_proc;  // index into ProcGlobal->allProcs, -1 without a worker
  TimestampTz status_since;
  TimestampTz retry_after;
  TimestampTz last_pass;
  uint64_t passes;
  // The event log as it was last sealed (audit/sealed_head.h); size 0: not yet.
  Oid log_table;
  uint64_t log_size;
  uint8_t log_head[32];
  TimestampTz log_at;
};

struct DatabaseTable {
  // Immutable after startup.
  LWLock* lock;
  // Guarded by lock.
  int launcher_proc;  // -1 without a launcher
  DatabaseEntry entries[kMaxDatabases];
};

// nullptr when the library was not preloaded.
DatabaseTable* Databases();

size_t DatabaseSlotsSize();
// `lock` comes from the extension's tranche. From the startup hook.
void InitDatabaseSlots(LWLock* lock);

// The entry of a database; nullptr when there is none. Caller holds the lock.
DatabaseEntry* FindDatabaseLocked(Oid database);
// The entry of a database, made when there is none; nullptr when the table is
// full. Caller holds the lock exclusively.
DatabaseEntry* FindOrAddDatabaseLocked(Oid database);

// Wakes this database's integrity worker; with none, the launcher, so that it
// looks at the database again. Never raises.
void WakeWorker(Oid database);
void WakeLauncher();

// Asks the database's worker to leave, waits until it has gone (at most
// `timeout_ms`), and keeps workers away for ten seconds. Interruptible.
void AskWorkerToLeave(Oid database, int timeout_ms);

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_
