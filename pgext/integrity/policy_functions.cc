// SQL: policies and overrides. Each change is an audited event with old and
// new.
#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/hint.h"
#include "core/base/status_macros.h"
#include "core/gate/policy.h"
#include "core/gate/state.h"
#include "core/notify/webhook_url.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/outbox.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/collections.h"

namespace ruvector::integrity {
namespace {

using nlohmann::ordered_json;

struct StoredPolicy {
  bool exists = false;
  int64_t id = 0;
  bool enabled = true;
  std::string json;
};

// One call's common part: the caller, the owner's rights, the collection.
struct PolicyCall {
  std::string user;
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  Collection collection;

  absl::Status Begin(const std::string& name, std::string_view what) {
    RV_RETURN_IF_ERROR(pg::RequireWritable(what));
    RV_ASSIGN_OR_RETURN(user, pg::CurrentUserName());
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(collection, FindCollection(spi, name));
    return LockCollection(spi, collection.id);
  }

  absl::StatusOr<StoredPolicy> Find(const std::string& policy) {
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        spi.Query("SELECT id, enabled, policy::pg_catalog.text FROM"
                  " ruvector.integrity_policies WHERE collection_id ="
                  " $1::pg_catalog.int4 AND name OPERATOR(pg_catalog.=) $2",
                  {pg::SqlInt(int64_t{collection.id}), pg::SqlText(policy)}));
    StoredPolicy stored;
    if (rows.empty()) return stored;
    stored.exists = true;
    stored.id = *rows.Int(0, 0);
    stored.enabled = rows.Bool(0, 1).value_or(true);
    stored.json = rows.TextOr(0, 2, "{}");
    return stored;
  }

  absl::StatusOr<StoredPolicy> Require(const std::string& policy) {
    RV_ASSIGN_OR_RETURN(StoredPolicy stored, Find(policy));
    if (stored.exists) return stored;
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("policy \"", policy, "\" of collection \"",
                     collection.name, "\" does not exist"),
        "",
        absl::StrCat("SELECT * FROM ruvector_integrity_policy_list('",
                     collection.name, "') lists them."));
  }

  absl::Status Record(const char* type, ordered_json metadata) {
    audit::OutboxEvent event;
    event.collection_id = collection.id;
    event.collection_name = collection.name;
    event.event_type = type;
    event.metadata = metadata.dump();
    event.user = user;
    return audit::AppendOutbox(spi, event);
  }
};

// Events are exported and never change; a webhook's URL can be a secret.
ordered_json WithoutSecrets(ordered_json value) {
  if (value.is_structured()) {
    for (auto& [name, member] : value.items()) {
      member = name == "url" && member.is_string()
                   ? ordered_json(notify::RedactUrl(member.get<std::string>()))
                   : WithoutSecrets(std::move(member));
    }
  }
  return value;
}

ordered_json Changes(const gate::Policy& before, const gate::Policy& after) {
  ordered_json changes = ordered_json::object();
  for (const gate::PolicyChange& change : gate::PolicyDiff(before, after)) {
    changes[change.path] = {
        {"old",
         WithoutSecrets(ordered_json::parse(change.before, nullptr, false))},
        {"new",
         WithoutSecrets(ordered_json::parse(change.after, nullptr, false))}};
  }
  return changes;
}

}  // namespace
}  // namespace ruvector::integrity

// (collection, name, policy jsonb) -> jsonb: the whole policy as stored
RV_SQL_FUNCTION(ruvector_integrity_policy_set) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 1, "p_name"));
  RV_ASSIGN_OR_RETURN(const std::string partial,
                      pg::JsonbArgument(fcinfo, 2, "p_policy"));
  if (name.empty() || name.size() > 255) {
    return pg::PgError(ERRCODE_INVALID_NAME,
                       "policy name must have 1 to 255 bytes");
  }
  std::string whole;
  {
    PolicyCall call;
    RV_RETURN_IF_ERROR(
        call.Begin(collection, "ruvector_integrity_policy_set()"));
    RV_ASSIGN_OR_RETURN(const StoredPolicy stored, call.Find(name));
    gate::Policy before;
    if (stored.exists) {
      RV_ASSIGN_OR_RETURN(before,
                          gate::MergePolicy(gate::Policy(), stored.json));
    }
    const absl::StatusOr<gate::Policy> merged =
        gate::MergePolicy(before, partial);
    if (!merged.ok()) {
      return WithHint(merged.status(),
                      "ruvector_integrity_policy_get() shows every key with a "
                      "value of its kind; the reference of policy keys has the "
                      "ranges.");
    }
    const gate::Policy& after = *merged;
    for (const std::string& warning : gate::PolicyWarnings(after)) {
      ereport(NOTICE, (errmsg("%s", warning.c_str())));
    }
    whole = gate::PolicyToJson(after);
    RV_RETURN_IF_ERROR(
        call.spi
            .Execute("INSERT INTO ruvector.integrity_policies"
                     " (collection_id, name, policy) VALUES"
                     " ($1::pg_catalog.int4, $2, $3::pg_catalog.jsonb)"
                     " ON CONFLICT (collection_id, name) DO UPDATE SET"
                     " policy = EXCLUDED.policy,"
                     " updated_at = pg_catalog.now()",
                     {pg::SqlInt(int64_t{call.collection.id}),
                      pg::SqlText(name), pg::SqlText(whole)})
            .status());
    RV_RETURN_IF_ERROR(call.Record(
        "policy_update", {{"action", stored.exists ? "change" : "create"},
                          {"policy", name},
                          {"changes", Changes(before, after)}}));
    RV_FAILPOINT("integrity.policy_set.before_commit");
  }
  return pg::JsonbDatum(whole);
}

