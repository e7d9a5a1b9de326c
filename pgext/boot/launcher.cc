// The launcher: finds the databases, keeps an integrity worker in each that has
// the extension, and beside it a healing supervisor.
//
// When background worker slots are short, databases are served in turn, and
// integrity workers come before supervisors.
#include <set>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/audit/event_ring.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/recall/query_reservoir.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/plugins/server_plugins.h"
extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
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

constexpr int kListSize = 16384;
// A supervisor that takes turns with others has at least that long: it begins
// by reading plugins and journals.
constexpr int64_t kSupervisorTurn = 10 * USECS_PER_SEC;

struct ListedDatabase {
  Oid oid;
  NameData name;
};
struct DatabaseList {
  ListedDatabase databases[kListSize];
  int count;

  const ListedDatabase* begin() const { return databases; }
  const ListedDatabase* end() const { return databases + count; }
  void Add(const ListedDatabase& database) {
    if (count < kListSize) databases[count++] = database;
  }
};

void ListDatabases(DatabaseList& list) {
  list.count = 0;
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  HeapTuple tuple;
  while ((tuple = heap_getnext(scan, ForwardScanDirection)) != nullptr) {
    auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (!form->datallowconn || form->datistemplate) continue;
    if (form->datconnlimit == -2) continue;  // half-dropped
    list.Add({form->oid, form->datname});
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
}

bool Listed(const DatabaseList& list, Oid database) {
  for (const ListedDatabase& listed : list) {
    if (listed.oid == database) return true;
  }
  return false;
}

// Dropped databases go, with what the others keep of them in shared memory.
void RemoveDropped(const DatabaseList& list) {
  for (DatabaseEntry& entry : *Databases()) {
    LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
    const bool gone = entry.in_use() && !Listed(list, entry.database) &&
                      entry.seat(WorkerRole::kIntegrity).proc < 0 &&
                      entry.seat(WorkerRole::kHealing).proc < 0;
    const Oid database = entry.database;
    if (gone) ClearDatabaseLocked(entry);
    LWLockRelease(Databases()->lock);
    if (!gone) continue;
    integrity::FreeGateSlots(database);
    audit::ForgetRingOfDatabase(database);
    static healing::TakenQuery taken;  // scope: call
    while (healing::TakeFromBox(database, taken)) {
    }
  }
}

int IndexAfter(const DatabaseList& list, Oid database) {
  for (int i = 0; i < list.count; ++i) {
    if (list.databases[i].oid == database) return i + 1;
  }
  return 0;
}

// What has yet to show whether it has the extension may yet give its entry up.
bool MayGiveUpEntry(const DatabaseEntry& entry) {
  const WorkerSeat& integrity = entry.seat(WorkerRole::kIntegrity);
  return integrity.status == DatabaseStatus::kNoExtension ||
         (integrity.rounds == 0 &&
          (integrity.status == DatabaseStatus::kUnknown ||
           integrity.status == DatabaseStatus::kStarting ||
           integrity.status == DatabaseStatus::kServed));
}

// New databases in. When it is time to look again, those without an entry take
// the place of those that lack the extension, so that all are looked at in
// turn. `without`: for which there is no entry, and will be none.
void AddListed(const DatabaseList& list, bool look_again,
               DatabaseList& without) {
  const WhenFull when_full =
      look_again ? WhenFull::kDisplace : WhenFull::kGiveUp;
  const TimestampTz now = GetCurrentTimestamp();
  static Oid newest = InvalidOid;  // scope: backend; begun after it
  bool settled = true;
  without.count = 0;
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  for (int i = 0, first = IndexAfter(list, newest); i < list.count; ++i) {
    const ListedDatabase& listed = list.databases[(first + i) % list.count];
    if (FindDatabaseLocked(listed.oid) != nullptr) continue;
    if (FindOrAddDatabaseLocked(listed.oid, when_full) != nullptr) {
      newest = listed.oid;
    } else {
      without.Add(listed);
    }
  }
  for (DatabaseEntry& entry : *Databases()) {
    settled = settled && entry.in_use() && !MayGiveUpEntry(entry);
    WorkerSeat& integrity = entry.seat(WorkerRole::kIntegrity);
    if (look_again && entry.in_use() &&
        integrity.status == DatabaseStatus::kNoExtension) {
      integrity.status = DatabaseStatus::kUnknown;
      integrity.status_since = now;
    }
  }
  LWLockRelease(Databases()->lock);
  if (!settled) without.count = 0;
}

// Once for each, until it has had an entry.
void WarnOf(const DatabaseList& without) {
  static std::set<Oid>& warned = *new std::set<Oid>;  // scope: backend
  std::set<Oid> still;
  for (const ListedDatabase& database : without) {
    still.insert(database.oid);
    if (warned.count(database.oid) != 0) continue;
    pg::RunOrLog(WARNING, [&] {
      return pg::PgError(
          ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
          absl::StrCat("ruvector does not serve database \"",
                       NameStr(database.name), "\": no entry is free for it"),
          absl::StrCat("All ", Databases()->size,
                       " entries of ruvector.max_databases belong to "
                       "databases that have the extension."),
          "Raise ruvector.max_databases and restart the server, or drop the "
          "extension or a database that does not need it.");
    });
  }
  warned = std::move(still);
}

void Reconcile(const DatabaseList& list, bool look_again) {
  static DatabaseList without;  // scope: backend
  RemoveDropped(list);
  AddListed(list, look_again, without);
  WarnOf(without);
}

// A supervisor has work where an integrity worker has found the extension, on
// a server that takes writes.
bool MayHaveWorker(const DatabaseEntry& entry, WorkerRole role) {
  if (role == WorkerRole::kIntegrity) return true;
  const WorkerSeat& integrity = entry.seat(WorkerRole::kIntegrity);
  return integrity.status == DatabaseStatus::kServed &&
         integrity.last_round > integrity.status_since && !RecoveryInProgress();
}

bool WantsWorker(const DatabaseEntry& entry, WorkerRole role, TimestampTz now) {
  const WorkerSeat& seat = entry.seat(role);
  if (seat.proc >= 0 || now < seat.retry_after || !MayHaveWorker(entry, role)) {
    return false;
  }
  switch (seat.status) {
    case DatabaseStatus::kNoExtension:
      return role == WorkerRole::kHealing;
    case DatabaseStatus::kUnknown:
    case DatabaseStatus::kUnserved:
    case DatabaseStatus::kYielded:
    case DatabaseStatus::kLeft:
    case DatabaseStatus::kFailed:
      return true;
    case DatabaseStatus::kStarting:
      // The worker never reported: the fork failed, or it died at once.
      return now - seat.status_since > 15 * USECS_PER_SEC;
    default:
      return false;
  }
}

// The database that has waited longest for this worker; InvalidOid for none.
Oid NextToServe(WorkerRole role, TimestampTz now) {
  const DatabaseEntry* oldest = nullptr;
  LWLockAcquire(Databases()->lock, LW_SHARED);
  for (const DatabaseEntry& entry : *Databases()) {
    if (!entry.in_use() || !WantsWorker(entry, role, now)) continue;
    if (oldest == nullptr ||
        entry.seat(role).status_since < oldest->seat(role).status_since) {
      oldest = &entry;
    }
  }
  const Oid database = oldest != nullptr ? oldest->database : InvalidOid;
  LWLockRelease(Databases()->lock);
  return database;
}

void SetStatus(Oid database, WorkerRole role, DatabaseStatus status,
               long retry_ms, const char* note) {
  const TimestampTz now = GetCurrentTimestamp();
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  if (DatabaseEntry* entry = FindDatabaseLocked(database)) {
    WorkerSeat& seat = entry->seat(role);
    // What waits keeps its place in the queue.
    if (status != DatabaseStatus::kUnserved ||
        seat.status != DatabaseStatus::kUnserved) {
      seat.status_since = now;
    }
    seat.status = status;
    strlcpy(seat.note, note, sizeof(seat.note));
    if (role == WorkerRole::kIntegrity) entry->leave_requested = false;
    seat.retry_after = TimestampTzPlusMilliseconds(now, retry_ms);
  }
  LWLockRelease(Databases()->lock);
}

// Of those that have the role, the worker that has served longest, and at least
// `turn` microseconds, makes room after its round. False: there is none.
bool AskOneToYield(WorkerRole role, int64_t turn) {
  const TimestampTz latest = GetCurrentTimestamp() - turn;
  WorkerSeat* longest = nullptr;
  bool asked = false;
  LWLockAcquire(Databases()->lock, LW_EXCLUSIVE);
  for (DatabaseEntry& entry : *Databases()) {
    WorkerSeat& seat = entry.seat(role);
    if (seat.status != DatabaseStatus::kServed || seat.busy ||
        seat.status_since > latest) {
      continue;
    }
    asked = asked || seat.yield_requested;
    if (longest == nullptr || seat.status_since < longest->status_since) {
      longest = &seat;
    }
  }
  int proc = -1;
  if (longest != nullptr && !asked) {
    longest->yield_requested = true;
    proc = longest->proc;
  }
  LWLockRelease(Databases()->lock);
  if (proc >= 0) SetLatch(&ProcGlobal->allProcs[proc].procLatch);
  return longest != nullptr;
}

absl::Status ServeRole(WorkerRole role) {
  const TimestampTz now = GetCurrentTimestamp();
  for (int started = 0; started < Databases()->size; ++started) {
    const Oid database = NextToServe(role, now);
    if (!OidIsValid(database)) return absl::OkStatus();
    SetStatus(database, role, DatabaseStatus::kStarting, 0, "");
    RV_ASSIGN_OR_RETURN(const bool registered, pg::PgCall([&] {
                          return StartDatabaseWorker(database, role);
                        }));
    if (registered) continue;
    SetStatus(database, role, DatabaseStatus::kUnserved, 1000,
              "no background worker slot is free: max_worker_processes");
    // A database without healing comes before one without anything.
    if (role == WorkerRole::kHealing) {
      (void)AskOneToYield(role, kSupervisorTurn);
    } else if (!AskOneToYield(WorkerRole::kHealing, 0)) {
      (void)AskOneToYield(role, 0);
    }
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Serve() {
  RV_RETURN_IF_ERROR(ServeRole(WorkerRole::kIntegrity));
  return ServeRole(WorkerRole::kHealing);
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
