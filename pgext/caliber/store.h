// The rows of the entities: direct where that is right, SQL where it is not.
// [backend-main]
//
// What every SQL function of CALIBER does to its tables goes through here.
// Each operation is one guarded call (pg_call.h), sees what this transaction
// did before it, also in the same statement, and leaves its own work visible
// to what comes after it. `what` is the function's name, "caliber_note_get()".
//
// Errors: 55000 before caliber_init() and for a table that lacks a column;
// 25006 for a write in a read-only transaction or on a standby; 40001 and
// 27000 as of UPDATE; and PostgreSQL's own for constraints, triggers and
// rights.
#ifndef RUVECTOR_PGEXT_CALIBER_STORE_H_
#define RUVECTOR_PGEXT_CALIBER_STORE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pgext/caliber/heap/read.h"
#include "pgext/caliber/heap/row.h"
#include "pgext/caliber/heap/write.h"
extern "C" {
#include "nodes/nodes.h"
}

namespace ruvector::caliber {

// False: a BEFORE trigger kept the row out.
absl::StatusOr<bool> Create(memory::Entity entity, const char* what,
                            const Fields& fields);

// One statement: its rows get in together or not at all. For each row whether
// it was stored.
absl::StatusOr<std::vector<bool>> CreateMany(memory::Entity entity,
                                             const char* what,
                                             absl::Span<const Fields> rows);

// False: no such row, or none that the caller may see.
absl::StatusOr<bool> Get(memory::Entity entity, Datum id, RowSink sink,
                         void* context);

// Rows of a uuid[] in ascending order of their ids, each once.
absl::Status GetMany(memory::Entity entity, Datum ids, RowSink sink,
                     void* context);

absl::Status Enumerate(const ListRequest& request, RowSink sink, void* context);

// kDone, kNotFound, kRefused or kSuppressed; the others are errors. `old`, if
// any, gets the row before the change.
absl::StatusOr<Outcome> Update(memory::Entity entity, const char* what,
                               Datum id, absl::Span<const Condition> conditions,
                               const Fields& changes, RowSink old = nullptr,
                               void* context = nullptr);
absl::StatusOr<Outcome> Delete(memory::Entity entity, const char* what,
                               Datum id,
                               absl::Span<const Condition> conditions = {});

// What keeps operations of this kind on the table from the direct way, for the
// current user; nullptr: nothing does. `command` as of ObstacleUnsafe. Static.
absl::StatusOr<const char*> Obstacle(memory::Entity entity, CmdType command);

// 55000 with a hint unless caliber_init() has run.
absl::Status RequireInitialised();

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_STORE_H_
