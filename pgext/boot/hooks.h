// The server's hooks that we stand in. Each calls the one that was there
// before it, or the standard function. [postmaster]
#ifndef RUVECTOR_PGEXT_BOOT_HOOKS_H_
#define RUVECTOR_PGEXT_BOOT_HOOKS_H_

namespace ruvector::boot {

// From _PG_init of a preloaded library.
void InstallHooks();

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_HOOKS_H_
