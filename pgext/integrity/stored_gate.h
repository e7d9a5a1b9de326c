// The gate's answer from the tables, where no slot has it: a server that has
// just started, until the database's worker has published; collections for
// which there is no slot (ruvector.max_collections); a library that is not
// preloaded. [backend-main] Needs a transaction.
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
extern "C" {
#include "access/attnum.h"
#include "nodes/pg_list.h"
}

namespace ruvector::integrity {

// NotFound (42704) for a name that is not enrolled.
absl::StatusOr<gate::Decision> StoredDecision(const std::string& collection,
                                              gate::Operation operation,
                                              int64_t rows);

// Who answers for the collections of this database.
enum class Voice {
  kSlots,   // all have one, or the database does not have the extension
  kBoth,    // the tables for those without a slot
  kTables,  // its worker has not published yet
};

// Whether it is the slots alone, as far as this backend knows. Two compares.
bool SlotsSpeak();

// Looks it up where SlotsSpeak() says no, in shared memory and the catalog; the
// latter may fail.
absl::StatusOr<Voice> WhoSpeaks();

// As Admit, for the collections whose rows `relation` shares; where `column` is
// not 0, for those alone whose column it is. With kBoth, for those without a
// slot.
absl::Status AdmitByTables(Voice voice, Oid relation, AttrNumber column,
                           const Request& request);

// The enrolled tables of this database, by OID, some of them perhaps gone.
absl::StatusOr<List*> StoredTables();

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_STORED_GATE_H_
