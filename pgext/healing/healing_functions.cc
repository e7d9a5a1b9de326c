// SQL: what persons set and ask for. Settings are rows of the caller's
// transaction; everything else is asked of the healing supervisor, which alone
// decides, and is no part of that transaction.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/keys.h"
#include "core/healing/strategy_parameters.h"
#include "pgext/audit/outbox.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/known_names.h"
#include "pgext/healing/plan_questions.h"
extern "C" {
#include "utils/acl.h"
}

namespace ruvector::healing {
namespace {

using boot::RequestKind;
using nlohmann::json;

// The person: SET ROLE makes no second one.
absl::StatusOr<std::string> SessionUserName() {
  RV_ASSIGN_OR_RETURN(char* name, pg::PgCall([] {
                        return GetUserNameFromId(GetSessionUserId(), false);
                      }));
  return std::string(name);
}

// One change of the settings, with its event.
struct ConfigCall {
  std::string user;
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  StoredConfig before;

  absl::Status Begin(std::string_view what) {
    RV_RETURN_IF_ERROR(pg::RequireWritable(what));
    RV_ASSIGN_OR_RETURN(user, SessionUserName());
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_RETURN_IF_ERROR(spi.Execute("LOCK TABLE ruvector.healing_config IN"
                                   " SHARE ROW EXCLUSIVE MODE")
                           .status());
    RV_ASSIGN_OR_RETURN(before, ReadConfig(spi));
    return absl::OkStatus();
  }

  absl::Status Store(const StoredConfig& after) {
    RV_RETURN_IF_ERROR(WriteConfig(spi, after, user));
    const auto parsed = [](const std::string& text) {
      return json::parse(text, nullptr, false);
    };
    audit::OutboxEvent event;
    event.event_type = "healing_config_change";
    event.user = user;
    event.metadata = document::Dump(
        {{"changes", json::diff(parsed(HealingConfigToJson(before.config)),
                                parsed(HealingConfigToJson(after.config)))},
         {"parameters",
          json::diff(parsed(before.parameters), parsed(after.parameters))}});
    RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
    audit::WakeWorkerAtCommit(boot::WorkerRole::kHealing);
    return absl::OkStatus();
  }
};

absl::Status RequireKnownRole(const std::string& role) {
  if (role.empty()) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const Oid oid, pg::PgCall([&] {
                        return get_role_oid(role.c_str(), true);
                      }));
  if (OidIsValid(oid)) return absl::OkStatus();
  return pg::PgError(
      ERRCODE_UNDEFINED_OBJECT,
      absl::StrCat("role \"", role,
                   "\" of healing key \"approval.role\" does not "
                   "exist"));
}

// A member of the role that the configuration names, else an operator.
absl::Status RequireApprover() {
  std::string role;
  {
    pg::AsExtensionOwner owner;
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(const StoredConfig config, ReadConfig(spi));
    role = config.config.approval.role;
  }
  if (role.empty()) role = "ruvector_operator";
  RV_ASSIGN_OR_RETURN(
      const bool member, pg::PgCall([&] {
        const Oid oid = get_role_oid(role.c_str(), true);
        return superuser_arg(GetSessionUserId()) ||
               (OidIsValid(oid) && is_member_of_role(GetSessionUserId(), oid));
      }));
  if (member) return absl::OkStatus();
  return pg::PgError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                     absl::StrCat("only members of role \"", role,
                                  "\" may approve or reject healing actions"),
                     "", "The healing key \"approval.role\" names the role.");
}

absl::StatusOr<std::string> Ask(std::string_view what, RequestKind kind,
                                std::string_view text, int64_t number) {
  RV_RETURN_IF_ERROR(pg::RequireWritable(what));
  RV_ASSIGN_OR_RETURN(const std::string user, SessionUserName());
  return boot::AskWorker(kind, text, number, user);
}

