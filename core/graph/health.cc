#include "core/graph/health.h"

#include <algorithm>
#include <cmath>

namespace ruvector::graph {
namespace {

using Known = std::optional<double>;

// 1 up to `good`, `worst` from `bad` on, straight between.
double Fall(double x, const Ramp& ramp, double worst) {
  const double t =
      std::clamp((x - ramp.good) / (ramp.bad - ramp.good), 0.0, 1.0);
  return 1 - t * (1 - worst);
}

double FallVital(double x, const HealthLimits::Vital& at, const Band& band) {
  if (x <= at.stress) {
    return Fall(x, {at.calm, at.stress}, band.Stress());
  }
  if (x <= at.critical) {
    const double t = (x - at.stress) / (at.critical - at.stress);
    return band.Stress() - t * (band.Stress() - band.Critical());
  }
  const double t = std::min(1.0, (x - at.critical) / (1 - at.critical));
  return band.Critical() * (1 - t);
}

Known ToDouble(std::optional<int64_t> value) {
  if (!value.has_value()) return std::nullopt;
  return static_cast<double>(*value);
}

Known Ratio(Known part, Known whole) {
  if (!part.has_value() || !whole.has_value() || *whole <= 0) {
    return std::nullopt;
  }
  return *part / *whole;
}

Known Worse(Known a, Known b) {
  if (!a.has_value()) return b;
  return b.has_value() ? std::min(*a, *b) : a;
}

Known Larger(Known a, Known b) {
  if (!a.has_value()) return b;
  return b.has_value() ? std::max(*a, *b) : a;
}

void Add(Aspect aspect, Health* health) {
  health->value = Worse(health->value, aspect.health);
  health->aspects.push_back(std::move(aspect));
}

void SetAccess(Access access, const std::string& reason, bool carried,
               Health* health) {
  health->lost = access == Access::kUnreadable;
  health->stale = access == Access::kNotSampled || carried;
  if (access != Access::kReadable) health->reason = reason;
}

// Whether `amount` in the interval is enough to say anything.
bool Significant(double amount, double seconds, int64_t minimum,
                 double per_second) {
  return amount >= static_cast<double>(minimum) &&
         amount >= per_second * seconds;
}

Aspect Hot(const TrafficShare& traffic, const HealthLimits& limits) {
  Aspect aspect{"hot",
                "pg_stat_all_tables: n_tup_ins, n_tup_upd, n_tup_del, "
                "seq_tup_read, idx_tup_fetch since the last pass",
                std::nullopt,
                {{"write_share", traffic.written},
                 {"read_share", traffic.read},
                 {"fair_share", traffic.fair}}};
  if (traffic.fair >= 1) return aspect;
  if (const Known share = Larger(traffic.written, traffic.read)) {
    const double excess = (*share - traffic.fair) / (1 - traffic.fair);
    aspect.health = Fall(excess, limits.hot_excess, limits.band.Degraded());
  }
  return aspect;
}

// What starts an autovacuum of this table, in dead tuples.
Known DebtUnit(const TableObservation& table, const HealthLimits& limits) {
  Known unit = ToDouble(table.autovacuum_threshold);
  if (!unit.has_value()) {
    const Known rows = KnownRows(table);
    if (!rows.has_value()) return std::nullopt;
    unit = limits.autovacuum_base + limits.autovacuum_scale * *rows;
  }
  return std::max(*unit, static_cast<double>(limits.vacuum_debt_unit_min));
}

Aspect VacuumDebt(const TableObservation& table, const HealthLimits& limits) {
  const Known unit = DebtUnit(table, limits);
  const Known debt = Ratio(ToDouble(table.dead_tuples), unit);
  Aspect aspect{"vacuum_debt",
                "pg_stat_all_tables.n_dead_tup over the autovacuum threshold",
                std::nullopt,
                {{"dead_tuples", ToDouble(table.dead_tuples)},
                 {"threshold", unit},
                 {"debt", debt}}};
  if (debt.has_value()) aspect.health = Fall(*debt, limits.vacuum_debt, 0);
  return aspect;
}

Aspect HeapBloat(const TableObservation& table, const HealthLimits& limits) {
  Aspect aspect{"heap_bloat",
                "share of the heap without live tuples (see bloat_source)",
                std::nullopt,
                {{"fraction", table.bloat_fraction},
                 {"heap_bytes", ToDouble(table.heap_bytes)}}};
  if (!table.bloat_fraction.has_value() || !table.heap_bytes.has_value()) {
    return aspect;
  }
  aspect.health = *table.heap_bytes < limits.heap_bloat_min_bytes
                      ? 1.0
                      : Fall(*table.bloat_fraction, limits.heap_bloat,
                             limits.band.Degraded());
  return aspect;
}

Aspect Drift(const IvfListObservation& list, const IvfContext& context,
             const HealthLimits& limits) {
  Known radius = list.baseline_mean_distance;
  if (radius.has_value() && context.mean_baseline_distance.has_value()) {
    radius = std::max(*radius,
                      limits.list_min_radius * *context.mean_baseline_distance);
  }
  const Known ratio = Ratio(list.mean_distance, radius);
  Aspect aspect{"drift",
                "mean distance of sampled entries to the list's center over "
                "the same after the build",
                std::nullopt,
                {{"mean_distance", list.mean_distance},
                 {"baseline_mean_distance", list.baseline_mean_distance},
                 {"sampled_rows", static_cast<double>(list.sampled_rows)},
                 {"ratio", ratio}}};
  if (ratio.has_value() && list.sampled_rows >= limits.list_min_sample) {
    aspect.health = Fall(*ratio, limits.list_drift, limits.band.Degraded());
  }
  return aspect;
}

Aspect Growth(const IvfListObservation& list, const IvfContext& context,
              const HealthLimits& limits) {
  const Known share = Ratio(list.rows, context.rows);
  const Known before = Ratio(list.rows_at_build, context.rows_at_build);
  Aspect aspect{"share_of_rows",
                "entries in the list's pages over the same after the build",
                std::nullopt,
                {{"rows", list.rows},
                 {"rows_at_build", list.rows_at_build},
                 {"share", share},
                 {"share_at_build", before}}};
  if (!share.has_value() || !before.has_value()) return aspect;
  const auto least = static_cast<double>(limits.list_min_rows);
  if (*list.rows == 0) {
    // A sample that met no row is no proof of an empty list.
    if (list.rows_estimated) return aspect;
    aspect.health = *list.rows_at_build >= least ? limits.band.Degraded() : 1.0;
  } else if (*list.rows < least || *before == 0) {
    aspect.health = 1;
  } else {
    aspect.health =
        Fall(*share / *before, limits.list_growth, limits.band.Degraded());
  }
  return aspect;
}

Aspect ReplayLag(const ReplicaObservation& replica,
                 const HealthLimits& limits) {
  const Known bytes = ToDouble(replica.replay_lag_bytes);
  Known seconds = ToDouble(replica.replay_lag_us);
  if (seconds.has_value()) *seconds /= 1e6;
  Aspect aspect{"replay_lag",
                "pg_stat_replication: replay_lsn, replay_lag",
                std::nullopt,
                {{"bytes", bytes}, {"seconds", seconds}}};
  const double worst = limits.band.Degraded();
  if (bytes.has_value()) {
    aspect.health = Fall(*bytes, limits.replay_lag_bytes, worst);
  }
  if (seconds.has_value()) {
    aspect.health =
        Worse(aspect.health, Fall(*seconds, limits.replay_lag_s, worst));
  }
  return aspect;
}

Aspect ReplyAge(const ReplicaObservation& replica,
                std::optional<int64_t> timeout_us, const HealthLimits& limits) {
  const double timeout_s = timeout_us.has_value()
                               ? static_cast<double>(*timeout_us) / 1e6
                               : limits.default_wal_sender_timeout_s;
  Known age = ToDouble(replica.reply_age_us);
  if (age.has_value()) *age /= 1e6;
  Aspect aspect{"reply_age",
                "pg_stat_replication.reply_time over wal_sender_timeout",
                std::nullopt,
                {{"seconds", age}, {"timeout_seconds", timeout_s}}};
  if (const Known ratio = Ratio(age, timeout_s)) {
    aspect.health = Fall(*ratio, limits.reply_age, limits.band.Degraded());
  }
  return aspect;
}

Aspect ArchiveFailures(const ArchiverObservation& archiver,
                       const Delta& delta) {
  const Known failed = ToDouble(delta.wal_failed);
  const Known archived = ToDouble(delta.wal_archived);
  Aspect aspect{"archiving",
                "pg_stat_archiver",
                std::nullopt,
                {{"archived", archived},
                 {"failed", failed},
                 {"archived_total", ToDouble(archiver.archived_count)},
                 {"failed_total", ToDouble(archiver.failed_count)}}};
  if (archiver.last_failed.has_value() &&
      (!archiver.last_archived.has_value() ||
       *archiver.last_failed > *archiver.last_archived)) {
    aspect.health = 0;
  } else if (archiver.last_archived.has_value()) {
    aspect.health = 1;
  }
  if (failed.value_or(0) > 0 && archived.has_value()) {
    aspect.health = Worse(aspect.health, *archived / (*archived + *failed));
  }
  return aspect;
}

Aspect VitalAge(const char* name, const char* source, Known age, double limit,
                const HealthLimits& limits) {
  Aspect aspect{name, source, std::nullopt, {{"age", age}, {"limit", limit}}};
  if (const Known share = Ratio(age, limit)) {
    aspect.health = FallVital(*share, limits.xid_age, limits.band);
  }
  return aspect;
}

}  // namespace

std::vector<TrafficShare> Traffic(const Observation& now, const Delta& delta,
                                  const HealthLimits& limits) {
  std::vector<TrafficShare> shares(now.tables.size());
  double written = 0, read = 0, rows = 0, tables = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const TableDelta& table = delta.tables[i];
    if (!table.written.has_value() || !table.read.has_value()) continue;
    written += static_cast<double>(*table.written);
    read += static_cast<double>(*table.read);
    rows += table.rows_before.value_or(0);
    ++tables;
  }
  if (tables == 0 || !delta.interval.has_value()) return shares;
  const double seconds = absl::ToDoubleSeconds(*delta.interval);
  const bool writes_count = Significant(
      written, seconds, limits.hot_min_written, limits.hot_min_written_per_s);
  const bool reads_count = Significant(read, seconds, limits.hot_min_read,
                                       limits.hot_min_read_per_s);
  for (size_t i = 0; i < shares.size(); ++i) {
    const TableDelta& table = delta.tables[i];
    if (!table.written.has_value() || !table.read.has_value()) continue;
    const auto mine_written = static_cast<double>(*table.written);
    const auto mine_read = static_cast<double>(*table.read);
    TrafficShare& share = shares[i];
    share.fair = std::max(
        1 / tables, rows > 0 ? table.rows_before.value_or(0) / rows : 0.0);
    if (writes_count) share.written = mine_written / written;
    if (reads_count) share.read = mine_read / read;
    share.flow = Ratio(mine_written + mine_read, written + read);
  }
  return shares;
}

