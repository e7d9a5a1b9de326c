// Foreign keys of new rows without a trigger for each. [backend-main]
//
// The trigger of a foreign key looks for the parent and locks it FOR KEY SHARE,
// in SQL. Where such triggers are all that an insert into the table fires, the
// same lock is taken here by an index lookup, once for rows with the same
// parent after each other. A parent that is not found so, or not as it should
// be, is left to the trigger: it finds one that has just been committed, and
// its errors are PostgreSQL's own. As for the trigger, the caller needs no
// right on the parent's table.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_PARENTS_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_PARENTS_H_

#include "pgext/bridge/pg.h"
extern "C" {
#include "executor/tuptable.h"
#include "utils/rel.h"
}

namespace ruvector::caliber {

struct ParentKey {
  AttrNumber attribute;  // of the child
  Oid table;
  Oid index;          // of the parent's key
  Relation relation;  // open from the first use on
  Relation index_relation;
  TupleTableSlot* slot;
  bool usable;  // what was opened is of the kind that is looked up here
  bool locked;  // `last` is
  unsigned char last[16];
};

struct Parents {
  static constexpr int kMax = 8;
  int count;
  ParentKey keys[kMax];
};

// False: an insert fires something else too, or a key of another kind.
// `parents` is then not used. May raise.
bool FindParentsUnsafe(Relation relation, Parents* parents);

// Locks the parents of the row in `child`. False: insert it with its triggers.
// May raise.
bool LockParentsUnsafe(Parents& parents, TupleTableSlot* child);

// Locks stay until the transaction ends. May raise.
void CloseParentsUnsafe(Parents& parents);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_PARENTS_H_
