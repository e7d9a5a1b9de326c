// Utility commands at the gate (enforcement.h).
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/classify.h"
#include "pgext/integrity/enforcement.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "commands/vacuum.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace ruvector::integrity {
namespace {

using gate::Operation;

// Whether the current user may run such a command on the relation at all.
// Catalog access: may raise.
bool HasPrivilege(Oid relation, Operation operation) {
  const Oid user = GetUserId();
  switch (operation) {
    case Operation::kBulkInsert:
      return pg_class_aclcheck(relation, user, ACL_INSERT) == ACLCHECK_OK ||
             pg_attribute_aclcheck_all(relation, user, ACL_INSERT,
                                       ACLMASK_ANY) == ACLCHECK_OK;
    case Operation::kTruncate:
      return pg_class_aclcheck(relation, user, ACL_TRUNCATE) == ACLCHECK_OK;
    default:
      return RV_MAY_MAINTAIN(relation, user);
  }
}

absl::Status Ask(Oid relation, Operation operation) {
  if (!OidIsValid(relation)) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const bool may, pg::PgCall([&] {
                        return HasPrivilege(relation, operation);
                      }));
  if (!may) return absl::OkStatus();
  return AdmitRelation(relation, {operation});
}

absl::StatusOr<bool> WasClustered(Oid table) {
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE"
                " i.indisclustered AND (i.indrelid = $1::pg_catalog.oid"
                " OR i.indrelid IN (SELECT relid FROM"
                " pg_catalog.pg_partition_tree($1::pg_catalog.oid))))",
                {pg::SqlInt(int64_t{table})}));
  return rows.Bool(0, 0).value_or(false);
}

absl::StatusOr<Oid> RelationOf(const RangeVar* name) {
  if (name == nullptr) return InvalidOid;
  return pg::PgCall([&] { return RangeVarGetRelid(name, NoLock, true); });
}

absl::Status AskName(const RangeVar* name, Operation operation) {
  RV_ASSIGN_OR_RETURN(const Oid relation, RelationOf(name));
  return Ask(relation, operation);
}

// The table of an index name; the relation itself for anything else.
absl::Status AskIndexOrTable(const RangeVar* name, Operation operation) {
  RV_ASSIGN_OR_RETURN(Oid relation, RelationOf(name));
  if (!OidIsValid(relation)) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(relation, pg::PgCall([&] {
                        const char kind = get_rel_relkind(relation);
                        return kind == RELKIND_INDEX ||
                                       kind == RELKIND_PARTITIONED_INDEX
                                   ? IndexGetRelation(relation, true)
                                   : relation;
                      }));
  return Ask(relation, operation);
}

// Every enrolled table that the user may do it to.
absl::Status AskAll(Operation operation) {
  RV_ASSIGN_OR_RETURN(const List* tables, EnrolledTables());
  const ListCell* cell;
  foreach (cell, tables) {
    RV_RETURN_IF_ERROR(Ask(lfirst_oid(cell), operation));
  }
  return absl::OkStatus();
}

// Of those, the ones that were clustered before.
absl::Status AskClustered(Operation operation) {
  RV_ASSIGN_OR_RETURN(const List* tables, EnrolledTables());
  const ListCell* cell;
  foreach (cell, tables) {
    const Oid table = lfirst_oid(cell);
    RV_ASSIGN_OR_RETURN(const bool clustered, WasClustered(table));
    if (clustered) RV_RETURN_IF_ERROR(Ask(table, operation));
  }
  return absl::OkStatus();
}

// The owner of the database or of the schema needs no privilege for a table.
absl::Status AskDatabase(Operation operation) {
  RV_ASSIGN_OR_RETURN(const bool may, pg::PgCall([] {
                        return RV_OWNS_DATABASE(MyDatabaseId, GetUserId()) ||
                               RV_MAINTAINS_ALL(GetUserId());
                      }));
  if (!may) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const List* tables, EnrolledTables());
  const ListCell* cell;
  foreach (cell, tables) {
    RV_RETURN_IF_ERROR(AdmitRelation(lfirst_oid(cell), {operation}));
  }
  return absl::OkStatus();
}

