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

// Gate slots, copied: a later look-up may move those of local_slots.h. Plain
// data.
struct Slots {
  static constexpr int kMax = 16;
  int index[kMax];
  int count = 0;
};

// Whether anything in this database may be gated: false for good where
// nothing is enrolled. A few compares.
bool MayBeGated();

// Before the executor starts: DML and vector searches on enrolled tables ask
// the gate. The slots of the collections that the statement searches.
absl::StatusOr<Slots> GateStatement(const QueryDesc& query);

// After it started: counts the searches in flight, and watches DELETEs, whose
// size only shows as they run. An INSERT that was let in runs to its end.
absl::Status WatchStatement(QueryDesc& query, const Slots& searched);

// Before a utility command: COPY FROM, TRUNCATE, CREATE INDEX, REINDEX, VACUUM
// FULL, CLUSTER, a rewriting ALTER TABLE. Before any lock is taken.
absl::Status GateUtility(const PlannedStmt& statement);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_ENFORCEMENT_H_
