// The gate in the way of statements: executor and utility hooks.
// [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_
#define RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
}

namespace ruvector::integrity {

// Before the executor starts: DML and vector searches on enrolled tables ask
// the gate. The slots of the collections that the statement searches.
// A list of integers, of the current context's memory.
absl::StatusOr<List*> GateStatement(const QueryDesc& query);

// Whether it has to be watched as it runs.
bool IsWatched(const QueryDesc& query, const List* searched);

// After it started, where IsWatched: counts the searches in flight, and watches
// DELETEs, whose size only shows as they run. An INSERT that was let in runs to
// its end.
absl::Status WatchStatement(QueryDesc& query, const List* searched);

// When PostgreSQL is about to write a table anew for an ALTER TABLE; from the
// event trigger. The lock is held: who would have to wait is refused.
absl::Status GateRewrite(Oid relation);

// Before a utility command: COPY FROM, TRUNCATE, CREATE INDEX, REINDEX, VACUUM
// FULL, CLUSTER, and of ALTER TABLE what builds an index or moves the table.
// Before any lock is taken. Who lacks the privilege for the command is left to
// the command's own error.
absl::Status GateUtility(const PlannedStmt& statement);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_
