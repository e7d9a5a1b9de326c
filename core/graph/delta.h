// What happened between two observations: cumulative counters turned into
// differences.
//
// A counter that fell was reset (crash, failover, pg_stat_reset): its
// difference is unknown, never negative and never the new value alone. The
// same holds where either value is unknown or carried forward, where the
// server was restarted (server_start differs) or where time did not advance.
// Source: design.md 7.4; PostgreSQL's cumulative statistics system.
#ifndef RUVECTOR_CORE_GRAPH_DELTA_H_
#define RUVECTOR_CORE_GRAPH_DELTA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

struct TableDelta {
  // Rows inserted, updated and deleted.
  std::optional<int64_t> written;
  // Rows read by sequential scans and fetched through indexes.
  std::optional<int64_t> read;
  // Rows the table held at the previous pass, for shares "before the load".
  std::optional<double> rows_before;
};

struct Delta {
  // Between the two passes; nullopt if there is no usable earlier one.
  std::optional<absl::Duration> interval;
  // One per table of the current observation, in its order.
  std::vector<TableDelta> tables;
  std::optional<int64_t> wal_archived;
  std::optional<int64_t> wal_failed;
  std::optional<int64_t> checkpoints_timed;
  std::optional<int64_t> checkpoints_requested;
};

// `last` may be null: everything is unknown then, and `tables` still has one
// entry per table. [any-thread]
Delta Between(const Observation* last, const Observation& now);

// Rows of a table as far as anyone knows: the larger of the planner's estimate
// and the live-tuple counter (either may lag: the first until ANALYZE, the
// second after a crash). nullopt if both are unknown. [any-thread]
std::optional<double> KnownRows(const TableObservation& table);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_DELTA_H_
