#include "pgext/healing/sensors/server_sense.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/healing/healing_limits.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/sensors/host.h"
#include "pgext/healing/sensors/lock_graph.h"
#include "pgext/healing/sensors/statement_text.h"
#include "pgext/integrity/sensors/pass.h"

namespace ruvector::healing {
namespace {

using pg::SpiRows;
using pg::SpiSession;
using pg::SqlInt;

constexpr size_t kStatementShown = 120;
constexpr size_t kProcessesShown = 5;
constexpr absl::Duration kIoWindow = absl::Minutes(1);
constexpr int64_t kLeastActive = 10;

// Sessions of this database that hold a snapshot or a transaction id. Not
// counted by vacuum: vacuum itself, and parallel workers beside their leader.
constexpr char kSnapshots[] =
    "SELECT a.pid::text, a.usename, a.application_name, a.state,"
    "  GREATEST(pg_catalog.age(a.backend_xid), pg_catalog.age(a.backend_xmin)),"
    "  (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)"
    "    * 1000000)::int8, a.backend_type"
    " FROM pg_catalog.pg_stat_activity a"
    " WHERE a.datid = $1::oid AND a.pid <> pg_catalog.pg_backend_pid()"
    "   AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)"
    "   AND a.leader_pid IS NULL AND a.backend_type <> 'walsender'"
    "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v"
    "                    WHERE v.pid = a.pid)"
    " ORDER BY 5 DESC LIMIT 32";

// What else holds rows back: kind, name, age, age of its time, detail, and
// whether it concerns catalogs only.
constexpr char kOtherBlockers[] =
    "(SELECT 'prepared', p.gid, pg_catalog.age(p.transaction),"
    "   (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)"
    "     * 1000000)::int8, p.owner::text, false"
    "  FROM pg_catalog.pg_prepared_xacts p"
    "  WHERE p.database = pg_catalog.current_database()"
    "  ORDER BY 3 DESC LIMIT 32)"
    " UNION ALL"
    " (SELECT 'slot', s.slot_name,"
    "   GREATEST(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin)), NULL,"
    "   s.slot_type || CASE WHEN s.active THEN ', active' ELSE ', inactive' "
    "END,"
    "   s.xmin IS NULL"
    "  FROM pg_catalog.pg_replication_slots s"
    "  WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL)"
    " UNION ALL"
    " (SELECT 'standby',"
    "   r.application_name || CASE WHEN r.application_name <> 'walreceiver'"
    "     AND pg_catalog.count(*) OVER (PARTITION BY r.application_name) = 1"
    "     THEN '' ELSE pg_catalog.concat(' (',"
    "       pg_catalog.host(r.client_addr), ')') END,"
    "   pg_catalog.age(r.backend_xmin), NULL, 'hot_standby_feedback', false"
    "  FROM pg_catalog.pg_stat_replication r"
    "  WHERE r.backend_xmin IS NOT NULL)";

constexpr char kSessions[] =
    "SELECT a.usename, a.state, a.backend_type = 'client backend',"
    "  pg_catalog.count(*),"
    "  pg_catalog.count(*) FILTER (WHERE a.wait_event_type = 'Lock'),"
    "  pg_catalog.count(*) FILTER (WHERE a.state = 'active'"
    "    AND a.wait_event_type = 'IO')"
    " FROM pg_catalog.pg_stat_activity a GROUP BY 1, 2, 3";

constexpr char kConnectionLimits[] =
    "SELECT pg_catalog.current_setting('max_connections')::int8,"
    "  pg_catalog.current_setting('superuser_reserved_connections')::int8"
    "  + COALESCE(pg_catalog.current_setting('reserved_connections', true)"
    "    ::int8, 0)";

// The waiting sessions of this database. The relation of one that waits for a
// transaction to end is that of the row lock it holds in front of the row.
constexpr char kWaiters[] =
    "WITH l AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks)"
    " SELECT w.pid, pg_catalog.array_to_string("
    "   pg_catalog.pg_blocking_pids(w.pid), ','),"
    "  EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.waitstart)::float8,"
    "  COALESCE(w.relation, (SELECT t.relation FROM l t WHERE t.pid = w.pid"
    "    AND t.granted AND t.locktype = 'tuple' LIMIT 1))"
    " FROM l w JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid"
    " WHERE NOT w.granted AND a.datid = $1::oid LIMIT 256";

// Prepared transactions that hold what a session waits for, with both modes.
constexpr char kPreparedHolders[] =
    "WITH l AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks)"
    " SELECT w.pid, p.gid, h.mode, w.mode"
    " FROM l w JOIN l h ON h.pid IS NULL AND h.granted"
    "   AND h.locktype = w.locktype"
    "   AND ROW(h.database, h.relation, h.page, h.tuple, h.virtualxid,"
    "     h.transactionid, h.classid, h.objid, h.objsubid) IS NOT DISTINCT FROM"
    "     ROW(w.database, w.relation, w.page, w.tuple, w.virtualxid,"
    "     w.transactionid, w.classid, w.objid, w.objsubid)"
    " JOIN l x ON x.pid IS NULL AND x.granted AND x.locktype = 'transactionid'"
    "   AND x.virtualtransaction = h.virtualtransaction"
    " JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid"
    " WHERE NOT w.granted AND w.pid = ANY ($1::int4[])";

constexpr char kRootSessions[] =
    "SELECT a.pid, a.query, a.state, a.backend_type"
    " FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY ($1::int4[])";

constexpr char kRelationNames[] =
    "SELECT r, pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " FROM pg_catalog.unnest($1::oid[]) r"
    " JOIN pg_catalog.pg_class c ON c.oid = r"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

constexpr char kJobs[] =
    "WITH p AS ("
    " SELECT pid, datid, relid, 'vacuum' AS kind"
    "   FROM pg_catalog.pg_stat_progress_vacuum"
    " UNION ALL SELECT pid, datid, relid, 'analyze'"
    "   FROM pg_catalog.pg_stat_progress_analyze"
    " UNION ALL SELECT pid, datid, relid, 'cluster'"
    "   FROM pg_catalog.pg_stat_progress_cluster"
    " UNION ALL SELECT pid, datid, relid, 'index build'"
    "   FROM pg_catalog.pg_stat_progress_create_index"
    " UNION ALL SELECT pid, NULL, NULL, 'base backup'"
    "   FROM pg_catalog.pg_stat_progress_basebackup)"
    " SELECT a.pid, p.kind, a.backend_type = 'autovacuum worker', a.query,"
    "  (EXTRACT(epoch FROM pg_catalog.clock_timestamp()"
    "    - COALESCE(a.xact_start, a.query_start)) * 1000000)::int8,"
    // format() refuses a NULL: a worker between two tables, or in a database
    // whose catalog we do not see.
    "  CASE WHEN c.oid IS NOT NULL THEN"
    "    pg_catalog.format('%I.%I', n.nspname, c.relname) END,"
    "  CASE WHEN p.datid = $1::oid THEN p.relid END"
    " FROM pg_catalog.pg_stat_activity a"
    " LEFT JOIN p ON p.pid = a.pid"
    " LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relid AND p.datid = $1::oid"
    " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE p.kind IS NOT NULL OR a.backend_type = 'autovacuum worker'"
    " ORDER BY a.pid";

constexpr char kHasCron[] =
    "SELECT pg_catalog.to_regclass('cron.job_run_details') IS NOT NULL"
    "  AND pg_catalog.to_regclass('cron.job') IS NOT NULL";

// The history has no index on the status: the newest runs will do.
constexpr char kCronJobs[] =
    "SELECT r.jobid, r.job_pid,"
    "  (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.start_time)"
    "    * 1000000)::int8"
    " FROM (SELECT * FROM cron.job_run_details ORDER BY runid DESC LIMIT 200) r"
    " WHERE r.database = pg_catalog.current_database()"
    "   AND r.status IN ('starting', 'connecting', 'sending', 'running')"
    " ORDER BY r.jobid";

// Tables that autovacuum would vacuum or analyze (relation_needs_vacanalyze),
// whether or not a worker is on them.
constexpr char kOverdue[] =
    "SELECT pg_catalog.array_to_string(pg_catalog.array_agg(c.oid), ',')"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid"
    " LEFT JOIN LATERAL (SELECT"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_enabled') AS enabled,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_vacuum_threshold')::float8 AS vt,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS vs,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_vacuum_insert_threshold')::float8 AS it,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_vacuum_insert_scale_factor')::float8"
    "     AS ins,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_analyze_threshold')::float8 AS at,"
    "   pg_catalog.max(o.option_value) FILTER (WHERE"
    "     o.option_name = 'autovacuum_analyze_scale_factor')::float8 AS asf"
    "   FROM pg_catalog.pg_options_to_table(c.reloptions) o) o ON true"
    " CROSS JOIN (SELECT"
    "   pg_catalog.current_setting('autovacuum_vacuum_threshold')::float8 AS "
    "vt,"
    "   pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8"
    "     AS vs,"
    "   "
    "pg_catalog.current_setting('autovacuum_vacuum_insert_threshold')::float8"
    "     AS it,"
    "   pg_catalog.current_setting("
    "     'autovacuum_vacuum_insert_scale_factor')::float8 AS ins,"
    "   pg_catalog.current_setting('autovacuum_analyze_threshold')::float8"
    "     AS at,"
    "   pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8"
    "     AS asf) g"
    " WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't'"
    "   AND COALESCE(o.enabled::bool, true)"
    "   AND (s.n_dead_tup > COALESCE(o.vt, g.vt)"
    "          + COALESCE(o.vs, g.vs) * GREATEST(c.reltuples, 0)"
    "     OR (COALESCE(o.it, g.it) >= 0 AND s.n_ins_since_vacuum >"
    "          COALESCE(o.it, g.it)"
    "          + COALESCE(o.ins, g.ins) * GREATEST(c.reltuples, 0))"
    "     OR (c.relkind <> 't' AND s.n_mod_since_analyze > COALESCE(o.at, g.at)"
    "          + COALESCE(o.asf, g.asf) * GREATEST(c.reltuples, 0)))";

