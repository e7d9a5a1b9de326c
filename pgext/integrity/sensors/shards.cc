#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/sensors/reach.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "catalog/pg_namespace_d.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "pg_config_manual.h"
#include "utils/lsyscache.h"
}

namespace ruvector::sensors {
namespace {

using graph::Access;
using graph::ShardObservation;
using graph::TableObservation;
using pg::PgCall;
using pg::SpiRows;
using pg::SpiSession;

// Sums of what is known; nullopt where one table is unknown.
struct Sum {
  double rows = 0;
  int64_t bytes = 0;
  bool rows_known = true;
  bool bytes_known = true;

  void Add(const TableObservation& table) {
    rows += table.estimated_rows.value_or(0);
    rows_known = rows_known && table.estimated_rows.has_value();
    bytes += table.heap_bytes.value_or(0) + table.index_bytes.value_or(0);
    bytes_known = bytes_known && table.heap_bytes.has_value() &&
                  table.index_bytes.has_value();
  }
};

void Fill(const Sum& sum, ShardObservation& shard) {
  if (sum.rows_known) shard.rows = sum.rows;
  if (sum.bytes_known) shard.bytes = sum.bytes;
}

Sum SumOf(const graph::Observation& observation, int64_t shard) {
  Sum sum;
  for (const TableObservation& table : observation.tables) {
    if (table.shard_id == shard) sum.Add(table);
  }
  return sum;
}

void AddThisNode(Pass& pass) {
  ShardObservation shard;
  shard.id = 0;
  shard.name = "local";
  Fill(SumOf(pass.observation(), 0), shard);
  pass.observation().shards.push_back(std::move(shard));
}

// What the catalog says of a foreign server. Plain data, of the pass's memory.
struct ServerRow {
  const char* name;  // nullptr: dropped meanwhile
  bool asked;        // postgres_fdw's, and its options say where it is
  const char* host;  // libpq's lists, separated by commas; or nullptr
  const char* hostaddr;
  const char* port;
};

ServerRow ReadServer(Oid server) {
  ServerRow row = {};
  const ForeignServer* found = GetForeignServerExtended(server, FSV_MISSING_OK);
  if (found == nullptr) return row;
  row.name = found->servername;
  const ForeignDataWrapper* wrapper =
      GetForeignDataWrapperExtended(found->fdwid, FDW_MISSING_OK);
  row.asked =
      wrapper != nullptr && strcmp(wrapper->fdwname, "postgres_fdw") == 0;
  const ListCell* cell;
  foreach (cell, found->options) {
    auto* option = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(option->defname, "host") == 0) row.host = defGetString(option);
    if (strcmp(option->defname, "hostaddr") == 0) {
      row.hostaddr = defGetString(option);
    }
    if (strcmp(option->defname, "port") == 0) row.port = defGetString(option);
    if (strcmp(option->defname, "service") == 0) row.asked = false;
  }
  return row;
}

// As libpq reads the options: an address goes before a name, one port serves
// all hosts or each has its own, and what is missing has a default.
std::vector<Endpoint> EndpointsOf(const ServerRow& row) {
  const char* hosts = row.hostaddr != nullptr ? row.hostaddr : row.host;
  const std::vector<std::string> names =
      absl::StrSplit(hosts != nullptr ? hosts : "", ',');
  const std::vector<std::string> ports =
      absl::StrSplit(row.port != nullptr ? row.port : "", ',');
  std::vector<Endpoint> endpoints;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& port = ports[std::min(i, ports.size() - 1)];
    endpoints.push_back({names[i].empty() ? DEFAULT_PGSOCKET_DIR : names[i],
                         port.empty() ? DEF_PGPORT_STR : port});
  }
  return endpoints;
}

