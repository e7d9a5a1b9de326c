// A DELETE shows its size only as it runs: each time it has doubled it asks the
// gate again, since a policy may count it as bulk from some size on.
// [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_BULK_DELETE_H_
#define RUVECTOR_PGEXT_INTEGRITY_BULK_DELETE_H_

#include "absl/status/status.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "executor/execdesc.h"
}

namespace ruvector::integrity {

// After the executor started: counts the rows of each DELETE on an enrolled
// table, also of those in CTEs, until the statement's memory goes.
absl::Status CountDeletes(QueryDesc& query);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_BULK_DELETE_H_