constexpr char kProcesses[] =
    "SELECT a.pid, a.backend_type, a.usename"
    " FROM pg_catalog.pg_stat_activity a";

constexpr char kSharedBuffers[] =
    "SELECT pg_catalog.pg_size_bytes("
    "  pg_catalog.current_setting('shared_buffers'))";

// One part of the readings, in a session and a subtransaction of its own.
template <class F>
absl::Status Part(F&& f) {
  return sensors::Attempt([&]() -> absl::Status {
    SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  });
}

std::optional<absl::Duration> Micros(std::optional<int64_t> micros) {
  if (!micros.has_value()) return std::nullopt;
  return absl::Microseconds(std::max<int64_t>(0, *micros));
}

pg::SqlParam ThisDatabase() { return SqlInt(int64_t{MyDatabaseId}); }

template <class Numbers>
pg::SqlParam NumberArray(const Numbers& numbers) {
  std::vector<pg::SqlParam> elements;
  for (const auto number : numbers) elements.push_back(SqlInt(int64_t{number}));
  return pg::SqlArray(elements);
}

std::string Joined(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", part);
  }
  return text;
}

absl::Status ReadBlockers(SpiSession& spi, std::vector<VacuumBlocker>& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows sessions,
                      spi.Query(kSnapshots, {ThisDatabase()}));
  for (size_t i = 0; i < sessions.size(); ++i) {
    VacuumBlocker blocker;
    blocker.kind = BlockerKind::kSnapshot;
    blocker.name = sessions.TextOr(i, 0, "");
    blocker.age_xids = sessions.Int(i, 4);
    blocker.age = Micros(sessions.Int(i, 5));
    blocker.detail =
        Joined({sessions.TextOr(i, 1, ""), sessions.TextOr(i, 2, ""),
                sessions.TextOr(i, 3, sessions.TextOr(i, 6, ""))});
    out.push_back(std::move(blocker));
  }
  RV_ASSIGN_OR_RETURN(const SpiRows others, spi.Query(kOtherBlockers));
  for (size_t i = 0; i < others.size(); ++i) {
    VacuumBlocker blocker;
    const std::string kind = others.TextOr(i, 0, "");
    blocker.kind = kind == "prepared" ? BlockerKind::kPrepared
                   : kind == "slot"   ? BlockerKind::kSlot
                                      : BlockerKind::kStandby;
    blocker.name = others.TextOr(i, 1, "");
    blocker.age_xids = others.Int(i, 2);
    blocker.age = Micros(others.Int(i, 3));
    blocker.detail = others.TextOr(i, 4, "");
    blocker.catalogs_only = others.Bool(i, 5).value_or(false);
    out.push_back(std::move(blocker));
  }
  return absl::OkStatus();
}

