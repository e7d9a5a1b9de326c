// From a relation to the collections whose gate a statement on it must pass.
// [backend-main] Needs a transaction.
#ifndef RUVECTOR_PGEXT_INTEGRITY_RELATION_GATE_H_
#define RUVECTOR_PGEXT_INTEGRITY_RELATION_GATE_H_

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"
#include "pgext/integrity/admission.h"
extern "C" {
#include "access/attnum.h"
#include "nodes/pg_list.h"
}

namespace ruvector::integrity {

// Whether anything in this database may be gated: false for good where
// nothing is enrolled. A few compares.
bool MayBeGated();

// MayBeGated, and this process is not exempt: autovacuum, replication, parallel
// workers (their leader was asked) and our own workers are; those of other
// extensions are not.
bool IsGated();

// The slots of the collections that share rows with `relation`.
using Slots = absl::InlinedVector<int, 4>;
absl::StatusOr<Slots> SlotsOf(Oid relation);

// Admit for each of them; by the tables where slots do not speak.
absl::Status AdmitRelation(Oid relation, const Request& request);

// The same for the collections alone whose column it is (0: of any column).
// Adds their slots to `admitted`, a list of integers of the current context's.
absl::Status AdmitColumn(Oid relation, AttrNumber column,
                         const Request& request, List*& admitted);

// The enrolled tables of this database, by OID, some of them perhaps gone.
absl::StatusOr<List*> EnrolledTables();

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_RELATION_GATE_H_
