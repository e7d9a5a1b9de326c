// One strategy in a process of its own, as the server's worker drives it.
//
//   StrategyProcess strategy(options, description, clock, wait);
//   RV_RETURN_IF_ERROR(strategy.Start(file.fd.get(), file.identity, deadline));
//   RV_ASSIGN_OR_RETURN(sdk::Plan plan, strategy.Plan(request, deadline));
//   ExecuteResult result = strategy.Execute(request, *plan.View(), callbacks,
//                                           deadline, stop);
//
// The process (plugins/host) has no file of the server, little memory and
// processor time, and a seccomp filter. Nothing that comes from it is trusted:
// messages are decoded strictly, a plan passes CheckPlan before anyone sees it,
// every action passes ActionPermit before it is performed.
//
// [single-thread] No threads, no signal handlers, no blocking but in `wait` and
// in the callbacks, except that killing takes leave of the dead child: a
// millisecond as a rule, a second at the very most. SIGCHLD must not be
// ignored. Only this child is waited for.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_STRATEGY_PROCESS_H_
#define RUVECTOR_CORE_STRATEGY_HOST_STRATEGY_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"
#include "core/plugin/trusted_file.h"
#include "core/strategy_host/fault.h"
#include "core/strategy_host/host_callbacks.h"
#include "core/strategy_host/process_options.h"

namespace ruvector::strategy_host {

class Execution;
class HostConnection;
struct HostCall;

struct ExecuteResult {
  // OK; the strategy's own error; or a fault (FaultOf). Cancelled without a
  // fault: it stopped as asked, DeadlineExceeded: at the deadline.
  absl::Status status;
  int performed = 0;     // acts that the callbacks answered with OK
  int failed = 0;        // acts that they answered with an error
  int refused = 0;       // acts that were not permitted
  int dropped_logs = 0;  // beyond kMaxLogs
};

class StrategyProcess {
 public:
  static constexpr int kMaxLogs = 1000;  // of one run

  // `clock` is borrowed. `description` is the registered one: what plans are
  // held to, and what the loaded code must say of itself.
  StrategyProcess(ProcessOptions options, plugin::PluginDescription description,
                  const Clock& clock, Wait wait);
  ~StrategyProcess();
  StrategyProcess(const StrategyProcess&) = delete;
  StrategyProcess& operator=(const StrategyProcess&) = delete;

  // REQUIRES: !running(). Loads the plugin that is open at `plugin_fd`, which
  // stays the caller's, into a new process. FailedPrecondition if the file is
  // not `identity`'s; Unavailable if the program cannot be started or cannot
  // confine itself; a fault of Fault's list otherwise.
  absl::Status Start(int plugin_fd, const plugin::FileIdentity& identity,
                     absl::Time deadline);

  // Running, and as far as is known sound. After a fault other than kBadPlan,
  // kBeyondPlan and kOutOfMemory it is not: nothing of it is left, and Start
  // may be called again.
  bool running() const;
  pid_t pid() const;  // -1: none

  // The strategy's plan, checked against its description and the request's
  // blast radius. The strategy's own refusal has its code and no fault;
  // InvalidArgument or ResourceExhausted without a fault also for a request
  // that cannot be sent (codec.h). At the deadline the process is killed.
  absl::StatusOr<sdk::Plan> Plan(const ruvector_plan_request& request,
                                 absl::Time deadline);

  // Executes a plan, this process's or an earlier one's. From the deadline on,
  // or once `stop` (nullable; asked at every message and every wake) says so,
  // should_stop answers yes, acts are refused, and after options.stop_grace
  // the process is killed. A plan that CheckPlan refuses is not executed.
  ExecuteResult Execute(const ruvector_plan_request& request,
                        const ruvector_plan& plan, HostCallbacks& callbacks,
                        absl::Time deadline, const std::function<bool()>& stop);

  // Kills the process and all its descendants. Idempotent.
  void Kill();

 private:
  absl::Status CheckDescription(const std::string& line);
  absl::Status Run(HostCall& call, Execution& execution);
  absl::Status Finish(const HostCall& call, const absl::Status& status) const;

  const plugin::PluginDescription description_;
  const ProcessOptions options_;
  const std::unique_ptr<HostConnection> connection_;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_STRATEGY_PROCESS_H_
