#include "pgext/healing/metrics/facts.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/healing/sensors/server_sense.h"
#include "pgext/integrity/persistence.h"
#include "pgext/integrity/sensors/pass.h"
#include "pgext/integrity/sensors/sensors.h"

namespace ruvector::metrics {

using pg::SpiRows;
using pg::SpiSession;
using pg::SqlInt;
using pg::SqlText;

// Not pg_partition_tree, and no pg_get_expr with a relation: they would wait
// for the partitions' locks.
const char kLeafTree[] =
    "WITH RECURSIVE tree (oid) AS (SELECT $1::pg_catalog.oid"
    "  UNION ALL SELECT h.inhrelid FROM pg_catalog.pg_inherits h"
    "  JOIN tree ON h.inhparent = tree.oid),"
    " leaf AS (SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname)"
    "   AS title FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid"
    "   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    "   WHERE c.relkind IN ('r', 'm'))";

namespace {

// A storage parameter, else the setting of that name.
#define OPTION(relation, name)                \
  "COALESCE((SELECT o.option_value FROM"      \
  " pg_catalog.pg_options_to_table(" relation \
  ".reloptions) o"                            \
  " WHERE o.option_name = '" name             \
  "'),"                                       \
  " pg_catalog.current_setting('" name "'))::pg_catalog.float8"
#define TABLESPACE(relation)                                  \
  "(SELECT s.spcname FROM pg_catalog.pg_tablespace s,"        \
  " pg_catalog.pg_database d WHERE d.datname ="               \
  " pg_catalog.current_database() AND s.oid = CASE " relation \
  ".reltablespace WHEN 0 THEN d.dattablespace ELSE " relation \
  ".reltablespace END)"
#define COUNT_OF(method)                                               \
  "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i JOIN"        \
  " pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN"                \
  " pg_catalog.pg_am a ON a.oid = x.relam WHERE i.indrelid = leaf.oid" \
  " AND a.amname = '" method "')"

constexpr char kLeaves[] =
    " SELECT leaf.title, leaf.oid, " TABLESPACE("leaf") ","
    " (SELECT o.option_value FROM"
    "   pg_catalog.pg_options_to_table(leaf.reloptions) o"
    "   WHERE o.option_name = 'autovacuum_enabled'),"
    " " OPTION("leaf", "autovacuum_vacuum_threshold") " + "
    OPTION("leaf", "autovacuum_vacuum_scale_factor")
    " * GREATEST(leaf.reltuples, 0),"
    " " OPTION("leaf", "autovacuum_analyze_threshold") " + "
    OPTION("leaf", "autovacuum_analyze_scale_factor")
    " * GREATEST(leaf.reltuples, 0),"
    " pg_catalog.pg_stat_get_dead_tuples(leaf.oid),"
    " pg_catalog.pg_stat_get_mod_since_analyze(leaf.oid),"
    " pg_catalog.age(leaf.relfrozenxid),"
    " LEAST(" OPTION("leaf", "autovacuum_freeze_max_age") ","
    "   pg_catalog.current_setting('autovacuum_freeze_max_age')::float8),"
    " (SELECT w.weight FROM ruvector.collections o JOIN"
    "   ruvector.routing_weights w ON w.collection_id = o.id"
    "   JOIN pg_catalog.pg_inherits h ON h.inhparent = o.table_oid"
    "   WHERE o.id = $2::int4 AND o.managed AND h.inhrelid = leaf.oid"
    "   AND pg_catalog.pg_get_expr(leaf.relpartbound, 0) IN ("
    "     pg_catalog.format('FOR VALUES IN (%s)', w.routing_key),"
    "     pg_catalog.format('FOR VALUES IN (''%s'')', w.routing_key))),"
    " (SELECT EXTRACT(epoch FROM pg_catalog.now() - p.quiet_since)::float8"
    "   FROM ruvector.partition_activity p WHERE p.table_oid = leaf.oid),"
    " " COUNT_OF("hnsw") ", " COUNT_OF("ivfflat")
    " FROM leaf";

constexpr char kIndexes[] =
    " SELECT pg_catalog.format('%I.%I', n.nspname, x.relname), x.oid,"
    "  a.amname, leaf.title, i.indisvalid, " TABLESPACE("x") ","
    "  (WITH RECURSIVE up (oid, depth) AS ("
    "     SELECT h.inhparent, 1 FROM pg_catalog.pg_inherits h"
    "      WHERE h.inhrelid = x.oid"
    "     UNION ALL SELECT h.inhparent, up.depth + 1"
    "      FROM pg_catalog.pg_inherits h JOIN up ON h.inhrelid = up.oid)"
    "   SELECT pg_catalog.format('%I.%I', pn.nspname, p.relname) FROM up"
    "    JOIN pg_catalog.pg_class p ON p.oid = up.oid"
    "    JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace"
    "    ORDER BY up.depth DESC LIMIT 1),"
    "  CASE a.amname WHEN 'ivfflat' THEN COALESCE((SELECT o.option_value"
    "    FROM pg_catalog.pg_options_to_table(x.reloptions) o"
    "    WHERE o.option_name = 'lists'), '100') END"
    " FROM leaf JOIN pg_catalog.pg_index i ON i.indrelid = leaf.oid"
    " JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace"
    " JOIN pg_catalog.pg_am a ON a.oid = x.relam"
    " WHERE NOT EXISTS (SELECT FROM ruvector.healing_kept_indexes u"
    "   WHERE u.index_oid = x.oid)";

// The row's shard table, its node and its size.
constexpr char kShards[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname || '_' ||"
    "   s.shardid), d.nodename || ':' || d.nodeport,"
    "   NULLIF(p.shardlength, 0)"
    " FROM pg_catalog.pg_dist_shard s"
    " JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid"
    " JOIN pg_catalog.pg_dist_node d ON d.groupid = p.groupid"
    "   AND d.noderole = 'primary'"
    " JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid::oid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = $1::oid ORDER BY p.placementid DESC";

const char* KindName(healing::JobKind kind) {
  switch (kind) {
    case healing::JobKind::kAutovacuum:
      return "autovacuum";
    case healing::JobKind::kWraparoundVacuum:
      return "wraparound_vacuum";
    case healing::JobKind::kVacuum:
      return "vacuum";
    case healing::JobKind::kIndexBuild:
      return "index_build";
    case healing::JobKind::kBaseBackup:
      return "base_backup";
    case healing::JobKind::kOurs:
      return "ours";
    case healing::JobKind::kCron:
      return "cron";
  }
  return "";
}

}  // namespace

absl::StatusOr<Known> BytesOf(uint32_t oid) {
  struct Size {
    bool known;
    int64_t bytes;
  };
  RV_ASSIGN_OR_RETURN(const Size size, pg::PgCall([&] {
                        bool locked = false;
                        Relation relation = sensors::OpenIfFree(oid, locked);
                        if (relation == nullptr) return Size{false, 0};
                        const sensors::DiskUse use =
                            sensors::DiskUseOf(relation);
                        sensors::CloseAndUnlock(relation);
                        return Size{use.error == 0, use.bytes};
                      }));
  if (!size.known) return Known();
  return Known(static_cast<double>(size.bytes));
}

template <class T, class F>
absl::StatusOr<const T*> Facts::Get(Group<T>& group, F read) {
  if (!group.tried) {
    group.tried = true;
    T value{};
    const absl::Status status = sensors::Attempt([&]() -> absl::Status {
      SpiSession spi;
      RV_RETURN_IF_ERROR(spi.Connect());
      return read(spi, &value);
    });
    if (status.ok()) {
      group.value = std::move(value);
    } else if (sensors::EndsPass(status)) {
      return status;
    }
  }
  return group.value.has_value() ? &*group.value : nullptr;
}

absl::StatusOr<std::optional<std::string>> Facts::One(
    const char* sql, std::initializer_list<pg::SqlParam> params) {
  Group<std::optional<std::string>> group;
  RV_ASSIGN_OR_RETURN(
      const auto* value,
      Get(group, [&](SpiSession& spi, std::optional<std::string>* into) {
        absl::StatusOr<SpiRows> rows = spi.Query(sql, params);
        if (rows.ok() && !rows->empty()) *into = rows->Text(0, 0);
        return rows.status();
      }));
  return value == nullptr ? std::nullopt : *value;
}

absl::StatusOr<const std::map<std::string, Leaf>*> Facts::Leaves() {
  return Get(leaves_, [&](SpiSession& spi, auto* into) {
    return ReadLeaves(spi, into);
  });
}

absl::Status Facts::ReadLeaves(SpiSession& spi,
                               std::map<std::string, Leaf>* into) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(absl::StrCat(kLeafTree, kLeaves).c_str(),
                                {SqlInt(int64_t{collection_.table_oid}),
                                 SqlInt(int64_t{collection_.id})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    Leaf leaf;
    leaf.oid = static_cast<uint32_t>(rows.Int(i, 1).value_or(0));
    leaf.tablespace = rows.TextOr(i, 2, "");
    leaf.autovacuum = rows.Text(i, 3);
    leaf.vacuum_threshold = rows.Real(i, 4);
    leaf.analyze_threshold = rows.Real(i, 5);
    leaf.dead = rows.Real(i, 6);
    leaf.modified = rows.Real(i, 7);
    leaf.xid_age = rows.Real(i, 8);
    leaf.freeze_age = rows.Real(i, 9);
    leaf.weight = rows.Real(i, 10);
    leaf.idle_seconds = rows.Real(i, 11);
    leaf.hnsw = rows.Real(i, 12).value_or(0);
    leaf.ivfflat = rows.Real(i, 13).value_or(0);
    (*into)[rows.TextOr(i, 0, "")] = std::move(leaf);
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::map<std::string, Rates>*> Facts::AllRates() {
  return Get(rates_,
             [&](SpiSession& spi, auto* into) { return ReadRates(spi, into); });
}

absl::StatusOr<const std::map<std::string, LeafIndex>*> Facts::Indexes() {
  return Get(indexes_, [&](SpiSession& spi, auto* into) {
    return ReadIndexes(spi, into);
  });
}

absl::Status Facts::ReadIndexes(SpiSession& spi,
                                std::map<std::string, LeafIndex>* into) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(absl::StrCat(kLeafTree, kIndexes).c_str(),
                                {SqlInt(int64_t{collection_.table_oid})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    LeafIndex index;
    index.oid = static_cast<uint32_t>(rows.Int(i, 1).value_or(0));
    index.method = rows.TextOr(i, 2, "");
    index.table = rows.TextOr(i, 3, "");
    index.valid = rows.Bool(i, 4).value_or(false);
    index.tablespace = rows.TextOr(i, 5, "");
    index.parent = rows.Text(i, 6);
    index.lists = rows.Real(i, 7);
    (*into)[rows.TextOr(i, 0, "")] = std::move(index);
  }
  return absl::OkStatus();
}

absl::StatusOr<const graph::Observation*> Facts::Observation() {
  return Get(observation_,
             [&](SpiSession& spi, graph::Observation* into) -> absl::Status {
               RV_ASSIGN_OR_RETURN(
                   sensors::ObserveRequest request,
                   integrity::LoadObserveRequest(spi, collection_));
               request.page_budget = settings::page_budget;
               request.lock_timeout_ms = settings::sensor_lock_timeout;
               request.connect_timeout_ms = settings::sensor_connect_timeout;
               RV_ASSIGN_OR_RETURN(sensors::Observed observed,
                                   sensors::Observe(request));
               *into = std::move(observed.observation);
               return absl::OkStatus();
             });
}

absl::StatusOr<const healing::CollectionReadings*> Facts::Readings() {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, Observation());
  if (seen == nullptr) return nullptr;
  return Get(
      readings_,
      [&](SpiSession&, healing::CollectionReadings* into) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            *into, healing::ReadCollection(collection_.id, *seen,
                                           settings::sensor_lock_timeout));
        return absl::OkStatus();
      });
}

