#include "core/graph/carry.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace ruvector::graph {
namespace {

bool Failed(const Observation& o, Sensor sensor) {
  return std::any_of(
      o.failures.begin(), o.failures.end(),
      [sensor](const SensorFailure& f) { return f.sensor == sensor; });
}

// The values of `last` under the identity and access of `now`.
template <typename Thing>
void TakeOver(const Thing& last, Thing* now) {
  Thing kept = last;
  kept.access = now->access;
  kept.access_reason = now->access_reason;
  kept.carried = true;
  if (!now->name.empty()) kept.name = now->name;
  *now = std::move(kept);
}

template <typename T>
void Fill(const std::optional<T>& last, std::optional<T>* now) {
  if (!now->has_value()) *now = last;
}

// The statistics of a locked table can still be read: those stay.
void TakeOver(const TableObservation& last, TableObservation* now) {
  now->carried = true;
  if (now->bloat_source.empty()) now->bloat_source = last.bloat_source;
  Fill(last.estimated_rows, &now->estimated_rows);
  Fill(last.live_tuples, &now->live_tuples);
  Fill(last.dead_tuples, &now->dead_tuples);
  Fill(last.modified_since_analyze, &now->modified_since_analyze);
  Fill(last.inserted_since_vacuum, &now->inserted_since_vacuum);
  Fill(last.inserts, &now->inserts);
  Fill(last.updates, &now->updates);
  Fill(last.deletes, &now->deletes);
  Fill(last.seq_scans, &now->seq_scans);
  Fill(last.seq_tuples_read, &now->seq_tuples_read);
  Fill(last.idx_scans, &now->idx_scans);
  Fill(last.idx_tuples_fetched, &now->idx_tuples_fetched);
  Fill(last.heap_bytes, &now->heap_bytes);
  Fill(last.index_bytes, &now->index_bytes);
  Fill(last.bloat_fraction, &now->bloat_fraction);
  Fill(last.xid_age, &now->xid_age);
  Fill(last.multixact_age, &now->multixact_age);
  Fill(last.freeze_max_age, &now->freeze_max_age);
  Fill(last.autovacuum_threshold, &now->autovacuum_threshold);
  Fill(last.autovacuum_enabled, &now->autovacuum_enabled);
  Fill(last.last_vacuum, &now->last_vacuum);
  Fill(last.last_analyze, &now->last_analyze);
  Fill(last.last_seq_scan, &now->last_seq_scan);
  Fill(last.last_idx_scan, &now->last_idx_scan);
}

template <typename Thing, typename Key>
void CarryThings(bool failed, const std::vector<Thing>& last, Key key,
                 std::vector<Thing>* now) {
  if (failed) {
    *now = last;
    for (Thing& thing : *now) thing.carried = true;
    return;
  }
  absl::flat_hash_map<int64_t, const Thing*> known;
  for (const Thing& thing : last) known[key(thing)] = &thing;
  for (Thing& thing : *now) {
    if (thing.access == Access::kReadable) continue;
    if (auto it = known.find(key(thing)); it != known.end()) {
      TakeOver(*it->second, &thing);
    }
  }
}

template <typename Part>
void CarryPart(bool failed, const Part& last, Part* now) {
  if (!failed) return;
  *now = last;
  now->carried = true;
}

}  // namespace

Observation CarryForward(Observation sensed, const Observation& last) {
  if (sensed.collection_id != last.collection_id) return sensed;
  const auto by_oid = [](const auto& thing) -> int64_t { return thing.oid; };
  const auto by_id = [](const auto& thing) -> int64_t { return thing.id; };
  CarryThings(Failed(sensed, Sensor::kTables), last.tables, by_oid,
              &sensed.tables);
  CarryThings(Failed(sensed, Sensor::kIvfFlat), last.ivf_indexes, by_oid,
              &sensed.ivf_indexes);
  CarryThings(Failed(sensed, Sensor::kHnsw), last.hnsw_indexes, by_oid,
              &sensed.hnsw_indexes);
  CarryThings(Failed(sensed, Sensor::kShards), last.shards, by_id,
              &sensed.shards);
  CarryPart(Failed(sensed, Sensor::kReplication), last.replication,
            &sensed.replication);
  CarryPart(Failed(sensed, Sensor::kArchiver), last.archiver, &sensed.archiver);
  CarryPart(Failed(sensed, Sensor::kBackup), last.backup, &sensed.backup);
  CarryPart(Failed(sensed, Sensor::kCheckpointer), last.checkpointer,
            &sensed.checkpointer);
  CarryPart(Failed(sensed, Sensor::kXid), last.xid, &sensed.xid);
  if (Failed(sensed, Sensor::kDisk)) {
    sensed.disks = last.disks;
    for (DiskObservation& disk : sensed.disks) disk.carried = true;
  }
  return sensed;
}

}  // namespace ruvector::graph
