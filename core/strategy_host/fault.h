// What a strategy can do wrong that ends its process or its run, as a Status
// that says which. A strategy that fails in an orderly way (it returned an
// error) is no fault: that Status has its code and no fault.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_FAULT_H_
#define RUVECTOR_CORE_STRATEGY_HOST_FAULT_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"

namespace ruvector::strategy_host {

// kCrashed         Internal            crashed with signal 11 while it planned
// kExited          Aborted             exited with status 3 while it executed
// kOutOfMemory     ResourceExhausted   ran out of its 512 MiB of memory
// while... kCpuTime         ResourceExhausted   used up its 60s of processor
// time while... kDeadline        DeadlineExceeded    was killed at its deadline
// while... kIgnoredStop     Cancelled           was killed: it did not stop
// within 5s... kRubbish         DataLoss            wrote what is no message
// (...) while... kClosedPipe      Unavailable         closed its socket
// while... kForbiddenCall   PermissionDenied    made a forbidden system call
// while... kBadPlan         InvalidArgument     made a plan that is refused:
// ... kBeyondPlan      PermissionDenied    tried to act beyond its plan: ...
// kNotLoaded       FailedPrecondition  was not loaded: ...
// kNotAsDescribed  FailedPrecondition  is not what was described before
//
// Every message begins with "strategy 'name' ".
enum class Fault {
  kCrashed,
  kExited,
  kOutOfMemory,
  kCpuTime,
  kDeadline,
  kIgnoredStop,
  kRubbish,
  kClosedPipe,
  kForbiddenCall,
  kBadPlan,
  kBeyondPlan,
  kNotLoaded,
  kNotAsDescribed,
};

// "crashed", "exited", ... for rows and metrics. [any-thread]
std::string_view FaultName(Fault fault);

// A status with the code of the table above. [any-thread]
absl::Status FaultStatus(Fault fault, absl::string_view message);

// The fault that a status tells of; nullopt if it is none. [any-thread]
std::optional<Fault> FaultOf(const absl::Status& status);

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_FAULT_H_
