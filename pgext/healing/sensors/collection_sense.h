// What healing must know of one collection beside graph::Observation.
// Worker only. [backend-main] In a transaction; leaves no lock, waits for none
// longer than `lock_timeout_ms`.
#ifndef RUVECTOR_PGEXT_HEALING_SENSORS_COLLECTION_SENSE_H_
#define RUVECTOR_PGEXT_HEALING_SENSORS_COLLECTION_SENSE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph/observation.h"
#include "core/healing/situation.h"
#include "pgext/healing/sensors/server_sense.h"

namespace ruvector::healing {

struct CollectionReadings {
  // Of the leaves and their TOAST tables. Not the index of a partitioned table,
  // which is invalid while a partition lacks its part and stores nothing.
  std::optional<std::vector<InvalidIndex>> invalid_indexes;
  // After storage parameters, of every leaf whose catalog row is there.
  std::vector<TableStatistics> statistics;
  // Of ruvector.recall_probes: the newest of each index, if it is of the file
  // that the index has now and the collection has a target.
  std::vector<RecallProbe> recall_probes;
  std::map<std::string, std::string> unread;
};

// `observation`: its tables are the leaves. Fails only where the whole pass
// must end.
absl::StatusOr<CollectionReadings> ReadCollection(
    int32_t collection_id, const graph::Observation& observation,
    int lock_timeout_ms);

// The queues that are this collection's business: about one of its relations,
// about something unknown, or so long that it takes half of all connections.
std::optional<std::vector<LockQueue>> QueuesOf(
    const ServerReadings& server, const std::vector<uint32_t>& relations);

// The collection's leaves, their indexes and the enrolled table. In a
// transaction.
absl::StatusOr<std::vector<uint32_t>> RelationsOf(
    uint32_t table_oid, const graph::Observation& observation);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SENSORS_COLLECTION_SENSE_H_
