#include "pgext/integrity/persistence.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/graph/witness.h"
#include "nlohmann/json.hpp"

namespace ruvector::integrity {
namespace {

using nlohmann::ordered_json;

std::string Dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string Name(absl::string_view text) {
  return std::string(text.data(), text.size());
}

ordered_json OrNull(const std::optional<double>& value) {
  return value.has_value() ? ordered_json(*value) : ordered_json();
}

// The members of both objects; of two of one name jsonb keeps the latter.
std::string Joined(absl::string_view object, absl::string_view more) {
  if (object.size() <= 2) return Name(more);
  return absl::StrCat(object.substr(0, object.size() - 1), ",", more.substr(1));
}

// The nodes' own data are text already, and most of the whole: parsing them
// to print them again would cost more than the rest of the pass.
std::string NodesJson(const graph::ContractedGraph& graph) {
  std::string nodes = "[";
  for (const graph::Node& node : graph.nodes) {
    ordered_json more{{"importance", node.importance},
                      {"applied_health", node.applied_health}};
    if (node.members != 1) more["members"] = node.members;
    if (node.stale) more["stale"] = true;
    if (node.lost) more["lost"] = true;
    const ordered_json columns{{"t", Name(graph::ToString(node.type))},
                               {"i", node.id},
                               {"n", node.name},
                               {"h", OrNull(node.health)}};
    const std::string data =
        absl::StrCat("{\"d\":", Joined(node.data, Dump(more)), "}");
    absl::StrAppend(&nodes, nodes.size() > 1 ? "," : "",
                    Joined(Dump(columns), data));
  }
  return nodes + "]";
}

ordered_json EdgesJson(const graph::ContractedGraph& graph,
                       const graph::Assessment& assessment) {
  const std::set<uint32_t> cut(assessment.witness.begin(),
                               assessment.witness.end());
  ordered_json edges = ordered_json::array();
  for (uint32_t i = 0; i < graph.edges.size(); ++i) {
    const graph::Edge& edge = graph.edges[i];
    const graph::Node& a = graph.nodes[edge.source];
    const graph::Node& b = graph.nodes[edge.target];
    edges.push_back({{"st", Name(graph::ToString(a.type))},
                     {"si", a.id},
                     {"tt", Name(graph::ToString(b.type))},
                     {"ti", b.id},
                     {"e", Name(graph::ToString(edge.type))},
                     {"c", edge.capacity},
                     {"b", edge.baseline},
                     {"f", OrNull(edge.current_flow)},
                     {"l", OrNull(edge.latency_ms)},
                     {"r", edge.error_rate},
                     {"x", cut.count(i) != 0}});
  }
  return edges;
}

// One statement for what goes and what comes, so that the JSON is read once.
constexpr char kReplaceNodes[] =
    "WITH x AS MATERIALIZED (SELECT * FROM pg_catalog.jsonb_to_recordset("
    "$2::pg_catalog.jsonb) AS x(t text, i int8, n text, d jsonb, h float4)),"
    " gone AS (DELETE FROM ruvector.contracted_graph g WHERE collection_id ="
    " $1::pg_catalog.int4 AND NOT EXISTS (SELECT FROM x"
    " WHERE x.t = g.node_type AND x.i = g.node_id))"
    " INSERT INTO ruvector.contracted_graph AS g (collection_id, node_type,"
    " node_id, node_name, node_data, health_score, last_updated)"
    " SELECT $1::pg_catalog.int4, x.t, x.i, x.n, x.d, x.h, pg_catalog.now()"
    " FROM x"
    " ON CONFLICT (collection_id, node_type, node_id) DO UPDATE SET"
    " node_name = EXCLUDED.node_name, node_data = EXCLUDED.node_data,"
    " health_score = EXCLUDED.health_score, last_updated = pg_catalog.now()"
    " WHERE (g.node_name, g.node_data, g.health_score) IS DISTINCT FROM"
    " (EXCLUDED.node_name, EXCLUDED.node_data, EXCLUDED.health_score)";

constexpr char kReplaceEdges[] =
    "WITH x AS MATERIALIZED (SELECT x.st, x.si, x.tt, x.ti, x.e,"
    " pg_catalog.sum(x.c) AS c, pg_catalog.sum(x.b) AS b,"
    " pg_catalog.sum(x.f) AS f, pg_catalog.max(x.l) AS l,"
    " pg_catalog.max(x.r) AS r, pg_catalog.bool_or(x.x) AS x"
    " FROM pg_catalog.jsonb_to_recordset($2::pg_catalog.jsonb)"
    " AS x(st text, si int8, tt text, ti int8, e text, c float4, b float4,"
    " f float4, l float4, r float4, x bool)"
    " GROUP BY x.st, x.si, x.tt, x.ti, x.e),"
    " gone AS (DELETE FROM ruvector.contracted_edges g WHERE collection_id ="
    " $1::pg_catalog.int4 AND NOT EXISTS (SELECT FROM x"
    " WHERE x.st = g.source_type AND x.si = g.source_id AND"
    " x.tt = g.target_type AND x.ti = g.target_id AND x.e = g.edge_type))"
    " INSERT INTO ruvector.contracted_edges AS g (collection_id, source_type,"
    " source_id, target_type, target_id, edge_type, capacity,"
    " baseline_capacity, current_flow, latency_ms, error_rate, in_cut)"
    " SELECT $1::pg_catalog.int4, x.st, x.si, x.tt, x.ti, x.e,"
    " x.c, x.b, x.f, x.l, x.r, x.x FROM x"
    " ON CONFLICT (collection_id, source_type, source_id, target_type,"
    " target_id, edge_type) DO UPDATE SET capacity = EXCLUDED.capacity,"
    " baseline_capacity = EXCLUDED.baseline_capacity,"
    " current_flow = EXCLUDED.current_flow,"
    " latency_ms = EXCLUDED.latency_ms, error_rate = EXCLUDED.error_rate,"
    " in_cut = EXCLUDED.in_cut, updated_at = pg_catalog.now()"
    " WHERE (g.capacity, g.baseline_capacity, g.current_flow, g.latency_ms,"
    " g.error_rate, g.in_cut) IS DISTINCT FROM (EXCLUDED.capacity,"
    " EXCLUDED.baseline_capacity, EXCLUDED.current_flow, EXCLUDED.latency_ms,"
    " EXCLUDED.error_rate, EXCLUDED.in_cut)";

ordered_json SideJson(const graph::ContractedGraph& graph,
                      const std::vector<uint8_t>& side) {
  constexpr size_t kMost = 50;
  ordered_json names = ordered_json::array();
  for (size_t i = 0; i < side.size() && names.size() < kMost; ++i) {
    if (side[i] != 0) names.push_back(graph.nodes[i].name);
  }
  return names;
}

ordered_json NontrivialJson(const graph::ContractedGraph& graph,
                            const graph::Assessment& assessment) {
  ordered_json edges = ordered_json::array();
  if (!assessment.nontrivial.has_value()) return edges;
  for (const uint32_t i : assessment.nontrivial->edges) {
    if (edges.size() == 50) break;
    edges.push_back({graph.nodes[graph.edges[i].source].name,
                     graph.nodes[graph.edges[i].target].name});
  }
  return edges;
}

ordered_json FailuresJson(const graph::ContractedGraph& graph) {
  ordered_json reasons = ordered_json::array();
  for (const std::string& reason : graph.stale_reasons) {
    if (reasons.size() == 50) break;
    reasons.push_back(reason);
  }
  return reasons;
}

}  // namespace

absl::StatusOr<sensors::ObserveRequest> LoadObserveRequest(
    pg::SpiSession& spi, const Collection& collection) {
  sensors::ObserveRequest request;
  request.collection_id = collection.id;
  request.table_oid = collection.table_oid;
  request.column = collection.column;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows baselines,
      // Not pg_partition_tree: it would wait for the partitions' locks.
      spi.Query("WITH RECURSIVE tree (oid) AS (SELECT $1::pg_catalog.oid"
                " UNION ALL SELECT h.inhrelid FROM pg_catalog.pg_inherits h"
                " JOIN tree ON h.inhparent = tree.oid)"
                " SELECT index_oid, relfilenode, list_id,"
                " rows_at_build::pg_catalog.float8,"
                " mean_distance::pg_catalog.float8"
                " FROM ruvector.index_baselines b"
                " WHERE EXISTS (SELECT FROM pg_catalog.pg_index i WHERE"
                " i.indexrelid = b.index_oid"
                " AND i.indrelid IN (SELECT oid FROM tree))",
                {pg::SqlInt(int64_t{collection.table_oid})}));
  for (size_t i = 0; i < baselines.size(); ++i) {
    sensors::IndexBaseline b;
    b.index_oid = static_cast<uint32_t>(*baselines.Int(i, 0));
    b.relfilenode = static_cast<uint32_t>(*baselines.Int(i, 1));
    b.list_id = static_cast<int32_t>(*baselines.Int(i, 2));
    b.rows_at_build = baselines.Real(i, 3);
    b.mean_distance = baselines.Real(i, 4);
    request.baselines.push_back(b);
  }
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows replicas,
      spi.Query("SELECT application_name, synchronous,"
                " (EXTRACT(epoch FROM last_seen) * 1000000)::pg_catalog.int8"
                " FROM ruvector.known_replicas"));
  for (size_t i = 0; i < replicas.size(); ++i) {
    sensors::KnownReplica known;
    known.name = replicas.TextOr(i, 0, "");
    known.synchronous = replicas.Bool(i, 1).value_or(false);
    known.last_seen = absl::FromUnixMicros(replicas.Int(i, 2).value_or(0));
    request.known_replicas.push_back(std::move(known));
  }
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows kept,
      spi.Query("SELECT index_oid FROM ruvector.healing_kept_indexes"));
  for (size_t i = 0; i < kept.size(); ++i) {
    request.kept_indexes.push_back(static_cast<uint32_t>(*kept.Int(i, 0)));
  }
  return request;
}

