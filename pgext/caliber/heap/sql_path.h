// The same operations as SQL statements, for tables that the direct path
// leaves to PostgreSQL (guards.h). [backend-main]
//
// Statements name everything by its schema, are prepared under search_path =
// pg_catalog, pg_temp, saved per backend, and run under the caller's own
// settings, as triggers expect. Rights are the caller's.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_SQL_PATH_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_SQL_PATH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pgext/caliber/heap/read.h"
#include "pgext/caliber/heap/row.h"
#include "pgext/caliber/heap/write.h"

namespace ruvector::caliber {

// kDone or kSuppressed (no row was stored).
absl::StatusOr<Outcome> SqlInsert(memory::Entity entity, const Fields& fields);
absl::StatusOr<Outcome> SqlUpdate(memory::Entity entity, Datum id,
                                  absl::Span<const Condition> conditions,
                                  const Fields& changes, RowSink old,
                                  void* context);
absl::StatusOr<Outcome> SqlDelete(memory::Entity entity, Datum id,
                                  absl::Span<const Condition> conditions);
absl::StatusOr<bool> SqlGet(memory::Entity entity, Datum id, RowSink sink,
                            void* context);
absl::Status SqlList(const ListRequest& request, RowSink sink, void* context);
// `ids`: a uuid[] Datum.
absl::Status SqlGetMany(memory::Entity entity, Datum ids, RowSink sink,
                        void* context);

// Any statement over $1, $2, ...; a sink gets the first columns of each row.
// `row_columns`: how many. For entity files whose query has no index of the
// kinds that read.h scans.
struct SqlValue {
  Oid type;
  Datum value;
  bool null = false;
};
absl::StatusOr<int64_t> SqlRun(const std::string& statement,
                               absl::Span<const SqlValue> values,
                               int row_columns, RowSink sink, void* context);

// "trajectory_id, name, ..." with NULL for what the table lacks.
absl::StatusOr<std::string> SelectList(memory::Entity entity);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_SQL_PATH_H_
