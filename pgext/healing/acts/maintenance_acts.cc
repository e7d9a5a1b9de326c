// VACUUM, ANALYZE, CANCEL_AUTOVACUUM.
#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"
extern "C" {
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
}

#include <csignal>

namespace ruvector::healing {
namespace {

absl::Status PrepareUpkeep(pg::SpiSession& spi, const Collection& collection,
                           Act& act) {
  return FindTable(spi, collection, act.deed.object).status();
}

const char* CommandOf(uint32_t kind) {
  return kind == RUVECTOR_ACTION_VACUUM ? "VACUUM " : "ANALYZE ";
}

absl::StatusOr<ActOutcome> PerformUpkeep(const Collection& collection,
                                         Act& act) {
  std::string name;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at a table", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const Object table,
                            FindTable(spi, collection, act.deed.object));
        name = table.name;
        return absl::OkStatus();
      }));
  RV_RETURN_IF_ERROR(RunTopLevel(absl::StrCat(CommandOf(act.deed.kind), name)));
  const ActOutcome outcome{true, std::nullopt, std::nullopt};
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) { return SetDone(spi, act.id, outcome); }));
  return outcome;
}

// Half a VACUUM or ANALYZE changes nothing that anybody would take back.
absl::Status SettleUpkeep(Act& act) {
  return InAct("healing: settling", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "not_done", "it ended before it was complete");
  });
}

absl::StatusOr<ActStatement> DescribeUpkeep(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object table,
                      FindTable(spi, collection, act.deed.object));
  ActStatement shown;
  shown.statement = absl::StrCat(CommandOf(act.deed.kind), table.name, ";");
  shown.lock = LockLevel::kShareUpdateExclusive;
  if (table.rows >= 0) shown.rows = table.rows;
  if (table.kind != 'p') shown.bytes = static_cast<double>(table.bytes);
  return shown;
}

// ---- Autovacuum --------------------------------------------------------

// Cancels the worker unless it prevents wraparound, as ProcSleep() does for a
// lock: the flag is looked at under the lock, right before the signal.
enum class Cancelled { kYes, kGone, kPreventsWraparound };
Cancelled CancelWorker(int pid) {
  bool found = false, wraparound = false;
  LWLockAcquire(ProcArrayLock, LW_SHARED);
  for (uint32 i = 0; i < ProcGlobal->allProcCount; ++i) {
    const PGPROC& proc = ProcGlobal->allProcs[i];
    if (proc.pid != pid || (proc.statusFlags & PROC_IS_AUTOVACUUM) == 0) {
      continue;
    }
    found = true;
    wraparound = (proc.statusFlags & PROC_VACUUM_FOR_WRAPAROUND) != 0;
  }
  LWLockRelease(ProcArrayLock);
  if (!found) return Cancelled::kGone;
  if (wraparound) return Cancelled::kPreventsWraparound;
  return kill(pid, SIGINT) == 0 ? Cancelled::kYes : Cancelled::kGone;
}

// Autovacuum workers that hold their lock on the table, on a partition of it
// or on its TOAST table.
constexpr char kWorkers[] =
    "WITH tables AS (SELECT $1::pg_catalog.oid AS oid UNION SELECT relid FROM"
    " pg_catalog.pg_partition_tree($1::pg_catalog.oid)) SELECT DISTINCT l.pid"
    " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid ="
    " l.pid WHERE a.backend_type = 'autovacuum worker' AND l.locktype ="
    " 'relation' AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND"
    " l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname ="
    " pg_catalog.current_database()) AND l.relation IN (SELECT oid FROM tables"
    " UNION SELECT c.reltoastrelid FROM tables t JOIN pg_catalog.pg_class c ON"
    " c.oid = t.oid)";

absl::StatusOr<ActOutcome> CancelAutovacuum(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object table,
                      FindTable(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query(kWorkers, {pg::SqlInt(int64_t{table.oid})}));
  ActOutcome outcome{false, 0, 0};
  bool wraparound = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Cancelled cancelled =
        CancelWorker(static_cast<int>(rows.Int(i, 0).value_or(0)));
    outcome.changed = outcome.changed || cancelled == Cancelled::kYes;
    wraparound = wraparound || cancelled == Cancelled::kPreventsWraparound;
  }
  if (wraparound && !outcome.changed) {
    return absl::FailedPreconditionError(absl::StrCat(
        "autovacuum of ", table.name, " prevents transaction id wraparound"));
  }
  return outcome;
}

absl::StatusOr<ActStatement> DescribeCancel(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object table,
                      FindTable(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query(kWorkers, {pg::SqlInt(int64_t{table.oid})}));
  ActStatement shown;
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StrAppend(&shown.statement, i > 0 ? "\n" : "",
                    "SELECT pg_cancel_backend(", rows.TextOr(i, 0, ""), ");");
  }
  if (rows.empty()) {
    shown.statement =
        absl::StrCat("-- no autovacuum works on ", table.name, " now");
  }
  shown.rows = 0;
  shown.bytes = 0;
  shown.seconds = 0;
  return shown;
}

}  // namespace

const ActKind kMaintenanceKinds[3] = {
    {RUVECTOR_ACTION_VACUUM, PrepareUpkeep, nullptr, PerformUpkeep, nullptr,
     nullptr, SettleUpkeep, DescribeUpkeep},
    {RUVECTOR_ACTION_ANALYZE, PrepareUpkeep, nullptr, PerformUpkeep, nullptr,
     nullptr, SettleUpkeep, DescribeUpkeep},
    {RUVECTOR_ACTION_CANCEL_AUTOVACUUM, PrepareUpkeep, CancelAutovacuum,
     nullptr, nullptr, nullptr, nullptr, DescribeCancel},
};

}  // namespace ruvector::healing
