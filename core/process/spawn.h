// Starts a program that inherits nothing of a server but what it is given.
//
// A server's children inherit its open files, its ignored and its blocked
// signals unless these are taken away. Here the child has the listed
// descriptors only, default handlers, an empty signal mask, and leads a process
// group of its own, so that kill(-pid, SIGKILL) reaches its descendants too.
//
// Safe in a PostgreSQL backend or worker: no thread, no signal handler, and
// posix_spawn runs no code of this process in the child.
#ifndef RUVECTOR_CORE_PROCESS_SPAWN_H_
#define RUVECTOR_CORE_PROCESS_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/process/unique_fd.h"

namespace ruvector::process {

// A descriptor of the child that is /dev/null, for reading and writing.
inline constexpr int kNull = -1;
// A descriptor of the child that is this process's of the same number.
inline constexpr int kInherit = -2;

struct SpawnOptions {
  // argv; the first is the path of the program, not searched for.
  std::vector<std::string> arguments;
  // The child's whole environment, "NAME=value".
  std::vector<std::string> environment;
  // descriptors[i] is what the child has as descriptor i: a descriptor of this
  // process, kNull or kInherit. Everything above is closed. Borrowed.
  std::vector<int> descriptors = {kNull, kNull, kNull};
};

// The child's process id; the caller reaps it. Unavailable if it cannot be
// started: a program that is not there is told here. [single-thread]
absl::StatusOr<pid_t> Spawn(const SpawnOptions& options);

// A connected pair of stream sockets, both close-on-exec. [any-thread]
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
absl::StatusOr<SocketPair> OpenSocketPair();

// SIGKILL to the group that `pid` leads. The group may be gone, or not be one
// yet. Reaps nothing. [any-thread]
void KillGroup(pid_t pid);

}  // namespace ruvector::process

#endif  // RUVECTOR_CORE_PROCESS_SPAWN_H_
