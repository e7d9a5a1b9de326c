// From observation to contracted graph.
//
//   Observation now = CarryForward(sensed, last);      // keep as next `last`
//   RV_ASSIGN_OR_RETURN(ContractedGraph graph, Build(now, &last, options));
//   RV_ASSIGN_OR_RETURN(Assessment assessment, Assess(graph, {}));
//
// Topology (a tree plus short cycles; never a clique):
//
//      replication_target --replication-- shard 0 --dependency-- maintenance
//                                          |    \ routing_link
//                             routing_link |     shard k -- its partitions
//                                     partition = partition (partition_link)
//                                          | routing_link
//                                     centroid (IVFFlat list)
//
// Shard 0 (this node) is the root. Neighbouring partitions of one shard form a
// ring of partition_links (rows move between them when a partition key
// changes or a partition is rebalanced); with the links a partition still has
// degree 1.0. Hence the minimum cut of every healthy graph is exactly one
// leaf, 1.0, at any size.
//
// Floors of `capacity` (design.md 7.3):
//   partition, centroid   1 - min(1, 5 * importance)
//   maintenance           the middle of the stress band
//   replication_target    likewise, except a standby missing from the
//                         synchronous quorum: none
//   xid age, disk space   none (vital)
//   lost partition/shard  none, error rate 1
//
// What is not configured is no node: archive_mode off, no base backup known,
// no replicas, no slots. What is configured but not measurable is a node with
// unknown health and neutral capacity.
#ifndef RUVECTOR_CORE_GRAPH_BUILD_H_
#define RUVECTOR_CORE_GRAPH_BUILD_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/graph/graph.h"
#include "core/graph/health.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

struct BuildOptions {
  HealthLimits limits;
  // More nodes than this are contracted further (contract.h). At least 2.
  int64_t max_nodes = 1000;
  // A leaf that carries share s cannot lower its capacity below
  // 1 - min(1, importance_gain * s).
  double importance_gain = 5;
  // Floors of maintenance and of replica edges, in [0, 1]; nullopt: the middle
  // of the stress band. Vital ones and a starved quorum have none.
  std::optional<double> dependency_floor;
  std::optional<double> replica_floor;
};

// `last` is the observation of the previous pass (for rates) or null.
// InvalidArgument: an observation that cannot be (a negative or non-finite
// count, a fraction outside [0, 1], a duplicate oid or id, an index of an
// unlisted table is fine and ignored), naming the object and the value; or
// options out of range. Cost: O(n log n) in observed objects. [any-thread]
absl::StatusOr<ContractedGraph> Build(const Observation& now,
                                      const Observation* last,
                                      const BuildOptions& options);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_BUILD_H_
