// The databases as the launcher knows them, in shared memory. [backend-main]
//
// One entry per database that has, or may have, the extension, and in it one
// seat for each of its workers. The launcher adds and removes entries; a worker
// owns its seat while `pid` is set.
//
// There are ruvector.max_databases entries. One of a database that is known to
// lack the extension is given up for another database; when all belong to
// databases that have it, those without an entry are not served, and the
// launcher, ruvector.workers and RequireDatabaseEntry say so.
#ifndef RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_
#define RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::boot {

// The workers that a database has, in the order in which they are given to it
// when background worker slots are short.
enum class WorkerRole : uint8_t {
  kIntegrity = 0,  // senses, cuts, decides, keeps the log
  kHealing,        // the healing supervisor; only beside the former
};
constexpr int kNumWorkerRoles = 2;

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
  kNoEntry,      // of a database for which there is no entry
};
const char* DatabaseStatusName(DatabaseStatus status);

struct WorkerSeat {
  DatabaseStatus status;
  bool yield_requested;
  bool busy;  // it cannot make room now
  pid_t pid;
  int proc;  // index into ProcGlobal->allProcs, -1 without a worker
  TimestampTz status_since;
  TimestampTz retry_after;
  TimestampTz last_round;
  uint64_t rounds;
  char note[256];  // what it cannot do at present and why; "": nothing
};

struct DatabaseEntry {
  // Guarded by DatabaseTable::lock.
  Oid database;
  bool leave_requested;
  bool gate_published;  // its collections' slots are what its tables say
  int without_slot;     // collections for which there was none
  WorkerSeat seats[kNumWorkerRoles];
  // The event log as it was last sealed (audit/sealed_head.h); size 0: not yet.
  Oid log_table;
  uint64_t log_size;
  uint8_t log_head[32];
  TimestampTz log_at;

  WorkerSeat& seat(WorkerRole role) { return seats[static_cast<int>(role)]; }
  const WorkerSeat& seat(WorkerRole role) const {
    return seats[static_cast<int>(role)];
  }
  bool in_use() const {
    return seat(WorkerRole::kIntegrity).status != DatabaseStatus::kUnused;
  }
};

struct DatabaseTable {
  // Immutable after startup.
  LWLock* lock;
  int size;
  // Guarded by lock.
  int launcher_proc;  // -1 without a launcher
  DatabaseEntry entries[FLEXIBLE_ARRAY_MEMBER];

  DatabaseEntry* begin() { return entries; }
  DatabaseEntry* end() { return entries + size; }
};

// nullptr when the library was not preloaded.
DatabaseTable* Databases();

size_t DatabaseSlotsSize();
// `lock` comes from the extension's tranche. From the startup hook.
void InitDatabaseSlots(LWLock* lock);

// The entry of a database; nullptr when there is none. Caller holds the lock.
DatabaseEntry* FindDatabaseLocked(Oid database);
// What to do when no entry is free.
enum class WhenFull {
  kGiveUp,
  kDisplace,  // take the one longest known to lack the extension
};
// The entry of a database, made when there is none; nullptr when there is none
// to be had. Caller holds the lock exclusively.
DatabaseEntry* FindOrAddDatabaseLocked(Oid database, WhenFull when_full);
// Whether no entry is free. Caller holds the lock.
bool DatabasesFullLocked();

// OK when this database, which has the extension, has an entry or has got one
// now, and where ruvector was not preloaded; else ConfigurationLimitExceeded
// (53400, with DETAIL and HINT): no worker will come.
absl::Status RequireDatabaseEntry();
// The same for any database that has the extension, as a truth value.
bool HasDatabaseEntry(Oid database);

// Forgets what is known of a database: the entry is free. Caller holds the lock
// exclusively.
void ClearDatabaseLocked(DatabaseEntry& entry);

// Wakes a worker of this database; without an integrity worker, the launcher,
// so that it looks at the database again. Never raises.
void WakeWorker(Oid database, WorkerRole role = WorkerRole::kIntegrity);
void WakeLauncher();

// Worker: takes its seat; false when another one sits there.
bool ClaimSeat(Oid database, WorkerRole role);
// Worker: leaves its seat, which then has `status`. Exactly once, also on the
// way out of an error.
void ReleaseSeat(Oid database, WorkerRole role, DatabaseStatus status);

// What a worker is to do after a round.
enum class WorkerOrder { kGoOn, kYield, kLeave };
// Worker: notes a round. `busy`: it would rather not be asked to yield.
WorkerOrder NoteRound(WorkerRole role, bool busy = false);
// Worker: what ruvector.workers is to say of it; "" for nothing.
void NoteComplaint(WorkerRole role, const char* note);

// Asks the database's workers to leave, waits until they have gone (at most
// `timeout_ms`), and keeps workers away for ten seconds. Interruptible.
void AskWorkersToLeave(Oid database, int timeout_ms);

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_DATABASE_SLOTS_H_
