// A helper program and the socket to it. [single-thread]
//
// The child has four descriptors: 0 and 1 on /dev/null, 2 as here, 3 its end
// of a stream socket. Nothing else of the caller's is open in it; signals have
// their default handlers and none is blocked; it leads its own process group.
// No call of this class waits for the child. Safe in a PostgreSQL worker: no
// thread, no signal handler, and only this child is waited for.
#ifndef RUVECTOR_CORE_NOTIFY_HELPER_PROCESS_H_
#define RUVECTOR_CORE_NOTIFY_HELPER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/no_postgres.h"
#include "core/process/unique_fd.h"

namespace ruvector::notify {

class HelperProcess {
 public:
  HelperProcess() = default;
  ~HelperProcess() { End(); }
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  // REQUIRES: !running(). `environment` is the child's whole, "NAME=value".
  // kUnavailable if it cannot be started; a program that is not there is told
  // here, not later.
  absl::Status Start(const std::string& program,
                     const std::vector<std::string>& environment);
  // Started, and nobody has found it gone.
  bool running() const { return socket_.valid(); }
  // Readable when there is something to Read; -1 when not running.
  int socket() const { return socket_.get(); }
  pid_t pid() const { return pid_; }

  // Moves what the socket takes from the front of `bytes`, or appends what has
  // come. False when the helper has ended; call End then.
  // REQUIRES: running().
  bool Write(std::string& bytes);
  bool Read(std::string& bytes);

  // Closes the socket and kills the process group. Idempotent.
  void End();
  // Takes leave of ended children; now and then, until none is left. True if
  // none is.
  bool Reap();

 private:
  process::UniqueFd socket_;
  pid_t pid_ = -1;
  std::vector<pid_t> ended_;  // killed, not reaped yet
};

// Those of this process's environment variables that an HTTP client needs:
// proxies and where the system's certificates are. A server behind a proxy
// gets them from its service manager; everything else (PGDATA, LD_PRELOAD,
// passwords) stays here.
std::vector<std::string> HttpEnvironment();

}  // namespace ruvector::notify

#endif  // RUVECTOR_CORE_NOTIFY_HELPER_PROCESS_H_
