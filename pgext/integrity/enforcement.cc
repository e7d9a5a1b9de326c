#include "pgext/integrity/enforcement.h"

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/healing/recall/capture.h"
#include "pgext/healing/recall/query_reservoir.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/bulk_delete.h"
#include "pgext/integrity/classify.h"
#include "pgext/integrity/relation_gate.h"
#include "pgext/integrity/stored_gate.h"
extern "C" {
#include "parser/parsetree.h"
}

namespace ruvector::integrity {
namespace {

using gate::Operation;

Request RequestOf(const PlannedStmt& statement, Operation operation,
                  int64_t rows = 0) {
  Request request{operation, rows, true};
  request.statement = &statement;
  return request;
}

absl::Status GateMerge(const PlannedStmt& statement, Oid relation,
                       const ModifyTable& node) {
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
    RV_RETURN_IF_ERROR(
        AdmitRelation(relation, RequestOf(statement, kOperations[w])));
  }
  return absl::OkStatus();
}

absl::Status GateInsert(const PlannedStmt& statement, Oid relation,
                        const ModifyTable& node) {
  const DmlShape shape = ShapeOfInsert(node);
  RV_RETURN_IF_ERROR(AdmitRelation(
      relation, RequestOf(statement, shape.operation, shape.rows)));
  if (node.onConflictAction != ONCONFLICT_UPDATE) return absl::OkStatus();
  return AdmitRelation(relation, RequestOf(statement, Operation::kUpdate));
}

absl::Status GateModifyTable(const PlannedStmt& statement,
                             const ModifyTable& node) {
  const Index root =
      node.rootRelation != 0 ? node.rootRelation : node.nominalRelation;
  const Oid relation = rt_fetch(root, statement.rtable)->relid;
  switch (node.operation) {
    case CMD_INSERT:
      return GateInsert(statement, relation, node);
    case CMD_UPDATE:
      return AdmitRelation(relation, RequestOf(statement, Operation::kUpdate));
    case CMD_DELETE:
      return AdmitRelation(relation, RequestOf(statement, Operation::kDelete));
    case CMD_MERGE:
      return GateMerge(statement, relation, node);
    default:
      return absl::OkStatus();
  }
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

// Whether the statement reads a table that may be searched. Cheap: most
// statements are let go here.
absl::StatusOr<bool> ReadsEnrolled(const PlannedStmt& statement) {
  const ListCell* cell;
  foreach (cell, statement.rtable) {
    const auto* entry = static_cast<const RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind != RTE_RELATION ||
        list_member_int(statement.resultRelations,
                        foreach_current_index(cell) + 1)) {
      continue;
    }
    if (!SlotsSpeak()) return true;
    RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(entry->relid));
    if (!slots.empty()) return true;
  }
  return false;
}

// One in many goes into the reservoir of the recall probe.
absl::Status SampleSearch(int slot, const QueryDesc& query,
                          const OpExpr& distance) {
  if (!healing::CountSearch(slot)) return absl::OkStatus();
  return healing::CaptureQuery(slot, GateSlotAt(slot)->collection_id, query,
                               distance);
}

// The slots of the collections that it searches.
absl::StatusOr<List*> GateSearches(const QueryDesc& query) {
  const PlannedStmt& statement = *query.plannedstmt;
  List* searched = NIL;
  RV_ASSIGN_OR_RETURN(const bool reads, ReadsEnrolled(statement));
  if (!reads) return searched;
  RV_ASSIGN_OR_RETURN(const List* columns,
                      pg::PgCall([&] { return SearchedColumns(statement); }));
  const ListCell* cell;
  foreach (cell, columns) {
    const auto* found = static_cast<const SearchedColumn*>(lfirst(cell));
    const int before = list_length(searched);
    RV_RETURN_IF_ERROR(AdmitColumn(found->relation, found->column,
                                   RequestOf(statement, Operation::kSearch),
                                   searched));
    for (int i = before; i < list_length(searched); ++i) {
      RV_RETURN_IF_ERROR(
          SampleSearch(list_nth_int(searched, i), query, *found->distance));
    }
  }
  return searched;
}

}  // namespace

absl::StatusOr<List*> GateStatement(const QueryDesc& query) {
  if (!IsGated()) return NIL;
  RV_RETURN_IF_ERROR(WhoSpeaks().status());
  if (query.plannedstmt->resultRelations != NIL) {
    RV_RETURN_IF_ERROR(GateModification(*query.plannedstmt));
  }
  return GateSearches(query);
}

bool IsWatched(const QueryDesc& query, const List* searched) {
  return searched != NIL || query.operation == CMD_DELETE ||
         query.plannedstmt->hasModifyingCTE;
}

absl::Status WatchStatement(QueryDesc& query, const List* searched) {
  const ListCell* cell;
  foreach (cell, searched) {
    RV_RETURN_IF_ERROR(EnterInFlight(lfirst_int(cell), Operation::kSearch,
                                     query.estate->es_query_cxt));
  }
  if (query.plannedstmt->resultRelations == NIL || !IsGated()) {
    return absl::OkStatus();
  }
  return CountDeletes(query);
}

absl::Status GateRewrite(Oid relation) {
  if (!IsGated()) return absl::OkStatus();
  Request request{Operation::kTableRewrite, 0, true};
  request.may_wait = false;
  return AdmitRelation(relation, request);
}

}  // namespace ruvector::integrity
