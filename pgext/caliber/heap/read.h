// Rows by their key or through an index, past the executor. [backend-main]
//
// Callers have looked at guards.h and pushed a snapshot. All may raise.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_READ_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_READ_H_

#include "pgext/caliber/heap/row.h"
#include "pgext/caliber/heap/table_cache.h"
extern "C" {
#include "executor/tuptable.h"
}

namespace ruvector::caliber {

// Fills `slot` (of the table's own kind) with the visible row of that id.
bool FetchUnsafe(Relation relation, const TableEntry& entry, Datum id,
                 TupleTableSlot* slot);

// The same by any unique index on one column, opened by the caller.
bool FetchByIndexUnsafe(Relation relation, Relation index, Datum key,
                        TupleTableSlot* slot);

// The columns of the spec out of a slot; those that the table lacks are NULL.
void ExtractUnsafe(const TableEntry& entry, TupleTableSlot* slot, Row* row);

bool HoldsUnsafe(memory::Entity entity, const Condition& condition,
                 const Row& row);
bool HoldAllUnsafe(memory::Entity entity, const Condition* conditions,
                   int count, const Row& row);

struct ListRequest {
  static constexpr int kMaxFilters = 2;
  memory::Entity entity;
  int filters[kMaxFilters];  // columns
  Datum keys[kMaxFilters];
  int filter_count;
  int order[2];  // columns, after the filters
  int order_count;
  bool descending;  // all of them
  Condition conditions[kMaxConditions];
  int condition_count;
  int64_t limit;  // -1: all
  int64_t offset;
};

// Through `index`, which FindIndex gave for the request.
void ListUnsafe(Relation relation, const TableEntry& entry,
                const IndexEntry& index, const ListRequest& request,
                RowSink sink, void* context);

// The rows of `ids`, which ascend and differ, in one pass over the index.
void FetchManyUnsafe(Relation relation, const TableEntry& entry,
                     const Datum* ids, int count, RowSink sink, void* context);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_READ_H_
