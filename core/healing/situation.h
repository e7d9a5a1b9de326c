// What one pass knows when it asks what is wrong: the integrity plane's view of
// a collection, and what else the sensors of healing saw.
//
// Purpose: the seam between sensors (pgext, which read a real server) and the
// classifier. What graph::Observation already has (rows per list, drift, dead
// tuples, lag, slots, archiver, disks, transaction age) is not repeated here.
//
// Unknown: std::nullopt is "not read this time", never 0; an engaged empty
// vector is "looked and found none". A detector without its inputs is silent.
// Values that CarryForward filled in (`carried`) count as unknown as well: to
// act on what was true a while ago is worse than to wait for the next pass.
//
// Ownership: plain values, all owned, but for the pointers of Situation, which
// the caller keeps alive for the call. [any-thread] once filled.
// Source: design.md 7.4; operations-anchors.md 2.4 and 4; PostgreSQL 15
// monitoring views, /proc and cgroup v2 as each field says.
#ifndef RUVECTOR_CORE_HEALING_SITUATION_H_
#define RUVECTOR_CORE_HEALING_SITUATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/gate/state.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"
#include "core/graph/observation.h"

namespace ruvector::healing {

// An index of the collection with pg_index.indisvalid = false.
struct InvalidIndex {
  uint32_t oid = 0;
  std::string name;  // quoted, qualified
  uint32_t table_oid = 0;
  // We made it: its build is in our journal. nullopt: the journal could not be
  // read.
  std::optional<bool> ours;
  // Somebody builds it at this moment: pg_stat_progress_create_index, or a lock
  // that such a build holds. It is invalid then by design, not by accident.
  std::optional<bool> being_built;
  std::optional<int64_t> bytes;  // pg_relation_size
};

// Who holds back the horizon of vacuum.
enum class BlockerKind {
  kSnapshot,  // pg_stat_activity: backend_xmin or backend_xid of a backend
  kPrepared,  // pg_prepared_xacts
  kSlot,      // pg_replication_slots: xmin or catalog_xmin
  kStandby,   // pg_stat_replication.backend_xmin: hot_standby_feedback
};
struct VacuumBlocker {
  BlockerKind kind = BlockerKind::kSnapshot;
  // pid, gid of the transaction, slot name, standby name.
  std::string name;
  // age() of the older of its xids, in transactions.
  std::optional<int64_t> age_xids;
  // now - xact_start, now - prepared; nullopt for slots and standbys.
  std::optional<absl::Duration> age;
  // For people: user, application_name and state; owner of the transaction.
  std::string detail;
  // It holds back the rows of catalogs only, not those of tables: a logical
  // slot, by its catalog_xmin. Dead tuples of a collection are not its doing.
  bool catalogs_only = false;
};

// Sessions that wait for one another, seen from the one at the root that waits
// for nobody: pg_blocking_pids() followed to its end.
struct LockQueue {
  int32_t blocker_pid = 0;  // 0: a prepared transaction
  // What it runs or ran last (pg_stat_activity.query, shortened, without
  // literals; the gid of a prepared transaction), and its state: active, idle
  // in transaction, ...
  std::string blocker_query;
  std::string blocker_state;
  // Table it is about, quoted and qualified; empty if none or several.
  std::string relation;
  // Sessions behind it, directly or not.
  std::optional<int64_t> waiting;
  // now - pg_locks.waitstart of the longest of them.
  std::optional<absl::Duration> longest_wait;
};

// Client backends of the whole server, from pg_stat_activity and settings.
struct Connections {
  std::optional<int64_t> used;   // all client backends
  std::optional<int64_t> limit;  // max_connections
  std::optional<int64_t>
      reserved;  // superuser_reserved_ + reserved_connections
  std::optional<int64_t> idle;
  std::optional<int64_t> idle_in_transaction;
  // By role, largest first; the sensor may cut the list.
  struct Holder {
    std::string role;
    int64_t sessions = 0;
  };
  std::vector<Holder> holders;
};

// Memory of the machine or of the container, whichever binds first.
struct Memory {
  // "cgroup" (memory.max, memory.current less inactive_file) or "meminfo"
  // (MemTotal, MemTotal less MemAvailable): page cache that can be dropped is
  // not use.
  std::string source;
  std::optional<int64_t> limit_bytes;
  std::optional<int64_t> used_bytes;
  // Largest first: "backend 4711 (app)", "shared_buffers", from
  // /proc/<pid>/smaps_rollup (Pss_Anon) and settings. Empty while memory is not
  // short: to look costs a walk of page tables.
  struct Consumer {
    std::string name;
    int64_t bytes = 0;
  };
  std::vector<Consumer> consumers;
};

enum class JobKind {
  kAutovacuum,
  kWraparoundVacuum,  // autovacuum "to prevent wraparound": never paused
  kVacuum,            // someone's VACUUM or ANALYZE
  kIndexBuild,        // pg_stat_progress_create_index
  kBaseBackup,        // pg_stat_progress_basebackup
  kOurs,              // a healing action
  kCron,              // cron.job_run_details, where pg_cron is here
};
struct MaintenanceJob {
  JobKind kind = JobKind::kAutovacuum;
  std::string name;      // as HOLD_JOB names it
  std::string relation;  // quoted, qualified; empty if none
  std::optional<absl::Duration> running;
};
struct Maintenance {
  std::vector<MaintenanceJob> jobs;
  // autovacuum_max_workers.
  std::optional<int64_t> autovacuum_workers;
  // Tables past their vacuum or analyze threshold that no worker is on. nullopt
  // also while a worker is free: then none of them waits for one.
  std::optional<int64_t> queue_depth;
};

// Share of time that some task waited for I/O, in [0, 1], over about a minute:
// the "some avg60" of /proc/pressure/io or of the cgroup's io.pressure, else
// the share of active backends in wait_event_type IO over the pass's samples.
struct IoPressure {
  std::string source;
  std::optional<double> stalled;
};

// What graph::TableObservation lacks to judge its statistics.
struct TableStatistics {
  uint32_t table_oid = 0;
  // Modified rows at which autoanalyze would start: threshold + scale factor *
  // reltuples after storage parameters.
  std::optional<int64_t> analyze_threshold;
};

// Exact answers beside those of the index, over a sample of real queries.
struct RecallProbe {
  uint32_t index_oid = 0;
  std::string name;
  uint32_t table_oid = 0;
  bool ivfflat = false;  // else HNSW
  // Of `trials` true neighbours the index returned `successes`.
  std::optional<int64_t> successes;
  std::optional<int64_t> trials;
  // recall_target of the collection, in (0, 1].
  std::optional<double> target;
};

struct Situation {
  // State of the collection's gate, after hysteresis.
  gate::State state = gate::State::kNormal;
  // Required. As given to graph::Build, so after CarryForward.
  const graph::Observation* now = nullptr;
  // Of the pass before; null: no rates, detectors that need them are silent.
  const graph::Observation* previous = nullptr;
  // Both or neither; null: no witness, and nothing is called unknown.
  const graph::ContractedGraph* graph = nullptr;
  const graph::Assessment* assessment = nullptr;

  std::optional<std::vector<InvalidIndex>> invalid_indexes;
  std::optional<std::vector<VacuumBlocker>> vacuum_blockers;
  std::optional<std::vector<LockQueue>> lock_queues;
  std::optional<Connections> connections;
  std::optional<Memory> memory;
  std::optional<Maintenance> maintenance;
  std::optional<IoPressure> io;
  // Tables that are missing here are judged by PostgreSQL's defaults.
  std::vector<TableStatistics> statistics;
  std::vector<RecallProbe> recall_probes;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_SITUATION_H_
