// What a pass reads from and writes to the tables. Worker only.
// [backend-main] In the caller's transaction.
#ifndef RUVECTOR_PGEXT_INTEGRITY_PERSISTENCE_H_
#define RUVECTOR_PGEXT_INTEGRITY_PERSISTENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/gate/controller.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/collections.h"
#include "pgext/integrity/sensors/sensors.h"

namespace ruvector::integrity {

// Table, column, baselines and remembered replicas; limits are the caller's.
absl::StatusOr<sensors::ObserveRequest> LoadObserveRequest(
    pg::SpiSession& spi, const Collection& collection);

absl::Status PersistBaselines(
    pg::SpiSession& spi, const std::vector<sensors::IndexBaseline>& baselines);
absl::Status PersistReplicas(pg::SpiSession& spi,
                             const graph::ReplicationObservation& replication);

// Makes contracted_graph and contracted_edges equal to the graph; rows that
// did not change are not touched.
absl::Status PersistGraph(pg::SpiSession& spi,
                          const graph::ContractedGraph& graph,
                          const graph::Assessment& assessment);

struct StateToPersist {
  const Collection* collection;
  const graph::ContractedGraph* graph;
  const graph::Assessment* assessment;
  const gate::ControllerState* controller;
  const graph::Observation* observation;
  std::optional<int64_t> policy_id;
  std::string accepted_rates;  // JSON
  double milliseconds;
  absl::Time at;
};
absl::Status PersistState(pg::SpiSession& spi, const StateToPersist& state);

// The controller alone: an override came or went between two passes.
absl::Status PersistController(pg::SpiSession& spi,
                               const Collection& collection,
                               const gate::ControllerState& controller);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_PERSISTENCE_H_
