#include "core/graph/test_world.h"

#include "absl/strings/str_cat.h"

namespace ruvector::graph {
namespace {

constexpr double kRows = 10000;

TableObservation HealthyTable(int64_t i, const Shape& shape) {
  TableObservation table;
  table.oid = static_cast<uint32_t>(20000 + i);
  table.name = absl::StrCat("public.items_", i);
  table.shard_id = i % (shape.extra_shards + 1);
  table.estimated_rows = kRows;
  table.live_tuples = static_cast<int64_t>(kRows);
  table.dead_tuples = 120;
  table.modified_since_analyze = 100;
  table.inserted_since_vacuum = 100;
  table.inserts = 100000;
  table.updates = 5000;
  table.deletes = 1000;
  table.seq_scans = 10;
  table.seq_tuples_read = 100000;
  table.idx_scans = 5000;
  table.idx_tuples_fetched = 500000;
  table.heap_bytes = 80 << 20;
  table.index_bytes = 90 << 20;
  table.bloat_fraction = 0.1;
  table.bloat_source = "free space map";
  table.xid_age = 1000000;
  table.freeze_max_age = 200000000;
  table.autovacuum_threshold = 2050;
  table.autovacuum_enabled = true;
  return table;
}

IvfIndexObservation HealthyIvf(const TableObservation& table, int64_t lists) {
  IvfIndexObservation index;
  index.oid = table.oid + 1000000;
  index.name = absl::StrCat(table.name, "_ivf");
  index.table_oid = table.oid;
  index.valid = true;
  index.declared_lists = lists;
  index.dimensions = 128;
  index.rows_at_build = kRows;
  for (int64_t l = 0; l < lists; ++l) {
    IvfListObservation list;
    list.id = l;
    list.rows = kRows / static_cast<double>(lists);
    list.rows_at_build = list.rows;
    list.mean_distance = 1.05;
    list.baseline_mean_distance = 1.0;
    list.sampled_rows = 30;
    index.lists.push_back(list);
  }
  return index;
}

HnswIndexObservation HealthyHnsw(const TableObservation& table) {
  HnswIndexObservation index;
  index.oid = table.oid + 2000000;
  index.name = absl::StrCat(table.name, "_hnsw");
  index.table_oid = table.oid;
  index.valid = true;
  index.m = 16;
  index.ef_construction = 64;
  index.total_pages = 5000;
  index.sampled_pages = 100;
  index.elements = 400;
  index.deleted_elements = 3;
  index.dead_elements = 2;
  index.neighbour_fill = 0.8;
  return index;
}

void AddReplicas(const Shape& shape, ReplicationObservation* replication) {
  replication->known = true;
  replication->slots_known = true;
  replication->required_sync = shape.sync_replicas > 0 ? 1 : 0;
  replication->wal_sender_timeout_us = 60000000;
  for (int64_t i = 0; i < shape.sync_replicas + shape.async_replicas; ++i) {
    ReplicaObservation replica;
    replica.name = absl::StrCat("standby", i);
    replica.state = "streaming";
    replica.sync_state = i == 0 && shape.sync_replicas > 0 ? SyncState::kSync
                         : i < shape.sync_replicas ? SyncState::kPotential
                                                   : SyncState::kAsync;
    replica.replay_lag_bytes = 4096;
    replica.reply_age_us = 1000000;
    replication->replicas.push_back(replica);
  }
}

void AddMaintenance(const Shape& shape, Observation* o) {
  o->archiver.mode = shape.archiver ? ArchiveMode::kOn : ArchiveMode::kOff;
  if (shape.archiver) {
    o->archiver.command_set = true;
    o->archiver.archived_count = 1000;
    o->archiver.failed_count = 3;
    o->archiver.last_archived = o->at - absl::Seconds(30);
    o->archiver.last_failed = o->at - absl::Hours(100);
    o->archiver.ready_files = 1;
  }
  if (shape.backup) o->backup.last_base_backup = o->at - absl::Hours(20);
  o->checkpointer.timed = 1000;
  o->checkpointer.requested = 50;
  o->checkpointer.checkpoint_timeout_us = 300000000;
  DiskObservation disk;
  disk.name = "pg_default";
  disk.device = 2049;
  disk.total_bytes = 100000000000;
  disk.free_bytes = 60000000000;
  o->disks.push_back(disk);
  o->xid.database_age = 50000000;
  o->xid.cluster_age = 60000000;
  o->xid.database_multixact_age = 1000;
  o->xid.cluster_multixact_age = 2000;
  o->xid.stop_age = 2144483647;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << "partitions=" << s.partitions << " lists=" << s.lists
             << " sync=" << s.sync_replicas << " async=" << s.async_replicas
             << " shards=+" << s.extra_shards << " archiver=" << s.archiver
             << " backup=" << s.backup << " hnsw=" << s.hnsw;
}

World Healthy(const Shape& shape) {
  Observation o;
  o.collection_id = 1;
  o.at = absl::FromUnixSeconds(1800000000);
  o.server_start = o.at - absl::Hours(200);
  for (int64_t i = 0; i < shape.partitions; ++i) {
    o.tables.push_back(HealthyTable(i, shape));
    if (shape.lists > 0) {
      o.ivf_indexes.push_back(HealthyIvf(o.tables.back(), shape.lists));
    }
    if (shape.hnsw) o.hnsw_indexes.push_back(HealthyHnsw(o.tables.back()));
  }
  for (int64_t i = 0; i <= shape.extra_shards; ++i) {
    ShardObservation shard;
    shard.id = i;
    shard.name = i == 0 ? "this node" : absl::StrCat("worker", i);
    o.shards.push_back(shard);
  }
  AddReplicas(shape, &o.replication);
  AddMaintenance(shape, &o);

  World world{o, o};
  world.now.at += absl::Seconds(60);
  for (TableObservation& table : world.now.tables) {
    *table.inserts += 3000;
    *table.idx_tuples_fetched += 60000;
  }
  *world.now.checkpointer.timed += 1;
  if (shape.archiver) {
    *world.now.archiver.archived_count += 5;
    world.now.archiver.last_archived = world.now.at - absl::Seconds(3);
  }
  return world;
}

void MakeHot(World* world, int64_t partition) {
  // As many again as all others together, five times over.
  const auto all = static_cast<int64_t>(world->now.tables.size());
  *world->now.tables[partition].inserts += 5 * 3000 * all;
}

void Saturate(World* world, int64_t partition) {
  TableObservation& table = world->now.tables[partition];
  table.dead_tuples = 25 * *table.autovacuum_threshold;
}

void DriftList(World* world, int64_t partition, int64_t list) {
  world->now.ivf_indexes[partition].lists[list].mean_distance = 1.8;
}

void EmptyList(World* world, int64_t partition, int64_t list) {
  world->now.ivf_indexes[partition].lists[list].rows = 0;
  world->now.ivf_indexes[partition].lists[list].mean_distance = std::nullopt;
  world->now.ivf_indexes[partition].lists[list].sampled_rows = 0;
}

void LoseReplica(World* world, int64_t replica) {
  ReplicaObservation& lost = world->now.replication.replicas[replica];
  lost.present = false;
  lost.last_seen = world->last.at;
  lost.replay_lag_bytes = std::nullopt;
  lost.reply_age_us = std::nullopt;
}

void FailArchiver(World* world) {
  ArchiverObservation& archiver = world->now.archiver;
  archiver.archived_count = world->last.archiver.archived_count;
  archiver.last_archived = world->last.archiver.last_archived;
  *archiver.failed_count += 60;
  archiver.last_failed = world->now.at;
  archiver.ready_files = 20;
}

}  // namespace ruvector::graph
