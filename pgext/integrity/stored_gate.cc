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
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/local_slots.h"
#include "pgext/integrity/throttle_overrides.h"

namespace ruvector::integrity {
namespace {

// scope: backend
bool slots_speak = false;
uint64_t spoke_at = 0;  // the generation of slots at which they did

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

// kTables also where the database has no entry.
Voice PublishedVoice() {
  Voice voice = Voice::kTables;
  LWLockAcquire(boot::Databases()->lock, LW_SHARED);
  const boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
  if (entry != nullptr && entry->gate_published) {
    voice = entry->without_slot == 0 ? Voice::kSlots : Voice::kBoth;
  }
  LWLockRelease(boot::Databases()->lock);
  return voice;
}

const char* WhyTables(Voice voice) {
  return voice == Voice::kTables
             ? "The integrity worker of this database has not published a "
               "newer one since the server started."
             : "There is no gate slot for this collection "
               "(ruvector.max_collections), so nothing can wait for its turn "
               "here.";
}

const char* WhatToDo(Voice voice) {
  return voice == Voice::kTables
             ? "Retry in some seconds. SELECT * FROM ruvector.workers shows "
               "what the worker is doing."
             : "Raise ruvector.max_collections and restart the server, or "
               "unregister collections.";
}

absl::Status Refuse(const Stored& stored, Voice voice) {
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
                   " as it was stored, policy \"", stored.by.policy, "\". ",
                   WhyTables(voice)),
      WhatToDo(voice));
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

bool SlotsSpeak() { return slots_speak && spoke_at == GateGeneration(); }

absl::StatusOr<Voice> WhoSpeaks() {
  if (SlotsSpeak()) return Voice::kSlots;
  const uint64_t generation = GateGeneration();
  Voice voice = boot::Databases() == nullptr ? Voice::kSlots : PublishedVoice();
  if (voice == Voice::kTables) {
    const absl::Status extension = pg::FindExtension().status();
    if (absl::IsNotFound(extension)) {
      voice = Voice::kSlots;
    } else if (!extension.ok()) {
      return extension;
    }
  }
  slots_speak = voice == Voice::kSlots;
  spoke_at = generation;
  return voice;
}

absl::Status AdmitByTables(Voice voice, Oid relation, AttrNumber column,
                           const Request& request) {
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows shared,
      spi.Query("SELECT c.id FROM ruvector.collections c WHERE"
                " (c.table_oid::pg_catalog.oid = $1::pg_catalog.oid"
                " OR c.table_oid IN (SELECT relid FROM"
                " pg_catalog.pg_partition_ancestors($1::pg_catalog.oid))"
                " OR c.table_oid IN (SELECT relid FROM"
                " pg_catalog.pg_partition_tree($1::pg_catalog.oid)))"
                " AND ($2::pg_catalog.int2 = 0 OR c.column_name = (SELECT"
                " a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid ="
                " $1::pg_catalog.oid AND a.attnum = $2::pg_catalog.int2))",
                {pg::SqlInt(int64_t{relation}), pg::SqlInt(int64_t{column})}));
  if (shared.empty()) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const std::vector<Collection> collections,
                      ListCollections(spi));
  for (const Collection& collection : collections) {
    bool concerned = false;
    for (size_t i = 0; i < shared.size(); ++i) {
      concerned = concerned || shared.Int(i, 0) == collection.id;
    }
    if (!concerned) continue;
    if (voice == Voice::kBoth && SlotOfCollection(collection.name) >= 0) {
      continue;
    }
    RV_ASSIGN_OR_RETURN(
        const Stored stored,
        Decide(spi, collection, request.operation, request.rows));
    if (!stored.decision.allowed()) {
      RV_RETURN_IF_ERROR(Refuse(stored, voice));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<List*> StoredTables() {
  List* tables = NIL;
  pg::SpiRows rows;
  {
    pg::AsExtensionOwner owner;
    RV_RETURN_IF_ERROR(owner.Begin());
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(
        rows, spi.Query("SELECT DISTINCT table_oid::pg_catalog.oid FROM"
                        " ruvector.collections"));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto table = static_cast<Oid>(rows.Int(i, 0).value_or(0));
    RV_ASSIGN_OR_RETURN(tables,
                        pg::PgCall([&] { return lappend_oid(tables, table); }));
  }
  return tables;
}

}  // namespace ruvector::integrity