absl::Status PersistBaselines(
    pg::SpiSession& spi, const std::vector<sensors::IndexBaseline>& baselines) {
  RV_RETURN_IF_ERROR(
      spi.Execute("DELETE FROM ruvector.index_baselines WHERE index_oid IN"
                  " (SELECT index_oid FROM ruvector.index_baselines EXCEPT"
                  " SELECT oid FROM pg_catalog.pg_class)")
          .status());
  if (baselines.empty()) return absl::OkStatus();
  ordered_json rows = ordered_json::array();
  for (const sensors::IndexBaseline& b : baselines) {
    rows.push_back({{"o", b.index_oid},
                    {"f", b.relfilenode},
                    {"l", b.list_id},
                    {"r", OrNull(b.rows_at_build)},
                    {"m", OrNull(b.mean_distance)}});
  }
  const pg::SqlParam json = pg::SqlText(Dump(rows));
  // Lists of an earlier file of the same index go.
  RV_RETURN_IF_ERROR(
      spi.Execute("DELETE FROM ruvector.index_baselines b USING"
                  " pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)"
                  " AS x(o int8, f int8) WHERE b.index_oid ="
                  " x.o::pg_catalog.oid AND b.relfilenode <>"
                  " x.f::pg_catalog.oid",
                  {json})
          .status());
  return spi
      .Execute(
          "INSERT INTO ruvector.index_baselines (index_oid, relfilenode,"
          " list_id, rows_at_build, mean_distance) SELECT"
          " x.o::pg_catalog.oid, x.f::pg_catalog.oid, x.l, x.r, x.m FROM"
          " pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)"
          " AS x(o int8, f int8, l int4, r float4, m float4)"
          " ON CONFLICT (index_oid, list_id) DO UPDATE SET mean_distance ="
          " coalesce(EXCLUDED.mean_distance,"
          " index_baselines.mean_distance)",
          {json})
      .status();
}