Health TableHealth(const TableObservation& table, const TrafficShare& traffic,
                   const HealthLimits& limits) {
  Health health;
  SetAccess(table.access, table.access_reason, table.carried, &health);
  Add(Hot(traffic, limits), &health);
  Add(VacuumDebt(table, limits), &health);
  Add(HeapBloat(table, limits), &health);
  return health;
}

Health HnswHealth(const HnswIndexObservation& index,
                  const HealthLimits& limits) {
  Health health;
  SetAccess(index.access, index.access_reason, index.carried, &health);
  const Known elements = ToDouble(index.elements);
  Known dead = ToDouble(index.dead_elements);
  if (dead.has_value()) {
    *dead += static_cast<double>(index.deleted_elements.value_or(0));
  }
  // The fill of neighbour slots is shown but not judged: a small or sparse
  // graph is no worse for having few neighbours.
  Aspect aspect{"hnsw_dead",
                "element tuples on sampled pages of the HNSW index",
                std::nullopt,
                {{"elements", elements},
                 {"dead", dead},
                 {"sampled_pages", ToDouble(index.sampled_pages)},
                 {"neighbour_fill", index.neighbour_fill}}};
  if (const Known share = Ratio(dead, elements)) {
    aspect.health =
        *elements < static_cast<double>(limits.hnsw_min_elements)
            ? 1.0
            : Fall(*share, limits.hnsw_dead, limits.band.Degraded());
  }
  Add(std::move(aspect), &health);
  return health;
}

