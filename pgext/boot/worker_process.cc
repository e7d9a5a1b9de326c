#include "pgext/boot/worker_process.h"

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
}

namespace ruvector::boot {
namespace {

void FillWorker(BackgroundWorker& worker, const char* name, const char* type,
                const char* function) {
  memset(&worker, 0, sizeof(worker));
  worker.bgw_flags =
      BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_ConsistentState;
  strlcpy(worker.bgw_library_name, "ruvector", sizeof(worker.bgw_library_name));
  strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
  strlcpy(worker.bgw_name, name, BGW_MAXLEN);
  strlcpy(worker.bgw_type, type, BGW_MAXLEN);
}

}  // namespace

void RegisterLauncher() {
  BackgroundWorker worker;
  FillWorker(worker, "ruvector launcher", "ruvector launcher",
             "ruvector_launcher_main");
  worker.bgw_restart_time = 5;
  RegisterBackgroundWorker(&worker);
}

bool StartDatabaseWorker(Oid database, WorkerRole role) {
  BackgroundWorker worker;
  switch (role) {
    case WorkerRole::kIntegrity:
      FillWorker(worker, "ruvector integrity worker",
                 "ruvector integrity worker", "ruvector_integrity_worker_main");
      break;
    case WorkerRole::kHealing:
      FillWorker(worker, "ruvector healing supervisor",
                 "ruvector healing supervisor", "ruvector_supervisor_main");
      break;
  }
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

BackgroundWorkerHandle* StartActionWorker(Oid database, int slot,
                                          uint32_t ticket, const char* name) {
  BackgroundWorker worker;
  FillWorker(worker, name, "ruvector healing action",
             "ruvector_action_worker_main");
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = Int32GetDatum(slot);
  memcpy(worker.bgw_extra, &ticket, sizeof(ticket));
  memcpy(worker.bgw_extra + sizeof(ticket), &database, sizeof(database));
  worker.bgw_notify_pid = MyProcPid;
  BackgroundWorkerHandle* handle = nullptr;
  return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

void PrepareWorker() {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  pqsignal(SIGINT, StatementCancelHandler);
  BackgroundWorkerUnblockSignals();
}

bool WaitForWork(long timeout_ms, uint32_t wait_event, int socket) {
  int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
  if (socket >= 0) events |= WL_SOCKET_READABLE;
  (void)WaitLatchOrSocket(MyLatch, events, socket, timeout_ms, wait_event);
  ResetLatch(MyLatch);
  CHECK_FOR_INTERRUPTS();
  if (ConfigReloadPending) {
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
  }
  return true;
}

absl::Status RunInTransaction(const char* activity, absl::Status (*f)(void*),
                              void* argument) {
  absl::Status status = pg::PgCall([&] {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, activity);
  });
  if (status.ok()) status = f(argument);
  if (status.ok()) {
    status = pg::PgCall([] {
      PopActiveSnapshot();
      CommitTransactionCommand();
    });
  }
  if (!status.ok()) {
    const absl::Status aborted = pg::PgCall([] { AbortOutOfAnyTransaction(); });
    if (!aborted.ok()) proc_exit(1);
  }
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
  return status;
}

}  // namespace ruvector::boot
