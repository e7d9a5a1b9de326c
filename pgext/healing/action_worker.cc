// A worker that does one thing for one remediation and ends: lets its strategy
// execute, runs its undos, or cleans up after it.
//
// The strategy's code is in a process of its own; what it asks for is done
// here, each act in transactions of its own (acts/acts.h).
#include <string>

#include "core/strategy_host/stored_plan.h"
// Before the server's headers.

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/healing/strategy_registry.h"
#include "core/strategy_host/fault.h"
#include "core/strategy_host/strategy_process.h"
#include "pgext/boot/worker_process.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/action_slots.h"
#include "pgext/healing/acts/acts.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/in_session.h"
#include "pgext/healing/metrics/metrics.h"
#include "pgext/healing/plan_maker.h"
#include "pgext/healing/workloads/workloads.h"
#include "pgext/plugins/server_plugins.h"
extern "C" {
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
}

namespace ruvector::healing {
namespace {

absl::Time FromTimestamp(TimestampTz time) {
  return absl::FromUnixSeconds(946684800) + absl::Microseconds(time);
}

// What a running strategy may ask of this server.
class ServerCallbacks final : public strategy_host::HostCallbacks {
 public:
  ServerCallbacks(int slot, const Action& action, absl::Time deadline)
      : slot_(slot), action_(action), deadline_(deadline) {}

  absl::StatusOr<sdk::Value> ReadMetric(const std::string& name,
                                        const std::string& subject) override {
    RV_FAILPOINT("healing.action.metric");
    if (IsWorkloadMetric(name)) return ReadWorkloadMetric(name, subject);
    sdk::Value value;
    RV_RETURN_IF_ERROR(
        WithSpi("reading a metric", [&](pg::SpiSession& spi) -> absl::Status {
          RV_ASSIGN_OR_RETURN(
              const integrity::Collection collection,
              integrity::FindCollection(spi, action_.incident.collection));
          RV_ASSIGN_OR_RETURN(
              value, metrics::ReadMetric(spi, collection, name, subject));
          return absl::OkStatus();
        }));
    return value;
  }

  absl::StatusOr<std::optional<double>> SampleLambda() override {
    RV_ASSIGN_OR_RETURN(LastPass pass, ReadLastPass());
    if (!pass.recent) {
      RV_RETURN_IF_ERROR(boot::AskWorker(boot::RequestKind::kSample,
                                         action_.incident.collection, 0,
                                         "healing-supervisor")
                             .status());
      RV_ASSIGN_OR_RETURN(pass, ReadLastPass());
    }
    return pass.lambda;
  }

  absl::StatusOr<strategy_host::ActOutcome> Act(
      const ruvector_action& action) override {
    RV_FAILPOINT("healing.action.before_act");
    if (ShouldStop()) return absl::CancelledError("the action is to stop");
    absl::StatusOr<strategy_host::ActOutcome> outcome = PerformAct(
        {action_.id, action_.incident.collection, action, deadline_});
    RV_FAILPOINT("healing.action.after_act");
    if (outcome.ok()) ++acts_;
    NoteActionProgress(
        slot_, acts_,
        outcome.ok() ? std::string() : std::string(outcome.status().message()));
    return outcome;
  }

  void Log(uint32_t level, const std::string& message) override {
    NoteActionProgress(slot_, acts_, message);
    if (level == RUVECTOR_LOG_DEBUG) return;
    pg::RunOrLog(LOG, [&] {
      return absl::UnknownError(absl::StrCat("strategy \"", action_.strategy,
                                             "\", action ", action_.id, ": ",
                                             message));
    });
  }

  bool ShouldStop() override {
    return ReadActionSlot(slot_).stop != StopReason::kNone ||
           absl::Now() >= deadline_;
  }

 private:
  struct LastPass {
    std::optional<double> lambda;
    bool recent = false;
  };

  // Traffic over less than two seconds is chance, and what we moved ourselves
  // would look like a hot partition: such a pass is not asked for.
  absl::StatusOr<LastPass> ReadLastPass() {
    LastPass pass;
    RV_RETURN_IF_ERROR(
        WithSpi("reading lambda", [&](pg::SpiSession& spi) -> absl::Status {
          RV_ASSIGN_OR_RETURN(
              const pg::SpiRows rows,
              spi.Query("SELECT s.lambda_norm,"
                        " s.last_sample > now() - interval '2 s'"
                        " FROM ruvector.integrity_state s"
                        " JOIN ruvector.collections c ON c.id = s.collection_id"
                        " WHERE c.name = $1 AND NOT s.stale",
                        {pg::SqlText(action_.incident.collection)}));
          if (rows.empty()) return absl::OkStatus();
          pass.lambda = rows.Real(0, 0);
          pass.recent = rows.Bool(0, 1).value_or(false);
          return absl::OkStatus();
        }));
    return pass;
  }

