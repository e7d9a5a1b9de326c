// Health of one observed thing, 0 (failed) to 1 (healthy): pure functions, one
// per kind of sensor, and the one table of their constants.
//
// Rules (design.md 7.2-7.4):
// - Relative, never absolute: a list is compared with itself at build time, a
//   partition with its fair share, an age with its limit.
// - An unknown input makes that aspect unknown; a thing with no known aspect
//   has no health (nullopt). No data is not failure.
// - `lost` is something else: the data cannot be read at all. It knows no
//   floor and no neutral value.
// - The health of a thing is that of its worst known aspect.
//
// Aspects differ in how deep they can go, because "critical" refuses writes:
//   degraded  slower or less precise, nothing lost: never below
//             Band::Degraded(), i.e. stress at most (hot, drift, bloat, lag)
//   full      falls to 0 (vacuum debt, xid age, disk space, absent replica);
//             whether 0 may reach the cut is decided by the floors of build.h
//
// All functions are [any-thread], allocate only their result, never fail.
// Inputs are expected validated (build.h does): finite, in range.
#ifndef RUVECTOR_CORE_GRAPH_HEALTH_H_
#define RUVECTOR_CORE_GRAPH_HEALTH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/graph/delta.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

// The stress band of the policy in force: at or above `high` is normal, below
// `low` critical. Everything that must land inside the band is placed
// relative to it, so that a policy with other thresholds keeps the meaning.
struct Band {
  double high = 0.8;
  double low = 0.3;

  // Just above critical: the bottom of every "degraded" aspect. 0.33 by
  // default: three dead-slow thirds still serve, and a third of the lists at
  // this value puts the service at 0.777, inside stress.
  double Degraded() const { return low + 0.06 * (high - low); }
  // The middle: the floor of dependencies and asynchronous replicas. 0.55.
  double Middle() const { return low + 0.5 * (high - low); }
  // Clearly inside stress (0.75) and clearly critical (0.24): what a vital
  // resource has at its two published limits.
  double Stress() const { return low + 0.9 * (high - low); }
  double Critical() const { return 0.8 * low; }
};

// Two points of a straight line: healthy up to `good`, worst from `bad` on.
// good < bad.
struct Ramp {
  double good;
  double bad;
};

// Every constant of the health models, with its reason. A policy may replace
// any of them.
struct HealthLimits {
  Band band;

  // -- partitions ---------------------------------------------------------
  // Excess of a partition's traffic over its fair share, (share - fair) /
  // (1 - fair): 0 is fair, 1 is "all of it". Fair is the larger of 1/n (an
  // unpruned search touches all alike) and the share of rows held before (a
  // scan reads in proportion). A quarter is ordinary skew; at six tenths one
  // partition does the work of the whole table.
  Ramp hot_excess{0.25, 0.60};
  // Less traffic than this says nothing about skew. Writes to a vector index
  // cost about a millisecond each, reads of a row microseconds: hence the
  // factor of ten between them.
  int64_t hot_min_written = 1000;
  double hot_min_written_per_s = 100;
  int64_t hot_min_read = 10000;
  double hot_min_read_per_s = 1000;
  // Dead tuples in units of what starts an autovacuum. Twice is a vacuum that
  // has not come round yet (naptime, cost delay); at twenty times (by default
  // four dead rows per live one) writes have outrun vacuum: saturated. Falls
  // to 0.
  Ramp vacuum_debt{2, 20};
  // Dead tuples below this are no debt, whatever the threshold says.
  int64_t vacuum_debt_unit_min = 1000;
  // PostgreSQL's defaults (50 + 0.2 * rows) where the table's own threshold is
  // unknown or autovacuum is off.
  double autovacuum_base = 50;
  double autovacuum_scale = 0.2;
  // Share of the heap without live tuples. Half empty is what steady updates
  // leave; nine tenths makes every scan ten times as long. Degraded only: the
  // space is reusable.
  Ramp heap_bloat{0.50, 0.90};
  int64_t heap_bloat_min_bytes = 64 << 20;
  // Deleted or dead elements over all sampled ones in an HNSW graph: they are
  // walked through and returned by nobody. pgvector repairs them in VACUUM.
  Ramp hnsw_dead{0.20, 0.60};
  int64_t hnsw_min_elements = 100;

  // -- IVFFlat lists ------------------------------------------------------
  // Mean distance to the center over the same at build time. Sampling noise
  // of 30 rows is about a tenth; at 1.6 the center no longer describes the
  // list.
  Ramp list_drift{1.20, 1.60};
  int64_t list_min_sample = 10;
  // A list tighter at build than this share of its index's mean is measured
  // against that instead: a tiny radius doubles without anyone noticing.
  double list_min_radius = 0.25;
  // Share of the index's rows over the same at build time: a list that
  // swallowed the new data. k-means lists differ by 2-3 anyway.
  Ramp list_growth{4, 16};
  int64_t list_min_rows = 100;
  // Rows of the whole index over those it was built on: centers trained on
  // too little data.
  Ramp index_growth{10, 100};
  int64_t index_growth_min_rows = 10000;

