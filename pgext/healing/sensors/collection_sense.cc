#include "pgext/healing/sensors/collection_sense.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/healing/healing_limits.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/sensors/pass.h"

namespace ruvector::healing {
namespace {

using pg::SpiRows;
using pg::SpiSession;
using pg::SqlInt;

// being_built: somebody's progress names the index, or somebody holds a lock
// on it as builds and drops do; unknown where a build of this table has not
// said yet which index it makes.
constexpr char kInvalid[] =
    "WITH tables AS (SELECT u.oid, u.oid AS leaf"
    "    FROM pg_catalog.unnest($1::oid[]) u (oid)"
    "  UNION ALL SELECT c.reltoastrelid, c.oid FROM pg_catalog.pg_class c"
    "    WHERE c.oid = ANY ($1::oid[]) AND c.reltoastrelid <> 0)"
    " SELECT i.indexrelid, t.leaf,"
    "  pg_catalog.format('%I.%I', n.nspname, c.relname),"
    "  CASE WHEN EXISTS (SELECT FROM"
    "      pg_catalog.pg_stat_progress_create_index p"
    "      WHERE p.datid = $2::oid AND p.index_relid = i.indexrelid)"
    "    OR EXISTS (SELECT FROM pg_catalog.pg_locks l"
    "      WHERE l.locktype = 'relation' AND l.database = $2::oid"
    "        AND l.relation = i.indexrelid AND l.granted"
    "        AND l.mode NOT IN ('AccessShareLock', 'RowShareLock',"
    "          'RowExclusiveLock')"
    "        AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid())"
    "    THEN true"
    "  WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p"
    "      WHERE p.datid = $2::oid AND p.relid = i.indrelid"
    "        AND p.index_relid = 0)"
    "    THEN NULL ELSE false END"
    " FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1";

// Ours: the journal names it, or what REINDEX CONCURRENTLY of ours, cut short,
// leaves of an index that the journal names.
constexpr char kOurs[] =
    "SELECT c.oid, EXISTS (SELECT FROM ruvector.healing_indexes h"
    "    WHERE h.schema_name = n.nspname AND c.relname IN (h.built_name,"
    "      h.kept_name))"
    "  OR (c.relname ~ '_ccnew[0-9]*$' AND EXISTS ("
    "    SELECT FROM ruvector.healing_acts a WHERE a.kind = 'reindex'"
    "     AND a.object = pg_catalog.format('%I.%I', n.nspname,"
    "      pg_catalog.regexp_replace(c.relname, '_ccnew[0-9]*$', ''))))"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = ANY ($1::oid[])";

constexpr char kThresholds[] =
    "SELECT c.oid,"
    "  (COALESCE((SELECT o.option_value FROM"
    "      pg_catalog.pg_options_to_table(c.reloptions) o"
    "      WHERE o.option_name = 'autovacuum_analyze_threshold'),"
    "    pg_catalog.current_setting('autovacuum_analyze_threshold'))::float8"
    "   + COALESCE((SELECT o.option_value FROM"
    "      pg_catalog.pg_options_to_table(c.reloptions) o"
    "      WHERE o.option_name = 'autovacuum_analyze_scale_factor'),"
    "    pg_catalog.current_setting('autovacuum_analyze_scale_factor'))::float8"
    "     * GREATEST(c.reltuples, 0))::int8"
    " FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])";

constexpr char kProbes[] =
    "SELECT DISTINCT ON (p.index_oid) p.index_oid,"
    "  pg_catalog.format('%I.%I', n.nspname, c.relname), i.indrelid,"
    "  am.amname = 'ivfflat', p.hits, p.trials,"
    "  CASE WHEN pg_catalog.jsonb_typeof(k.config -> 'recall_target') = "
    "'number'"
    "    THEN (k.config ->> 'recall_target')::float8 END"
    " FROM ruvector.recall_probes p"
    " JOIN ruvector.collections k ON k.id = p.collection_id"
    " JOIN pg_catalog.pg_class c ON c.oid = p.index_oid"
    "   AND c.relfilenode = p.relfilenode"
    " JOIN pg_catalog.pg_am am ON am.oid = c.relam"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_index i ON i.indexrelid = p.index_oid"
    " WHERE p.collection_id = $1::int4 AND p.trials > 0"
    " AND NOT EXISTS (SELECT FROM ruvector.healing_kept_indexes u"
    "   WHERE u.index_oid = p.index_oid)"
    " ORDER BY p.index_oid, p.at DESC";

pg::SqlParam OidArray(const std::vector<uint32_t>& oids) {
  std::vector<pg::SqlParam> elements;
  elements.reserve(oids.size());
  for (const uint32_t oid : oids) elements.push_back(SqlInt(int64_t{oid}));
  return pg::SqlArray(elements);
}

template <class F>
absl::Status Part(F&& f) {
  return sensors::Attempt([&]() -> absl::Status {
    SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  });
}

// Of an index that nobody has locked.
absl::StatusOr<std::optional<int64_t>> BytesOf(uint32_t oid) {
  struct Size {
    bool known;
    int64_t bytes;
  };
  RV_ASSIGN_OR_RETURN(const Size size, pg::PgCall([&] {
                        bool locked = false;
                        Relation index = sensors::OpenIfFree(oid, locked);
                        if (index == nullptr) return Size{false, 0};
                        const sensors::DiskUse use = sensors::DiskUseOf(index);
                        sensors::CloseAndUnlock(index);
                        return Size{use.error == 0, use.bytes};
                      }));
  if (!size.known) return std::optional<int64_t>();
  return std::optional<int64_t>(size.bytes);
}

absl::Status ReadInvalid(SpiSession& spi, const std::vector<uint32_t>& tables,
                         std::vector<InvalidIndex>& out) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query(kInvalid, {OidArray(tables), SqlInt(int64_t{MyDatabaseId})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    InvalidIndex index;
    index.oid = static_cast<uint32_t>(rows.Int(i, 0).value_or(0));
    index.table_oid = static_cast<uint32_t>(rows.Int(i, 1).value_or(0));
    index.name = rows.TextOr(i, 2, "");
    index.being_built = rows.Bool(i, 3);
    RV_ASSIGN_OR_RETURN(index.bytes, BytesOf(index.oid));
    out.push_back(std::move(index));
  }
  return absl::OkStatus();
}

absl::Status ReadOurs(SpiSession& spi, std::vector<InvalidIndex>& indexes) {
  std::vector<uint32_t> oids;
  oids.reserve(indexes.size());
  for (const InvalidIndex& index : indexes) oids.push_back(index.oid);
  RV_ASSIGN_OR_RETURN(const SpiRows rows, spi.Query(kOurs, {OidArray(oids)}));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (InvalidIndex& index : indexes) {
      if (rows.Int(i, 0) == int64_t{index.oid}) index.ours = rows.Bool(i, 1);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadThresholds(SpiSession& spi,
                            const std::vector<uint32_t>& tables,
                            std::vector<TableStatistics>& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(kThresholds, {OidArray(tables)}));
  for (size_t i = 0; i < rows.size(); ++i) {
    out.push_back(
        {static_cast<uint32_t>(rows.Int(i, 0).value_or(0)), rows.Int(i, 1)});
  }
  return absl::OkStatus();
}

absl::Status ReadProbes(SpiSession& spi, int32_t collection,
                        std::vector<RecallProbe>& out) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(kProbes, {SqlInt(int64_t{collection})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    RecallProbe probe;
    probe.index_oid = static_cast<uint32_t>(rows.Int(i, 0).value_or(0));
    probe.name = rows.TextOr(i, 1, "");
    probe.table_oid = static_cast<uint32_t>(rows.Int(i, 2).value_or(0));
    probe.ivfflat = rows.Bool(i, 3).value_or(false);
    probe.successes = rows.Int(i, 4);
    probe.trials = rows.Int(i, 5);
    probe.target = rows.Real(i, 6);
    out.push_back(std::move(probe));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CollectionReadings> ReadCollection(
    int32_t collection_id, const graph::Observation& observation,
    int lock_timeout_ms) {
  sensors::SenseSurroundings surroundings;
  RV_RETURN_IF_ERROR(surroundings.Begin(lock_timeout_ms));
  CollectionReadings out;
  std::vector<uint32_t> tables;
  for (const graph::TableObservation& table : observation.tables) {
    tables.push_back(table.oid);
  }
  const auto part = [&](const char* name, auto&& f) -> absl::StatusOr<bool> {
    const absl::Status status = Part(f);
    if (status.ok()) return true;
    if (sensors::EndsPass(status)) return status;
    out.unread[name] = std::string(status.message());
    return false;
  };

  std::vector<InvalidIndex> invalid;
  RV_ASSIGN_OR_RETURN(bool read, part("invalid_indexes", [&](SpiSession& spi) {
                        return ReadInvalid(spi, tables, invalid);
                      }));
  if (read && !invalid.empty()) {
    RV_RETURN_IF_ERROR(part("journal of healing", [&](SpiSession& spi) {
                         return ReadOurs(spi, invalid);
                       }).status());
  }
  if (read) out.invalid_indexes = std::move(invalid);

  RV_ASSIGN_OR_RETURN(read, part("statistics", [&](SpiSession& spi) {
                        return ReadThresholds(spi, tables, out.statistics);
                      }));
  if (!read) out.statistics.clear();
  RV_ASSIGN_OR_RETURN(read, part("recall_probes", [&](SpiSession& spi) {
                        return ReadProbes(spi, collection_id,
                                          out.recall_probes);
                      }));
  if (!read) out.recall_probes.clear();
  return out;
}

absl::StatusOr<std::vector<uint32_t>> RelationsOf(
    uint32_t table_oid, const graph::Observation& observation) {
  std::vector<uint32_t> tables = {table_oid};
  for (const graph::TableObservation& table : observation.tables) {
    tables.push_back(table.oid);
  }
  std::vector<uint32_t> relations = tables;
  RV_RETURN_IF_ERROR(Part([&](SpiSession& spi) -> absl::Status {
    RV_ASSIGN_OR_RETURN(
        const SpiRows rows,
        spi.Query("SELECT i.indexrelid FROM pg_catalog.pg_index i"
                  " WHERE i.indrelid = ANY ($1::oid[])",
                  {OidArray(tables)}));
    for (size_t i = 0; i < rows.size(); ++i) {
      relations.push_back(static_cast<uint32_t>(rows.Int(i, 0).value_or(0)));
    }
    return absl::OkStatus();
  }));
  return relations;
}

std::optional<std::vector<LockQueue>> QueuesOf(
    const ServerReadings& server, const std::vector<uint32_t>& relations) {
  if (!server.lock_queues.has_value()) return std::nullopt;
  // Connections that ordinary roles may have.
  std::optional<int64_t> places;
  if (server.connections.has_value() && server.connections->limit.has_value()) {
    places =
        *server.connections->limit - server.connections->reserved.value_or(0);
  }
  std::vector<LockQueue> queues;
  for (const ObservedQueue& one : *server.lock_queues) {
    const bool about =
        std::any_of(relations.begin(), relations.end(),
                    [&](uint32_t oid) { return one.relations.count(oid) > 0; });
    const bool unknown = one.relations.empty();
    const bool crowd = places.has_value() &&
                       static_cast<double>(one.queue.waiting.value_or(0)) >=
                           HealingLimits().pileup_share_of_connections *
                               static_cast<double>(*places);
    if (about || unknown || crowd) queues.push_back(one.queue);
  }
  return queues;
}

}  // namespace ruvector::healing