IvfContext IvfContextOf(const IvfIndexObservation& index) {
  IvfContext context{0, 0, 0};
  const auto add = [](Known part, Known* sum) {
    if (sum->has_value() && part.has_value()) {
      **sum += *part;
    } else {
      *sum = std::nullopt;
    }
  };
  for (const IvfListObservation& list : index.lists) {
    add(list.rows, &context.rows);
    add(list.rows_at_build, &context.rows_at_build);
    add(list.baseline_mean_distance, &context.mean_baseline_distance);
  }
  if (index.lists.empty()) return IvfContext();
  if (context.mean_baseline_distance.has_value()) {
    *context.mean_baseline_distance /= static_cast<double>(index.lists.size());
  }
  return context;
}

Health IvfIndexHealth(const IvfIndexObservation& index,
                      const HealthLimits& limits) {
  Health health;
  SetAccess(index.access, index.access_reason, index.carried, &health);
  const IvfContext context = IvfContextOf(index);
  // Lists that the page budget left out are in neither number.
  const auto read = static_cast<double>(index.lists.size());
  const bool all = ToDouble(index.declared_lists).value_or(read) <= read;
  const Known built = all && index.rows_at_build.has_value()
                          ? index.rows_at_build
                          : context.rows_at_build;
  Aspect aspect{"index_growth",
                all ? "entries in all list pages over the same after the build"
                    : "entries in the pages of the lists that were read over "
                      "the same after the build",
                std::nullopt,
                {{"rows", context.rows},
                 {"rows_at_build", built},
                 {"lists_read", read},
                 {"lists", ToDouble(index.declared_lists)}}};
  if (context.rows.has_value() && built.has_value()) {
    aspect.health =
        *context.rows < static_cast<double>(limits.index_growth_min_rows)
            ? 1.0
            : Fall(*context.rows / std::max(*built, 1.0), limits.index_growth,
                   limits.band.Degraded());
  }
  Add(std::move(aspect), &health);
  return health;
}

