// The senses one by one, in the order in which Observe() calls them: tables
// first, because it finds what the others look at. [backend-main]
//
// Each fills its part of pass.observation(). A failed Status means that the
// sensor as a whole could not work; Observe() runs each under Attempt() and
// records it. Failures of one object are kept with the object.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSE_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSE_H_

#include "absl/status/status.h"
#include "pgext/integrity/sensors/pass.h"

namespace ruvector::sensors {

// Leaf tables: catalog, pg_stat counters, files, age, sampled bloat. Also
// lists the vector indexes, tablespaces and foreign leaves of the pass.
absl::Status SenseTables(Pass& pass);

// Share of sampled pages that holds no live tuple. Called by SenseTables with
// the table open; reads at most `page_limit` pages, of the table and its
// TOAST table in proportion. Raises: inside PgCall only.
struct HeapSample {
  int64_t heap_pages_sampled = 0;
  int64_t heap_pages = 0;  // 0 too where the table is no heap
  int64_t toast_pages_sampled = 0;
  int64_t toast_pages = 0;
  double unused_share = 0;  // of all pages, weighted by size
};
HeapSample SampleHeap(PageReader& reader, Relation table, int64_t page_limit);

// One IVFFlat or HNSW index, from its pages; reads at most `page_limit`.
absl::Status SenseIvfflat(Pass& pass, const VectorIndex& index,
                          int64_t page_limit);
absl::Status SenseHnsw(Pass& pass, const VectorIndex& index,
                       int64_t page_limit);

// pg_stat_replication, pg_replication_slots, synchronous_standby_names.
absl::Status SenseReplication(Pass& pass);
// pg_stat_archiver, its settings, waiting segments.
absl::Status SenseArchiver(Pass& pass);
// The newest backup history file in pg_wal.
absl::Status SenseBackup(Pass& pass);
absl::Status SenseCheckpointer(Pass& pass);
// Filesystems below the tablespaces of the collection and pg_wal.
absl::Status SenseDisks(Pass& pass);
// Transaction and multixact ages of the database and the cluster.
absl::Status SenseWraparound(Pass& pass);
// This node, foreign servers of leaves, Citus nodes. Reads catalogs only:
// connects to nobody.
absl::Status SenseShards(Pass& pass);

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSE_H_
