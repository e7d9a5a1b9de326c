// Slows writers down while a collection is in distress.
//
// It relieves a hot partition, memory and disks that run short and standbys
// that lag behind the writes. The gate's insert throttle is raised by state and
// severity: in stress from 50 percent (severity 0) towards the critical figure,
// in critical from 90 towards the ceiling; bulk inserts ten points more. It is
// never lowered, and what a policy or an operator already throttles harder is
// left alone.
//
// The former override is read before it is replaced, once for the plan that a
// person sees and again when it is set: the host refuses an undo that does not
// hold the present value.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/plugin/strategy_plugin.h"

namespace {

namespace sdk = ruvector::sdk;
using sdk::Status;

// Someone else changes the throttle between our reading and our setting it:
// that often, then it is their business.
constexpr int kAttempts = 3;

struct ThrottleIngestion : sdk::Strategy {
  static constexpr char kName[] = "throttle_ingestion";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Raises the gate's insert throttle by state and severity.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {
      "hotspot_congestion", "memory_pressure", "replication_lag"};
  static constexpr double kImpact = 0.4;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_SET_THROTTLE};
  // throttle_percent is the override that undo restores (null: none);
  // effective_throttle_percent what the gate applies, policy included.
  static constexpr const char* kMetrics[] = {"throttle_percent",
                                             "effective_throttle_percent"};
  static constexpr ruvector_expectation kTarget = {
      "accepted_inserts_per_second", "", RUVECTOR_MUST_FALL, 0, 0.05};
  static constexpr ruvector_expectation kGuards[] = {
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kStress, kCritical, kCeiling, kBulkExtra };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("stress_percent",
                           "Throttle in stress at severity 0.", 0, 100, 50),
      sdk::NumberParameter("critical_percent",
                           "Throttle in critical at severity 0.", 0, 100, 90),
      sdk::NumberParameter("ceiling_percent",
                           "Throttle that is never exceeded.", 0, 100, 95),
      sdk::NumberParameter("bulk_extra_percent",
                           "Points added for bulk inserts.", 0, 100, 10),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    const char* why = NotHelpedBySlowerWriters(request.problem().cause);
    if (why != nullptr) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "cause '%s' is not for this strategy: %s",
                           request.problem().cause, why);
    }
    const uint32_t state = request.problem().state;
    if (state == RUVECTOR_STATE_NORMAL) {
      plan->Note("the collection is in state normal: nothing to throttle");
      return Status();
    }
    const double insert = TargetPercent(request, state);
    const double bulk =
        std::min(insert + request.number_parameter(kBulkExtra), 100.0);
    Status s = AddThrottle(request, "insert", insert, plan);
    if (s.ok()) s = AddThrottle(request, "bulk_insert", bulk, plan);
    if (s.ok() && plan->empty()) {
      plan->Note("inserts are already throttled to " + Text(insert) +
                 " percent or more");
    }
    return s;
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    for (uint32_t i = 0; i < plan.size(); ++i) {
      Status s = Raise(plan.action(i), host);
      if (!s.ok()) return s;
    }
    return Status();
  }

 private:
  // nullptr: fewer rows per second relieve it.
  static const char* NotHelpedBySlowerWriters(std::string_view cause) {
    if (cause == "connection_saturation") {
      return "sessions that are slowed down hold their connections longer";
    }
    if (cause == "standby_lost" || cause == "sync_standby_lost") {
      return "a standby that is gone does not catch up";
    }
    if (cause == "slot_retains_wal") {
      return "an abandoned slot keeps all WAL, however little is written";
    }
    return nullptr;
  }

  static std::string Text(double percent) {
    return std::to_string(static_cast<int>(percent));
  }

  // Whole percents: people read them, and equal plans compare equal.
  static double TargetPercent(const sdk::PlanRequest& request, uint32_t state) {
    const double ceiling = request.number_parameter(kCeiling);
    const double critical =
        std::min(request.number_parameter(kCritical), ceiling);
    const double stress = std::min(request.number_parameter(kStress), critical);
    const bool is_critical = state >= RUVECTOR_STATE_CRITICAL;
    const double low = is_critical ? critical : stress;
    const double high = is_critical ? ceiling : critical;
    return std::floor(low + request.problem().severity * (high - low));
  }

  static Status AddThrottle(const sdk::PlanRequest& request,
                            const char* operation, double percent,
                            sdk::Plan* plan) {
    const std::optional<sdk::Value> former =
        request.Metric("throttle_percent", operation);
    if (!former.has_value()) {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "metric 'throttle_percent' of '%s' was not given, so an undo would "
          "be a guess",
          operation);
    }
    const double in_force =
        std::max(former->number().value_or(0),
                 request.Metric("effective_throttle_percent", operation)
                     .value_or(sdk::Value())
                     .number()
                     .value_or(0));
    if (in_force >= percent) return Status();
    sdk::Action action(RUVECTOR_ACTION_SET_THROTTLE,
                       request.problem().collection);
    action.Set("operation", sdk::Value(std::string(operation)))
        .Set("percent", sdk::Value(percent))
        .Effect("accepts " + Text(100 - percent) +
                " percent of the usual rate of '" + operation + "', now " +
                Text(100 - in_force))
        .Undo(Restore(action.object(), operation, *former));
    plan->Add(std::move(action));
    return Status();
  }

  static sdk::Action Restore(std::string collection, const char* operation,
                             sdk::Value former) {
    sdk::Action undo(RUVECTOR_ACTION_SET_THROTTLE, std::move(collection));
    undo.Set("operation", sdk::Value(std::string(operation)))
        .Set("percent", std::move(former))
        .Effect("restores the former throttle");
    return undo;
  }

  static Status Raise(const ruvector_action& planned, sdk::Host* host) {
    const std::string operation = sdk::Argument(planned, "operation")
                                      .value_or(sdk::Value())
                                      .text()
                                      .value_or("");
    const double percent = sdk::Argument(planned, "percent")
                               .value_or(sdk::Value())
                               .number()
                               .value_or(0);
    Status s;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (host->ShouldStop()) {
        return Status::Error(RUVECTOR_CANCELLED, "asked to stop before '%s'",
                             operation.c_str());
      }
      sdk::Value former;
      s = host->ReadMetric("throttle_percent", operation.c_str(), &former);
      if (!s.ok()) return s;
      if (former.number().value_or(0) >= percent) return Status();
      sdk::Action action(planned);
      action.Undo(Restore(planned.object, operation.c_str(), former));
      s = host->Act(&action);
      if (s.code() != RUVECTOR_ABORTED) return s;
    }
    return s;
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(ThrottleIngestion)