Health IvfListHealth(const IvfListObservation& list, const IvfContext& context,
                     const HealthLimits& limits) {
  Health health;
  Add(Drift(list, context, limits), &health);
  Add(Growth(list, context, limits), &health);
  return health;
}

Health ShardHealth(const ShardObservation& shard) {
  Health health;
  SetAccess(shard.access, shard.access_reason, shard.carried, &health);
  Aspect aspect{"reachable",
                "whether the node answered its probe, or its catalog's word",
                std::nullopt,
                {{"latency_us", ToDouble(shard.latency_us)},
                 {"rows", shard.rows},
                 {"bytes", ToDouble(shard.bytes)}}};
  // This node answers itself; another one that was not asked is unknown.
  if (health.lost) {
    aspect.health = 0;
  } else if (shard.id == 0 || shard.latency_us.has_value()) {
    aspect.health = 1;
  }
  Add(std::move(aspect), &health);
  return health;
}

Health ReplicaHealth(const ReplicaObservation& replica,
                     std::optional<int64_t> wal_sender_timeout_us,
                     const HealthLimits& limits) {
  Health health;
  Add({"connected",
       "pg_stat_replication beside the replicas seen before",
       replica.present ? 1.0 : 0.0,
       {}},
      &health);
  if (!replica.present) {
    health.reason = replica.last_seen.has_value()
                        ? "last seen " + absl::FormatTime(*replica.last_seen,
                                                          absl::UTCTimeZone())
                        : "not connected";
    return health;
  }
  Add(ReplayLag(replica, limits), &health);
  Add(ReplyAge(replica, wal_sender_timeout_us, limits), &health);
  return health;
}

