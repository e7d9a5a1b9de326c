// The senses: fills graph::Observation from the running server.
//
// Purpose: one pass over one enrolled collection. Every value comes from a
// catalog row, a statistics counter, a page or a file of this server; what
// could not be read is nullopt, and `failures`, `access_reason` or
// `bloat_source` say why. Nothing is judged here (core/graph/health.h does).
//
// [backend-main] Inside a transaction, in a background worker or a backend;
// needs no SPI connection and leaves none. Reads only: no row, page, hint bit
// or statistic is changed, so it also works on a standby.
//
// Failure: each sensor and each object runs in a subtransaction of its own. An
// ERROR in one costs its values and nothing else. Only a cancelled query or a
// collection whose table is gone fails the whole pass.
//
// Locks: AccessShareLock, taken if it is free and given back as soon as the
// object was read. A locked object is Access::kNotSampled this time. Where the
// server's own code insists on waiting, `lock_timeout_ms` bounds it.
//
// Cost: pages of user relations are read through a ring of buffers
// (BAS_BULKREAD), so that sampling does not evict the cache, and at most
// `page_budget` of them in a pass, whatever the size of the collection.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSORS_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/graph/observation.h"

namespace ruvector::sensors {

// How one IVFFlat list looked when its index file was first seen. The worker
// keeps these (ruvector.index_baselines) and hands them back. A REINDEX makes
// a new file: rows whose `relfilenode` is not the index's current one are
// ignored, and the pass returns new ones.
struct IndexBaseline {
  uint32_t index_oid = 0;
  uint32_t relfilenode = 0;
  int32_t list_id = 0;  // -1: the whole index (rows_at_build only)
  std::optional<double> rows_at_build;
  std::optional<double> mean_distance;
};

// A standby that an earlier pass saw (ruvector.known_replicas).
struct KnownReplica {
  std::string name;
  bool synchronous = false;
  absl::Time last_seen = absl::InfinitePast();
};

struct ObserveRequest {
  int32_t collection_id = 0;
  uint32_t table_oid = 0;  // plain or partitioned
  std::string column;      // the enrolled vector column
  // Pages of tables and indexes that may be read in this pass, and of them at
  // most a quarter for the bloat of heaps.
  int64_t page_budget = 2000;
  int lock_timeout_ms = 100;
  int connect_timeout_ms = 2000;  // for all other servers together
  std::vector<IndexBaseline> baselines;
  std::vector<KnownReplica> known_replicas;
  // Indexes that are left out: old ones that healing keeps for an undo.
  std::vector<uint32_t> kept_indexes;
  // BackupObservation::expected_interval_us, passed on.
  std::optional<int64_t> backup_interval_us;
};

// What a pass gives beside the observation.
struct Observed {
  graph::Observation observation;
  // Of index files seen for the first time: to be stored and handed back. One
  // row per list that was read, plus the row of the whole index.
  std::vector<IndexBaseline> new_baselines;
  // Pages read of the collection's relations, <= page_budget.
  int64_t pages_read = 0;
};

// One full pass. NotFound when the table does not exist any more; Cancelled
// or DeadlineExceeded when the query was cancelled; InvalidArgument when the
// relation is no table or has no such column.
absl::StatusOr<Observed> Observe(const ObserveRequest& request);

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_SENSORS_H_
