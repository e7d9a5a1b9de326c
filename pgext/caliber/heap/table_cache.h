// What this backend knows of the eleven tables: which attribute is which
// column, how its default is made, which indexes there are. [backend-main]
//
// Names lead to tables, attributes and indexes; their numbers are found once
// and again after every relcache invalidation, so that ALTER TABLE, CREATE
// INDEX, a dump and restore or a column of the user's own change nothing.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_TABLE_CACHE_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_TABLE_CACHE_H_

#include "core/memory/entities.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "nodes/primnodes.h"
#include "utils/rel.h"
}

namespace ruvector::caliber {

struct DefaultValue {
  enum class Kind : uint8_t { kNone, kConstant, kNow, kExpression };
  Kind kind = Kind::kNone;
  Datum constant = 0;
  bool constant_is_null = false;
  // Not planned: the functions that it calls may be replaced meanwhile. Of the
  // entry's memory.
  Expr* expression = nullptr;
};

// A btree index in ascending order, valid, without expressions.
struct IndexEntry {
  static constexpr int kMaxKeys = 5;
  Oid oid;
  int key_count;  // leading keys that are columns of the spec
  int keys[kMaxKeys];
  int only_true;  // the bool column that its predicate is; -1: no predicate
};

struct TableEntry {
  static constexpr int kMaxIndexes = 24;
  memory::Entity entity;
  bool valid;  // false: the table was changed meanwhile
  Oid table;
  Oid primary_key;  // index; invalid without one on the id alone
  int attribute_count;
  AttrNumber attributes[memory::kMaxColumns];  // by column; 0: not there
  DefaultValue* defaults;                      // by attribute number - 1
  IndexEntry indexes[kMaxIndexes];
  int index_count;
  bool has_modifier;  // a column but a vector has a length or precision
  int missing;        // a column that the table must have and lacks; -1: none
  MemoryContext memory;
};

// nullptr: caliber_init() has not run. Valid until the transaction ends, even
// when it is replaced meanwhile. May raise.
const TableEntry* LookupUnsafe(memory::Entity entity);

// The entry and its table, opened with `lock`, which the caller keeps. Both
// are of the same moment. nullptr as above. May raise.
const TableEntry* OpenUnsafe(memory::Entity entity, LOCKMODE lock,
                             Relation* relation);

// The OID of caliber.<entity>; invalid when there is none. May raise.
Oid RowTypeUnsafe(memory::Entity entity);

// The OID of pgvector's type, found through the row type. May raise.
Oid TypeOfUnsafe(memory::ColumnType type);

// An index that finds rows by equality of `filter` and gives them in the order
// of `order` (columns); nullptr for none. `is_true`: a bool column that all
// wanted rows have true, -1 for none.
const IndexEntry* FindIndex(const TableEntry& entry, const int* filter,
                            int filter_count, const int* order, int order_count,
                            int is_true);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_TABLE_CACHE_H_