struct Sessions {
  Connections connections;
  IoLook look;
  int64_t waiting_for_locks = 0;
};

absl::Status ReadSessions(SpiSession& spi, Sessions& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows, spi.Query(kSessions));
  std::map<std::string, int64_t> by_role;
  Connections& connections = out.connections;
  connections.used = connections.idle = connections.idle_in_transaction = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    out.waiting_for_locks += rows.Int(i, 4).value_or(0);
    if (!rows.Bool(i, 2).value_or(false)) continue;
    const int64_t count = rows.Int(i, 3).value_or(0);
    const std::string state = rows.TextOr(i, 1, "");
    *connections.used += count;
    if (state == "idle") *connections.idle += count;
    if (absl::StartsWith(state, "idle in transaction")) {
      *connections.idle_in_transaction += count;
    }
    if (state == "active") {
      out.look.active += count;
      out.look.in_io += rows.Int(i, 5).value_or(0);
    }
    // Without a role yet: it has only just connected.
    if (rows.Text(i, 0).has_value()) by_role[*rows.Text(i, 0)] += count;
  }
  for (const auto& [role, count] : by_role) {
    connections.holders.push_back({role, count});
  }
  std::stable_sort(
      connections.holders.begin(), connections.holders.end(),
      [](const auto& a, const auto& b) { return a.sessions > b.sessions; });
  if (connections.holders.size() > 16) connections.holders.resize(16);
  RV_ASSIGN_OR_RETURN(const SpiRows limits, spi.Query(kConnectionLimits));
  connections.limit = limits.Int(0, 0);
  connections.reserved = limits.Int(0, 1);
  return absl::OkStatus();
}

