#include "pgext/boot/shared_memory.h"

#include "pgext/audit/event_ring.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/pg.h"
#include "pgext/healing/action_slots.h"
#include "pgext/integrity/gate_slots.h"
extern "C" {
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace ruvector::boot {
namespace {

constexpr char kTranche[] = "ruvector";
enum LockIndex {
  kDatabasesLock,
  kGateLock,
  kRingLock,
  kRequestLock,
  kActionLock,
  kLockCount
};

shmem_request_hook_type previous_request = nullptr;  // scope: postmaster
shmem_startup_hook_type previous_startup = nullptr;

void OnRequest() {
  if (previous_request != nullptr) previous_request();
  RequestAddinShmemSpace(DatabaseSlotsSize());
  RequestAddinShmemSpace(integrity::GateSlotsSize());
  RequestAddinShmemSpace(audit::EventRingSize());
  RequestAddinShmemSpace(WorkerRequestsSize());
  RequestAddinShmemSpace(healing::ActionSlotsSize());
  RequestNamedLWLockTranche(kTranche, kLockCount);
}

void OnStartup() {
  if (previous_startup != nullptr) previous_startup();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  LWLockPadded* locks = GetNamedLWLockTranche(kTranche);
  InitDatabaseSlots(&locks[kDatabasesLock].lock);
  integrity::InitGateSlots(&locks[kGateLock].lock);
  audit::InitEventRing(&locks[kRingLock].lock);
  InitWorkerRequests(&locks[kRequestLock].lock);
  healing::InitActionSlots(&locks[kActionLock].lock);
  LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void RequestSharedMemory() {
  previous_request = shmem_request_hook;
  shmem_request_hook = OnRequest;
  previous_startup = shmem_startup_hook;
  shmem_startup_hook = OnStartup;
}

}  // namespace ruvector::boot
