// Lets users go first: holds pg_cron's jobs and keeps autovacuum off the
// collection's tables for a while, where maintenance jobs collide.
//
// What is paused, and what is not:
//   autovacuum   cancelled and kept off its table by autovacuum_enabled = false
//                for the pause (without that it is back at the next naptime),
//                and off the collection's other tables that wait for it, or the
//                worker would only go on to the next one.
//                Never one that prevents wraparound, and no table that has used
//                up four fifths of the age at which one is forced, or whose age
//                is unknown: a pause must not bring on the vacuum that cannot
//                be paused
//   pg_cron      its job is held; a run that has begun is left to end
//   the rest     somebody's VACUUM, index build or base backup was asked for by
//                a person, who would have to ask again; our own remediations
//                are the engine's to order
//
// The pause ends by itself: the host releases jobs and restores the storage
// parameter when pause_seconds are over, or at once when the action is undone.
//
// Of maintenance_contention only the collision is cured by pausing. A queue
// behind a lock, a horizon that somebody holds back, an archiver that fails,
// backups that do not come and checkpoints that come too often have other
// causes; each is refused with what would help.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/strategy_plugin.h"
#include "plugins/strategies/common/planning.h"

namespace {

namespace planning = ruvector::planning;
namespace sdk = ruvector::sdk;
using planning::Known;
using planning::Show;
using sdk::Status;

constexpr char kOption[] = "autovacuum_enabled";
// Age over the age at which autovacuum is forced, from which on it is not kept
// off: a busy day ages a table by a tenth or two of the default.
constexpr double kMostOfFreezeAge = 0.8;

struct PauseMaintenance : sdk::Strategy {
  static constexpr char kName[] = "pause_maintenance";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Holds scheduled jobs and keeps autovacuum off for a while.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"maintenance_contention"};
  static constexpr double kImpact = 0.1;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_HOLD_JOB,
                                              RUVECTOR_ACTION_CANCEL_AUTOVACUUM,
                                              RUVECTOR_ACTION_SET_RELOPTION};
  static constexpr const char* kMetrics[] = {"job_kind",
                                             "job_table",
                                             "partition_autovacuum",
                                             "partition_xid_age",
                                             "partition_freeze_age",
                                             "partition_dead_rows",
                                             "partition_vacuum_threshold",
                                             "partition_modified_rows",
                                             "partition_analyze_threshold"};
  static constexpr ruvector_expectation kTarget = {"maintenance_jobs", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.05};
  static constexpr ruvector_expectation kGuards[] = {
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kPauseSeconds };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("pause_seconds", "Length of the pause.", 1, 86400,
                           600),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    Status s = Applies(request);
    if (!s.ok()) return s;
    std::vector<std::string> jobs = planning::Blamed(request, "job");
    if (jobs.empty()) jobs = request.Subjects("job_kind");
    std::set<std::string> tables, cron;
    std::string left;
    for (const std::string& job : jobs) {
      const std::string why = Sort(request, job, &tables, &cron);
      if (!why.empty()) left += job + ": " + why + ". ";
    }
    if (tables.empty() && cron.empty()) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "none of %zu jobs may be paused. %s", jobs.size(),
                           left.c_str());
    }
    std::set<std::string> waiting;
    if (!tables.empty()) waiting = Waiting(request);
    waiting.insert(tables.begin(), tables.end());
    for (const std::string& table : waiting) KeepOff(request, table, plan);
    for (const std::string& job : cron) Hold(request, job, plan);
    for (const std::string& table : tables) Cancel(table, plan);
    plan->Note("paused for " + Show(request.number_parameter(kPauseSeconds)) +
               " s" + (left.empty() ? "" : ". Left alone: " + left));
    return s;
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      const ruvector_action& action = plan.action(i);
      if (action.kind == RUVECTOR_ACTION_SET_RELOPTION) {
        s = planning::SetOnce(action, "partition_autovacuum", action.object,
                              "value", host);
      } else {
        s = planning::ActOnce(
            action,
            (action.kind == RUVECTOR_ACTION_HOLD_JOB ? "hold_job "
                                                     : "cancel_autovacuum ") +
                std::string(action.object),
            host);
      }
    }
    return s;
  }

 private:
  static Status Applies(const sdk::PlanRequest& request) {
    static constexpr struct {
      const char *cause, *why;
    } kOthers[] = {
        {"lock_pileup", "the session at the head of the queue must end"},
        {"archiver_failing", "archive_command or its target must be mended"},
        {"backup_overdue", "a base backup must be taken"},
        {"checkpoint_storm", "max_wal_size is too small for the writes"},
        {"vacuum_held_by_snapshot", "the named session must end"},
        {"vacuum_held_by_prepared",
         "the named transaction must be committed or rolled back"},
        {"vacuum_held_by_slot", "the named slot must move on or go"},
        {"vacuum_held_by_standby", "the named standby's query must end"},
    };
    const std::string_view cause = planning::Cause(request);
    if (cause == "maintenance_collision") return Status();
    for (const auto& other : kOthers) {
      if (cause == other.cause) {
        return planning::NotForThis(request, other.why);
      }
    }
    return planning::NotForThis(request, "no jobs are in each other's way");
  }

  // Where a job belongs; or why it is left alone.
  static std::string Sort(const sdk::PlanRequest& request,
                          const std::string& job, std::set<std::string>* tables,
                          std::set<std::string>* cron) {
    const std::string kind = request.Text("job_kind", job).value_or("");
    if (kind == "cron") {
      cron->insert(job);
      return "";
    }
    if (kind == "wraparound_vacuum") return "it prevents wraparound";
    if (kind == "ours") return "the engine orders our own";
    if (kind.empty()) return "it has ended, or what it is is unknown";
    if (kind != "autovacuum") return "a person asked for it";
    const auto table = request.Text("job_table", job);
    if (!table.has_value() ||
        !request.Metric("partition_autovacuum", *table).has_value()) {
      return "its table is not of this collection";
    }
    const std::string why = MustStay(request, *table);
    if (why.empty()) tables->insert(*table);
    return why;
  }

  // Why autovacuum is not kept off a table; "": it may be.
  static std::string MustStay(const sdk::PlanRequest& request,
                              const std::string& table) {
    const Known age = request.Number("partition_xid_age", table);
    const Known freeze = request.Number("partition_freeze_age", table);
    if (!age.has_value() || !freeze.has_value()) {
      return "the age of its table is unknown";
    }
    if (*age >= kMostOfFreezeAge * *freeze) {
      return "its table must soon be frozen";
    }
    return "";
  }

  // Tables that autovacuum would go to next, and may be kept off.
  static std::set<std::string> Waiting(const sdk::PlanRequest& request) {
    const auto due = [&](const char* rows, const char* threshold,
                         const std::string& table) {
      const Known present = request.Number(rows, table);
      const Known limit = request.Number(threshold, table);
      return present.has_value() && limit.has_value() && *present > *limit;
    };
    std::set<std::string> tables;
    for (const std::string& table : request.Subjects("partition_autovacuum")) {
      if ((due("partition_dead_rows", "partition_vacuum_threshold", table) ||
           due("partition_modified_rows", "partition_analyze_threshold",
               table)) &&
          MustStay(request, table).empty()) {
        tables.insert(table);
      }
    }
    return tables;
  }

  static bool IsOff(const sdk::PlanRequest& request, const std::string& table) {
    return planning::IsOneOf(
        request.Text("partition_autovacuum", table).value_or(""),
        {"false", "off", "no", "0"});
  }

  static void KeepOff(const sdk::PlanRequest& request, const std::string& table,
                      sdk::Plan* plan) {
    if (IsOff(request, table)) return;
    sdk::Action undo(RUVECTOR_ACTION_SET_RELOPTION, table);
    undo.Set("option", planning::TextValue(kOption))
        .Set("value", request.Metric("partition_autovacuum", table)
                          .value_or(sdk::Value()))
        .Effect("lets autovacuum come back");
    sdk::Action action(RUVECTOR_ACTION_SET_RELOPTION, table);
    action.Set("option", planning::TextValue(kOption))
        .Set("value", planning::TextValue("false"))
        .Set("seconds",
             planning::NumberValue(request.number_parameter(kPauseSeconds)))
        .Rows(0)
        .Bytes(0)
        .Seconds(0)
        .Effect("keeps autovacuum off the table for the pause")
        .Undo(std::move(undo));
    plan->Add(std::move(action));
  }

  static void Hold(const sdk::PlanRequest& request, const std::string& job,
                   sdk::Plan* plan) {
    sdk::Action undo(RUVECTOR_ACTION_RELEASE_JOB, job);
    undo.Effect("lets it run again");
    sdk::Action action(RUVECTOR_ACTION_HOLD_JOB, job);
    action
        .Set("seconds",
             planning::NumberValue(request.number_parameter(kPauseSeconds)))
        .Rows(0)
        .Bytes(0)
        .Seconds(0)
        .Effect("does not start for the pause; a run that has begun goes on")
        .Undo(std::move(undo));
    plan->Add(std::move(action));
  }

  static void Cancel(const std::string& table, sdk::Plan* plan) {
    sdk::Action action(RUVECTOR_ACTION_CANCEL_AUTOVACUUM, table);
    action.Rows(0).Bytes(0).Seconds(0).Effect(
        "gives back its I/O now; what it has done so far stays done");
    plan->Add(std::move(action));
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(PauseMaintenance)
