#include "pgext/integrity/enforcement.h"

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/classify.h"
#include "pgext/integrity/local_slots.h"
#include "pgext/integrity/stored_gate.h"
extern "C" {
#include "access/parallel.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace ruvector::integrity {
namespace {

using gate::Operation;

absl::StatusOr<Slots> SlotsOf(Oid relation) {
  return pg::PgCall([&] {
    Slots slots;
    for (const int slot : SlotsOfRelation(relation)) {
      if (slots.count < Slots::kMax) slots.index[slots.count++] = slot;
    }
    return slots;
  });
}

absl::Status AdmitRelation(Oid relation, const Request& request) {
  if (!SlotsSpeak()) {
    RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
    if (!SlotsSpeak()) return AdmitByTables(relation, request);
  }
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
  for (int i = 0; i < slots.count; ++i) {
    RV_RETURN_IF_ERROR(Admit(slots.index[i], request));
  }
  return absl::OkStatus();
}

absl::Status AdmitMerge(Oid relation, const ModifyTable& node) {
  bool wanted[3] = {false, false, false};
  const ListCell* lists;
  foreach (lists, node.mergeActionLists) {
    const ListCell* cell;
    foreach (cell, static_cast<const List*>(lfirst(lists))) {
      switch (static_cast<const MergeAction*>(lfirst(cell))->commandType) {
        case CMD_INSERT:
          wanted[0] = true;
          break;
        case CMD_UPDATE:
          wanted[1] = true;
          break;
        case CMD_DELETE:
          wanted[2] = true;
          break;
        default:
          break;
      }
    }
  }
  constexpr Operation kOperations[3] = {Operation::kBulkInsert,
                                        Operation::kUpdate, Operation::kDelete};
  for (int w = 0; w < 3; ++w) {
    if (!wanted[w]) continue;
    RV_RETURN_IF_ERROR(AdmitRelation(relation, {kOperations[w], 0, true}));
  }
  return absl::OkStatus();
}

absl::Status GateModifyTable(const PlannedStmt& statement,
                             const ModifyTable& node) {
  Request request{Operation::kInsert, 0, true};
  switch (node.operation) {
    case CMD_INSERT: {
      const DmlShape shape = ShapeOfInsert(node);
      request.operation = shape.operation;
      request.rows = shape.rows;
      break;
    }
    case CMD_UPDATE:
      request.operation = Operation::kUpdate;
      break;
    case CMD_DELETE:
      request.operation = Operation::kDelete;
      break;
    default:
      break;
  }
  const Index root =
      node.rootRelation != 0 ? node.rootRelation : node.nominalRelation;
  const Oid relation = rt_fetch(root, statement.rtable)->relid;
  if (node.operation == CMD_MERGE) return AdmitMerge(relation, node);
  return AdmitRelation(relation, request);
}

// The ModifyTable nodes: the top of the plan, and those of data-modifying
// CTEs, which are subplans.
absl::Status GateModification(const PlannedStmt& statement) {
  if (statement.planTree != nullptr && IsA(statement.planTree, ModifyTable)) {
    RV_RETURN_IF_ERROR(GateModifyTable(
        statement, *reinterpret_cast<const ModifyTable*>(statement.planTree)));
  }
  if (!statement.hasModifyingCTE) return absl::OkStatus();
  const ListCell* cell;
  foreach (cell, statement.subplans) {
    const auto* plan = static_cast<const Plan*>(lfirst(cell));
    if (plan == nullptr || !IsA(plan, ModifyTable)) continue;
    RV_RETURN_IF_ERROR(GateModifyTable(
        statement, *reinterpret_cast<const ModifyTable*>(plan)));
  }
  return absl::OkStatus();
}

// The distinct slots of the tables that a statement reads.
absl::StatusOr<Slots> SlotsRead(const PlannedStmt& statement) {
  Slots found;
  const ListCell* cell;
  foreach (cell, statement.rtable) {
    const auto* entry = static_cast<const RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind != RTE_RELATION) continue;
    RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(entry->relid));
    for (int i = 0; i < slots.count && found.count < Slots::kMax; ++i) {
      bool known = false;
      for (int k = 0; k < found.count; ++k) {
        known = known || found.index[k] == slots.index[i];
      }
      if (!known) found.index[found.count++] = slots.index[i];
    }
  }
  return found;
}

absl::StatusOr<Slots> SlotsSearched(const PlannedStmt& statement) {
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsRead(statement));
  if (slots.count == 0) return slots;
  RV_ASSIGN_OR_RETURN(const bool search,
                      pg::PgCall([&] { return OrdersByDistance(statement); }));
  return search ? slots : Slots();
}

// A DELETE shows its size only as it runs. Each time it has doubled it asks
// again: a policy may count it as bulk from some size on.
TupleTableSlot* ExecCounted(PlanState* state) {
  EState* estate = state->state;
  const uint64 rows = estate->es_processed;
  if (rows >= 64 && (rows & (rows - 1)) == 0) {
    const Oid relation = RelationGetRelid(
        linitial_node(ResultRelInfo, estate->es_opened_result_relations)
            ->ri_RelationDesc);
    pg::RunOrRaise([&]() -> absl::Status {
      RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
      for (int i = 0; i < slots.count; ++i) {
        RV_RETURN_IF_ERROR(
            Readmit(slots.index[i],
                    {Operation::kDelete, static_cast<int64_t>(rows), true}));
      }
      return absl::OkStatus();
    });
  }
  return state->ExecProcNodeReal(state);
}

bool Gated() {
  return MayBeGated() && !creating_extension && !IsParallelWorker() &&
         MyBackendType != B_BG_WORKER;
}

absl::StatusOr<Oid> RelationOf(const RangeVar* name) {
  if (name == nullptr) return InvalidOid;
  return pg::PgCall([&] { return RangeVarGetRelid(name, NoLock, true); });
}

