// _PG_init: check, settings, shared memory, hooks, workers, in this order.
#include "pgext/boot/database_slots.h"
#include "pgext/boot/hooks.h"
#include "pgext/boot/settings.h"
#include "pgext/boot/shared_memory.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
  using namespace ruvector::boot;
  // In a backend that was not preloaded the SQL functions work from the
  // tables; what needs shared memory says so.
  const bool preloaded = process_shared_preload_libraries_in_progress;
  ruvector::settings::Define(preloaded);
  if (!preloaded) return;
  RequestSharedMemory();
  InstallHooks();
  RegisterLauncher();
}
