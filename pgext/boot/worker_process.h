// What every background worker of ours does around its work. [backend-main]
#ifndef RUVECTOR_PGEXT_BOOT_WORKER_PROCESS_H_
#define RUVECTOR_PGEXT_BOOT_WORKER_PROCESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "postmaster/bgworker.h"
}

namespace ruvector::boot {

// Registers the launcher; from _PG_init of a preloaded library.
void RegisterLauncher();

// Starts a worker for a database; false when no slot was free.
bool StartDatabaseWorker(Oid database, WorkerRole role);

// Starts a worker that performs what the action slot `slot` holds
// (pgext/healing/action_slots.h); nullptr when no slot was free. This process
// gets SIGUSR1, and so its latch set, when the worker starts or ends.
BackgroundWorkerHandle* StartActionWorker(Oid database, int slot,
                                          uint32_t ticket, const char* name);

// Signal handlers, then unblocked signals. First call of every worker's main.
void PrepareWorker();

// Waits for the latch, `timeout_ms` or, unless it is -1, something to read on
// `socket`; then handles interrupts and a changed configuration. Returns false
// when the worker was asked to stop.
bool WaitForWork(long timeout_ms, uint32_t wait_event, int socket = -1);

// Runs `f` in a transaction with an active snapshot, and commits; on failure
// aborts and returns the Status. pg_stat_activity shows `activity`.
absl::Status RunInTransaction(const char* activity, absl::Status (*f)(void*),
                              void* argument);

template <class F>
absl::Status InTransaction(const char* activity, F&& f) {
  return RunInTransaction(
      activity,
      [](void* argument) {
        return (*static_cast<std::remove_reference_t<F>*>(argument))();
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_WORKER_PROCESS_H_
