// Where a healing supervisor begins and ends.
#include "pgext/healing/supervisor.h"
// The plugins' interface, which it includes, comes before the server's headers.
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/action_slots.h"
extern "C" {
#include "access/xlog.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
}

namespace ruvector::healing {
namespace {

constexpr boot::WorkerRole kRole = boot::WorkerRole::kHealing;

// scope: backend. What the seat becomes when this process ends.
boot::DatabaseStatus final_status = boot::DatabaseStatus::kFailed;

void LeaveSeat(int, Datum database) {
  StopOwnActionWorkers();
  boot::ReleaseSeat(DatumGetObjectId(database), kRole, final_status);
}

bool HasExtension() {
  bool found = true;
  pg::RunOrLog(LOG, [&] {
    return boot::InTransaction(
        "looking for the extension", [&]() -> absl::Status {
          const absl::StatusOr<pg::ExtensionInfo> info = pg::FindExtension();
          found = !absl::IsNotFound(info.status());
          return found ? info.status() : absl::OkStatus();
        });
  });
  return found;
}

// Action workers are of this database as well: they go first.
void LeaveDatabase(Supervisor& supervisor) {
  for (int tries = 0; tries < 100 && !supervisor.Leave(); ++tries) {
    boot::WaitForWork(50, RV_WAIT_EVENT("HealingLeave"));
  }
}

void RunSupervisor() {
  Supervisor supervisor;
  bool begun = false;
  for (;;) {
    if (!HasExtension()) {
      final_status = boot::DatabaseStatus::kNoExtension;
      break;
    }
    pg::RunOrLog(LOG, [&] {
      begun = begun || supervisor.Begin();
      if (begun) supervisor.Round();
      return absl::OkStatus();
    });
    boot::NoteComplaint(kRole, supervisor.complaint().c_str());
    const boot::WorkerOrder order =
        boot::NoteRound(kRole, begun && supervisor.busy());
    if (order == boot::WorkerOrder::kYield) {
      final_status = boot::DatabaseStatus::kYielded;
      break;
    }
    if (order == boot::WorkerOrder::kLeave) {
      final_status = boot::DatabaseStatus::kLeft;
      break;
    }
    const absl::Duration idle =
        begun ? supervisor.Idle() : absl::Milliseconds(200);
    // A cancel meant for nothing that runs must not end the supervisor.
    pg::RunOrLog(LOG, [&] {
      return pg::PgCall([&] {
        boot::WaitForWork(static_cast<long>(absl::ToInt64Milliseconds(idle)),
                          RV_WAIT_EVENT("HealingMain"));
      });
    });
  }
  LeaveDatabase(supervisor);
}

}  // namespace
}  // namespace ruvector::healing

extern "C" PGDLLEXPORT void ruvector_supervisor_main(Datum);

void ruvector_supervisor_main(Datum argument) {
  using namespace ruvector;
  using namespace ruvector::healing;
  const Oid database = DatumGetObjectId(argument);
  boot::PrepareWorker();
  // A standby has nothing to heal: what it is told of, the primary heals.
  if (boot::Databases() == nullptr || RecoveryInProgress() ||
      !boot::ClaimSeat(database, kRole)) {
    proc_exit(0);
  }
  before_shmem_exit(LeaveSeat, argument);
  failpoint::Check("healing.supervisor.claimed").IgnoreError();
  BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
  RunSupervisor();
  proc_exit(0);
}
