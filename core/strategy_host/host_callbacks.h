// What a running strategy may ask of the server, as the side that answers
// implements it: the PostgreSQL worker, or a model in tests.
//
// The meaning of each is that of ruvector_strategy_host in plugin_abi.h. An
// error goes back to the strategy as the code of the same value, or as
// RUVECTOR_INTERNAL where there is none. No exception.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_HOST_CALLBACKS_H_
#define RUVECTOR_CORE_STRATEGY_HOST_HOST_CALLBACKS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"

namespace ruvector::strategy_host {

struct ActOutcome {
  bool changed = false;
  std::optional<double> rows;   // nullopt: unknown
  std::optional<double> bytes;  // nullopt: unknown
};

// [single-thread] Called from within StrategyProcess::Execute, which waits as
// long as a call takes: no deadline is held meanwhile but the callee's own.
// Texts have been checked: UTF-8 without NUL, of bounded length.
class HostCallbacks {
 public:
  virtual ~HostCallbacks() = default;

  // NotFound: no such metric; null: it cannot be read.
  virtual absl::StatusOr<sdk::Value> ReadMetric(const std::string& name,
                                                const std::string& subject) = 0;
  // nullopt: unknown.
  virtual absl::StatusOr<std::optional<double>> SampleLambda() = 0;
  // The action has passed ActionPermit: well formed, and the plan's or smaller.
  // The callee journals the undo first, and answers Aborted where it does not
  // hold the present value. On any error the action has had no effect.
  virtual absl::StatusOr<ActOutcome> Act(const ruvector_action& action) = 0;
  // `level` is a ruvector_log_level.
  virtual void Log(uint32_t level, const std::string& message) = 0;
  virtual bool ShouldStop() = 0;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_HOST_CALLBACKS_H_