// Whether the table, or a partition of it, is in the schema. Catalog access:
// may raise.
bool ReachesInto(Oid table, Oid schema) {
  if (get_rel_namespace(table) == InvalidOid) return false;  // it is gone
  List* parts = find_all_inheritors(table, NoLock, nullptr);
  bool found = false;
  const ListCell* cell;
  foreach (cell, parts) {
    found = found || get_rel_namespace(lfirst_oid(cell)) == schema;
  }
  list_free(parts);
  return found;
}

absl::Status AskSchema(const char* name, Operation operation) {
  Oid schema = InvalidOid;
  RV_ASSIGN_OR_RETURN(const bool may, pg::PgCall([&] {
                        schema = get_namespace_oid(name, true);
                        return OidIsValid(schema) &&
                               (RV_OWNS_SCHEMA(schema, GetUserId()) ||
                                RV_MAINTAINS_ALL(GetUserId()));
                      }));
  if (!may) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const List* tables, EnrolledTables());
  const ListCell* cell;
  foreach (cell, tables) {
    const Oid table = lfirst_oid(cell);
    RV_ASSIGN_OR_RETURN(const bool concerned,
                        pg::PgCall([&] { return ReachesInto(table, schema); }));
    if (concerned) RV_RETURN_IF_ERROR(AdmitRelation(table, {operation}));
  }
  return absl::OkStatus();
}

bool IsFullVacuum(const VacuumStmt& statement) {
  if (!statement.is_vacuumcmd) return false;
  const ListCell* cell;
  foreach (cell, statement.options) {
    auto* option = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(option->defname, "full") != 0) continue;
    // As defGetBoolean reads it, without its errors: those are VACUUM's.
    if (option->arg == nullptr) return true;
    if (IsA(option->arg, Integer)) return intVal(option->arg) != 0;
    if (IsA(option->arg, Boolean)) return boolVal(option->arg);
    if (IsA(option->arg, String)) {
      const char* text = strVal(option->arg);
      return pg_strcasecmp(text, "true") == 0 || pg_strcasecmp(text, "on") == 0;
    }
  }
  return false;
}

absl::Status GateVacuum(const VacuumStmt& statement) {
  if (!IsFullVacuum(statement)) return absl::OkStatus();
  if (statement.rels == NIL) return AskAll(Operation::kCompression);
  const ListCell* cell;
  foreach (cell, statement.rels) {
    const auto* target = static_cast<const VacuumRelation*>(lfirst(cell));
    RV_RETURN_IF_ERROR(
        OidIsValid(target->oid)
            ? Ask(target->oid, Operation::kCompression)
            : AskName(target->relation, Operation::kCompression));
  }
  return absl::OkStatus();
}

absl::Status GateReindex(const ReindexStmt& statement) {
  switch (statement.kind) {
    case REINDEX_OBJECT_INDEX:
    case REINDEX_OBJECT_TABLE:
      return AskIndexOrTable(statement.relation, Operation::kIndexBuild);
    case REINDEX_OBJECT_SCHEMA:
      return AskSchema(statement.name, Operation::kIndexBuild);
    case REINDEX_OBJECT_DATABASE:
      return AskDatabase(Operation::kIndexBuild);
    default:
      return absl::OkStatus();  // the catalogs
  }
}

// All tables that TRUNCATE will empty: those named, their partitions, and with
// CASCADE what refers to them, in turn. Catalog access: may raise.
List* Truncated(List* named, bool cascade) {
  List* all = NIL;
  for (List* fresh = named; fresh != NIL;) {
    const ListCell* cell;
    foreach (cell, fresh) {
      all = list_concat_unique_oid(
          all, find_all_inheritors(lfirst_oid(cell), NoLock, nullptr));
    }
    fresh = cascade ? heap_truncate_find_FKs(all) : NIL;
  }
  return all;
}

