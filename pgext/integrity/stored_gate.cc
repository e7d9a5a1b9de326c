#include "pgext/integrity/stored_gate.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/gate/policy.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/collections.h"
#include "pgext/integrity/throttle_overrides.h"

namespace ruvector::integrity {
namespace {

bool slots_speak = false;  // scope: backend

struct Stored {
  Refuser by;
  gate::Decision decision;
};

absl::StatusOr<Stored> Decide(pg::SpiSession& spi, const Collection& collection,
                              gate::Operation operation, int64_t rows) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows found,
      spi.Query("SELECT s.state, s.lambda_norm::pg_catalog.float8, p.name,"
                " p.policy::pg_catalog.text FROM ruvector.integrity_state s"
                " LEFT JOIN LATERAL (SELECT name, policy FROM"
                " ruvector.integrity_policies WHERE collection_id ="
                " s.collection_id AND enabled ORDER BY priority DESC, id DESC"
                " LIMIT 1) p ON true"
                " WHERE s.collection_id = $1::pg_catalog.int4",
                {pg::SqlInt(int64_t{collection.id})}));
  Stored stored;
  stored.by = {collection.id, collection.name,
               std::numeric_limits<float>::quiet_NaN(), "built-in defaults"};
  gate::Policy policy;
  gate::State state = gate::State::kNormal;
  if (!found.empty()) {
    state = gate::ParseState(found.TextOr(0, 0, "")).value_or(state);
    if (const auto norm = found.Real(0, 1); norm.has_value()) {
      stored.by.lambda_norm = static_cast<float>(*norm);
    }
    stored.by.policy = found.TextOr(0, 2, stored.by.policy);
    if (found.Text(0, 3).has_value()) {
      RV_ASSIGN_OR_RETURN(policy,
                          gate::MergePolicy(gate::Policy(), *found.Text(0, 3)));
    }
  }
  RV_ASSIGN_OR_RETURN(const std::vector<ThrottleOverride> throttles,
                      LoadThrottleOverrides(spi, collection.id));
  stored.decision = gate::Decide(CompileGateWith(policy, state, throttles),
                                 operation, {0, rows});
  return stored;
}

bool WorkerHasPublished() {
  LWLockAcquire(boot::Databases()->lock, LW_SHARED);
  const boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
  const bool published = entry != nullptr && entry->gate_published;
  LWLockRelease(boot::Databases()->lock);
  return published;
}

absl::Status Refuse(const Stored& stored) {
  const gate::Decision& decision = stored.decision;
  if (settings::bypass || decision.mode != gate::Mode::kEnforce) {
    PushRefusalEvent(stored.by, decision,
                     settings::bypass ? Outcome::kBypassed : Outcome::kShadowed,
                     1);
    return absl::OkStatus();
  }
  PushRefusalEvent(stored.by, decision, Outcome::kRejected, 1);
  return pg::PgError(
      SqlState(kSqlStateRejected),
      absl::StrCat(std::string(gate::OperationName(decision.operation)),
                   " on collection \"", stored.by.collection,
                   "\" refused: ", gate::DecisionReason(decision)),
      absl::StrCat("State ", std::string(gate::StateName(decision.state)),
                   " as it was stored, policy \"", stored.by.policy,
                   "\". The integrity worker of this database has not "
                   "published a newer one since the server started."),
      "Retry in some seconds. SELECT * FROM ruvector.workers shows what the "
      "worker is doing.");
}

}  // namespace

absl::StatusOr<gate::Decision> StoredDecision(const std::string& collection,
                                              gate::Operation operation,
                                              int64_t rows) {
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const Collection found, FindCollection(spi, collection));
  RV_ASSIGN_OR_RETURN(const Stored stored, Decide(spi, found, operation, rows));
  return stored.decision;
}

bool SlotsSpeak() { return slots_speak; }

absl::Status FindOutWhetherSlotsSpeak() {
  if (boot::Databases() == nullptr || WorkerHasPublished()) {
    slots_speak = true;
    return absl::OkStatus();
  }
  const absl::StatusOr<pg::ExtensionInfo> extension = pg::FindExtension();
  slots_speak = absl::IsNotFound(extension.status());
  return slots_speak ? absl::OkStatus() : extension.status();
}

absl::Status AdmitByTables(Oid relation, const Request& request) {
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows shared,
      spi.Query("SELECT c.id FROM ruvector.collections c WHERE"
                " $1::pg_catalog.oid = 0"
                " OR c.table_oid::pg_catalog.oid = $1::pg_catalog.oid"
                " OR c.table_oid IN (SELECT relid FROM"
                " pg_catalog.pg_partition_ancestors($1::pg_catalog.oid))"
                " OR c.table_oid IN (SELECT relid FROM"
                " pg_catalog.pg_partition_tree($1::pg_catalog.oid))",
                {pg::SqlInt(int64_t{relation})}));
  if (shared.empty()) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const std::vector<Collection> collections,
                      ListCollections(spi));
  for (const Collection& collection : collections) {
    bool concerned = false;
    for (size_t i = 0; i < shared.size(); ++i) {
      concerned = concerned || shared.Int(i, 0) == collection.id;
    }
    if (!concerned) continue;
    RV_ASSIGN_OR_RETURN(
        const Stored stored,
        Decide(spi, collection, request.operation, request.rows));
    if (!stored.decision.allowed()) RV_RETURN_IF_ERROR(Refuse(stored));
  }
  return absl::OkStatus();
}

}  // namespace ruvector::integrity