absl::Status ReadWaiters(SpiSession& spi, std::vector<Waiter>& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(kWaiters, {ThisDatabase()}));
  std::vector<int32_t> behind_prepared;
  for (size_t i = 0; i < rows.size(); ++i) {
    Waiter waiter;
    waiter.pid = static_cast<int32_t>(rows.Int(i, 0).value_or(0));
    for (absl::string_view text :
         absl::StrSplit(rows.TextOr(i, 1, ""), ',', absl::SkipEmpty())) {
      int32_t pid = 0;
      if (absl::SimpleAtoi(text, &pid)) waiter.blockers.push_back(pid);
    }
    waiter.seconds = rows.Real(i, 2);
    if (rows.Int(i, 3).has_value()) {
      waiter.relation = static_cast<uint32_t>(*rows.Int(i, 3));
    }
    if (std::count(waiter.blockers.begin(), waiter.blockers.end(), 0) > 0) {
      behind_prepared.push_back(waiter.pid);
    }
    out.push_back(std::move(waiter));
  }
  if (behind_prepared.empty()) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(
      const SpiRows holders,
      spi.Query(kPreparedHolders, {NumberArray(behind_prepared)}));
  for (size_t i = 0; i < holders.size(); ++i) {
    if (!LockModesConflict(holders.TextOr(i, 2, ""),
                           holders.TextOr(i, 3, ""))) {
      continue;
    }
    for (Waiter& waiter : out) {
      if (waiter.pid == holders.Int(i, 0)) {
        waiter.prepared.push_back(holders.TextOr(i, 1, ""));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status DescribeQueues(SpiSession& spi, std::vector<ObservedQueue>& out) {
  std::vector<int32_t> pids;
  std::set<uint32_t> relations;
  for (const ObservedQueue& one : out) {
    if (one.queue.blocker_pid != 0) pids.push_back(one.queue.blocker_pid);
    relations.insert(one.relations.begin(), one.relations.end());
  }
  RV_ASSIGN_OR_RETURN(const SpiRows sessions,
                      spi.Query(kRootSessions, {NumberArray(pids)}));
  RV_ASSIGN_OR_RETURN(const SpiRows names,
                      spi.Query(kRelationNames, {NumberArray(relations)}));
  for (ObservedQueue& one : out) {
    for (size_t i = 0; i < sessions.size(); ++i) {
      if (sessions.Int(i, 0) != one.queue.blocker_pid) continue;
      one.queue.blocker_query =
          WithoutLiterals(sessions.TextOr(i, 1, ""), kStatementShown);
      one.queue.blocker_state =
          sessions.TextOr(i, 2, sessions.TextOr(i, 3, ""));
    }
    if (one.relations.size() != 1 || one.other_objects) continue;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names.Int(i, 0) == int64_t{*one.relations.begin()}) {
        one.queue.relation = names.TextOr(i, 1, "");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ReadQueues(SpiSession& spi, std::vector<ObservedQueue>& out) {
  std::vector<Waiter> waiters;
  RV_RETURN_IF_ERROR(ReadWaiters(spi, waiters));
  for (const auto& [root, behind] : QueuesByRoot(waiters)) {
    ObservedQueue one;
    one.queue.blocker_pid = root.pid;
    if (root.pid == 0) {
      one.queue.blocker_query = root.gid.empty() ? "unknown" : root.gid;
      one.queue.blocker_state = "prepared";
    }
    one.queue.waiting = behind.waiting;
    if (behind.longest.has_value()) {
      one.queue.longest_wait = absl::Seconds(std::max(0.0, *behind.longest));
    }
    one.relations = behind.relations;
    one.other_objects = behind.other_objects;
    out.push_back(std::move(one));
  }
  return out.empty() ? absl::OkStatus() : DescribeQueues(spi, out);
}

// What autovacuum.c shows as its query: "autovacuum: VACUUM public.t (to
// prevent wraparound)".
MaintenanceJob AutovacuumJob(const std::string& query,
                             const std::string& relation) {
  MaintenanceJob job;
  job.kind = absl::StrContains(query, "(to prevent wraparound)")
                 ? JobKind::kWraparoundVacuum
                 : JobKind::kAutovacuum;
  job.relation = relation;
  std::string what = query;
  if (!relation.empty()) {
    what = absl::StrCat(
        "autovacuum: ",
        absl::StrContains(query, "VACUUM") ? "VACUUM " : "ANALYZE ", relation);
  }
  job.name = what.empty() ? "autovacuum" : what;
  return job;
}

absl::Status ReadCronJobs(SpiSession& spi, std::set<int64_t>& pids,
                          std::vector<MaintenanceJob>& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows has, spi.Query(kHasCron));
  if (!has.Bool(0, 0).value_or(false)) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const SpiRows rows, spi.Query(kCronJobs));
  for (size_t i = 0; i < rows.size(); ++i) {
    MaintenanceJob job;
    job.kind = JobKind::kCron;
    job.name = absl::StrCat("cron ", rows.TextOr(i, 0, ""));
    job.running = Micros(rows.Int(i, 2));
    out.push_back(std::move(job));
    if (rows.Int(i, 1).has_value()) pids.insert(*rows.Int(i, 1));
  }
  return absl::OkStatus();
}

absl::Status ReadMaintenance(SpiSession& spi, Maintenance& out) {
  std::set<int64_t> cron_pids;
  RV_RETURN_IF_ERROR(ReadCronJobs(spi, cron_pids, out.jobs));
  RV_ASSIGN_OR_RETURN(const SpiRows rows, spi.Query(kJobs, {ThisDatabase()}));
  std::set<int64_t> worked_on;
  int64_t busy = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.Int(i, 6).has_value()) worked_on.insert(*rows.Int(i, 6));
    // What a cron job runs is that cron job.
    if (cron_pids.count(rows.Int(i, 0).value_or(0)) > 0) continue;
    const std::string kind = rows.TextOr(i, 1, "");
    const std::string relation = rows.TextOr(i, 5, "");
    MaintenanceJob job;
    if (rows.Bool(i, 2).value_or(false)) {
      job = AutovacuumJob(rows.TextOr(i, 3, ""), relation);
      ++busy;
    } else {
      job.kind = kind == "index build"   ? JobKind::kIndexBuild
                 : kind == "base backup" ? JobKind::kBaseBackup
                                         : JobKind::kVacuum;
      job.relation = relation;
      job.name = relation.empty() ? kind : absl::StrCat(kind, " ", relation);
    }
    job.running = Micros(rows.Int(i, 4));
    out.jobs.push_back(std::move(job));
  }
  RV_ASSIGN_OR_RETURN(
      const SpiRows workers,
      spi.Query("SELECT pg_catalog.current_setting('autovacuum_max_workers')"
                "::int8, pg_catalog.current_setting('autovacuum')::bool"));
  out.autovacuum_workers = workers.Int(0, 0);
  if (!workers.Bool(0, 1).value_or(false) ||
      busy < out.autovacuum_workers.value_or(0)) {
    return absl::OkStatus();
  }
  RV_ASSIGN_OR_RETURN(const SpiRows overdue, spi.Query(kOverdue));
  int64_t waiting = 0;
  for (absl::string_view text :
       absl::StrSplit(overdue.TextOr(0, 0, ""), ',', absl::SkipEmpty())) {
    int64_t oid = 0;
    if (absl::SimpleAtoi(text, &oid) && worked_on.count(oid) == 0) ++waiting;
  }
  out.queue_depth = waiting;
  return absl::OkStatus();
}

absl::Status ReadConsumers(SpiSession& spi, Memory& memory) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows, spi.Query(kProcesses));
  std::vector<ServerProcess> processes;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string role = rows.TextOr(i, 2, "");
    processes.push_back(
        {rows.Int(i, 0).value_or(0),
         absl::StrCat(rows.TextOr(i, 1, "backend"), " ", rows.TextOr(i, 0, ""),
                      role.empty() ? "" : absl::StrCat(" (", role, ")"))});
  }
  memory.consumers = LargestProcesses(HostPaths(), processes, kProcessesShown);
  RV_ASSIGN_OR_RETURN(const SpiRows shared, spi.Query(kSharedBuffers));
  if (shared.Int(0, 0).has_value()) {
    memory.consumers.push_back({"shared_buffers", *shared.Int(0, 0)});
  }
  std::stable_sort(
      memory.consumers.begin(), memory.consumers.end(),
      [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return absl::OkStatus();
}

bool IsShort(const Memory& memory) {
  return static_cast<double>(*memory.used_bytes) >=
         HealingLimits().memory.fire * static_cast<double>(*memory.limit_bytes);
}

}  // namespace

