#include "pgext/healing/metrics/values.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/gate/operation.h"
#include "pgext/healing/metrics/readers.h"
#include "pgext/integrity/sensors/pass.h"
#include "pgext/integrity/stored_gate.h"

namespace ruvector::metrics {
namespace {

// ---- an operation ---------------------------------------------------------

Result ThrottlePercent(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(
      const auto text,
      facts.One(
          "SELECT percent FROM ruvector.throttle_overrides WHERE"
          " collection_id = $1::pg_catalog.int4 AND operation = $2",
          {pg::SqlInt(int64_t{facts.collection().id}), pg::SqlText(subject)}));
  double number = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &number)) {
    return sdk::Value();
  }
  return Of(Known(number));
}

Result EffectiveThrottle(Facts& facts, const std::string& subject) {
  const auto operation = gate::ParseOperation(subject);
  if (!operation.ok()) return sdk::Value();
  Known percent;
  const absl::Status status = sensors::Attempt([&]() -> absl::Status {
    RV_ASSIGN_OR_RETURN(
        const gate::Decision decision,
        integrity::StoredDecision(facts.collection().name, *operation, 0));
    switch (decision.response) {
      case gate::Response::kAllow:
        percent = 0;
        break;
      case gate::Response::kThrottle:
        percent = decision.throttle_pct;
        break;
      case gate::Response::kDefer:
      case gate::Response::kReject:
        percent = 100;
        break;
    }
    return absl::OkStatus();
  });
  if (!status.ok() && sensors::EndsPass(status)) return status;
  return Of(percent);
}

// ---- a partition ----------------------------------------------------------

Result PartitionRows(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Known rows, RowsOf(subject, facts));
  return Of(rows);
}
Result PartitionBytes(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const auto* table, Table(subject, facts));
  return table == nullptr ? sdk::Value() : Of(table->heap_bytes);
}
Result PartitionIndexBytes(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const auto* table, Table(subject, facts));
  return table == nullptr ? sdk::Value() : Of(table->index_bytes);
}
template <double Rates::*field>
Result PartitionRate(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Rates* rates, Entry(facts.AllRates(), subject));
  return rates == nullptr ? sdk::Value() : Of(Known(rates->*field));
}
template <double Leaf::*field>
Result LeafCount(Facts& facts, const std::string& subject) {
  LEAF_OR_NULL(leaf);
  return Of(Known(leaf->*field));
}
template <Known Leaf::*field>
Result LeafNumber(Facts& facts, const std::string& subject) {
  LEAF_OR_NULL(leaf);
  return Of(leaf->*field);
}
Result PartitionTablespace(Facts& facts, const std::string& subject) {
  LEAF_OR_NULL(leaf);
  return sdk::Value(leaf->tablespace);
}
Result PartitionDisk(Facts& facts, const std::string& subject) {
  LEAF_OR_NULL(leaf);
  RV_ASSIGN_OR_RETURN(const auto disk, DiskOf(leaf->tablespace, facts));
  return Of(disk);
}
Result PartitionAutovacuum(Facts& facts, const std::string& subject) {
  LEAF_OR_NULL(leaf);
  return Of(leaf->autovacuum);
}

// ---- tablespaces, jobs, shards, acts --------------------------------------

Result TablespaceFree(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Space* space, Entry(facts.Spaces(), subject));
  return space == nullptr ? sdk::Value() : Of(space->free);
}
Result TablespaceDisk(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const auto disk, DiskOf(subject, facts));
  return Of(disk);
}
Result JobKind(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Job* job, Entry(facts.Jobs(), subject));
  return job == nullptr ? sdk::Value() : sdk::Value(job->kind);
}
Result JobTable(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Job* job, Entry(facts.Jobs(), subject));
  return job == nullptr ? sdk::Value() : Of(job->table);
}
Result JobRunning(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Job* job, Entry(facts.Jobs(), subject));
  return job == nullptr ? sdk::Value() : Of(job->running_seconds);
}
Result ShardNode(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Shard* shard, Entry(facts.Shards(), subject));
  return shard == nullptr ? sdk::Value() : sdk::Value(shard->node);
}
Result ShardBytes(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(const Shard* shard, Entry(facts.Shards(), subject));
  return shard == nullptr ? sdk::Value() : Of(shard->bytes);
}

