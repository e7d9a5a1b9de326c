#include "pgext/caliber/heap/read.h"

#include <cstring>

#include "core/memory/ttl.h"
extern "C" {
#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace ruvector::caliber {
namespace {

// What is stored must be searched with the index's own collation and the
// opclass's own equality.
void InitKey(ScanKey key, Relation index, int position, Datum value) {
  const Oid family = index->rd_opfamily[position];
  const Oid type = index->rd_opcintype[position];
  const Oid equality =
      get_opfamily_member(family, type, type, BTEqualStrategyNumber);
  ScanKeyEntryInitialize(
      key, 0, static_cast<AttrNumber>(position + 1), BTEqualStrategyNumber,
      type, index->rd_indcollation[position], get_opcode(equality), value);
}

// A sink's own memory, so that a long list needs that of one row.
struct SinkCall {
  RowSink sink;
  void* context;
  MemoryContext memory;

  void operator()(const Row& row) const {
    MemoryContext before = MemoryContextSwitchTo(memory);
    sink(context, row);
    MemoryContextSwitchTo(before);
    MemoryContextReset(memory);
  }
};

SinkCall BeginSink(RowSink sink, void* context) {
  return {sink, context,
          AllocSetContextCreate(CurrentMemoryContext, "ruvector caliber row",
                                ALLOCSET_DEFAULT_SIZES)};
}

bool TextIsOneOf(Datum value, const char* const* words) {
  const text* stored = DatumGetTextPP(value);
  const size_t size = VARSIZE_ANY_EXHDR(stored);
  for (int i = 0; i < 4 && words[i] != nullptr; ++i) {
    if (std::strlen(words[i]) == size &&
        std::memcmp(words[i], VARDATA_ANY(stored), size) == 0) {
      return true;
    }
  }
  return false;
}

bool NotExpired(const Condition& condition, const Row& row) {
  if (row.nulls[condition.column] || row.nulls[condition.other]) return true;
  const text* stored = DatumGetTextPP(row.values[condition.column]);
  const auto ttl =
      memory::ParseTtl({VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)});
  return !ttl.has_value() ||
         !memory::IsExpired(*ttl,
                            DatumGetTimestampTz(row.values[condition.other]),
                            condition.now_us);
}

bool Equal(memory::ColumnType type, Datum a, Datum b) {
  switch (type) {
    case memory::ColumnType::kUuid:
      return std::memcmp(DatumGetPointer(a), DatumGetPointer(b), 16) == 0;
    case memory::ColumnType::kText:
      return DatumGetBool(
          DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID, a, b));
    case memory::ColumnType::kInt:
      return DatumGetInt32(a) == DatumGetInt32(b);
    case memory::ColumnType::kBool:
      return DatumGetBool(a) == DatumGetBool(b);
    case memory::ColumnType::kTime:
      return DatumGetTimestampTz(a) == DatumGetTimestampTz(b);
    default:
      return false;
  }
}

}  // namespace

bool FetchByIndexUnsafe(Relation relation, Relation index, Datum value,
                        TupleTableSlot* slot) {
  IndexScanDesc scan =
      index_beginscan(relation, index, GetActiveSnapshot(), 1, 0);
  ScanKeyData key;
  InitKey(&key, index, 0, value);
  index_rescan(scan, &key, 1, nullptr, 0);
  const bool found = index_getnext_slot(scan, ForwardScanDirection, slot);
  // The slot keeps its pin; the scan may go.
  index_endscan(scan);
  return found;
}

bool FetchUnsafe(Relation relation, const TableEntry& entry, Datum id,
                 TupleTableSlot* slot) {
  Relation index = index_open(entry.primary_key, AccessShareLock);
  const bool found = FetchByIndexUnsafe(relation, index, id, slot);
  index_close(index, NoLock);
  return found;
}