std::optional<IoPressure> FromLooks(const std::deque<IoLook>& looks) {
  int64_t active = 0, in_io = 0;
  for (const IoLook& look : looks) {
    active += look.active;
    in_io += look.in_io;
  }
  if (active < kLeastActive) return std::nullopt;
  return IoPressure{"pg_stat_activity wait_event_type IO, one minute",
                    static_cast<double>(in_io) / static_cast<double>(active)};
}

absl::StatusOr<const ServerReadings*> ServerSense::Read(int lock_timeout_ms) {
  if (readings_.has_value()) return &*readings_;
  sensors::SenseSurroundings surroundings;
  RV_RETURN_IF_ERROR(surroundings.Begin(lock_timeout_ms));
  ServerReadings out;
  out.at = absl::Now();
  // True if the part was read; false notes why not; an error ends the pass.
  const auto part = [&](const char* name, auto&& f) -> absl::StatusOr<bool> {
    const absl::Status status = Part(f);
    if (status.ok()) return true;
    if (sensors::EndsPass(status)) return status;
    out.unread[name] = std::string(status.message());
    return false;
  };

  std::vector<VacuumBlocker> blockers;
  RV_ASSIGN_OR_RETURN(bool read, part("vacuum_blockers", [&](SpiSession& spi) {
                        return ReadBlockers(spi, blockers);
                      }));
  if (read) out.vacuum_blockers = std::move(blockers);

  Sessions sessions;
  RV_ASSIGN_OR_RETURN(read, part("connections", [&](SpiSession& spi) {
                        return ReadSessions(spi, sessions);
                      }));
  const bool sessions_read = read;
  if (read) out.connections = sessions.connections;

  std::vector<ObservedQueue> queues;
  if (!sessions_read || sessions.waiting_for_locks > 0) {
    RV_ASSIGN_OR_RETURN(read, part("lock_queues", [&](SpiSession& spi) {
                          return ReadQueues(spi, queues);
                        }));
  }
  if (read) out.lock_queues = std::move(queues);

  Maintenance maintenance;
  RV_ASSIGN_OR_RETURN(read, part("maintenance", [&](SpiSession& spi) {
                        return ReadMaintenance(spi, maintenance);
                      }));
  if (read) out.maintenance = std::move(maintenance);

  out.memory = ReadMemory(HostPaths());
  if (!out.memory.has_value()) {
    out.unread["memory"] = "no cgroup v2 limit and no /proc/meminfo";
  } else if (IsShort(*out.memory)) {
    RV_RETURN_IF_ERROR(part("memory consumers", [&](SpiSession& spi) {
                         return ReadConsumers(spi, *out.memory);
                       }).status());
  }

  if (sessions_read) {
    sessions.look.at = out.at;
    looks_.push_back(sessions.look);
  }
  while (!looks_.empty() && out.at - looks_.front().at > kIoWindow) {
    looks_.pop_front();
  }
  out.io = ReadIoPressure(HostPaths());
  if (!out.io.has_value()) out.io = FromLooks(looks_);
  if (!out.io.has_value()) {
    out.unread["io"] =
        "the kernel has no PSI, and too few sessions were active";
  }
  readings_ = std::move(out);
  return &*readings_;
}

}  // namespace ruvector::healing