absl::Status AdmitName(const RangeVar* name, Operation operation) {
  RV_ASSIGN_OR_RETURN(const Oid relation, RelationOf(name));
  if (!OidIsValid(relation)) return absl::OkStatus();
  return AdmitRelation(relation, {operation, 0, false});
}

// The table of an index name; the relation itself for anything else.
absl::Status AdmitIndexOrTable(const RangeVar* name, Operation operation) {
  RV_ASSIGN_OR_RETURN(Oid relation, RelationOf(name));
  if (!OidIsValid(relation)) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(relation, pg::PgCall([&] {
                        const char kind = get_rel_relkind(relation);
                        return kind == RELKIND_INDEX ||
                                       kind == RELKIND_PARTITIONED_INDEX
                                   ? IndexGetRelation(relation, true)
                                   : relation;
                      }));
  if (!OidIsValid(relation)) return absl::OkStatus();
  return AdmitRelation(relation, {operation, 0, false});
}

// Commands over a whole database or schema touch every enrolled table.
absl::Status AdmitEverything(Operation operation) {
  if (!SlotsSpeak()) {
    RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
    if (!SlotsSpeak()) {
      return AdmitByTables(InvalidOid, {operation, 0, false});
    }
  }
  for (int i = 0; i < GateSlotsTotal(); ++i) {
    if (GateSlotAt(i)->database != MyDatabaseId) continue;
    RV_RETURN_IF_ERROR(Admit(i, {operation, 0, false}));
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
  if (statement.rels == NIL) return AdmitEverything(Operation::kCompression);
  const ListCell* cell;
  foreach (cell, statement.rels) {
    const auto* target = static_cast<const VacuumRelation*>(lfirst(cell));
    if (OidIsValid(target->oid)) {
      RV_RETURN_IF_ERROR(
          AdmitRelation(target->oid, {Operation::kCompression, 0, false}));
    } else {
      RV_RETURN_IF_ERROR(AdmitName(target->relation, Operation::kCompression));
    }
  }
  return absl::OkStatus();
}

absl::Status GateReindex(const ReindexStmt& statement) {
  switch (statement.kind) {
    case REINDEX_OBJECT_INDEX:
    case REINDEX_OBJECT_TABLE:
      return AdmitIndexOrTable(statement.relation, Operation::kIndexBuild);
    default:
      return AdmitEverything(Operation::kIndexBuild);
  }
}

absl::Status GateTruncate(const TruncateStmt& statement) {
  const ListCell* cell;
  foreach (cell, statement.relations) {
    RV_RETURN_IF_ERROR(AdmitName(static_cast<const RangeVar*>(lfirst(cell)),
                                 Operation::kTruncate));
  }
  return absl::OkStatus();
}

}  // namespace

bool MayBeGated() { return !SlotsSpeak() || AnyLocalSlot(); }

absl::StatusOr<Slots> GateStatement(const QueryDesc& query) {
  if (!Gated()) return Slots();
  if (!SlotsSpeak()) RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
  const PlannedStmt& statement = *query.plannedstmt;
  if (statement.resultRelations != NIL) {
    RV_RETURN_IF_ERROR(GateModification(statement));
  }
  if (statement.commandType != CMD_SELECT) return Slots();
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsSearched(statement));
  for (int i = 0; i < slots.count; ++i) {
    RV_RETURN_IF_ERROR(Admit(slots.index[i], {Operation::kSearch, 0, true}));
  }
  return slots;
}

absl::Status WatchStatement(QueryDesc& query, const Slots& searched) {
  for (int i = 0; i < searched.count; ++i) {
    RV_RETURN_IF_ERROR(EnterInFlight(searched.index[i], Operation::kSearch,
                                     query.estate->es_query_cxt));
  }
  PlanState* top = query.planstate;
  if (Gated() && query.plannedstmt->commandType == CMD_DELETE &&
      IsA(top, ModifyTableState) && outerPlanState(top) != nullptr) {
    outerPlanState(top)->ExecProcNode = ExecCounted;
  }
  return absl::OkStatus();
}

absl::Status GateUtility(const PlannedStmt& statement) {
  if (!Gated()) return absl::OkStatus();
  const Node* parse = statement.utilityStmt;
  switch (nodeTag(parse)) {
    case T_CopyStmt: {
      const auto* copy = reinterpret_cast<const CopyStmt*>(parse);
      if (!copy->is_from) return absl::OkStatus();
      return AdmitName(copy->relation, Operation::kBulkInsert);
    }
    case T_TruncateStmt:
      return GateTruncate(*reinterpret_cast<const TruncateStmt*>(parse));
    case T_IndexStmt:
      return AdmitName(reinterpret_cast<const IndexStmt*>(parse)->relation,
                       Operation::kIndexBuild);
    case T_ReindexStmt:
      return GateReindex(*reinterpret_cast<const ReindexStmt*>(parse));
    case T_VacuumStmt:
      return GateVacuum(*reinterpret_cast<const VacuumStmt*>(parse));
    case T_ClusterStmt: {
      const auto* cluster = reinterpret_cast<const ClusterStmt*>(parse);
      if (cluster->relation == nullptr) {
        return AdmitEverything(Operation::kCompression);
      }
      return AdmitName(cluster->relation, Operation::kCompression);
    }
    case T_AlterTableStmt: {
      const auto* alter = reinterpret_cast<const AlterTableStmt*>(parse);
      if (alter->objtype != OBJECT_TABLE || !RewritesTable(*alter)) {
        return absl::OkStatus();
      }
      return AdmitName(alter->relation, Operation::kTableRewrite);
    }
    default:
      return absl::OkStatus();
  }
}

}  // namespace ruvector::integrity
