// ruvector_test_observe(...): one pass of the sensors as jsonb text, so that
// tests can compare every value with an oracle.
#include <optional>
#include <string>

#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/sensors/sensors.h"

extern "C" {
PG_MODULE_MAGIC;
}

namespace ruvector::sensors {
namespace {

using nlohmann::json;

template <class T>
json Json(const std::optional<T>& value) {
  return value.has_value() ? json(*value) : json();
}

json Json(const std::optional<absl::Time>& value) {
  return value.has_value() ? json(absl::ToUnixMicros(*value)) : json();
}

const char* Name(graph::Access access) {
  switch (access) {
    case graph::Access::kReadable:
      return "readable";
    case graph::Access::kNotSampled:
      return "not sampled";
    case graph::Access::kUnreadable:
      return "unreadable";
  }
  return "?";
}

#define FIELD(name) \
  { #name, Json(from.name) }
#define PLAIN(name) \
  { #name, from.name }
#define ACCESS \
  {"access", Name(from.access)}, { "access_reason", from.access_reason }

json Json(const graph::TableObservation& from) {
  return {PLAIN(oid),
          PLAIN(name),
          ACCESS,
          PLAIN(shard_id),
          FIELD(estimated_rows),
          FIELD(live_tuples),
          FIELD(dead_tuples),
          FIELD(modified_since_analyze),
          FIELD(inserted_since_vacuum),
          FIELD(inserts),
          FIELD(updates),
          FIELD(deletes),
          FIELD(seq_scans),
          FIELD(seq_tuples_read),
          FIELD(idx_scans),
          FIELD(idx_tuples_fetched),
          FIELD(heap_bytes),
          FIELD(index_bytes),
          FIELD(bloat_fraction),
          PLAIN(bloat_source),
          FIELD(xid_age),
          FIELD(multixact_age),
          FIELD(freeze_max_age),
          FIELD(autovacuum_threshold),
          FIELD(autovacuum_enabled),
          FIELD(last_vacuum),
          FIELD(last_analyze),
          FIELD(last_seq_scan),
          FIELD(last_idx_scan)};
}

json Json(const graph::IvfListObservation& from) {
  return {PLAIN(id),
          FIELD(rows),
          PLAIN(rows_estimated),
          FIELD(rows_at_build),
          FIELD(mean_distance),
          PLAIN(sampled_rows),
          FIELD(baseline_mean_distance)};
}

json Json(const graph::IvfIndexObservation& from) {
  json lists = json::array();
  for (const auto& list : from.lists) lists.push_back(Json(list));
  return {PLAIN(oid),           PLAIN(name),
          PLAIN(table_oid),     ACCESS,
          FIELD(valid),         FIELD(declared_lists),
          FIELD(dimensions),    FIELD(bytes),
          FIELD(rows_at_build), FIELD(scans),
          {"lists", lists}};
}

json Json(const graph::HnswIndexObservation& from) {
  return {PLAIN(oid),
          PLAIN(name),
          PLAIN(table_oid),
          ACCESS,
          FIELD(valid),
          FIELD(m),
          FIELD(ef_construction),
          FIELD(dimensions),
          FIELD(bytes),
          FIELD(scans),
          FIELD(total_pages),
          FIELD(sampled_pages),
          FIELD(elements),
          FIELD(deleted_elements),
          FIELD(dead_elements),
          FIELD(neighbour_fill)};
}

json Json(const graph::ReplicaObservation& from) {
  return {PLAIN(name),
          PLAIN(present),
          FIELD(state),
          {"sync_state", static_cast<int>(from.sync_state)},
          FIELD(replay_lag_bytes),
          FIELD(replay_lag_us),
          FIELD(reply_age_us),
          FIELD(last_seen)};
}

json Json(const graph::ReplicationSlotObservation& from) {
  return {PLAIN(name),          PLAIN(replica),    PLAIN(logical),
          FIELD(active),        FIELD(wal_status), FIELD(retained_bytes),
          FIELD(safe_wal_bytes)};
}

json Json(const graph::DiskObservation& from) {
  return {PLAIN(name), PLAIN(device), FIELD(total_bytes), FIELD(free_bytes)};
}

json Json(const graph::ShardObservation& from) {
  return {PLAIN(id),   PLAIN(name),  ACCESS,
          FIELD(rows), FIELD(bytes), FIELD(latency_us)};
}

json Json(const graph::SensorFailure& from) {
  return {{"sensor", static_cast<int>(from.sensor)}, PLAIN(reason)};
}

json Json(const IndexBaseline& from) {
  return {PLAIN(index_oid), PLAIN(relfilenode), PLAIN(list_id),
          FIELD(rows_at_build), FIELD(mean_distance)};
}

template <class T>
json JsonArray(const std::vector<T>& from) {
  json array = json::array();
  for (const T& one : from) array.push_back(Json(one));
  return array;
}

json JsonMaintenance(const graph::Observation& observation) {
  const auto archiver = [](const graph::ArchiverObservation& from) -> json {
    return {{"mode", static_cast<int>(from.mode)},
            FIELD(command_set),
            FIELD(archived_count),
            FIELD(failed_count),
            FIELD(last_archived),
            FIELD(last_failed),
            FIELD(ready_files),
            FIELD(archive_timeout_us)};
  };
  const auto backup = [](const graph::BackupObservation& from) -> json {
    return {FIELD(last_base_backup), FIELD(expected_interval_us)};
  };
  const auto checkpointer =
      [](const graph::CheckpointerObservation& from) -> json {
    return {FIELD(timed),           FIELD(requested),
            FIELD(write_time_us),   FIELD(sync_time_us),
            FIELD(buffers_backend), FIELD(checkpoint_timeout_us)};
  };
  const auto xid = [](const graph::XidObservation& from) -> json {
    return {FIELD(database_age),
            FIELD(cluster_age),
            FIELD(database_multixact_age),
            FIELD(cluster_multixact_age),
            FIELD(stop_age),
            FIELD(oldest_xmin_age)};
  };
  return {{"archiver", archiver(observation.archiver)},
          {"backup", backup(observation.backup)},
          {"checkpointer", checkpointer(observation.checkpointer)},
          {"xid", xid(observation.xid)}};
}

json Json(const graph::ReplicationObservation& from) {
  return {PLAIN(known),
          PLAIN(slots_known),
          FIELD(required_sync),
          FIELD(wal_sender_timeout_us),
          {"replicas", JsonArray(from.replicas)},
          {"slots", JsonArray(from.slots)}};
}

json Json(const Observed& observed) {
  const graph::Observation& from = observed.observation;
  json all = JsonMaintenance(from);
  all["at"] = absl::ToUnixMicros(from.at);
  all["server_start"] = Json(from.server_start);
  all["stats_reset"] = Json(from.stats_reset);
  all["tables"] = JsonArray(from.tables);
  all["ivf_indexes"] = JsonArray(from.ivf_indexes);
  all["hnsw_indexes"] = JsonArray(from.hnsw_indexes);
  all["replication"] = Json(from.replication);
  all["disks"] = JsonArray(from.disks);
  all["shards"] = JsonArray(from.shards);
  all["failures"] = JsonArray(from.failures);
  all["new_baselines"] = JsonArray(observed.new_baselines);
  all["pages_read"] = observed.pages_read;
  return all;
}

template <class T>
std::optional<T> Optional(const json& from) {
  return from.is_null() ? std::nullopt : std::optional<T>(from.get<T>());
}

// {"column", "page_budget", "lock_timeout_ms", "baselines", "known_replicas"},
// all but the column optional.
ObserveRequest RequestFrom(const json& options) {
  ObserveRequest request;
  request.column = options.at("column");
  request.page_budget = options.value("page_budget", request.page_budget);
  request.lock_timeout_ms =
      options.value("lock_timeout_ms", request.lock_timeout_ms);
  for (const json& row : options.value("baselines", json::array())) {
    request.baselines.push_back({row.at("index_oid"), row.at("relfilenode"),
                                 row.at("list_id"),
                                 Optional<double>(row.at("rows_at_build")),
                                 Optional<double>(row.at("mean_distance"))});
  }
  for (const json& row : options.value("known_replicas", json::array())) {
    request.known_replicas.push_back(
        {row.at("name"), row.at("synchronous"),
         absl::FromUnixMicros(row.at("last_seen").get<int64_t>())});
  }
  return request;
}

}  // namespace

// ruvector_test_observe(oid, options text) returns text
RV_SQL_FUNCTION(ruvector_test_observe) {
  RV_ASSIGN_OR_RETURN(const std::string options,
                      pg::TextArgument(fcinfo, 1, "options"));
  ObserveRequest request = RequestFrom(json::parse(options));
  request.table_oid = DatumGetObjectId(PG_GETARG_DATUM(0));
  RV_ASSIGN_OR_RETURN(const Observed observed, Observe(request));
  return pg::TextDatum(Json(observed).dump());
}

}  // namespace ruvector::sensors
