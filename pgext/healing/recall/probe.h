// The recall probe: what a vector index answers to real queries, beside the
// exact answers.
//
// For each valid IVFFlat or HNSW index of a leaf, not partial, and as many of
// the stored queries as the time allows, in random order: the k nearest rows by
// a scan of the whole leaf, and the k that the index gives at the ef_search or
// probes that the query's session had. A row of the index counts as a hit when
// it is not farther than the k-th exact one: ties do not matter. Filters of the
// original search are not part of it.
//
// Rights: runs as the table's owner in a security-restricted operation, as
// maintenance commands do. Locks: AccessShareLock, under `lock_timeout_ms`.
// Cost: at most `budget_ms` of the worker's time per collection, and no scan of
// a leaf of more than `max_rows` rows.
// Worker only. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_RECALL_PROBE_H_
#define RUVECTOR_PGEXT_HEALING_RECALL_PROBE_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// Moves this database's queries from the box into ruvector.recall_queries; how
// many. In a transaction.
absl::StatusOr<int> StoreTakenQueries(pg::SpiSession& spi);

struct ProbeLimits {
  int budget_ms = 1000;
  int64_t max_rows = 1000000;
  int lock_timeout_ms = 100;
};

// One probe of all indexes of a collection; rows of ruvector.recall_probes.
// In a transaction. FailedPrecondition, with HINT: no query was seen yet, or
// there is no vector index.
absl::Status ProbeCollection(pg::SpiSession& spi, int32_t collection_id,
                             const ProbeLimits& limits);

// When each collection is probed next: ruvector.recall_probe_interval after the
// last probe in the tables.
class ProbeSchedule {
 public:
  // Whether the tables must be asked first: Learn.
  bool Knows(int32_t collection_id) const {
    return last_.count(collection_id) > 0;
  }
  // In a transaction.
  absl::Status Learn(pg::SpiSession& spi, int32_t collection_id,
                     absl::Time now);
  // `interval` zero: never. Needs Learn.
  bool IsDue(int32_t collection_id, absl::Duration interval,
             absl::Time now) const;
  // It was probed, or there was nothing to probe.
  void Done(int32_t collection_id, absl::Time now);

 private:
  std::map<int32_t, absl::Time> last_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_RECALL_PROBE_H_