absl::Status PersistReplicas(pg::SpiSession& spi,
                             const graph::ReplicationObservation& replication) {
  if (!replication.known) return absl::OkStatus();
  for (const graph::ReplicaObservation& replica : replication.replicas) {
    if (!replica.present || replica.state == "backup") continue;
    const bool synchronous = replica.sync_state == graph::SyncState::kSync ||
                             replica.sync_state == graph::SyncState::kQuorum;
    RV_RETURN_IF_ERROR(
        spi.Execute("INSERT INTO ruvector.known_replicas AS k"
                    " (application_name, synchronous) VALUES ($1,"
                    " $2::pg_catalog.bool) ON CONFLICT (application_name)"
                    " DO UPDATE SET synchronous = EXCLUDED.synchronous,"
                    " last_seen = pg_catalog.now() WHERE k.synchronous <>"
                    " EXCLUDED.synchronous OR k.last_seen <"
                    " pg_catalog.now() - interval '10 seconds'",
                    {pg::SqlText(replica.name), pg::SqlBool(synchronous)})
            .status());
  }
  return absl::OkStatus();
}

absl::Status PersistGraph(pg::SpiSession& spi,
                          const graph::ContractedGraph& graph,
                          const graph::Assessment& assessment) {
  const pg::SqlParam id = pg::SqlInt(int64_t{graph.collection_id});
  const pg::SqlParam nodes = pg::SqlText(NodesJson(graph));
  const pg::SqlParam edges = pg::SqlText(Dump(EdgesJson(graph, assessment)));
  // Nodes first: the edges refer to them, and those of a node go with it.
  RV_RETURN_IF_ERROR(spi.Execute(kReplaceNodes, {id, nodes}).status());
  return spi.Execute(kReplaceEdges, {id, edges}).status();
}

