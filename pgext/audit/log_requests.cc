// SQL: what is asked of the integrity worker, which alone writes the log:
// checkpoints, keys, pruning. And the trigger that keeps everybody else away.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/audit/crypto.h"
#include "pgext/audit/log_reader.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
extern "C" {
#include "commands/trigger.h"
}

// () -> bigint
RV_SQL_FUNCTION(ruvector_audit_checkpoint) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_audit_checkpoint()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      boot::AskWorker(boot::RequestKind::kCheckpoint, "", 0, user));
  int64_t id = 0;
  (void)absl::SimpleAtoi(answer, &id);
  return Int64GetDatum(id);
}

// () -> text
RV_SQL_FUNCTION(ruvector_rotate_signing_key) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_rotate_signing_key()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      boot::AskWorker(boot::RequestKind::kRotateKey, "", 0, user));
  return pg::TextDatum(answer);
}

// (key id, reason) -> void
RV_SQL_FUNCTION(ruvector_revoke_signing_key) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string key,
                      pg::TextArgument(fcinfo, 0, "p_key_id"));
  RV_ASSIGN_OR_RETURN(
      const std::string reason,
      pg::ReasonArgument(fcinfo, 1, "p_reason", "a revocation"));
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_revoke_signing_key()"));
  if (!audit::IsKeyId(key)) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("signing key \"", key.substr(0, 80), "\" does not exist"),
        "", "SELECT id, description FROM ruvector.signing_keys lists them.");
  }
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_RETURN_IF_ERROR(boot::AskWorker(boot::RequestKind::kRevokeKey,
                                     absl::StrCat(key, "\n", reason), 0, user)
                         .status());
  return Datum{0};
}

// (before) -> bigint
RV_SQL_FUNCTION(ruvector_audit_prune) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "p_before"));
  const TimestampTz before = PG_GETARG_TIMESTAMPTZ(0);
  if (TIMESTAMP_NOT_FINITE(before) || before > GetCurrentTimestamp()) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "\"before\" must be a time in the past");
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_audit_prune()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(const std::string answer,
                      boot::AskWorker(boot::RequestKind::kPrune, "",
                                      audit::UnixMicros(before), user));
  int64_t pruned = 0;
  (void)absl::SimpleAtoi(answer, &pruned);
  return Int64GetDatum(pruned);
}

// Trigger of the log's tables.
RV_SQL_FUNCTION(ruvector_refuse_log_change) {
  using namespace ruvector;
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    return pg::PgError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                       "refuse_log_change() was not called as a trigger");
  }
  const auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (audit::IsLogChangeAllowed() && TRIGGER_FIRED_FOR_ROW(trigger->tg_event)) {
    return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)
                               ? trigger->tg_newtuple
                               : trigger->tg_trigtuple);
  }
  return pg::PgError(
      ERRCODE_INSUFFICIENT_PRIVILEGE,
      absl::StrCat("cannot change table \"",
                   RelationGetRelationName(trigger->tg_relation),
                   "\": the event log is append-only"),
      "", "ruvector_audit_prune() removes old events and keeps their hashes.");
}
