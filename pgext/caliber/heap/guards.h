// Whether an operation may go past the executor. [backend-main]
//
// The direct path does what the executor does for an ordinary table. Where a
// table or the caller's rights ask for more than that, the same operation is
// done in SQL (sql_path.h) and PostgreSQL itself decides: row-level security,
// column privileges, rules, inheritance, partitions, statement triggers. So a
// guard that says no costs time, never correctness.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_GUARDS_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_GUARDS_H_

#include "pgext/bridge/pg.h"
extern "C" {
#include "nodes/nodes.h"
#include "utils/rel.h"
}

namespace ruvector::caliber {

// nullptr: nothing stands in the way; else what does, for tests and
// EXPLAIN-like output. `command` is CMD_SELECT, CMD_INSERT, CMD_UPDATE or
// CMD_DELETE. The relation is open and locked. May raise.
const char* ObstacleUnsafe(Relation relation, CmdType command);

// Raises 25006 in a read-only transaction and on a standby, 25000 in a parallel
// one. `what` names the function for the message. May raise.
void RequireWritableUnsafe(const char* what);

// A snapshot of its own for an operation: it sees what this transaction has
// done so far, in this statement too, as a statement of a volatile function
// does. Push and pop around the operation; an ERROR pops by itself.
void PushFreshSnapshotUnsafe();
void PopSnapshotUnsafe();

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_GUARDS_H_