absl::Status PersistState(pg::SpiSession& spi, const StateToPersist& state) {
  const graph::Assessment& a = *state.assessment;
  const graph::ContractedGraph& g = *state.graph;
  return spi
      .Execute(
          "UPDATE ruvector.integrity_state SET state = $2,"
          " lambda_cut = $3::pg_catalog.float4,"
          " lambda_baseline = $4::pg_catalog.float4,"
          " lambda_norm = $5::pg_catalog.float4,"
          " service_norm = $6::pg_catalog.float4,"
          " lambda2 = $7::pg_catalog.float4,"
          " nontrivial_cut = $8::pg_catalog.float4,"
          " witness_edges = $9::pg_catalog.jsonb,"
          " cut_side = $10::pg_catalog.jsonb,"
          " nontrivial_side = $11::pg_catalog.jsonb,"
          " stale = $12::pg_catalog.bool,"
          " sample_failures = $13::pg_catalog.jsonb,"
          " last_sample = $14::pg_catalog.timestamptz,"
          " sample_count = sample_count + 1,"
          " sample_ms = $15::pg_catalog.float4,"
          " policy_id = $16::pg_catalog.int4,"
          " controller = $17::pg_catalog.jsonb,"
          " accepted_rates = $18::pg_catalog.jsonb,"
          " merged_nodes = $19::pg_catalog.int4,"
          " cut_kind = $20, updated_at = pg_catalog.now()"
          " WHERE collection_id = $1::pg_catalog.int4",
          {pg::SqlInt(int64_t{state.collection->id}),
           pg::SqlText(
               gate::StateName(gate::EffectiveState(*state.controller))),
           pg::SqlReal(a.lambda_raw),
           pg::SqlReal(a.lambda_baseline),
           pg::SqlReal(a.lambda_norm),
           pg::SqlReal(a.service_norm),
           pg::SqlReal(a.lambda2),
           pg::SqlReal(a.nontrivial.has_value()
                           ? std::optional<double>(a.nontrivial->value)
                           : std::nullopt),
           pg::SqlText(graph::WitnessJson(g, a, 50)),
           pg::SqlText(Dump(SideJson(g, a.side))),
           pg::SqlText(Dump(NontrivialJson(g, a))),
           pg::SqlBool(state.controller->stale),
           pg::SqlText(Dump(FailuresJson(g))),
           pg::SqlText(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", state.at,
                                        absl::UTCTimeZone())),
           pg::SqlReal(state.milliseconds),
           pg::SqlInt(state.policy_id),
           pg::SqlText(gate::EncodeControllerState(*state.controller)),
           pg::SqlText(state.accepted_rates),
           pg::SqlInt(static_cast<int64_t>(
               g.original_nodes - static_cast<int64_t>(g.nodes.size()))),
           pg::SqlText(Name(graph::ToString(a.kind)))})
      .status();
}

absl::Status PersistController(pg::SpiSession& spi,
                               const Collection& collection,
                               const gate::ControllerState& controller) {
  return spi
      .Execute(
          "UPDATE ruvector.integrity_state SET state = $2, controller ="
          " $3::pg_catalog.jsonb, updated_at = pg_catalog.now()"
          " WHERE collection_id = $1::pg_catalog.int4",
          {pg::SqlInt(int64_t{collection.id}),
           pg::SqlText(gate::StateName(gate::EffectiveState(controller))),
           pg::SqlText(gate::EncodeControllerState(controller))})
      .status();
}

}  // namespace ruvector::integrity
