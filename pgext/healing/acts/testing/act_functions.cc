// SQL for tests: acts in a worker of their own, told of by rows of
// public.act_requests. In no release. [backend-main]
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/strategy_plugin.h"
#include "nlohmann/json.hpp"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/acts/acts.h"
extern "C" {
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
}

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;

sdk::Value ValueOf(const ordered_json& json) {
  if (json.is_number()) return sdk::Value(json.get<double>());
  if (json.is_string()) return sdk::Value(json.get<std::string>());
  return sdk::Value();
}

sdk::Action ActionOf(const ordered_json& json) {
  uint32_t kind = 0;
  for (const plugin::ActionKind& known : plugin::ActionKinds()) {
    if (known.name == json.value("kind", "")) kind = known.kind;
  }
  sdk::Action action(kind, json.value("object", ""));
  if (json.contains("arguments")) {
    for (const auto& [name, value] : json["arguments"].items()) {
      action.Set(name, ValueOf(value));
    }
  }
  if (json.contains("undo")) action.Undo(ActionOf(json["undo"]));
  action.Effect("for a test");
  return action;
}

ordered_json StatusJson(const absl::Status& status) {
  return {{"ok", status.ok()},
          {"code", static_cast<int>(status.code())},
          {"message", std::string(status.message())},
          {"sqlstate", unpack_sql_state(pg::SqlStateOf(status))}};
}

ordered_json OrNull(const std::optional<double>& value) {
  return value.has_value() ? ordered_json(*value) : ordered_json();
}

struct Request {
  std::string what;
  int64_t action_id = 0;
  std::string collection;
  ordered_json action;
  double seconds = 60;
};

ordered_json Serve(const Request& request) {
  const absl::Time deadline = absl::Now() + absl::Seconds(request.seconds);
  if (request.what == "perform") {
    sdk::Action action = ActionOf(request.action);
    const auto outcome = PerformAct(
        {request.action_id, request.collection, *action.View(), deadline});
    ordered_json json = StatusJson(outcome.status());
    if (outcome.ok()) {
      json["changed"] = outcome->changed;
      json["rows"] = OrNull(outcome->rows);
      json["bytes"] = OrNull(outcome->bytes);
    }
    return json;
  }
  if (request.what == "undo" || request.what == "undo_all") {
    UndoStep step;
    if (request.what == "undo_all") {
      const UndoEnded ended = RunAllUndos(request.action_id, deadline);
      step = {ended.how, ended.undos_left, ended.message};
    } else {
      const absl::StatusOr<UndoStep> one =
          RunNextUndo(request.action_id, deadline);
      if (!one.ok()) return StatusJson(one.status());
      step = *one;
    }
    constexpr const char* kEnds[] = {"finished", "failed", "conflict"};
    return {{"ok", true},
            {"end", kEnds[static_cast<int>(step.end)]},
            {"left", step.undos_left},
            {"message", step.message}};
  }
  if (request.what == "resolve") {
    return StatusJson(ResolveActs(request.action_id, deadline));
  }
  return StatusJson(
      FinishAction(request.action_id, request.what == "finish_kept", deadline));
}

template <class F>
absl::Status WithSpi(F&& f) {
  return boot::InTransaction("act of a test", [&]() -> absl::Status {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  });
}

absl::Status Run(int64_t id) {
  Request request;
  RV_RETURN_IF_ERROR(WithSpi([&](pg::SpiSession& spi) -> absl::Status {
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        spi.Query("SELECT what, action_id, collection,"
                  " action::pg_catalog.text, seconds FROM public.act_requests"
                  " WHERE id = $1::pg_catalog.int8",
                  {pg::SqlInt(id)}));
    if (rows.empty()) return absl::NotFoundError("no such request");
    request = {rows.TextOr(0, 0, ""), rows.Int(0, 1).value_or(0),
               rows.TextOr(0, 2, ""),
               ordered_json::parse(rows.TextOr(0, 3, "{}"), nullptr, false),
               rows.Real(0, 4).value_or(60)};
    return absl::OkStatus();
  }));
  const std::string answer = Serve(request).dump();
  return WithSpi([&](pg::SpiSession& spi) {
    return spi
        .Execute(
            "UPDATE public.act_requests SET answer ="
            " $2::pg_catalog.jsonb WHERE id = $1::pg_catalog.int8",
            {pg::SqlInt(id), pg::SqlText(answer)})
        .status();
  });
}

}  // namespace
}  // namespace ruvector::healing

