#include "pgext/integrity/sensors/sensors.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/pass.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "pgstat.h"
#include "storage/bufmgr.h"
}

namespace ruvector::sensors {
namespace {

using pg::PgCall;

absl::Status SenseIndexes(Pass& pass, IndexKind kind,
                          absl::Status (*sense)(Pass&, const VectorIndex&,
                                                int64_t)) {
  for (const VectorIndex& index : pass.indexes) {
    if (index.kind != kind) continue;
    // Equal shares; what one does not need goes to the next.
    const int64_t share = pass.pages.left / pass.indexes_waiting--;
    RV_RETURN_IF_ERROR(sense(pass, index, share));
  }
  return absl::OkStatus();
}

absl::Status SenseIvfflatIndexes(Pass& pass) {
  pass.indexes_waiting = static_cast<int64_t>(pass.indexes.size());
  return SenseIndexes(pass, IndexKind::kIvfflat, SenseIvfflat);
}

absl::Status SenseHnswIndexes(Pass& pass) {
  return SenseIndexes(pass, IndexKind::kHnsw, SenseHnsw);
}

absl::Status SenseClocks(Pass& pass) {
  graph::Observation& out = pass.observation();
  out.at = ToTime(GetCurrentTimestamp());
  out.server_start = ToTimeIfSet(PgStartTime);
  RV_ASSIGN_OR_RETURN(const TimestampTz reset, PgCall([] {
                        const PgStat_StatDBEntry* entry =
                            pgstat_fetch_stat_dbentry(MyDatabaseId);
                        return entry != nullptr ? entry->stat_reset_timestamp
                                                : TimestampTz{0};
                      }));
  out.stats_reset = ToTimeIfSet(reset);
  return absl::OkStatus();
}

struct Sense {
  graph::Sensor sensor;
  absl::Status (*run)(Pass&);
};

// In this order: tables find the indexes, tablespaces and servers.
constexpr Sense kSenses[] = {
    {graph::Sensor::kTables, SenseTables},
    {graph::Sensor::kIvfFlat, SenseIvfflatIndexes},
    {graph::Sensor::kHnsw, SenseHnswIndexes},
    {graph::Sensor::kReplication, SenseReplication},
    {graph::Sensor::kArchiver, SenseArchiver},
    {graph::Sensor::kBackup, SenseBackup},
    {graph::Sensor::kCheckpointer, SenseCheckpointer},
    {graph::Sensor::kDisk, SenseDisks},
    {graph::Sensor::kXid, SenseWraparound},
    {graph::Sensor::kShards, SenseShards},
};

// The collection itself is wrong: no other sense can help.
bool IsAboutTarget(const Sense& sense, const absl::Status& status) {
  return sense.run == SenseTables &&
         (absl::IsNotFound(status) || absl::IsInvalidArgument(status));
}

}  // namespace

absl::StatusOr<Observed> Observe(const ObserveRequest& request) {
  SenseSurroundings surroundings;
  RV_RETURN_IF_ERROR(surroundings.Begin(request.lock_timeout_ms));
  Observed observed;
  Pass pass{request, observed, {}, {}, 0, {}, {}};
  observed.observation.collection_id = request.collection_id;
  pass.pages.left = std::max<int64_t>(0, request.page_budget);
  RV_ASSIGN_OR_RETURN(pass.pages.ring,
                      PgCall([] { return GetAccessStrategy(BAS_BULKREAD); }));
  RV_RETURN_IF_ERROR(SenseClocks(pass));
  for (const Sense& sense : kSenses) {
    absl::Status status = Attempt([&] { return sense.run(pass); });
    if (EndsPass(status) || IsAboutTarget(sense, status)) return status;
    if (!status.ok()) {
      observed.observation.failures.push_back(
          {sense.sensor, std::string(status.message())});
    }
  }
  observed.pages_read = pass.pages.read;
  return observed;
}

}  // namespace ruvector::sensors