absl::Status GateTruncate(const TruncateStmt& statement) {
  List* named = NIL;
  const ListCell* cell;
  foreach (cell, statement.relations) {
    RV_ASSIGN_OR_RETURN(const Oid relation,
                        RelationOf(static_cast<const RangeVar*>(lfirst(cell))));
    if (!OidIsValid(relation)) continue;
    RV_ASSIGN_OR_RETURN(
        named, pg::PgCall([&] { return lappend_oid(named, relation); }));
  }
  RV_ASSIGN_OR_RETURN(const List* all, pg::PgCall([&] {
                        return Truncated(named,
                                         statement.behavior == DROP_CASCADE);
                      }));
  foreach (cell, all) {
    RV_RETURN_IF_ERROR(Ask(lfirst_oid(cell), Operation::kTruncate));
  }
  return absl::OkStatus();
}

// What writes the table anew is asked for when PostgreSQL has decided that it
// does (GateRewrite); here is the rest that takes long.
absl::Status GateAlterTable(const AlterTableStmt& statement) {
  if (MovesTable(statement)) {
    RV_RETURN_IF_ERROR(
        AskIndexOrTable(statement.relation, Operation::kTableRewrite));
  }
  if (statement.objtype == OBJECT_INDEX) return absl::OkStatus();
  // Its rows come in with it, and an index is built for every one that the
  // table has.
  if (AttachesPartition(statement)) {
    RV_RETURN_IF_ERROR(AskName(statement.relation, Operation::kBulkInsert));
    return AskName(statement.relation, Operation::kIndexBuild);
  }
  if (!AddsIndex(statement)) return absl::OkStatus();
  return AskName(statement.relation, Operation::kIndexBuild);
}

}  // namespace

absl::Status GateUtility(const PlannedStmt& statement) {
  if (!IsGated()) return absl::OkStatus();
  const Node* parse = statement.utilityStmt;
  switch (nodeTag(parse)) {
    case T_CopyStmt: {
      const auto* copy = reinterpret_cast<const CopyStmt*>(parse);
      if (!copy->is_from) return absl::OkStatus();
      return AskName(copy->relation, Operation::kBulkInsert);
    }
    case T_TruncateStmt:
      return GateTruncate(*reinterpret_cast<const TruncateStmt*>(parse));
    case T_IndexStmt:
      return AskName(reinterpret_cast<const IndexStmt*>(parse)->relation,
                     Operation::kIndexBuild);
    case T_ReindexStmt:
      return GateReindex(*reinterpret_cast<const ReindexStmt*>(parse));
    case T_VacuumStmt:
      return GateVacuum(*reinterpret_cast<const VacuumStmt*>(parse));
    case T_ClusterStmt: {
      const auto* cluster = reinterpret_cast<const ClusterStmt*>(parse);
      if (cluster->relation == nullptr) {
        return AskClustered(Operation::kCompression);
      }
      return AskName(cluster->relation, Operation::kCompression);
    }
    case T_AlterTableStmt:
      return GateAlterTable(*reinterpret_cast<const AlterTableStmt*>(parse));
    default:
      return absl::OkStatus();
  }
}

}  // namespace ruvector::integrity

// Event trigger on table_rewrite.
RV_SQL_FUNCTION(ruvector_on_table_rewrite) {
  using namespace ruvector;
  if (!CALLED_AS_EVENT_TRIGGER(fcinfo)) {
    return pg::PgError(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
                       "on_table_rewrite() was not called as an event trigger");
  }
  RV_ASSIGN_OR_RETURN(const Oid relation, pg::PgCall([] {
                        return DatumGetObjectId(OidFunctionCall0(
                            F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));
                      }));
  RV_RETURN_IF_ERROR(integrity::GateRewrite(relation));
  return pg::SqlNull(fcinfo);
}
