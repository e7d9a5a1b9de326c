#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "catalog/pg_namespace_d.h"
#include "foreign/foreign.h"
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

absl::Status AddForeignServers(Pass& pass) {
  std::vector<Oid> servers;
  for (const Pass::ForeignLeaf& leaf : pass.foreign_leaves) {
    if (std::find(servers.begin(), servers.end(), leaf.server) ==
        servers.end()) {
      servers.push_back(leaf.server);
    }
  }
  for (const Oid server : servers) {
    RV_ASSIGN_OR_RETURN(const char* name, PgCall([&]() -> const char* {
                          const ForeignServer* row =
                              GetForeignServerExtended(server, FSV_MISSING_OK);
                          return row != nullptr ? row->servername : nullptr;
                        }));
    ShardObservation shard;
    shard.id = server;
    shard.name = name != nullptr ? name : absl::StrCat(server);
    // Not asked: no latency, which says nothing about its reachability.
    Fill(SumOf(pass.observation(), shard.id), shard);
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
