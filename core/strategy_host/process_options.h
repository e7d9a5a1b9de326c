// How a strategy's process is started, limited and waited for.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_PROCESS_OPTIONS_H_
#define RUVECTOR_CORE_STRATEGY_HOST_PROCESS_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"

namespace ruvector::strategy_host {

// Waits until `fd` can be read, or written where `for_writing`, or the time
// has come; fd -1: for the time alone. May return early without a reason
// (WaitLatchOrSocket and a set latch): everything is looked at again. An error
// ends the call at once: the process is killed and the error passed on.
using Wait =
    std::function<absl::Status(int fd, bool for_writing, absl::Time until)>;

// poll(2): for programs and tests without a latch. [any-thread]
absl::Status WaitWithPoll(int fd, bool for_writing, absl::Time until);

struct ProcessOptions {
  std::string program;                          // ruvector-strategy-host
  uint64_t memory_bytes = uint64_t{512} << 20;  // address space
  absl::Duration cpu = absl::Seconds(60);       // of the process's whole life
  // How long a running strategy has, once it should stop, before it is killed.
  absl::Duration stop_grace = absl::Seconds(5);
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_PROCESS_OPTIONS_H_
