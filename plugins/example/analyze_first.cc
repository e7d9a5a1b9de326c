// analyze_first: gathers statistics where rows changed since they were made.
//
// A complete strategy in one file, on the installed headers alone. README.md
// says how to build it and where to put it. It handles one cause, reads one
// metric, plans one kind of action and undoes nothing, since ANALYZE needs no
// undo.
#include <string>

#include "core/plugin/strategy_plugin.h"

namespace {

using ruvector::sdk::Action;
using ruvector::sdk::Host;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::PlanRequest;
using ruvector::sdk::PlanView;
using ruvector::sdk::Status;
using ruvector::sdk::Value;

struct AnalyzeFirst : ruvector::sdk::Strategy {
  static constexpr char kName[] = "analyze_first";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Analyzes the tables whose rows changed since the last time.";
  static constexpr char kLicense[] = "CC0-1.0";
  static constexpr const char* kHandles[] = {"index_fragmentation"};
  static constexpr double kImpact = 0.05;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_ANALYZE};
  static constexpr const char* kMetrics[] = {"partition_modified_rows"};
  static constexpr ruvector_expectation kTarget = {"upkeep_debt", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.01};

  enum { kMinRows };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("min_rows", "Modified rows from which on it is worth it.",
                      1, 1e12, 1000)};

  static Status Plan(const PlanRequest& request, ruvector::sdk::Plan* plan) {
    if (std::string(request.problem().cause) != "stale_statistics") {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "cause '%s' is not for this strategy",
                           request.problem().cause);
    }
    for (const std::string& table :
         request.Subjects("partition_modified_rows")) {
      const auto modified = request.Number("partition_modified_rows", table);
      if (modified.value_or(0) < request.number_parameter(kMinRows)) continue;
      Action action(RUVECTOR_ACTION_ANALYZE, table);
      action.Effect("plans are made for the rows of today");
      plan->Add(std::move(action));
    }
    plan->Note(plan->empty() ? "no table has changed that much"
                             : "statistics are made anew");
    return Status();
  }

  static Status Execute(const PlanRequest&, const PlanView& plan, Host* host) {
    for (uint32_t i = 0; i < plan.size(); ++i) {
      if (host->ShouldStop()) {
        return Status::Error(RUVECTOR_CANCELLED, "asked to stop");
      }
      // After a crash: what this remediation has done is not done again.
      const std::string act = std::string("analyze ") + plan.action(i).object;
      Value done;
      Status s = host->ReadIfKnown("acts_done", act.c_str(), &done);
      if (!s.ok()) return s;
      if (done.number().value_or(0) > 0) continue;
      Action action(plan.action(i));
      s = host->Act(&action);
      if (!s.ok()) return s;
    }
    return Status();
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(AnalyzeFirst)
