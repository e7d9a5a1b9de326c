#include "pgext/caliber/heap/write.h"

#include <cstring>

#include "pgext/bridge/pg_compat.h"
#include "pgext/caliber/heap/read.h"
extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
}

namespace ruvector::caliber {
namespace {

Bitmapset* ChangedAttributes(const TableEntry& entry, const Fields* changed) {
  Bitmapset* attributes = nullptr;
  if (changed == nullptr) return attributes;
  for (int i = 0; i < memory::kMaxColumns; ++i) {
    if (changed->Has(i) && entry.attributes[i] != 0) {
      attributes = bms_add_member(
          attributes, entry.attributes[i] - FirstLowInvalidHeapAttributeNumber);
    }
  }
  return attributes;
}

Datum DefaultUnsafe(WriteState& state, int attribute, bool* is_null) {
  const DefaultValue& value = state.entry->defaults[attribute];
  switch (value.kind) {
    case DefaultValue::Kind::kNone:
      break;
    case DefaultValue::Kind::kConstant:
      *is_null = value.constant_is_null;
      return value.constant;
    case DefaultValue::Kind::kNow:
      *is_null = false;
      return TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    case DefaultValue::Kind::kExpression: {
      ExprState*& expression = state.defaults[attribute];
      if (expression == nullptr) {
        MemoryContext before =
            MemoryContextSwitchTo(state.estate->es_query_cxt);
        expression = ExecPrepareExpr(value.expression, state.estate);
        MemoryContextSwitchTo(before);
      }
      return ExecEvalExpr(expression, GetPerTupleExprContext(state.estate),
                          is_null);
    }
  }
  *is_null = true;
  return Datum{0};
}

void StoreFields(WriteState& state, const Fields& fields) {
  TupleTableSlot* slot = state.slot;
  ExecClearTuple(slot);
  const TableEntry& entry = *state.entry;
  const TupleDesc descriptor = slot->tts_tupleDescriptor;
  bool given[MaxHeapAttributeNumber];
  std::memset(given, 0, sizeof(bool) * descriptor->natts);
  for (int i = 0; i < memory::kMaxColumns; ++i) {
    if (!fields.Has(i) || entry.attributes[i] == 0) continue;
    const int a = entry.attributes[i] - 1;
    given[a] = true;
    slot->tts_isnull[a] = fields.states[i] == Fields::State::kNull;
    slot->tts_values[a] = fields.values[i];
  }
  MemoryContext before =
      MemoryContextSwitchTo(GetPerTupleMemoryContext(state.estate));
  for (int a = 0; a < descriptor->natts; ++a) {
    if (given[a]) continue;
    bool is_null = true;
    slot->tts_values[a] = DefaultUnsafe(state, a, &is_null);
    slot->tts_isnull[a] = is_null;
  }
  MemoryContextSwitchTo(before);
  ItemPointerSetInvalid(&slot->tts_tid);
  ExecStoreVirtualTuple(slot);
}

// Finds the row, waits for it, and locks its last version into state.found.
Outcome LockRow(WriteState& state, Datum id, LockTupleMode mode,
                const Condition* conditions, int condition_count, Row* row) {
  if (!FetchUnsafe(state.relation, *state.entry, id, state.found)) {
    return Outcome::kNotFound;
  }
  ItemPointerData tid = state.found->tts_tid;
  ExecClearTuple(state.found);
  TM_FailureData failure;
  uint8 flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
  if (!IsolationUsesXactSnapshot()) flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
  const TM_Result result = table_tuple_lock(
      state.relation, &tid, state.estate->es_snapshot, state.found,
      state.estate->es_output_cid, mode, LockWaitBlock, flags, &failure);
  switch (result) {
    case TM_Ok:
      break;
    case TM_Deleted:
      return IsolationUsesXactSnapshot() ? Outcome::kSerialization
                                         : Outcome::kNotFound;
    case TM_SelfModified:
      return Outcome::kSelfModified;
    default:
      return Outcome::kSerialization;
  }
  ExtractUnsafe(*state.entry, state.found, row);
  // The version that was waited for may have got another id.
  if (row->nulls[0] || std::memcmp(DatumGetPointer(row->values[0]),
                                   DatumGetPointer(id), 16) != 0) {
    return Outcome::kNotFound;
  }
  return HoldAllUnsafe(state.entry->entity, conditions, condition_count, *row)
             ? Outcome::kDone
             : Outcome::kRefused;
}

}  // namespace

void OpenWriteUnsafe(const TableEntry& entry, Relation relation,
                     CmdType command, const Fields* changed,
                     WriteState* state) {
  state->entry = &entry;
  state->relation = relation;
  EState* estate = CreateExecutorState();
  state->estate = estate;
  MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
  RvInitRangeTable(estate, relation, ChangedAttributes(entry, changed));
  state->info = makeNode(ResultRelInfo);
  InitResultRelInfo(state->info, relation, 1, nullptr, 0);
  // So that triggers find it and do not open the table again.
  estate->es_opened_result_relations =
      lappend(estate->es_opened_result_relations, state->info);
  estate->es_snapshot = GetActiveSnapshot();
  estate->es_output_cid = GetCurrentCommandId(true);
  ExecOpenIndices(state->info, false);
  state->slot =
      ExecAllocTableSlot(&estate->es_tupleTable, RelationGetDescr(relation),
                         table_slot_callbacks(relation));
  state->found = nullptr;
  state->defaults = nullptr;
  state->only_parents = false;
  state->parents.count = 0;
  state->triggers = state->info->ri_TrigDesc;
  if (command == CMD_INSERT) {
    state->only_parents = FindParentsUnsafe(relation, &state->parents);
    state->defaults = static_cast<ExprState**>(
        palloc0(sizeof(ExprState*) * entry.attribute_count));
  } else {
    state->found =
        ExecAllocTableSlot(&estate->es_tupleTable, RelationGetDescr(relation),
                           table_slot_callbacks(relation));
    RvInitEpq(&state->epq, estate);
  }
  MemoryContextSwitchTo(before);
  AfterTriggerBeginQuery();
}

void CloseWriteUnsafe(WriteState& state) {
  EState* estate = state.estate;
  AfterTriggerEndQuery(estate);
  CloseParentsUnsafe(state.parents);
  if (state.found != nullptr) EvalPlanQualEnd(&state.epq);
  ExecResetTupleTable(estate->es_tupleTable, false);
  // Indexes of this table, and tables that triggers had opened.
  ExecCloseResultRelations(estate);
  FreeExecutorState(estate);
  CommandCounterIncrement();
}

Outcome InsertUnsafe(WriteState& state, const Fields& fields) {
  StoreFields(state, fields);
  const bool checked =
      state.only_parents && LockParentsUnsafe(state.parents, state.slot);
  state.info->ri_TrigDesc = checked ? nullptr : state.triggers;
  ExecSimpleRelationInsert(state.info, state.estate, state.slot);
  const bool stored = ItemPointerIsValid(&state.slot->tts_tid);
  ExecClearTuple(state.slot);
  ResetPerTupleExprContext(state.estate);
  return stored ? Outcome::kDone : Outcome::kSuppressed;
}

Outcome UpdateUnsafe(WriteState& state, Datum id, const Condition* conditions,
                     int condition_count, const Fields& changes, RowSink old,
                     void* context) {
  Row row;
  const Outcome locked = LockRow(state, id, LockTupleNoKeyExclusive, conditions,
                                 condition_count, &row);
  if (locked != Outcome::kDone) return locked;
  if (old != nullptr) old(context, row);
  TupleTableSlot* slot = state.slot;
  ExecClearTuple(slot);
  const int attributes = slot->tts_tupleDescriptor->natts;
  std::memcpy(slot->tts_values, state.found->tts_values,
              sizeof(Datum) * attributes);
  std::memcpy(slot->tts_isnull, state.found->tts_isnull,
              sizeof(bool) * attributes);
  for (int i = 0; i < memory::kMaxColumns; ++i) {
    if (!changes.Has(i) || state.entry->attributes[i] == 0) continue;
    const int a = state.entry->attributes[i] - 1;
    if (changes.states[i] == Fields::State::kPlusOne) {
      if (!slot->tts_isnull[a]) {
        slot->tts_values[a] =
            DirectFunctionCall2(int4pl, slot->tts_values[a], Int32GetDatum(1));
      }
      continue;
    }
    slot->tts_isnull[a] = changes.states[i] == Fields::State::kNull;
    slot->tts_values[a] = changes.values[i];
  }
  ItemPointerSetInvalid(&slot->tts_tid);
  ExecStoreVirtualTuple(slot);
  ExecSimpleRelationUpdate(state.info, state.estate, &state.epq, state.found,
                           slot);
  const bool stored = ItemPointerIsValid(&slot->tts_tid);
  ExecClearTuple(slot);
  ExecClearTuple(state.found);
  ResetPerTupleExprContext(state.estate);
  return stored ? Outcome::kDone : Outcome::kSuppressed;
}

Outcome DeleteUnsafe(WriteState& state, Datum id, const Condition* conditions,
                     int condition_count) {
  Row row;
  const Outcome locked =
      LockRow(state, id, LockTupleExclusive, conditions, condition_count, &row);
  if (locked != Outcome::kDone) return locked;
  ExecSimpleRelationDelete(state.info, state.estate, &state.epq, state.found);
  ExecClearTuple(state.found);
  ResetPerTupleExprContext(state.estate);
  return Outcome::kDone;
}

}  // namespace ruvector::caliber
