#include "pgext/integrity/bulk_delete.h"

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
}

namespace ruvector::integrity {
namespace {

// One node whose rows are counted. Lives in the statement's memory.
struct Counted {
  PlanState* source;     // what the ModifyTable node draws its rows from
  ExecProcNodeMtd next;  // what the source would run without us
  Oid relation;
  uint64 rows;
  Counted* other;
  MemoryContextCallback gone;
};

Counted* all_counted = nullptr;  // scope: backend, of running statements

void OnStatementGone(void* argument) {
  for (Counted** at = &all_counted; *at != nullptr; at = &(*at)->other) {
    if (*at == argument) {
      *at = (*at)->other;
      return;
    }
  }
}

absl::Status AskAgain(const Counted& counted) {
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(counted.relation));
  for (const int slot : slots) {
    RV_RETURN_IF_ERROR(Readmit(
        slot,
        {gate::Operation::kDelete, static_cast<int64_t>(counted.rows), true}));
  }
  return absl::OkStatus();
}

TupleTableSlot* ExecCounted(PlanState* state) {
  Counted* counted = all_counted;
  while (counted->source != state) counted = counted->other;
  TupleTableSlot* row = counted->next(state);
  // A node's first call replaces the function that it runs from then on.
  if (state->ExecProcNode != ExecCounted) {
    counted->next = state->ExecProcNode;
    state->ExecProcNode = ExecCounted;
  }
  if (TupIsNull(row)) return row;
  const uint64 rows = ++counted->rows;
  if (rows >= 64 && (rows & (rows - 1)) == 0) {
    pg::RunOrRaise([&] { return AskAgain(*counted); });
  }
  return row;
}

absl::Status CountNode(QueryDesc& query, PlanState* node) {
  if (node == nullptr || !IsA(node, ModifyTableState)) return absl::OkStatus();
  auto* modify = castNode(ModifyTableState, node);
  PlanState* source = outerPlanState(node);
  if (modify->operation != CMD_DELETE || source == nullptr) {
    return absl::OkStatus();
  }
  const Oid relation =
      RelationGetRelid(modify->rootResultRelInfo->ri_RelationDesc);
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
  if (slots.empty()) return absl::OkStatus();
  return pg::PgCall([&] {
    auto* counted = static_cast<Counted*>(
        MemoryContextAllocZero(query.estate->es_query_cxt, sizeof(Counted)));
    counted->source = source;
    counted->next = source->ExecProcNode;
    counted->relation = relation;
    counted->other = all_counted;
    counted->gone.func = OnStatementGone;
    counted->gone.arg = counted;
    MemoryContextRegisterResetCallback(query.estate->es_query_cxt,
                                       &counted->gone);
    all_counted = counted;
    source->ExecProcNode = ExecCounted;
  });
}

}  // namespace

absl::Status CountDeletes(QueryDesc& query) {
  RV_RETURN_IF_ERROR(CountNode(query, query.planstate));
  const ListCell* cell;
  foreach (cell, query.estate->es_subplanstates) {
    RV_RETURN_IF_ERROR(CountNode(query, static_cast<PlanState*>(lfirst(cell))));
  }
  return absl::OkStatus();
}

}  // namespace ruvector::integrity