// (collection, name) -> boolean: false when there was none
RV_SQL_FUNCTION(ruvector_integrity_policy_drop) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 1, "p_name"));
  PolicyCall call;
  RV_RETURN_IF_ERROR(
      call.Begin(collection, "ruvector_integrity_policy_drop()"));
  RV_ASSIGN_OR_RETURN(const StoredPolicy stored, call.Find(name));
  if (!stored.exists) return BoolGetDatum(false);
  RV_RETURN_IF_ERROR(call.spi
                         .Execute("DELETE FROM ruvector.integrity_policies"
                                  " WHERE id = $1::pg_catalog.int4",
                                  {pg::SqlInt(stored.id)})
                         .status());
  RV_RETURN_IF_ERROR(call.Record(
      "policy_update", {{"action", "drop"},
                        {"policy", name},
                        {"old", WithoutSecrets(nlohmann::ordered_json::parse(
                                    stored.json, nullptr, false))}}));
  return BoolGetDatum(true);
}

// (collection, name, enabled) -> boolean: what it was before
RV_SQL_FUNCTION(ruvector_integrity_policy_enable) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 1, "p_name"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 2, "p_enabled"));
  const bool enabled = PG_GETARG_BOOL(2);
  PolicyCall call;
  RV_RETURN_IF_ERROR(
      call.Begin(collection, "ruvector_integrity_policy_enable()"));
  RV_ASSIGN_OR_RETURN(const StoredPolicy stored, call.Require(name));
  RV_RETURN_IF_ERROR(
      call.spi
          .Execute("UPDATE ruvector.integrity_policies SET enabled ="
                   " $2::pg_catalog.bool, updated_at = pg_catalog.now()"
                   " WHERE id = $1::pg_catalog.int4",
                   {pg::SqlInt(stored.id), pg::SqlBool(enabled)})
          .status());
  RV_RETURN_IF_ERROR(call.Record("policy_update", {{"action", "enable"},
                                                   {"policy", name},
                                                   {"old", stored.enabled},
                                                   {"new", enabled}}));
  return BoolGetDatum(stored.enabled);
}

// (collection, state, reason, seconds) -> void
RV_SQL_FUNCTION(ruvector_integrity_override) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const std::string state,
                      pg::TextArgument(fcinfo, 1, "p_new_state"));
  RV_ASSIGN_OR_RETURN(const std::string reason,
                      pg::ReasonArgument(fcinfo, 2, "p_reason", "an override"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 3, "p_duration_secs"));
  const int32 seconds = PG_GETARG_INT32(3);
  if (!gate::ParseState(state).has_value()) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("invalid state \"", state, "\""), "",
                       "States are normal, stress and critical.");
  }
  if (seconds < 1 || seconds > 30 * 86400) {
    return pg::PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("duration_secs must be between 1 and 2592000, not ",
                     seconds),
        "", "An override can be renewed before it ends.");
  }
  PolicyCall call;
  RV_RETURN_IF_ERROR(call.Begin(collection, "ruvector_integrity_override()"));
  RV_RETURN_IF_ERROR(
      call.spi
          .Execute("INSERT INTO ruvector.integrity_overrides (collection_id,"
                   " state, reason, set_by, until) VALUES"
                   " ($1::pg_catalog.int4, $2, $3, $4::pg_catalog.name,"
                   " pg_catalog.clock_timestamp()"
                   " + pg_catalog.make_interval(secs => $5::pg_catalog.float8))"
                   " ON CONFLICT (collection_id) DO UPDATE SET"
                   " state = EXCLUDED.state, reason = EXCLUDED.reason,"
                   " set_by = EXCLUDED.set_by, set_at = pg_catalog.now(),"
                   " until = EXCLUDED.until",
                   {pg::SqlInt(int64_t{call.collection.id}), pg::SqlText(state),
                    pg::SqlText(reason), pg::SqlText(call.user),
                    pg::SqlInt(int64_t{seconds})})
          .status());
  RV_RETURN_IF_ERROR(call.Record("audit", {{"action", "override"},
                                           {"state", state},
                                           {"reason", reason},
                                           {"duration_secs", seconds}}));
  RV_FAILPOINT("integrity.override.before_commit");
  return Datum{0};
}

// (collection) -> boolean: whether there was one
RV_SQL_FUNCTION(ruvector_integrity_override_clear) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  PolicyCall call;
  RV_RETURN_IF_ERROR(
      call.Begin(collection, "ruvector_integrity_override_clear()"));
  RV_ASSIGN_OR_RETURN(
      const int64_t removed,
      call.spi.Execute("DELETE FROM ruvector.integrity_overrides"
                       " WHERE collection_id = $1::pg_catalog.int4",
                       {pg::SqlInt(int64_t{call.collection.id})}));
  if (removed == 0) return BoolGetDatum(false);
  RV_RETURN_IF_ERROR(call.Record("audit", {{"action", "override_clear"}}));
  RV_FAILPOINT("integrity.override_clear.before_commit");
  return BoolGetDatum(true);
}

// () -> jsonb: the built-in defaults
RV_SQL_FUNCTION(ruvector_integrity_policy_defaults) {
  return ruvector::pg::JsonbDatum(
      ruvector::gate::PolicyToJson(ruvector::gate::Policy()));
}