extern "C" PGDLLEXPORT void ruvector_test_act_main(Datum);

void ruvector_test_act_main(Datum) {
  using namespace ruvector;
  struct {
    Oid database;
    int64 request;
  } told;
  memcpy(&told, MyBgworkerEntry->bgw_extra, sizeof(told));
  boot::PrepareWorker();
  BackgroundWorkerInitializeConnectionByOid(told.database, InvalidOid, 0);
  pg::RunOrLog(WARNING, [&] { return healing::Run(told.request); });
  proc_exit(0);
}

// ruvector_test_start_act(request bigint) RETURNS integer: the worker's pid.
RV_SQL_FUNCTION(ruvector_test_start_act) {
  using namespace ruvector;
  const int64 request = PG_GETARG_INT64(0);
  RV_ASSIGN_OR_RETURN(
      const int pid, pg::PgCall([&] {
        BackgroundWorker worker;
        memset(&worker, 0, sizeof(worker));
        worker.bgw_flags =
            BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
        worker.bgw_start_time = BgWorkerStart_ConsistentState;
        worker.bgw_restart_time = BGW_NEVER_RESTART;
        worker.bgw_notify_pid = MyProcPid;
        strlcpy(worker.bgw_library_name, "ruvector",
                sizeof(worker.bgw_library_name));
        strlcpy(worker.bgw_function_name, "ruvector_test_act_main", BGW_MAXLEN);
        strlcpy(worker.bgw_name, "ruvector test act", BGW_MAXLEN);
        strlcpy(worker.bgw_type, "ruvector test act", BGW_MAXLEN);
        struct {
          Oid database;
          int64 request;
        } told = {MyDatabaseId, request};
        memcpy(worker.bgw_extra, &told, sizeof(told));
        BackgroundWorkerHandle* handle = nullptr;
        pid_t started = 0;
        if (!RegisterDynamicBackgroundWorker(&worker, &handle)) return 0;
        (void)WaitForBackgroundWorkerStartup(handle, &started);
        return static_cast<int>(started);
      }));
  return Int32GetDatum(pid);
}

// ruvector_test_describe_act(collection text, action text) RETURNS text
RV_SQL_FUNCTION(ruvector_test_describe_act) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  RV_ASSIGN_OR_RETURN(const std::string text,
                      pg::TextArgument(fcinfo, 1, "action"));
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  sdk::Action action =
      healing::ActionOf(nlohmann::ordered_json::parse(text, nullptr, false));
  const auto shown = healing::DescribeAct(spi, collection, *action.View());
  nlohmann::ordered_json json = healing::StatusJson(shown.status());
  if (shown.ok()) {
    json["statement"] = shown->statement;
    json["undo_statement"] = shown->undo_statement;
    json["lock"] = std::string(healing::LockLevelName(shown->lock));
    json["rows"] = healing::OrNull(shown->rows);
    json["bytes"] = healing::OrNull(shown->bytes);
    json["seconds"] = healing::OrNull(shown->seconds);
  }
  const std::string answer = json.dump();
  return pg::PgCall([&] {
    return PointerGetDatum(cstring_to_text_with_len(
        answer.data(), static_cast<int>(answer.size())));
  });
}

// ruvector_test_acts_done(action bigint) RETURNS text
RV_SQL_FUNCTION(ruvector_test_acts_done) {
  using namespace ruvector;
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const healing::ActsDone done,
                      healing::ReadActsDone(spi, PG_GETARG_INT64(0)));
  const std::string answer = nlohmann::ordered_json{
      {"changed", done.changed},
      {"irreversible", done.irreversible},
      {"undos", done.undos}}.dump();
  return pg::PgCall([&] {
    return PointerGetDatum(cstring_to_text_with_len(
        answer.data(), static_cast<int>(answer.size())));
  });
}
