// Answers what one running strategy asks. Private to core/strategy_host.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_EXECUTION_H_
#define RUVECTOR_CORE_STRATEGY_HOST_EXECUTION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/strategy_host/action_permit.h"
#include "core/strategy_host/host_callbacks.h"
#include "core/strategy_host/host_connection.h"
#include "core/strategy_host/strategy_process.h"
#include "core/strategy_host/wire.pb.h"

namespace ruvector::strategy_host {

// [single-thread] All are borrowed.
class Execution {
 public:
  Execution(const plugin::StrategyDescription& strategy,
            const ruvector_plan& plan, HostCallbacks& callbacks,
            ExecuteResult& result)
      : permit_(strategy, plan), callbacks_(callbacks), result_(result) {}

  static bool IsQuestion(const wire::FromHost& message);

  // REQUIRES: IsQuestion(message). An error: the message is malformed.
  absl::StatusOr<wire::Reply> Answer(const HostCall& call,
                                     const wire::FromHost& message);
  // REQUIRES: message.has_log().
  absl::Status Note(const wire::FromHost& message);

  // Why the first act was refused that the plan does not hold; empty: none.
  const std::string& beyond_plan() const { return beyond_plan_; }

 private:
  absl::Status ReadMetric(const wire::ReadMetric& question, wire::Reply* reply);
  absl::Status Act(const HostCall& call, const wire::Action& action,
                   wire::Reply* reply);
  absl::Status Perform(const HostCall& call, const ruvector_action& action,
                       wire::Reply* reply);

  ActionPermit permit_;
  HostCallbacks& callbacks_;
  ExecuteResult& result_;
  std::string beyond_plan_;
  int logs_ = 0;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_EXECUTION_H_
