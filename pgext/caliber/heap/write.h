// Insert, update and delete with the executor's own machinery, without its
// planner, parser and portals. [backend-main]
//
//   WriteState state;
//   OpenWriteUnsafe(entry, relation, CMD_INSERT, &state);
//   for (...) InsertUnsafe(state, fields);
//   CloseWriteUnsafe(state);     // AFTER triggers, foreign keys
//
// is one statement: its rows see the table as it was when it was opened, and
// what is done is seen afterwards. Constraints, defaults, indexes of every
// kind (partial, expression, deferrable), row triggers, foreign keys, replica
// identity and TOAST are PostgreSQL's; of foreign keys see parents.h. Callers
// have looked at guards.h and pushed a snapshot. All may raise; an ERROR is
// cleaned up by the abort.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_WRITE_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_WRITE_H_

#include "pgext/caliber/heap/parents.h"
#include "pgext/caliber/heap/row.h"
#include "pgext/caliber/heap/table_cache.h"
extern "C" {
#include "executor/executor.h"
}

namespace ruvector::caliber {

enum class Outcome : uint8_t {
  kDone,
  kNotFound,
  kRefused,        // a condition does not hold for the row as it now is
  kSuppressed,     // a BEFORE trigger said so
  kSerialization,  // 40001: changed meanwhile, and the snapshot is fixed
  kSelfModified,   // 27000: changed by what this command has triggered
};

struct WriteState {
  const TableEntry* entry;
  Relation relation;
  EState* estate;
  ResultRelInfo* info;
  EPQState epq;
  TupleTableSlot* slot;   // the new row
  TupleTableSlot* found;  // the row as it was
  ExprState** defaults;   // by attribute number - 1; made when first needed
  // Of an insert: all that it fires are checks of these.
  bool only_parents;
  Parents parents;
  TriggerDesc* triggers;
};

// `changed`: the columns that an update may change, for triggers of columns.
void OpenWriteUnsafe(const TableEntry& entry, Relation relation,
                     CmdType command, const Fields* changed, WriteState* state);
void CloseWriteUnsafe(WriteState& state);

// kDone or kSuppressed.
Outcome InsertUnsafe(WriteState& state, const Fields& fields);

// Waits for whoever changes the row, and looks at the conditions of its last
// version. `old` gets that version, before the change; may be nullptr.
Outcome UpdateUnsafe(WriteState& state, Datum id, const Condition* conditions,
                     int condition_count, const Fields& changes, RowSink old,
                     void* context);
Outcome DeleteUnsafe(WriteState& state, Datum id, const Condition* conditions,
                     int condition_count);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_WRITE_H_
