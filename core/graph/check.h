// Refuses observations that cannot be.
#ifndef RUVECTOR_CORE_GRAPH_CHECK_H_
#define RUVECTOR_CORE_GRAPH_CHECK_H_

#include "absl/status/status.h"
#include "core/base/no_postgres.h"
#include "core/graph/health.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

// InvalidArgument naming the object, the field and the value: a count, size or
// age below 0, a number that is not finite, a fraction outside [0, 1], free
// space above total, an oid or id given twice, a negative shard id, a list id
// outside [0, 65535). Unknown values pass. [any-thread]
absl::Status Check(const Observation& observation);

// InvalidArgument: a ramp that does not rise, vital limits out of order or
// above 1, a band not within 0 < low < high <= 1. [any-thread]
absl::Status Check(const HealthLimits& limits);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_CHECK_H_
