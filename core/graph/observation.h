// What one sensing pass over one collection saw, and nothing else.
//
// Purpose: the seam between the sensors (pgext/integrity/sensors, which read
// a real PostgreSQL 15-17 with pgvector) and the thinking of core/graph. The
// fields are what the server can tell, raw: cumulative counters, ages in
// transactions, sizes in bytes, times in microseconds, durations in
// microseconds. Nothing is judged here; judgement lives in health.h.
//
// Unknown: every value that could not be read this time (locked, no
// privilege, not counted by this server version, never captured) is
// std::nullopt, never 0 and never a guess. An empty vector means "looked and
// found none"; where "could not look" is possible a *_known flag beside the
// vector says so. A sensor that fails altogether adds a SensorFailure.
//
// Counters are those of pg_stat_*: they only grow, except at a reset (crash,
// pg_stat_reset, failover). Differences between two passes are made by
// delta.h, which turns a reset into "unknown".
//
// Ownership: plain values, all owned. [any-thread] once filled.
// Source: design.md 7.4; PostgreSQL 15 monitoring views; pgvector 0.8.0
// ivfflat.h and hnsw.h page layouts.
#ifndef RUVECTOR_CORE_GRAPH_OBSERVATION_H_
#define RUVECTOR_CORE_GRAPH_OBSERVATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"

namespace ruvector::graph {

// Whether a data-bearing object (partition, shard) could be read in this pass.
enum class Access {
  // Its sensors read it: catalog, statistics, and at least one block if it has
  // any.
  kReadable,
  // Not looked at this time although it may well be fine: a lock was held
  // longer than lock_timeout, the pass ran out of budget, a privilege of the
  // worker is missing. Not a fault of the object.
  kNotSampled,
  // It was tried and the data cannot be had: file missing or truncated, I/O or
  // checksum error, index of it invalid beyond reading, shard does not answer.
  // A fault with no floor: capacity 0.
  kUnreadable,
};

// A table that holds rows: the plain table itself, or one leaf partition.
struct TableObservation {
  uint32_t oid = 0;
  // Schema-qualified and quoted as SQL wants it: public."My part".
  std::string name;
  Access access = Access::kReadable;
  // Why access is not kReadable, as one line for people; else empty.
  std::string access_reason;
  // Set by CarryForward (carry.h), never by a sensor: the values below are the
  // last known ones. The same field in the structs that follow.
  bool carried = false;
  // Shard that holds it (ShardObservation::id). 0 is this node.
  int64_t shard_id = 0;

  // pg_class.reltuples (nullopt where it is -1, never analyzed).
  std::optional<double> estimated_rows;
  // pg_stat_all_tables: n_live_tup, n_dead_tup, n_mod_since_analyze,
  // n_ins_since_vacuum.
  std::optional<int64_t> live_tuples;
  std::optional<int64_t> dead_tuples;
  std::optional<int64_t> modified_since_analyze;
  std::optional<int64_t> inserted_since_vacuum;
  // Cumulative: n_tup_ins, n_tup_upd, n_tup_del, seq_scan, seq_tup_read,
  // idx_scan, idx_tup_fetch.
  std::optional<int64_t> inserts;
  std::optional<int64_t> updates;
  std::optional<int64_t> deletes;
  std::optional<int64_t> seq_scans;
  std::optional<int64_t> seq_tuples_read;
  std::optional<int64_t> idx_scans;
  std::optional<int64_t> idx_tuples_fetched;

  // Main, FSM, VM forks and TOAST; without indexes.
  std::optional<int64_t> heap_bytes;
  // All indexes of the table.
  std::optional<int64_t> index_bytes;
  // Share of the heap that holds no live tuple, in [0, 1], however it was
  // estimated (free space map, visibility map, pgstattuple_approx);
  // bloat_source names the method.
  std::optional<double> bloat_fraction;
  std::string bloat_source;

  // age(relfrozenxid) and mxid_age(relminmxid), in transactions, and the age
  // at which autovacuum is forced for this table (autovacuum_freeze_max_age
  // after storage parameters).
  std::optional<int64_t> xid_age;
  std::optional<int64_t> multixact_age;
  std::optional<int64_t> freeze_max_age;
  // Dead tuples at which autovacuum would start: threshold + scale factor *
  // reltuples after storage parameters. nullopt also if autovacuum is off.
  std::optional<int64_t> autovacuum_threshold;
  std::optional<bool> autovacuum_enabled;