Health SlotHealth(const ReplicationSlotObservation& slot,
                  std::optional<int64_t> wal_free_bytes,
                  const HealthLimits& limits) {
  Health health;
  Aspect status{
      "wal_status", "pg_replication_slots.wal_status", std::nullopt, {}};
  if (slot.wal_status.has_value()) {
    status.health = *slot.wal_status == "lost"         ? 0.0
                    : *slot.wal_status == "unreserved" ? limits.band.Degraded()
                                                       : 1.0;
    health.reason = "wal_status " + *slot.wal_status;
    if (!slot.replica.empty()) health.reason += ", used by " + slot.replica;
  }
  Add(std::move(status), &health);
  const Known kept = ToDouble(slot.retained_bytes);
  const Known room = ToDouble(
      slot.safe_wal_bytes.has_value() ? slot.safe_wal_bytes : wal_free_bytes);
  Aspect retained{"retained_wal",
                  "pg_replication_slots: restart_lsn, safe_wal_size, or the "
                  "free space under pg_wal",
                  std::nullopt,
                  {{"bytes", kept}, {"room", room}}};
  if (kept.has_value() && room.has_value() && *kept + *room > 0) {
    retained.health = Fall(*kept / (*kept + std::max(*room, 0.0)),
                           limits.slot_retained, limits.band.Degraded());
  }
  Add(std::move(retained), &health);
  return health;
}

Health ArchiverHealth(const ArchiverObservation& archiver, const Delta& delta,
                      const HealthLimits& limits) {
  Health health;
  health.stale = archiver.carried;
  Add(ArchiveFailures(archiver, delta), &health);
  const Known ready = ToDouble(archiver.ready_files);
  Aspect backlog{"archive_backlog",
                 "*.ready files in pg_wal/archive_status",
                 std::nullopt,
                 {{"files", ready}}};
  if (ready.has_value()) {
    backlog.health = Fall(*ready, limits.archive_backlog, 0);
  }
  Add(std::move(backlog), &health);
  return health;
}

Health BackupHealth(const BackupObservation& backup, absl::Time now,
                    const HealthLimits& limits) {
  Health health;
  health.stale = backup.carried;
  const double expected_s =
      backup.expected_interval_us.has_value()
          ? static_cast<double>(*backup.expected_interval_us) / 1e6
          : limits.default_backup_interval_s;
  Known age;
  if (backup.last_base_backup.has_value()) {
    age = absl::ToDoubleSeconds(now - *backup.last_base_backup);
  }
  Aspect aspect{"backup_age",
                "end of the last base backup seen",
                std::nullopt,
                {{"seconds", age}, {"expected_seconds", expected_s}}};
  if (const Known ratio = Ratio(age, expected_s)) {
    aspect.health = Fall(*ratio, limits.backup_age, 0);
  }
  Add(std::move(aspect), &health);
  return health;
}

