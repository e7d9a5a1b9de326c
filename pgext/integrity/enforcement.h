// The gate in the way of statements: executor and utility hooks.
// [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_
#define RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_

#include "absl/status/status.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
}

namespace ruvector::integrity {

// Before the executor starts: DML and vector searches on enrolled tables ask
// the gate. Must be cheap where nothing is enrolled.
absl::Status GateStatement(const QueryDesc& query);

// After it started: counts searches in flight, and watches DELETEs, whose size
// only shows as they run. An INSERT that was let in runs to its end.
absl::Status WatchStatement(QueryDesc& query);

// Before a utility command: COPY FROM, TRUNCATE, CREATE INDEX, REINDEX, VACUUM
// FULL, CLUSTER, a rewriting ALTER TABLE. Before any lock is taken.
absl::Status GateUtility(const PlannedStmt& statement);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_