  const int slot_;
  const Action& action_;
  const absl::Time deadline_;
  int64_t acts_ = 0;
};

// A cancel ends a statement; between two it only wakes: who sent it has said
// in the slot why.
absl::Status WaitUncancelled(int fd, bool for_writing, absl::Time until) {
  const absl::Status status = WaitOnLatch(fd, for_writing, until);
  if (pg::SqlStateOf(status) == ERRCODE_QUERY_CANCELED) return absl::OkStatus();
  return status;
}

ExecutionEnd EndOf(const strategy_host::ExecuteResult& result) {
  if (result.status.ok()) return ExecutionEnd::kCompleted;
  if (strategy_host::FaultOf(result.status).has_value()) {
    return ExecutionEnd::kFault;
  }
  return absl::IsCancelled(result.status) ? ExecutionEnd::kStopped
                                          : ExecutionEnd::kFailed;
}

absl::StatusOr<strategy_host::ExecuteResult> ExecuteStrategy(
    int slot, int64_t id, absl::Time deadline) {
  static const SystemClock clock;
  RV_FAILPOINT("healing.action.start");
  Action action;
  std::string bytes;
  RV_RETURN_IF_ERROR(
      WithSpi("reading the plan", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(action, ReadAction(spi, id));
        RV_ASSIGN_OR_RETURN(bytes, ReadStoredPlan(spi, id));
        return absl::OkStatus();
      }));
  RV_ASSIGN_OR_RETURN(const strategy_host::StoredPlan stored,
                      strategy_host::StoredPlan::Decode(bytes));
  RV_ASSIGN_OR_RETURN(const plugin::Scan scan, plugins::ScanPlugins());
  RV_ASSIGN_OR_RETURN(const StrategyRegistry registry,
                      StrategyRegistry::From(scan));
  RV_ASSIGN_OR_RETURN(const RegisteredStrategy* strategy,
                      registry.Find(action.strategy));
  RV_ASSIGN_OR_RETURN(const plugin::TrustedFile file, OpenStrategy(*strategy));

  ServerCallbacks callbacks(slot, action, deadline);
  strategy_host::StrategyProcess process(
      StrategyOptions(), strategy->description, clock, WaitUncancelled);
  RV_RETURN_IF_ERROR(
      process.Start(file.fd.get(), strategy->identity, deadline));
  NoteActionStrategy(slot, process.pid());
  strategy_host::ExecuteResult result =
      process.Execute(stored.request(), stored.plan(), callbacks, deadline,
                      [&] { return callbacks.ShouldStop(); });
  process.Kill();
  NoteActionStrategy(slot, 0);
  return result;
}

void Execute(int slot, int64_t action, absl::Time deadline) {
  const absl::StatusOr<strategy_host::ExecuteResult> result =
      ExecuteStrategy(slot, action, deadline);
  if (!result.ok()) {
    const bool fault = strategy_host::FaultOf(result.status()).has_value();
    ReportExecution(slot, fault ? ExecutionEnd::kFault : ExecutionEnd::kFailed,
                    std::string(result.status().message()));
    return;
  }
  ReportExecution(slot, EndOf(*result), std::string(result->status.message()));
}

void Settle(int slot, int64_t action, bool kept, absl::Time deadline) {
  absl::Status status = FinishAction(action, kept, deadline);
  if (status.ok()) {
    status = WithSpi("settling", [&](pg::SpiSession& spi) {
      return MarkSettled(spi, action);
    });
  }
  pg::RunOrLog(LOG, [&] { return status; });
  ReportUndo(slot, status.ok() ? UndoEnd::kFinished : UndoEnd::kFailed, 0,
             std::string(status.message()));
}

absl::Status Work(int slot) {
  const ActionSlot work = ReadActionSlot(slot);
  const absl::Time deadline = FromTimestamp(work.deadline);
  switch (work.work) {
    case ActionWork::kExecute:
      Execute(slot, work.action, deadline);
      break;
    case ActionWork::kUndo: {
      const UndoEnded ended = RunAllUndos(work.action, deadline);
      ReportUndo(slot, ended.how, ended.undos_left, ended.message);
      break;
    }
    case ActionWork::kSettle:
      Settle(slot, work.action, work.kept, deadline);
      break;
  }
  failpoint::Check("healing.action.reported").IgnoreError();
  return absl::OkStatus();
}

void LeaveSlot(int, Datum slot) { EndActionSlot(DatumGetInt32(slot)); }

}  // namespace
}  // namespace ruvector::healing

extern "C" PGDLLEXPORT void ruvector_action_worker_main(Datum);

void ruvector_action_worker_main(Datum argument) {
  using namespace ruvector;
  using namespace ruvector::healing;
  const int slot = DatumGetInt32(argument);
  uint32_t ticket = 0;
  Oid database = InvalidOid;
  memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
  memcpy(&database, MyBgworkerEntry->bgw_extra + sizeof(ticket),
         sizeof(database));
  boot::PrepareWorker();
  if (ActionSlotAt(slot) == nullptr || !ClaimActionSlot(slot, ticket)) {
    proc_exit(0);
  }
  before_shmem_exit(LeaveSlot, argument);
  failpoint::Check("healing.action.claimed").IgnoreError();
  BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
  pg::RunOrLog(LOG, [&] { return Work(slot); });
  proc_exit(0);
}