absl::StatusOr<const std::string*> Facts::Routing() {
  return Get(routing_, [&](SpiSession& spi, std::string* into) -> absl::Status {
    RV_ASSIGN_OR_RETURN(
        const SpiRows managed,
        spi.Query("SELECT managed FROM ruvector.collections WHERE id ="
                  " $1::pg_catalog.int4",
                  {SqlInt(int64_t{collection_.id})}));
    RV_ASSIGN_OR_RETURN(
        const SpiRows citus,
        spi.Query("SELECT pg_catalog.to_regclass("
                  "'pg_catalog.pg_dist_partition') IS NOT NULL"));
    *into = "none";
    if (!managed.empty() && managed.Bool(0, 0).value_or(false)) {
      *into = "weights";
    } else if (citus.Bool(0, 0).value_or(false)) {
      RV_ASSIGN_OR_RETURN(
          const SpiRows distributed,
          spi.Query("SELECT FROM pg_catalog.pg_dist_partition WHERE"
                    " logicalrelid::pg_catalog.oid = $1::pg_catalog.oid AND"
                    " partmethod = 'h'",
                    {SqlInt(int64_t{collection_.table_oid})}));
      if (!distributed.empty()) *into = "citus";
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<const std::map<std::string, Shard>*> Facts::Shards() {
  return Get(shards_, [&](SpiSession& spi, auto* into) {
    return ReadShards(spi, into);
  });
}

absl::Status Facts::ReadShards(SpiSession& spi,
                               std::map<std::string, Shard>* into) {
  RV_ASSIGN_OR_RETURN(const SpiRows citus,
                      spi.Query("SELECT pg_catalog.to_regclass("
                                "'pg_catalog.pg_dist_shard') IS NOT NULL"));
  if (!citus.Bool(0, 0).value_or(false)) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query(kShards, {SqlInt(int64_t{collection_.table_oid})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    (*into)[rows.TextOr(i, 0, "")] = {rows.TextOr(i, 1, ""), rows.Real(i, 2)};
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::map<std::string, Job>*> Facts::Jobs() {
  return Get(jobs_, [&](SpiSession&, auto* into) { return ReadJobs(into); });
}

absl::Status Facts::ReadJobs(std::map<std::string, Job>* into) {
  healing::ServerSense sense;
  RV_ASSIGN_OR_RETURN(const healing::ServerReadings* server,
                      sense.Read(settings::sensor_lock_timeout));
  if (!server->maintenance.has_value()) {
    return absl::UnavailableError("maintenance could not be read");
  }
  for (const healing::MaintenanceJob& job : server->maintenance->jobs) {
    Job one;
    one.kind = KindName(job.kind);
    if (!job.relation.empty()) one.table = job.relation;
    if (job.running.has_value()) {
      one.running_seconds = absl::ToDoubleSeconds(*job.running);
    }
    (*into)[job.name] = std::move(one);
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::map<std::string, Space>*> Facts::Spaces() {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, Observation());
  if (seen == nullptr) return nullptr;
  return Get(spaces_, [&](SpiSession& spi, auto* into) {
    return ReadSpaces(spi, into);
  });
}

// The working directory of a server process is its data directory.
absl::Status Facts::ReadSpaces(SpiSession& spi,
                               std::map<std::string, Space>* into) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("SELECT spcname, CASE spcname WHEN 'pg_default' THEN 'base'"
                " WHEN 'pg_global' THEN 'global'"
                " ELSE 'pg_tblspc/' || oid END FROM pg_catalog.pg_tablespace"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string name = rows.TextOr(i, 0, "");
    const std::string path = rows.TextOr(i, 1, "");
    struct stat facts;
    struct statvfs space;
    if (stat(path.c_str(), &facts) != 0 || statvfs(path.c_str(), &space) != 0) {
      continue;
    }
    Space one;
    const double block = static_cast<double>(space.f_frsize);
    one.total = block * static_cast<double>(space.f_blocks);
    one.free = block * static_cast<double>(space.f_bavail);
    one.disk = name;
    for (const graph::DiskObservation& disk : observation_.value->disks) {
      if (disk.device == static_cast<int64_t>(facts.st_dev)) {
        one.disk = disk.name;
      }
    }
    (*into)[name] = std::move(one);
  }
  return absl::OkStatus();
}

}  // namespace ruvector::metrics
