// Keeps what was known when a pass could not look.
//
// A locked table, an exhausted sampling budget or a failed sensor is not a
// failure of the database: the value of this pass is unknown and the last
// known one stays in force, flagged (design.md 7.3, last row of the table).
// The worker keeps the result and passes it as `last` next time, so that any
// number of blind passes in a row carries the same last sight.
#ifndef RUVECTOR_CORE_GRAPH_CARRY_H_
#define RUVECTOR_CORE_GRAPH_CARRY_H_

#include "core/base/no_postgres.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

// Fills into `sensed`, from `last`:
// - the whole part of every sensor listed in sensed.failures;
// - of every table, index and shard (matched by oid or id) whose access is not
//   kReadable, the values that are unknown now (of a table) or all of them;
//   access and reason stay as sensed now.
// What was filled is marked `carried`. An object unknown to `last` stays as it
// is. Nothing is carried between different collections. [any-thread]
Observation CarryForward(Observation sensed, const Observation& last);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_CARRY_H_