  // -- replication --------------------------------------------------------
  // Replay lag. 64 MB is four WAL segments, 10 s an ordinary burst; 4 GB or
  // five minutes is a standby nobody would promote.
  Ramp replay_lag_bytes{64.0 * (1 << 20), 4096.0 * (1 << 20)};
  Ramp replay_lag_s{10, 300};
  // Age of the last reply over wal_sender_timeout; at 1 the server hangs up.
  Ramp reply_age{0.5, 1.0};
  double default_wal_sender_timeout_s = 60;
  // WAL a slot holds back, as a share of it plus the room it has left
  // (safe_wal_size, else the free space under pg_wal).
  Ramp slot_retained{0.3, 0.9};

  // -- maintenance --------------------------------------------------------
  // WAL segments waiting for the archiver: 256 MB is a burst, 4 GB is behind.
  Ramp archive_backlog{16, 256};
  // Age of the base backup over the expected interval (7 days unless set).
  Ramp backup_age{1.0, 1.5};
  double default_backup_interval_s = 7 * 86400.0;
  // Checkpoints forced by WAL volume, per checkpoint_timeout: three is a busy
  // load, thirty means max_wal_size is far too small.
  Ramp forced_checkpoints{3, 30};
  int64_t forced_checkpoints_min = 3;
  double default_checkpoint_timeout_s = 300;
  // Vital: published limits at which the state must be stress and critical
  // (design.md 7.3). Healthy below `calm`, 0 at the limit itself.
  struct Vital {
    double calm;
    double stress;
    double critical;
  };
  // Transaction age over the age at which the server stops: autovacuum keeps
  // it below a tenth by default.
  Vital xid_age{0.75, 0.80, 0.95};
  // 2^31 - 1 - 3,000,000: PostgreSQL's own stop limit, where not reported.
  double default_stop_age = 2144483647.0;
  // Used space over total.
  Vital disk_used{0.85, 0.90, 0.97};
};

// One judged aspect of a thing.
struct Aspect {
  const char* name;    // static: "hot", "vacuum_debt", ...
  const char* source;  // static: the counters or pages it was read from
  std::optional<double> health;
  // The numbers behind it, for node_data; static names.
  std::vector<std::pair<const char*, std::optional<double>>> values;
  // Where it belongs to a part of the thing (an index of a table, a slot of a
  // replica): the name of that part.
  std::string object = {};
};

struct Health {
  // Worst known aspect; nullopt if none is known. As measured or, where
  // `stale`, as last known.
  std::optional<double> value;
  // The data cannot be read at all.
  bool lost = false;
  // Judged on last known values, or it should have been readable and was not.
  bool stale = false;
  // One line for people where something is to be said beyond the numbers.
  std::string reason;
  std::vector<Aspect> aspects;
};

// Traffic of a partition beside its siblings, filled by Traffic().
struct TrafficShare {
  // Share of rows written and read since the last pass, each nullopt unless
  // significant; the fair share that goes with it.
  std::optional<double> written;
  std::optional<double> read;
  double fair = 0;
  // Share of all traffic, whether or not significant, for current_flow.
  std::optional<double> flow;
};
// One per table of `now`, in its order.
std::vector<TrafficShare> Traffic(const Observation& now, const Delta& delta,
                                  const HealthLimits& limits);

Health TableHealth(const TableObservation& table, const TrafficShare& traffic,
                   const HealthLimits& limits);
// An HNSW index counts towards its table; so does an IVFFlat index as a whole
// (its lists have nodes of their own).
Health HnswHealth(const HnswIndexObservation& index,
                  const HealthLimits& limits);
Health IvfIndexHealth(const IvfIndexObservation& index,
                      const HealthLimits& limits);
// Sums and mean over the lists of an index; nullopt unless known for all.
struct IvfContext {
  std::optional<double> rows;
  std::optional<double> rows_at_build;
  std::optional<double> mean_baseline_distance;
};
IvfContext IvfContextOf(const IvfIndexObservation& index);
Health IvfListHealth(const IvfListObservation& list, const IvfContext& context,
                     const HealthLimits& limits);

Health ShardHealth(const ShardObservation& shard);
Health ReplicaHealth(const ReplicaObservation& replica,
                     std::optional<int64_t> wal_sender_timeout_us,
                     const HealthLimits& limits);
// wal_free_bytes: free space of the filesystem under pg_wal.
Health SlotHealth(const ReplicationSlotObservation& slot,
                  std::optional<int64_t> wal_free_bytes,
                  const HealthLimits& limits);

Health ArchiverHealth(const ArchiverObservation& archiver, const Delta& delta,
                      const HealthLimits& limits);
Health BackupHealth(const BackupObservation& backup, absl::Time now,
                    const HealthLimits& limits);
Health CheckpointerHealth(const CheckpointerObservation& checkpointer,
                          const Delta& delta, const HealthLimits& limits);
// Vacuum of the collection as a whole: debts added up over its tables.
Health VacuumHealth(const std::vector<TableObservation>& tables,
                    const HealthLimits& limits);
Health XidHealth(const XidObservation& xid,
                 const std::vector<TableObservation>& tables,
                 const HealthLimits& limits);
Health DiskHealth(const DiskObservation& disk, const HealthLimits& limits);

// Adds the aspects of a part called `object` to `whole`: the worse value, lost
// if either is. Not stale for it: indexes are sampled within a budget, and one
// that was not reached this time says as little as a list that was not.
void Absorb(Health part, const std::string& object, Health* whole);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_HEALTH_H_
