// The process of one strategy, the socket to it, and the words for how either
// ended. Private to core/strategy_host: use strategy_process.h.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_HOST_CONNECTION_H_
#define RUVECTOR_CORE_STRATEGY_HOST_HOST_CONNECTION_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/no_postgres.h"
#include "core/process/unique_fd.h"
#include "core/strategy_host/fault.h"
#include "core/strategy_host/frame.h"
#include "core/strategy_host/process_options.h"

namespace ruvector::strategy_host {

// One request to the process and all that comes of it.
struct HostCall {
  std::string doing;  // "while it planned"
  absl::Time deadline;
  // At the deadline, or when `stop` says so, the process is told first and
  // killed `grace` later. nullopt: killed at the deadline.
  std::optional<absl::Duration> grace = std::nullopt;
  std::function<bool()> stop = nullptr;

  // Kept by HostConnection.
  bool stopping = false;  // should stop: told so, or about to be
  bool late = false;      // because the deadline has passed
  absl::Time kill_at = absl::InfiniteFuture();
  bool out_of_memory = false;  // an allocation has failed
};

// [single-thread]
class HostConnection {
 public:
  HostConnection(std::string name, ProcessOptions options, const Clock& clock,
                 Wait wait);
  ~HostConnection() { Kill(); }

  // REQUIRES: !open(). Starts the program; its descriptors are 0 to 2 on
  // /dev/null, 3 the plugin and 4 the socket.
  absl::Status Open(int plugin_fd);
  bool open() const { return socket_.valid(); }
  pid_t pid() const { return pid_; }

  // REQUIRES: open(). On an error of Send or Receive the process is gone.
  absl::Status Send(HostCall& call, const wire::ToHost& message);
  // The next message that wants to be handled.
  absl::StatusOr<wire::FromHost> Receive(HostCall& call);

  void Kill();
  // Kills the process and tells why.
  absl::Status KillFor(const HostCall& call, Fault fault,
                       absl::string_view what);
  // strategy 'name' what call.doing
  absl::Status Words(const HostCall& call, Fault fault,
                     absl::string_view what) const;
  std::string OutOfMemoryWords() const;

 private:
  absl::Status CheckTime(HostCall& call);
  absl::Status WaitFor(HostCall& call, bool for_writing);
  absl::Status ReadMore(HostCall& call);
  absl::Status Ended(const HostCall& call);
  absl::Status Diagnose(const HostCall& call, int status) const;
  bool HasEnded() const;
  bool Reap();

  const std::string name_;
  const ProcessOptions options_;
  const Clock& clock_;
  const Wait wait_;
  process::UniqueFd socket_;
  pid_t pid_ = -1;
  bool reaped_ = true;
  std::optional<int> status_;  // of the reaped child, if we were the ones
  FrameReader reader_{kMaxFromHostBytes};
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_HOST_CONNECTION_H_
