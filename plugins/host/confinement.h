// What ruvector-strategy-host takes away from itself before it maps foreign
// code. All of it is for good: there is no way back. [single-thread]
#ifndef RUVECTOR_PLUGINS_HOST_CONFINEMENT_H_
#define RUVECTOR_PLUGINS_HOST_CONFINEMENT_H_

#include <sys/resource.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ruvector::plugin_host {

// A sanitizer reserves terabytes of address space for its shadow, or looks at
// memory through system calls of its own: then neither is limited. (g++ has no
// macro for the undefined-behaviour sanitizer: the BUILD file knows.)
#if defined(RUVECTOR_SANITIZED) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
inline constexpr bool kConfinesFully = false;
#else
inline constexpr bool kConfinesFully = true;
#endif

// Dies with its parent, gains no privilege by exec, leaves no core, and writes
// at most `file_bytes` into any file.
absl::Status Confine(rlim_t file_bytes);

absl::Status LimitMemory(rlim_t bytes);       // of address space
absl::Status LimitProcessor(rlim_t seconds);  // SIGXCPU, a second later SIGKILL
absl::Status LimitFiles(rlim_t descriptors);

// The system calls that are left; any other ends the process (SIGSYS).
//
//   while serving  memory without execution, the descriptors that are open
//                  (read, write, close), time, sleep, exit and abort
//   while loading  also what dlopen does: open for reading, map code
//
// Both filters are made first and applied one after the other: making one
// needs calls that the other forbids.
class SystemCallFilters {
 public:
  // Unavailable where the kernel or libseccomp cannot.
  static absl::StatusOr<SystemCallFilters> Make();
  SystemCallFilters(SystemCallFilters&& other) noexcept;
  ~SystemCallFilters();

  absl::Status EnterLoading();
  absl::Status EnterServing();

 private:
  SystemCallFilters(void* loading, void* serving)
      : loading_(loading), serving_(serving) {}

  void* loading_;  // scmp_filter_ctx
  void* serving_;
};

}  // namespace ruvector::plugin_host

#endif  // RUVECTOR_PLUGINS_HOST_CONFINEMENT_H_
