// From a problem and a strategy to a plan that a person can read and a worker
// can execute. [backend-main]
//
// Three parts, because the middle one waits for another process and must not
// hold a snapshot in the supervisor:
//   ReadPlanInputs   in a transaction: what the strategy may know
//   AskStrategy      no table is touched: its process plans
//   DescribePlan     in a transaction: statements, locks, undo
// A backend does all three in its own transaction.
#ifndef RUVECTOR_PGEXT_HEALING_PLAN_MAKER_H_
#define RUVECTOR_PGEXT_HEALING_PLAN_MAKER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/action.h"
#include "core/healing/engine_io.h"
#include "core/healing/strategy_registry.h"
#include "core/plugin/strategy_plugin.h"
#include "core/strategy_host/process_options.h"
#include "core/strategy_host/strategy_process.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/metrics/metrics.h"
#include "pgext/integrity/collections.h"

namespace ruvector::healing {

struct PlanInputs {
  RegisteredStrategy strategy;
  Incident incident;
  std::vector<metrics::PlanMetric> metrics;
  std::vector<sdk::Value> parameters;
  double max_rows = 0;
  double max_bytes = 0;
  double max_seconds = 0;
  absl::Time at;

  // The request as the plugin's interface has it, and what it points to.
  // Valid as long as both.
  struct View {
    std::vector<ruvector_subject> subjects;
    std::vector<ruvector_metric> metrics;
    std::vector<ruvector_value> parameters;
    ruvector_problem problem;
    ruvector_plan_request request;
  };
  std::unique_ptr<View> MakeView() const;
};

// `wish` is the person's JSON, "" for none.
absl::StatusOr<PlanInputs> ReadPlanInputs(pg::SpiSession& spi,
                                          const RegisteredStrategy& strategy,
                                          const Incident& incident,
                                          const std::string& wish,
                                          const metrics::ReadOptions& options);

// Starts the strategy's process, lets it plan and ends it. The Status may be a
// fault (strategy_host/fault.h). `wait` as in process_options.h.
absl::StatusOr<sdk::Plan> AskStrategy(const PlanInputs& inputs,
                                      absl::Time deadline,
                                      const strategy_host::Wait& wait);

struct PlanStep {
  std::string kind;
  std::string object;
  std::string statement;  // "": it is none that SQL could say
  std::string undo_statement;
  LockLevel lock = LockLevel::kNone;
  std::optional<double> rows;
  std::optional<double> bytes;
  std::optional<double> seconds;
  std::string expected_effect;
};

struct MadePlan {
  PlanSummary summary;
  std::vector<PlanStep> steps;
  std::string json;    // note and steps, for people
  std::string stored;  // EncodeStoredPlan
};

absl::StatusOr<MadePlan> DescribePlan(pg::SpiSession& spi,
                                      const PlanInputs& inputs,
                                      sdk::Plan& plan);

// How the engine is to take it that there is no plan.
PlanFailure WhyNoPlan(const absl::Status& status);

// The program of strategy processes, and the plugin's file, opened as it was
// when it was described.
strategy_host::ProcessOptions StrategyOptions();
absl::StatusOr<plugin::TrustedFile> OpenStrategy(
    const RegisteredStrategy& strategy);

// WaitLatchOrSocket: takes interrupts, so it may fail with their error.
absl::Status WaitOnLatch(int fd, bool for_writing, absl::Time until);

// The problem that an action for this strategy is to be about: the worst that
// it handles among the committed ones, else one that a person made up.
absl::StatusOr<Incident> IncidentFor(pg::SpiSession& spi,
                                     const std::string& collection,
                                     const RegisteredStrategy& strategy);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_PLAN_MAKER_H_
