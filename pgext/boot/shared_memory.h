// Shared memory: sizes are asked for in _PG_init's time, the parts are laid
// out at startup. [postmaster]
#ifndef RUVECTOR_PGEXT_BOOT_SHARED_MEMORY_H_
#define RUVECTOR_PGEXT_BOOT_SHARED_MEMORY_H_

namespace ruvector::boot {

// Installs the request and startup hooks; from _PG_init.
void RequestSharedMemory();

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_SHARED_MEMORY_H_