Health CheckpointerHealth(const CheckpointerObservation& checkpointer,
                          const Delta& delta, const HealthLimits& limits) {
  Health health;
  health.stale = checkpointer.carried;
  const Known requested = ToDouble(delta.checkpoints_requested);
  Aspect aspect{
      "forced_checkpoints",
      "pg_stat_bgwriter or pg_stat_checkpointer since the last pass",
      std::nullopt,
      {{"requested", requested}, {"timed", ToDouble(delta.checkpoints_timed)}}};
  if (requested.has_value() && delta.interval.has_value()) {
    const double timeout_s =
        checkpointer.checkpoint_timeout_us.has_value()
            ? static_cast<double>(*checkpointer.checkpoint_timeout_us) / 1e6
            : limits.default_checkpoint_timeout_s;
    const double rate =
        *requested * timeout_s / absl::ToDoubleSeconds(*delta.interval);
    aspect.values.emplace_back("per_timeout", rate);
    aspect.health =
        *requested < static_cast<double>(limits.forced_checkpoints_min)
            ? 1.0
            : Fall(rate, limits.forced_checkpoints, 0);
  }
  Add(std::move(aspect), &health);
  return health;
}

Health VacuumHealth(const std::vector<TableObservation>& tables,
                    const HealthLimits& limits) {
  Health health;
  double dead = 0, unit = 0;
  for (const TableObservation& table : tables) {
    const Known table_unit = DebtUnit(table, limits);
    if (!table_unit.has_value() || !table.dead_tuples.has_value()) continue;
    dead += static_cast<double>(*table.dead_tuples);
    unit += *table_unit;
  }
  const Known debt = Ratio(dead, unit);
  Aspect aspect{"vacuum_debt",
                "pg_stat_all_tables.n_dead_tup over the autovacuum "
                "thresholds, all tables",
                std::nullopt,
                {{"dead_tuples", dead}, {"threshold", unit}, {"debt", debt}}};
  if (debt.has_value()) aspect.health = Fall(*debt, limits.vacuum_debt, 0);
  Add(std::move(aspect), &health);
  return health;
}

Health XidHealth(const XidObservation& xid,
                 const std::vector<TableObservation>& tables,
                 const HealthLimits& limits) {
  Health health;
  health.stale = xid.carried;
  Known age = Larger(ToDouble(xid.database_age), ToDouble(xid.cluster_age));
  Known multi = Larger(ToDouble(xid.database_multixact_age),
                       ToDouble(xid.cluster_multixact_age));
  for (const TableObservation& table : tables) {
    age = Larger(age, ToDouble(table.xid_age));
    multi = Larger(multi, ToDouble(table.multixact_age));
  }
  const double stop = ToDouble(xid.stop_age).value_or(limits.default_stop_age);
  Add(VitalAge("xid_age",
               "pg_database.datfrozenxid, pg_class.relfrozenxid over the age "
               "at which the server stops",
               age, stop, limits),
      &health);
  Add(VitalAge("multixact_age",
               "pg_database.datminmxid, pg_class.relminmxid over the age at "
               "which the server stops",
               multi, stop, limits),
      &health);
  return health;
}

Health DiskHealth(const DiskObservation& disk, const HealthLimits& limits) {
  Health health;
  health.stale = disk.carried;
  const Known total = ToDouble(disk.total_bytes);
  const Known free = ToDouble(disk.free_bytes);
  Aspect aspect{"disk_used",
                "statvfs of the filesystem",
                std::nullopt,
                {{"total_bytes", total}, {"free_bytes", free}}};
  if (const Known share = Ratio(free, total)) {
    aspect.health = FallVital(1 - *share, limits.disk_used, limits.band);
  }
  Add(std::move(aspect), &health);
  return health;
}

void Absorb(Health part, const std::string& object, Health* whole) {
  whole->value = Worse(whole->value, part.value);
  whole->lost = whole->lost || part.lost;
  if (!part.reason.empty()) {
    if (!whole->reason.empty()) whole->reason += "; ";
    whole->reason += object + ": " + part.reason;
  }
  for (Aspect& aspect : part.aspects) {
    aspect.object = object;
    whole->aspects.push_back(std::move(aspect));
  }
}

}  // namespace ruvector::graph
