#include "core/graph/check.h"

#include <cmath>
#include <initializer_list>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::graph {
namespace {

template <typename T>
using Fields =
    std::initializer_list<std::pair<const char*, const std::optional<T>*>>;

absl::Status Counts(const std::string& object, Fields<int64_t> fields) {
  for (const auto& [name, value] : fields) {
    if (value->has_value() && **value < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " of \"", object, "\" is ", **value, ", expected >= 0"));
    }
  }
  return absl::OkStatus();
}

absl::Status Reals(const std::string& object, Fields<double> fields,
                   double most = INFINITY) {
  for (const auto& [name, value] : fields) {
    if (!value->has_value()) continue;
    if (!std::isfinite(**value) || **value < 0 || **value > most) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " of \"", object, "\" is ", **value, ", expected a number ",
          std::isfinite(most) ? "from 0 to 1" : ">= 0"));
    }
  }
  return absl::OkStatus();
}

template <typename Things, typename Key>
absl::Status Unique(const char* what, const Things& things, Key key) {
  absl::flat_hash_set<int64_t> seen;
  for (const auto& thing : things) {
    if (!seen.insert(key(thing)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " ", key(thing), " is given twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const TableObservation& t) {
  RV_RETURN_IF_ERROR(
      Counts(t.name, {{"live_tuples", &t.live_tuples},
                      {"dead_tuples", &t.dead_tuples},
                      {"inserts", &t.inserts},
                      {"updates", &t.updates},
                      {"deletes", &t.deletes},
                      {"seq_tuples_read", &t.seq_tuples_read},
                      {"idx_tuples_fetched", &t.idx_tuples_fetched},
                      {"heap_bytes", &t.heap_bytes},
                      {"xid_age", &t.xid_age},
                      {"multixact_age", &t.multixact_age},
                      {"autovacuum_threshold", &t.autovacuum_threshold}}));
  RV_RETURN_IF_ERROR(Reals(t.name, {{"estimated_rows", &t.estimated_rows}}));
  return Reals(t.name, {{"bloat_fraction", &t.bloat_fraction}}, 1);
}

absl::Status Check(const IvfIndexObservation& index) {
  RV_RETURN_IF_ERROR(
      Counts(index.name, {{"declared_lists", &index.declared_lists}}));
  RV_RETURN_IF_ERROR(
      Reals(index.name, {{"rows_at_build", &index.rows_at_build}}));
  RV_RETURN_IF_ERROR(
      Unique(absl::StrCat("list of \"", index.name, "\"").c_str(), index.lists,
             [](const IvfListObservation& list) { return list.id; }));
  for (const IvfListObservation& list : index.lists) {
    if (list.id < 0 || list.id >= 65535) {
      return absl::InvalidArgumentError(absl::StrCat("list of \"", index.name,
                                                     "\" is ", list.id,
                                                     ", expected 0 to 65534"));
    }
    RV_RETURN_IF_ERROR(
        Reals(index.name,
              {{"rows", &list.rows},
               {"rows_at_build", &list.rows_at_build},
               {"mean_distance", &list.mean_distance},
               {"baseline_mean_distance", &list.baseline_mean_distance}}));
  }
  return absl::OkStatus();
}

absl::Status Check(const HnswIndexObservation& index) {
  RV_RETURN_IF_ERROR(
      Counts(index.name, {{"elements", &index.elements},
                          {"deleted_elements", &index.deleted_elements},
                          {"dead_elements", &index.dead_elements}}));
  return Reals(index.name, {{"neighbour_fill", &index.neighbour_fill}}, 1);
}

// Lag and retained WAL may be slightly negative: two positions read at two
// moments. They are not checked.
absl::Status Check(const ReplicationObservation& replication) {
  return Counts("replication", {{"required_sync", &replication.required_sync},
                                {"wal_sender_timeout_us",
                                 &replication.wal_sender_timeout_us}});
}

absl::Status Check(const DiskObservation& disk) {
  RV_RETURN_IF_ERROR(Counts(disk.name, {{"total_bytes", &disk.total_bytes},
                                        {"free_bytes", &disk.free_bytes}}));
  if (disk.total_bytes.has_value() && disk.free_bytes.has_value() &&
      *disk.free_bytes > *disk.total_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("free_bytes of \"", disk.name, "\" is ", *disk.free_bytes,
                     ", expected at most total_bytes ", *disk.total_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckServer(const Observation& o) {
  RV_RETURN_IF_ERROR(Check(o.replication));
  RV_RETURN_IF_ERROR(
      Counts("archiver", {{"archived_count", &o.archiver.archived_count},
                          {"failed_count", &o.archiver.failed_count},
                          {"ready_files", &o.archiver.ready_files}}));
  RV_RETURN_IF_ERROR(Counts(
      "backup", {{"expected_interval_us", &o.backup.expected_interval_us}}));
  RV_RETURN_IF_ERROR(
      Counts("checkpointer", {{"timed", &o.checkpointer.timed},
                              {"requested", &o.checkpointer.requested}}));
  RV_RETURN_IF_ERROR(
      Counts("xid", {{"database_age", &o.xid.database_age},
                     {"cluster_age", &o.xid.cluster_age},
                     {"database_multixact_age", &o.xid.database_multixact_age},
                     {"cluster_multixact_age", &o.xid.cluster_multixact_age},
                     {"stop_age", &o.xid.stop_age}}));
  for (const DiskObservation& disk : o.disks) RV_RETURN_IF_ERROR(Check(disk));
  return Unique("device", o.disks,
                [](const DiskObservation& disk) { return disk.device; });
}

bool Rises(const Ramp& ramp) { return ramp.good < ramp.bad; }
bool Ordered(const HealthLimits::Vital& v) {
  return 0 <= v.calm && v.calm < v.stress && v.stress < v.critical &&
         v.critical < 1;
}

}  // namespace

absl::Status Check(const Observation& o) {
  const auto oid = [](const auto& thing) -> int64_t { return thing.oid; };
  RV_RETURN_IF_ERROR(Unique("table", o.tables, oid));
  RV_RETURN_IF_ERROR(Unique("index", o.ivf_indexes, oid));
  RV_RETURN_IF_ERROR(Unique("index", o.hnsw_indexes, oid));
  RV_RETURN_IF_ERROR(
      Unique("shard", o.shards,
             [](const ShardObservation& shard) { return shard.id; }));
  for (const TableObservation& table : o.tables) {
    RV_RETURN_IF_ERROR(Check(table));
  }
  for (const IvfIndexObservation& index : o.ivf_indexes) {
    RV_RETURN_IF_ERROR(Check(index));
  }
  for (const HnswIndexObservation& index : o.hnsw_indexes) {
    RV_RETURN_IF_ERROR(Check(index));
  }
  for (const ShardObservation& shard : o.shards) {
    if (shard.id < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shard id of \"", shard.name, "\" is ", shard.id, ", expected >= 0"));
    }
    RV_RETURN_IF_ERROR(Reals(shard.name, {{"rows", &shard.rows}}));
  }
  return CheckServer(o);
}

absl::Status Check(const HealthLimits& l) {
  if (!(0 < l.band.low && l.band.low < l.band.high && l.band.high <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("band is ", l.band.low, " to ", l.band.high,
                     ", expected 0 < low < high <= 1"));
  }
  const std::initializer_list<std::pair<const char*, const Ramp*>> ramps = {
      {"hot_excess", &l.hot_excess},
      {"vacuum_debt", &l.vacuum_debt},
      {"heap_bloat", &l.heap_bloat},
      {"hnsw_dead", &l.hnsw_dead},
      {"list_drift", &l.list_drift},
      {"list_growth", &l.list_growth},
      {"index_growth", &l.index_growth},
      {"replay_lag_bytes", &l.replay_lag_bytes},
      {"replay_lag_s", &l.replay_lag_s},
      {"reply_age", &l.reply_age},
      {"slot_retained", &l.slot_retained},
      {"archive_backlog", &l.archive_backlog},
      {"backup_age", &l.backup_age},
      {"forced_checkpoints", &l.forced_checkpoints}};
  for (const auto& [name, ramp] : ramps) {
    if (!Rises(*ramp)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is ", ramp->good,
                                                     " to ", ramp->bad,
                                                     ", expected good < bad"));
    }
  }
  if (!Ordered(l.xid_age) || !Ordered(l.disk_used)) {
    return absl::InvalidArgumentError(
        "xid_age and disk_used expect 0 <= calm < stress < critical < 1");
  }
  return absl::OkStatus();
}

}  // namespace ruvector::graph