void ExtractUnsafe(const TableEntry& entry, TupleTableSlot* slot, Row* row) {
  slot_getallattrs(slot);
  const int columns =
      static_cast<int>(memory::SpecOf(entry.entity).columns.size());
  for (int i = 0; i < columns; ++i) {
    const AttrNumber attribute = entry.attributes[i];
    row->nulls[i] = attribute == 0 || slot->tts_isnull[attribute - 1];
    row->values[i] = row->nulls[i] ? Datum{0} : slot->tts_values[attribute - 1];
  }
}

bool HoldsUnsafe(memory::Entity entity, const Condition& condition,
                 const Row& row) {
  const int column = condition.column;
  switch (condition.kind) {
    case Condition::Kind::kOneOf:
      return !row.nulls[column] &&
             TextIsOneOf(row.values[column], condition.words);
    case Condition::Kind::kEquals:
      return !row.nulls[column] &&
             Equal(memory::SpecOf(entity).columns[column].type,
                   row.values[column], condition.value);
    case Condition::Kind::kIsNull:
      return row.nulls[column];
    case Condition::Kind::kIsTrue:
      return !row.nulls[column] && DatumGetBool(row.values[column]);
    case Condition::Kind::kNotExpired:
      return NotExpired(condition, row);
  }
  return false;
}

bool HoldAllUnsafe(memory::Entity entity, const Condition* conditions,
                   int count, const Row& row) {
  for (int i = 0; i < count; ++i) {
    if (!HoldsUnsafe(entity, conditions[i], row)) return false;
  }
  return true;
}

void ListUnsafe(Relation relation, const TableEntry& entry,
                const IndexEntry& index_entry, const ListRequest& request,
                RowSink sink, void* context) {
  if (request.limit == 0) return;
  const SinkCall call = BeginSink(sink, context);
  TupleTableSlot* slot = table_slot_create(relation, nullptr);
  Relation index = index_open(index_entry.oid, AccessShareLock);
  IndexScanDesc scan = index_beginscan(relation, index, GetActiveSnapshot(),
                                       request.filter_count, 0);
  ScanKeyData keys[ListRequest::kMaxFilters];
  for (int i = 0; i < request.filter_count; ++i) {
    InitKey(&keys[i], index, i, request.keys[i]);
  }
  index_rescan(scan, keys, request.filter_count, nullptr, 0);
  const ScanDirection direction =
      request.descending ? BackwardScanDirection : ForwardScanDirection;
  int64_t seen = 0;
  while (index_getnext_slot(scan, direction, slot)) {
    CHECK_FOR_INTERRUPTS();
    Row row;
    ExtractUnsafe(entry, slot, &row);
    if (!HoldAllUnsafe(entry.entity, request.conditions,
                       request.condition_count, row)) {
      continue;
    }
    if (++seen <= request.offset) continue;
    call(row);
    if (request.limit >= 0 && seen >= request.offset + request.limit) break;
  }
  index_endscan(scan);
  index_close(index, NoLock);
  ExecDropSingleTupleTableSlot(slot);
}

void FetchManyUnsafe(Relation relation, const TableEntry& entry,
                     const Datum* ids, int count, RowSink sink, void* context) {
  const SinkCall call = BeginSink(sink, context);
  TupleTableSlot* slot = table_slot_create(relation, nullptr);
  Relation index = index_open(entry.primary_key, AccessShareLock);
  IndexScanDesc scan =
      index_beginscan(relation, index, GetActiveSnapshot(), 1, 0);
  ScanKeyData key;
  InitKey(&key, index, 0, Datum{0});
  for (int i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    key.sk_argument = ids[i];
    index_rescan(scan, &key, 1, nullptr, 0);
    if (!index_getnext_slot(scan, ForwardScanDirection, slot)) continue;
    Row row;
    ExtractUnsafe(entry, slot, &row);
    call(row);
  }
  index_endscan(scan);
  index_close(index, NoLock);
  ExecDropSingleTupleTableSlot(slot);
}

}  // namespace ruvector::caliber