// A request about one action, by its id.
absl::StatusOr<std::string> AskAboutAction(FunctionCallInfo fcinfo,
                                           std::string_view what,
                                           RequestKind kind) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "action_id"));
  const int64_t id = PG_GETARG_INT64(0);
  absl::StatusOr<std::string> answer = Ask(what, kind, "", id);
  if (answer.ok() ||
      pg::SqlStateOf(answer.status()) != ERRCODE_UNDEFINED_OBJECT) {
    return answer;
  }
  // It is not open: say what became of it.
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(owner.Begin());
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const Action action, ReadAction(spi, id));
  return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                     absl::StrCat("healing action ", id, " has ended: it is ",
                                  std::string(ActionStateName(action.state))),
                     action.reason);
}

}  // namespace
}  // namespace ruvector::healing

// (jsonb) -> jsonb: the whole configuration
RV_SQL_FUNCTION(ruvector_healing_configure) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string partial,
                      pg::JsonbArgument(fcinfo, 0, "config"));
  std::string whole;
  {
    ConfigCall call;
    RV_RETURN_IF_ERROR(call.Begin("ruvector_healing_configure()"));
    StoredConfig after = call.before;
    RV_ASSIGN_OR_RETURN(after.config,
                        MergeHealingConfig(call.before.config, partial));
    RV_RETURN_IF_ERROR(RequireKnownRole(after.config.approval.role));
    RV_RETURN_IF_ERROR(call.Store(after));
    whole = HealingConfigToJson(after.config);
  }
  return pg::JsonbDatum(whole);
}

// () -> jsonb
RV_SQL_FUNCTION(ruvector_healing_config) {
  using namespace ruvector;
  using namespace ruvector::healing;
  std::string whole;
  {
    pg::AsExtensionOwner owner;
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(const StoredConfig config, ReadConfig(spi));
    whole = HealingConfigToJson(config.config);
  }
  return pg::JsonbDatum(whole);
}

// (name, jsonb) -> jsonb: settings of the strategy, "parameters" among them
RV_SQL_FUNCTION(ruvector_strategy_configure) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "name"));
  RV_ASSIGN_OR_RETURN(const std::string text,
                      pg::JsonbArgument(fcinfo, 1, "config"));
  std::string whole;
  {
    ConfigCall call;
    RV_RETURN_IF_ERROR(call.Begin("ruvector_strategy_configure()"));
    RV_ASSIGN_OR_RETURN(const RegisteredStrategy strategy, KnownStrategy(name));
    RV_ASSIGN_OR_RETURN(json settings,
                        document::ParseObject(text, "strategy configuration"));
    StoredConfig after = call.before;
    if (const auto own = settings.find("parameters"); own != settings.end()) {
      RV_ASSIGN_OR_RETURN(
          const std::string merged,
          MergeParameters(strategy.description, call.before.ParametersOf(name),
                          document::Dump(*own)));
      after.SetParametersOf(name, merged);
      settings.erase("parameters");
    }
    RV_ASSIGN_OR_RETURN(
        after.config.strategies[name],
        MergeStrategyConfig(StrategyConfigOf(call.before.config, name),
                            document::Dump(settings)));
    RV_RETURN_IF_ERROR(call.Store(after));
    json all = json::parse(StrategyConfigToJson(after.config.strategies[name]));
    const std::string own = after.ParametersOf(name);
    all["parameters"] = own.empty() ? json::object() : json::parse(own);
    whole = document::Dump(all);
  }
  return pg::JsonbDatum(whole);
}

// (collection) -> bigint
RV_SQL_FUNCTION(ruvector_healing_trigger) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  constexpr char kWhat[] = "ruvector_healing_trigger()";
  RV_RETURN_IF_ERROR(pg::RequireWritable(kWhat));
  RV_RETURN_IF_ERROR(RequireCollection(collection));
  RV_RETURN_IF_ERROR(Ask(kWhat, RequestKind::kSample, collection, 0).status());
  RV_ASSIGN_OR_RETURN(const std::string id,
                      Ask(kWhat, RequestKind::kTrigger, collection, 0));
  return Int64GetDatum(std::stoll(id));
}