  // The later of the manual and the automatic one. nullopt: never, or the
  // statistics were reset.
  std::optional<absl::Time> last_vacuum;
  std::optional<absl::Time> last_analyze;
  // PostgreSQL 16 and newer only.
  std::optional<absl::Time> last_seq_scan;
  std::optional<absl::Time> last_idx_scan;
};

// One list of an IVFFlat index (pgvector), from its list page and a sample of
// its chain of entry pages.
struct IvfListObservation {
  // Position in the list pages, from 0: stable until the index is rebuilt.
  int64_t id = 0;
  // Entries in the chain. If rows_estimated, extrapolated from a sampled part
  // of the chain.
  std::optional<double> rows;
  bool rows_estimated = false;
  // Entries of this list when the index was built. pgvector does not record
  // it: captured by us right after a build that we saw, else nullopt.
  std::optional<double> rows_at_build;
  // Mean distance of sampled entries to this list's center, in the metric of
  // the operator class, and how many entries that is.
  std::optional<double> mean_distance;
  int64_t sampled_rows = 0;
  // The same mean as first captured by us for this build of the index.
  std::optional<double> baseline_mean_distance;
};

struct IvfIndexObservation {
  uint32_t oid = 0;
  std::string name;  // quoted, qualified
  uint32_t table_oid = 0;
  Access access = Access::kReadable;
  std::string access_reason;
  bool carried = false;
  // pg_index.indisvalid and indisready.
  std::optional<bool> valid;
  // From the meta page.
  std::optional<int64_t> declared_lists;
  std::optional<int64_t> dimensions;
  std::optional<int64_t> bytes;
  // Rows the whole index held when it was built; captured by us, else nullopt.
  std::optional<double> rows_at_build;
  // pg_stat_all_indexes.idx_scan, cumulative.
  std::optional<int64_t> scans;
  // All lists, or as many as the sampling budget allowed; ids ascending.
  std::vector<IvfListObservation> lists;
};

struct HnswIndexObservation {
  uint32_t oid = 0;
  std::string name;
  uint32_t table_oid = 0;
  Access access = Access::kReadable;
  std::string access_reason;
  bool carried = false;
  std::optional<bool> valid;
  // From the meta page.
  std::optional<int64_t> m;
  std::optional<int64_t> ef_construction;
  std::optional<int64_t> dimensions;
  std::optional<int64_t> bytes;
  std::optional<int64_t> scans;
  // What follows is counted over sampled_pages of total_pages.
  std::optional<int64_t> total_pages;
  std::optional<int64_t> sampled_pages;
  // Element tuples seen, and among them: deleted (marked by VACUUM and
  // reusable) and dead (no heap pointer left, not yet marked).
  std::optional<int64_t> elements;
  std::optional<int64_t> deleted_elements;
  std::optional<int64_t> dead_elements;
  // Used neighbour slots over available ones on level 0, of live elements, in
  // [0, 1].
  std::optional<double> neighbour_fill;
};

enum class SyncState { kUnknown, kAsync, kPotential, kSync, kQuorum };

// A standby. Present: a row of pg_stat_replication. Absent: one that an
// earlier pass saw and pg_stat_replication does not list now; the worker
// passes the remembered ones.
struct ReplicaObservation {
  // application_name, made unique by the sensor (client address) if it must.
  std::string name;
  bool present = true;
  // pg_stat_replication.state: startup, catchup, streaming, backup, stopping;
  // of an absent one as last remembered. A connection in state backup is
  // pg_basebackup at work, not a standby: the builder leaves it out.
  std::optional<std::string> state;
  // As reported now; for an absent one as last remembered.
  SyncState sync_state = SyncState::kUnknown;
  // pg_current_wal_lsn() - replay_lsn.
  std::optional<int64_t> replay_lag_bytes;
  // replay_lag (nullopt also while the standby is idle and caught up).
  std::optional<int64_t> replay_lag_us;
  // now - reply_time.
  std::optional<int64_t> reply_age_us;
  // When an absent one was last seen.
  std::optional<absl::Time> last_seen;
};

struct ReplicationSlotObservation {
  std::string name;
  // ReplicaObservation::name of the connection that uses it (active_pid =
  // pg_stat_replication.pid), or that used it when last seen; else empty.
  std::string replica;
  bool logical = false;
  std::optional<bool> active;
  // pg_replication_slots.wal_status: reserved, extended, unreserved, lost.
  std::optional<std::string> wal_status;
  // pg_current_wal_lsn() - restart_lsn.
  std::optional<int64_t> retained_bytes;
  // safe_wal_size: bytes that may still be written before it is lost; nullopt
  // without max_slot_wal_keep_size.
  std::optional<int64_t> safe_wal_bytes;
};

struct ReplicationObservation {
  // pg_stat_replication could be read.
  bool known = false;
  bool carried = false;
  std::vector<ReplicaObservation> replicas;
  bool slots_known = false;
  std::vector<ReplicationSlotObservation> slots;
  // How many standbys synchronous_standby_names requires (FIRST n / ANY n; 0
  // when it is empty or synchronous_commit asks for none).
  std::optional<int64_t> required_sync;
  // wal_sender_timeout; nullopt if 0 (disabled) or unknown.
  std::optional<int64_t> wal_sender_timeout_us;
};

enum class ArchiveMode { kUnknown, kOff, kOn, kAlways };

// pg_stat_archiver and its settings.
struct ArchiverObservation {
  bool carried = false;
  ArchiveMode mode = ArchiveMode::kUnknown;
  // archive_command or archive_library is set.
  std::optional<bool> command_set;
  std::optional<int64_t> archived_count;  // cumulative
  std::optional<int64_t> failed_count;    // cumulative
  std::optional<absl::Time> last_archived;
  std::optional<absl::Time> last_failed;
  // *.ready files of pg_wal/archive_status.
  std::optional<int64_t> ready_files;
  // archive_timeout; nullopt if 0 (disabled).
  std::optional<int64_t> archive_timeout_us;
};

struct BackupObservation {
  bool carried = false;
  // End of the last base backup that we know of, from pg_stat_progress_
  // basebackup as we watched it, backup labels or a backup tool's catalog.
  // nullopt: none is known, which is not a fault.
  std::optional<absl::Time> last_base_backup;
  // How old it may get; a setting of ours (nullopt: the default of health.h).
  std::optional<int64_t> expected_interval_us;
};

// pg_stat_bgwriter (15, 16) or pg_stat_checkpointer (17).
struct CheckpointerObservation {
  bool carried = false;
  std::optional<int64_t> timed;            // cumulative
  std::optional<int64_t> requested;        // cumulative
  std::optional<int64_t> write_time_us;    // cumulative
  std::optional<int64_t> sync_time_us;     // cumulative
  std::optional<int64_t> buffers_backend;  // cumulative, nullopt from 17 on
  std::optional<int64_t> checkpoint_timeout_us;
};

// One filesystem under a tablespace of the collection, or under pg_wal.
// Several on the same device are given once.
struct DiskObservation {
  // Tablespace names, or "pg_wal", comma separated when they share it.
  std::string name;
  // Kernel's device number: the identity of the filesystem.
  int64_t device = 0;
  bool carried = false;
  std::optional<int64_t> total_bytes;
  // Free to the server's user (statvfs f_bavail).
  std::optional<int64_t> free_bytes;
};

// Wraparound, of this database and of the worst one in the cluster.
struct XidObservation {
  bool carried = false;
  std::optional<int64_t> database_age;  // age(datfrozenxid)
  std::optional<int64_t> cluster_age;   // max over pg_database
  std::optional<int64_t> database_multixact_age;
  std::optional<int64_t> cluster_multixact_age;
  // Age at which the server refuses to assign new ones; from the source it is
  // 2^31 - 1 - 3,000,000 on all supported versions. Filled by the sensor so
  // that it is one fact in one place.
  std::optional<int64_t> stop_age;
  // Oldest age(backend_xmin) of any session, slot or prepared transaction.
  std::optional<int64_t> oldest_xmin_age;
};

// Where partitions live: this node, a Citus worker, a foreign server.
struct ShardObservation {
  // 0 is this node; the group id of Citus, the oid of a foreign server.
  int64_t id = 0;
  std::string name;
  // kUnreadable: it was asked and did not answer, or the catalog of its engine
  // says that it is gone. kReadable without a latency: nobody asked.
  Access access = Access::kReadable;
  std::string access_reason;
  bool carried = false;
  std::optional<double> rows;
  std::optional<int64_t> bytes;
  // Round trip of the probe.
  std::optional<int64_t> latency_us;
};

// A sensor that could not do its work at all in this pass. Its part of the
// observation is then left as constructed; CarryForward fills in the last
// known one.
enum class Sensor {
  kTables,
  kIvfFlat,
  kHnsw,
  kReplication,
  kArchiver,
  kBackup,
  kCheckpointer,
  kDisk,
  kXid,
  kShards,
};
struct SensorFailure {
  Sensor sensor;
  std::string reason;  // one line for people
};

struct Observation {
  int32_t collection_id = 0;
  absl::Time at = absl::UnixEpoch();
  // pg_postmaster_start_time() and stats_reset, to see counter resets.
  std::optional<absl::Time> server_start;
  std::optional<absl::Time> stats_reset;

  // Leaves only, never the partitioned parent.
  std::vector<TableObservation> tables;
  std::vector<IvfIndexObservation> ivf_indexes;
  std::vector<HnswIndexObservation> hnsw_indexes;
  ReplicationObservation replication;
  ArchiverObservation archiver;
  BackupObservation backup;
  CheckpointerObservation checkpointer;
  std::vector<DiskObservation> disks;
  XidObservation xid;
  // At least this node (id 0).
  std::vector<ShardObservation> shards;

  std::vector<SensorFailure> failures;
};

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_OBSERVATION_H_
