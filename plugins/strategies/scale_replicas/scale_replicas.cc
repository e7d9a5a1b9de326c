// Asks Kubernetes for more replicas of a named workload: a StatefulSet, a
// Deployment or a CloudNativePG Cluster.
//
// Two reasons. A hot partition whose load is reads: replicas take reads off
// the primary, never writes, so where less than half of the load is reads the
// strategy refuses. And a standby that is lost for good: one more takes its
// place. In the first case the count grows by growth_percent, rounded up, in
// the second by one; max_replicas is never exceeded, a count above it never
// lowered.
//
// It costs money and does not end with the incident, so a person approves it
// first unless configured otherwise, and what is verified is that new standbys
// really stream, not that Kubernetes says so.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/plugin/strategy_plugin.h"
#include "plugins/strategies/common/planning.h"

namespace {

namespace planning = ruvector::planning;
namespace sdk = ruvector::sdk;
using planning::Known;
using planning::Show;
using sdk::Status;

// Until a new pod is ready: image, clone of the data, recovery. For people; the
// host waits for readiness until its deadline.
constexpr double kReadySeconds = 300;
constexpr double kLeastReads = 0.5;  // of the load

struct ScaleReplicas : sdk::Strategy {
  static constexpr char kName[] = "scale_replicas";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Asks Kubernetes for more read replicas, up to a cap.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"hotspot_congestion",
                                             "replication_lag"};
  static constexpr double kImpact = 0.2;
  static constexpr uint32_t kFlags =
      RUVECTOR_STRATEGY_REVERSIBLE | RUVECTOR_STRATEGY_ASKS_FIRST;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_SCALE_REPLICAS};
  static constexpr const char* kMetrics[] = {
      "workload_replicas", "workload_ready_replicas",
      "partition_reads_per_second", "partition_writes_per_second"};
  static constexpr ruvector_expectation kTarget = {"connected_standbys", "",
                                                   RUVECTOR_MUST_RISE, 0, 0.01};
  static constexpr ruvector_expectation kGuards[] = {
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kWorkload, kMaxReplicas, kGrowth };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::TextParameter("workload",
                         "What is scaled: namespace/kind/name, kind one of "
                         "StatefulSet, Deployment, Cluster.",
                         ""),
      sdk::NumberParameter("max_replicas", "Cap that is never exceeded.", 1,
                           100, 5),
      sdk::NumberParameter("growth_percent", "Growth where reads are the load.",
                           1, 1000, 50),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    const std::string workload = request.text_parameter(kWorkload);
    if (!IsWorkload(workload)) {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "parameter 'workload' is '%s', expected namespace/kind/name with "
          "kind StatefulSet, Deployment or Cluster",
          workload.c_str());
    }
    bool lost = false;
    Status s = Applies(request, &lost);
    if (!s.ok()) return s;
    const Known present = request.Number("workload_replicas", workload);
    if (!present.has_value()) {
      return planning::Unknown("workload_replicas", workload);
    }
    const double grown =
        lost ? *present + 1
             : std::ceil(*present *
                         (1 + request.number_parameter(kGrowth) / 100));
    // From none there is no share to grow by.
    const double wanted = std::min(std::max(grown, *present + 1),
                                   request.number_parameter(kMaxReplicas));
    if (wanted <= *present) {
      plan->Note(workload + " has " + Show(*present) +
                 " replicas, max_replicas is " +
                 Show(request.number_parameter(kMaxReplicas)));
      return Status();
    }
    const Known ready = request.Number("workload_ready_replicas", workload);
    if (ready.has_value() && *ready < *present && !lost) {
      plan->Note("of " + Show(*present) + " replicas " + Show(*ready) +
                 " are ready: more would only wait as well");
      return Status();
    }
    if (!planning::Budget(request).Take(0, 0, kReadySeconds)) {
      plan->Note("a replica takes about " + Show(kReadySeconds) +
                 " s to be ready, which is beyond the blast radius");
      return Status();
    }
    sdk::Action undo(RUVECTOR_ACTION_SCALE_REPLICAS, workload);
    undo.Set("replicas", planning::NumberValue(*present)).Effect("scales back");
    sdk::Action action(RUVECTOR_ACTION_SCALE_REPLICAS, workload);
    action.Set("replicas", planning::NumberValue(wanted))
        .Rows(0)
        .Seconds(kReadySeconds)
        .Effect(Show(*present) + " replicas become " + Show(wanted))
        .Undo(std::move(undo));
    plan->Add(std::move(action));
    plan->Note(lost ? "one more standby takes the place of the lost one"
                    : "replicas take reads off the primary");
    return Status();
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      s = planning::SetOnce(plan.action(i), "workload_replicas",
                            plan.action(i).object, "replicas", host);
    }
    return s;
  }

 private:
  static bool IsWorkload(const std::string& text) {
    const size_t first = text.find('/');
    const size_t second = first == std::string::npos
                              ? std::string::npos
                              : text.find('/', first + 1);
    if (first == 0 || second == std::string::npos ||
        second + 1 == text.size() ||
        text.find('/', second + 1) != std::string::npos) {
      return false;
    }
    return planning::IsOneOf(text.substr(first + 1, second - first - 1),
                             {"StatefulSet", "Deployment", "Cluster"});
  }

  static Status Applies(const sdk::PlanRequest& request, bool* lost) {
    const std::string_view cause = planning::Cause(request);
    if (planning::IsOneOf(cause, {"standby_lost", "sync_standby_lost"})) {
      *lost = true;
      return Status();
    }
    if (std::string_view(request.problem().problem_class) ==
        "replication_lag") {
      return planning::NotForThis(request, "another standby would lag as well");
    }
    double reads = 0, load = 0;
    for (const std::string& name :
         request.Subjects("partition_reads_per_second")) {
      const Known read = request.Number("partition_reads_per_second", name);
      const Known written = request.Number("partition_writes_per_second", name);
      if (!read.has_value() || !written.has_value()) {
        return planning::Unknown("partition_reads_per_second", name);
      }
      reads += *read;
      load += *read + *written;
    }
    if (load <= 0 || reads < kLeastReads * load) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "%.0f of %.0f rows touched per second are reads: "
                           "replicas take no writes",
                           reads, load);
    }
    return Status();
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(ScaleReplicas)