// (collection, strategy, jsonb) -> jsonb
RV_SQL_FUNCTION(ruvector_healing_execute) {
  using namespace ruvector;
  using namespace ruvector::healing;
  constexpr char kWhat[] = "ruvector_healing_execute()";
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 1, "strategy"));
  RV_ASSIGN_OR_RETURN(const std::string parameters,
                      pg::JsonbArgument(fcinfo, 2, "parameters"));
  json answer;
  {
    RV_RETURN_IF_ERROR(RequireCollection(collection));
    RV_ASSIGN_OR_RETURN(const RegisteredStrategy strategy, KnownStrategy(name));
    RV_ASSIGN_OR_RETURN(const PersonsWish wish,
                        ParseWish(strategy.description, parameters));
    if (wish.dry_run) {
      RV_ASSIGN_OR_RETURN(const NamedPlan plan,
                          PlanWith(strategy, collection, parameters));
      answer = json::parse(plan.plan.json, nullptr, false);
      answer["dry_run"] = true;
      answer["collection"] = collection;
      answer["strategy"] = name;
    } else {
      RV_ASSIGN_OR_RETURN(
          const std::string id,
          Ask(kWhat, RequestKind::kExecute,
              absl::StrCat(name, "\n", parameters, "\n", collection), 0));
      answer = {{"dry_run", false},
                {"collection", collection},
                {"strategy", name},
                {"action_id", std::stoll(id)}};
    }
  }
  return pg::JsonbDatum(document::Dump(answer));
}

// (action_id) -> text
RV_SQL_FUNCTION(ruvector_healing_approve) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_RETURN_IF_ERROR(RequireApprover());
  RV_ASSIGN_OR_RETURN(const std::string answer,
                      AskAboutAction(fcinfo, "ruvector_healing_approve()",
                                     RequestKind::kApprove));
  return pg::TextDatum(answer);
}

// (action_id) -> void
RV_SQL_FUNCTION(ruvector_healing_reject) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_RETURN_IF_ERROR(RequireApprover());
  RV_RETURN_IF_ERROR(
      AskAboutAction(fcinfo, "ruvector_healing_reject()", RequestKind::kReject)
          .status());
  return Datum{0};
}

// (action_id) -> void
RV_SQL_FUNCTION(ruvector_healing_abort) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_RETURN_IF_ERROR(
      AskAboutAction(fcinfo, "ruvector_healing_abort()", RequestKind::kAbort)
          .status());
  return Datum{0};
}

// (collection) -> bigint
RV_SQL_FUNCTION(ruvector_healing_rollback) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  RV_RETURN_IF_ERROR(RequireCollection(collection));
  RV_ASSIGN_OR_RETURN(const std::string id,
                      Ask("ruvector_healing_rollback()", RequestKind::kRollback,
                          collection, 0));
  return Int64GetDatum(std::stoll(id));
}

// (collection) -> void
RV_SQL_FUNCTION(ruvector_healing_reset_breaker) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  RV_RETURN_IF_ERROR(RequireCollection(collection));
  RV_RETURN_IF_ERROR(Ask("ruvector_healing_reset_breaker()",
                         RequestKind::kResetBreaker, collection, 0)
                         .status());
  return Datum{0};
}

// (name) -> void
RV_SQL_FUNCTION(ruvector_strategy_release) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "name"));
  RV_RETURN_IF_ERROR(KnownStrategy(name).status());
  RV_RETURN_IF_ERROR(
      Ask("ruvector_strategy_release()", RequestKind::kReleaseStrategy, name, 0)
          .status());
  return Datum{0};
}

// (strategy or NULL) -> void
RV_SQL_FUNCTION(ruvector_healing_reset_learning) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::optional<std::string> name,
                      pg::OptionalTextArgument(fcinfo, 0));
  if (name.has_value()) RV_RETURN_IF_ERROR(KnownStrategy(*name).status());
  RV_RETURN_IF_ERROR(Ask("ruvector_healing_reset_learning()",
                         RequestKind::kResetLearning, name.value_or(""), 0)
                         .status());
  return Datum{0};
}