absl::Status AddForeignServers(Pass& pass) {
  std::vector<Oid> servers;
  for (const Pass::ForeignLeaf& leaf : pass.foreign_leaves) {
    if (std::find(servers.begin(), servers.end(), leaf.server) ==
        servers.end()) {
      servers.push_back(leaf.server);
    }
  }
  std::vector<ShardObservation> shards;
  std::vector<size_t> asked;
  std::vector<std::vector<Endpoint>> endpoints;
  for (const Oid server : servers) {
    RV_ASSIGN_OR_RETURN(const ServerRow row,
                        PgCall([&] { return ReadServer(server); }));
    if (row.asked) {
      asked.push_back(shards.size());
      endpoints.push_back(EndpointsOf(row));
    }
    ShardObservation shard;
    shard.id = server;
    shard.name = row.name != nullptr ? row.name : absl::StrCat(server);
    Fill(SumOf(pass.observation(), shard.id), shard);
    shards.push_back(std::move(shard));
  }
  const std::vector<Reached> reached =
      Reach(endpoints, pass.request.connect_timeout_ms);
  for (size_t i = 0; i < asked.size(); ++i) {
    ShardObservation& shard = shards[asked[i]];
    shard.latency_us = reached[i].latency_us;
    if (shard.latency_us.has_value()) continue;
    shard.access = Access::kUnreadable;
    shard.access_reason = reached[i].failure;
  }
  for (ShardObservation& shard : shards) {
    pass.observation().shards.push_back(std::move(shard));
  }
  return absl::OkStatus();
}

// Citus: one shard per group that holds a placement of the table or of a
// partition of it. Group 0 is the coordinator.
constexpr char kCitusGroups[] =
    "SELECT p.groupid, n.nodename || ':' || n.nodeport, n.isactive,"
    "  pg_catalog.bool_and(p.shardstate = 1), "
    "pg_catalog.sum(p.shardlength)::int8"
    " FROM pg_catalog.pg_dist_shard s"
    " JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid"
    " JOIN pg_catalog.pg_dist_node n"
    "   ON n.groupid = p.groupid AND n.noderole = 'primary'"
    " WHERE s.logicalrelid::oid = $1::oid"
    "   OR s.logicalrelid::oid IN (SELECT t.relid"
    "        FROM pg_catalog.pg_partition_tree($1::oid::regclass) t)"
    " GROUP BY 1, 2, 3 ORDER BY 1";

bool HasCitusCatalogs() {
  return OidIsValid(get_relname_relid("pg_dist_node", PG_CATALOG_NAMESPACE)) &&
         OidIsValid(get_relname_relid("pg_dist_shard", PG_CATALOG_NAMESPACE)) &&
         OidIsValid(
             get_relname_relid("pg_dist_placement", PG_CATALOG_NAMESPACE));
}

void FillGroup(const SpiRows& rows, size_t row, ShardObservation& shard) {
  shard.bytes = rows.Int(row, 4);
  if (!rows.Bool(row, 2).value_or(true)) {
    shard.access = Access::kUnreadable;
    shard.access_reason = "Citus lists the node as inactive";
  } else if (!rows.Bool(row, 3).value_or(true)) {
    shard.access = Access::kUnreadable;
    shard.access_reason = "Citus lists a placement on it as not active";
  }
}

absl::Status AddCitusGroups(Pass& pass) {
  RV_ASSIGN_OR_RETURN(const bool present, PgCall(HasCitusCatalogs));
  if (!present) return absl::OkStatus();
  SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query(kCitusGroups, {pg::SqlInt(pass.request.table_oid)}));
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t group = rows.Int(i, 0).value_or(0);
    if (group == 0) continue;
    ShardObservation shard;
    shard.id = group;
    shard.name = rows.TextOr(i, 1, "");
    FillGroup(rows, i, shard);
    pass.observation().shards.push_back(std::move(shard));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SenseShards(Pass& pass) {
  AddThisNode(pass);
  RV_RETURN_IF_ERROR(AddForeignServers(pass));
  return AddCitusGroups(pass);
}

}  // namespace ruvector::sensors