Result Acts(const char* sum, Facts& facts, const std::string& subject) {
  if (facts.options().action_id == 0) return sdk::Value();
  RV_ASSIGN_OR_RETURN(
      const auto text,
      facts.One(absl::StrCat("SELECT ", sum,
                             " FROM ruvector.healing_acts WHERE action_id ="
                             " $1::pg_catalog.int8 AND state = 'done' AND"
                             " kind || ' ' || object || CASE kind WHEN"
                             " 'move_rows' THEN ' ' || (arguments ->> 'to')"
                             " ELSE '' END = $2")
                    .c_str(),
                {pg::SqlInt(facts.options().action_id), pg::SqlText(subject)}));
  double number = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &number)) {
    return sdk::Value();
  }
  return Of(Known(number));
}
Result ActsDone(Facts& facts, const std::string& subject) {
  return Acts("pg_catalog.count(*)", facts, subject);
}
Result ActRows(Facts& facts, const std::string& subject) {
  return Acts("COALESCE(pg_catalog.sum(rows), 0)", facts, subject);
}

// The caller's, through its helper.
Result NotHere(Facts&, const std::string&) { return sdk::Value(); }

constexpr MetricReader kReaders[] = {
    {"throttle_percent", ThrottlePercent},
    {"effective_throttle_percent", EffectiveThrottle},
    {"partition_rows", PartitionRows},
    {"partition_bytes", PartitionBytes},
    {"partition_index_bytes", PartitionIndexBytes},
    {"partition_reads_per_second", PartitionRate<&Rates::reads>},
    {"partition_writes_per_second", PartitionRate<&Rates::writes>},
    {"partition_inserts_per_second", PartitionRate<&Rates::inserts>},
    {"partition_hnsw_indexes", LeafCount<&Leaf::hnsw>},
    {"partition_ivfflat_indexes", LeafCount<&Leaf::ivfflat>},
    {"routing_weight", LeafNumber<&Leaf::weight>},
    {"partition_idle_seconds", LeafNumber<&Leaf::idle_seconds>},
    {"partition_tablespace", PartitionTablespace},
    {"partition_disk", PartitionDisk},
    {"partition_dead_rows", LeafNumber<&Leaf::dead>},
    {"partition_vacuum_threshold", LeafNumber<&Leaf::vacuum_threshold>},
    {"partition_modified_rows", LeafNumber<&Leaf::modified>},
    {"partition_analyze_threshold", LeafNumber<&Leaf::analyze_threshold>},
    {"partition_xid_age", LeafNumber<&Leaf::xid_age>},
    {"partition_freeze_age", LeafNumber<&Leaf::freeze_age>},
    {"partition_autovacuum", PartitionAutovacuum},
    {"tablespace_free_bytes", TablespaceFree},
    {"tablespace_disk", TablespaceDisk},
    {"job_kind", JobKind},
    {"job_table", JobTable},
    {"job_running_seconds", JobRunning},
    {"shard_node", ShardNode},
    {"shard_bytes", ShardBytes},
    {"workload_replicas", NotHere},
    {"workload_ready_replicas", NotHere},
    {"acts_done", ActsDone},
    {"act_rows", ActRows},
};

}  // namespace

absl::StatusOr<sdk::Value> ValueOf(const healing::MetricInfo& metric,
                                   const std::string& subject, Facts& facts) {
  for (const absl::Span<const MetricReader> readers :
       {CollectionReaders(), IndexReaders(),
        absl::Span<const MetricReader>(kReaders)}) {
    for (const MetricReader& reader : readers) {
      if (reader.name == metric.name) return reader.read(facts, subject);
    }
  }
  return absl::InternalError(absl::StrCat("metric '", std::string(metric.name),
                                          "' is in the catalog and nobody "
                                          "reads it"));
}

std::vector<std::string> Operations() {
  std::vector<std::string> names;
  for (int op = 0; op < gate::kNumOperations; ++op) {
    names.emplace_back(gate::OperationName(static_cast<gate::Operation>(op)));
  }
  return names;
}

}  // namespace ruvector::metrics
