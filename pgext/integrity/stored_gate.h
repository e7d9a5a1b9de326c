// The gate's answer from the tables, where no slot has it yet: a server that
// has just started, until the database's worker has published; a library that
// is not preloaded. [backend-main] Needs a transaction.
//
// What was stored last holds meanwhile (design 4). There are no token buckets
// and no counters without slots: what would be throttled passes, what would
// wait is refused.
#ifndef RUVECTOR_PGEXT_INTEGRITY_STORED_GATE_H_
#define RUVECTOR_PGEXT_INTEGRITY_STORED_GATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/gate/decision.h"
#include "pgext/bridge/pg.h"
#include "pgext/integrity/admission.h"

namespace ruvector::integrity {

// NotFound (42704) for a name that is not enrolled.
absl::StatusOr<gate::Decision> StoredDecision(const std::string& collection,
                                              gate::Operation operation,
                                              int64_t rows);

// Whether the slots speak for every collection of this database: its worker
// has published them, or it does not have the extension. Once true in a
// backend it stays true. One compare then; before, a look at the catalog,
// which may fail.
bool SlotsSpeak();
absl::Status FindOutWhetherSlotsSpeak();

// As Admit, for the collections whose rows `relation` shares (InvalidOid: for
// all). Only where slots do not speak yet.
absl::Status AdmitByTables(Oid relation, const Request& request);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_STORED_GATE_H_
