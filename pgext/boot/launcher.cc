// The launcher: finds the databases, keeps one integrity worker in each that
// has the extension.
#include <vector>

#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/plugins/server_plugins.h"
extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace ruvector::boot {
namespace {

constexpr int kListSize = 4096;

struct DatabaseList {
  Oid oids[kListSize];
  int count;
};

void ListDatabases(DatabaseList& list) {
  list.count = 0;
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  HeapTuple tuple;
  while ((tuple = heap_getnext(scan, ForwardScanDirection)) != nullptr) {
    auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (!form->datallowconn || form->datistemplate) continue;
#if PG_VERSION_NUM >= 150000
    if (form->datconnlimit == -2) continue;  // half-dropped
#endif
    if (list.count < kListSize) list.oids[list.count++] = form->oid;
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
}

bool Listed(const DatabaseList& list, Oid database) {
  for (int i = 0; i < list.count; ++i) {
    if (list.oids[i] == database) return true;
  }
  return false;
}

// New databases in, dropped ones out.
void Reconcile(const DatabaseList& list, bool look_again) {
  const TimestampTz now = GetCurrentTimestamp();
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  for (DatabaseEntry& entry : Databases()->entries) {
    if (entry.status == DatabaseStatus::kUnused) continue;
    if (!Listed(list, entry.database) && entry.worker_proc < 0) {
      memset(&entry, 0, sizeof(entry));
      entry.worker_proc = -1;
    } else if (look_again && entry.status == DatabaseStatus::kNoExtension) {
      entry.status = DatabaseStatus::kUnknown;
      entry.status_since = now;
    }
  }
  for (int i = 0; i < list.count; ++i) {
    if (FindOrAddDatabaseLocked(list.oids[i]) == nullptr) break;
  }
  LWLockRelease(Databases()->lock);
}

bool WantsWorker(const DatabaseEntry& entry, TimestampTz now) {
  if (entry.worker_proc >= 0 || now < entry.retry_after) return false;
  switch (entry.status) {
    case DatabaseStatus::kUnknown:
    case DatabaseStatus::kUnserved:
    case DatabaseStatus::kYielded:
    case DatabaseStatus::kLeft:
    case DatabaseStatus::kFailed:
      return true;
    case DatabaseStatus::kStarting:
      // The worker never reported: the fork failed, or it died at once.
      return now - entry.status_since > 15 * USECS_PER_SEC;
    default:
      return false;
  }
}

// The database that has waited longest for a worker; InvalidOid for none.
Oid NextToServe(TimestampTz now) {
  const DatabaseEntry* oldest = nullptr;
  LWLockAcquire(Databases()->lock, LW_SHARED);
  for (const DatabaseEntry& entry : Databases()->entries) {
    if (entry.status == DatabaseStatus::kUnused || !WantsWorker(entry, now)) {
      continue;
    }
    if (oldest == nullptr || entry.status_since < oldest->status_since) {
      oldest = &entry;
    }
  }
  const Oid database = oldest != nullptr ? oldest->database : InvalidOid;
  LWLockRelease(Databases()->lock);
  return database;
}

void SetStatus(Oid database, DatabaseStatus status, long retry_ms) {
  const TimestampTz now = GetCurrentTimestamp();
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  if (DatabaseEntry* entry = FindDatabaseLocked(database)) {
    // What waits keeps its place in the queue.
    if (status != DatabaseStatus::kUnserved ||
        entry->status != DatabaseStatus::kUnserved) {
      entry->status_since = now;
    }
    entry->status = status;
    entry->leave_requested = false;
    entry->retry_after = TimestampTzPlusMilliseconds(now, retry_ms);
  }
  LWLockRelease(Databases()->lock);
}

// No slot is free: the worker that has served longest makes room after its
// pass.
void AskOneToYield() {
  DatabaseEntry* longest = nullptr;
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  for (DatabaseEntry& entry : Databases()->entries) {
    if (entry.status != DatabaseStatus::kServed) continue;
    if (entry.yield_requested) {
      longest = nullptr;
      break;
    }
    if (longest == nullptr || entry.status_since < longest->status_since) {
      longest = &entry;
    }
  }
  int proc = -1;
  if (longest != nullptr) {
    longest->yield_requested = true;
    proc = longest->worker_proc;
  }
  LWLockRelease(Databases()->lock);
  if (proc >= 0) SetLatch(&ProcGlobal->allProcs[proc].procLatch);
}

absl::Status Serve() {
  const TimestampTz now = GetCurrentTimestamp();
  for (int started = 0; started < kMaxDatabases; ++started) {
    const Oid database = NextToServe(now);
    if (!OidIsValid(database)) return absl::OkStatus();
    SetStatus(database, DatabaseStatus::kStarting, 0);
    RV_ASSIGN_OR_RETURN(const bool registered, pg::PgCall([&] {
                          return StartIntegrityWorker(database);
                        }));
    if (!registered) {
      SetStatus(database, DatabaseStatus::kUnserved, 1000);
      AskOneToYield();
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

void ForgetLauncher(int, Datum) {
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  Databases()->launcher_proc = -1;
  LWLockRelease(Databases()->lock);
}

void RunLauncher() {
  static DatabaseList list;  // scope: backend
  before_shmem_exit(ForgetLauncher, Datum{0});
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  Databases()->launcher_proc = RV_MY_PROC_NUMBER;
  LWLockRelease(Databases()->lock);

  TimestampTz looked = 0;
  TimestampTz configured = -1;
  for (;;) {
    if (configured != PgReloadTime) {
      configured = PgReloadTime;
      pg::RunOrLog(LOG, [] {
        plugins::LogRefusedPlugins();
        return absl::OkStatus();
      });
    }
    const TimestampTz now = GetCurrentTimestamp();
    const bool look_again =
        now - looked >= settings::database_check_interval * USECS_PER_SEC;
    if (look_again) looked = now;
    pg::RunOrLog(LOG, [&]() -> absl::Status {
      RV_RETURN_IF_ERROR(InTransaction("looking for databases", [&] {
        return pg::PgCall([&] { ListDatabases(list); });
      }));
      Reconcile(list, look_again);
      return Serve();
    });
    if (!WaitForWork(1000, RV_WAIT_EVENT("LauncherMain"))) return;
  }
}

}  // namespace
}  // namespace ruvector::boot

extern "C" PGDLLEXPORT void ruvector_launcher_main(Datum);

void ruvector_launcher_main(Datum) {
  using namespace ruvector::boot;
  PrepareWorker();
  if (Databases() == nullptr) proc_exit(0);
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  RunLauncher();
  proc_exit(0);
}
