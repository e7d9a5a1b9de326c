// The metrics of a collection as a whole.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/graph/delta.h"
#include "core/graph/health.h"
#include "pgext/healing/metrics/readers.h"
#include "pgext/integrity/sensors/pass.h"

namespace ruvector::metrics {
namespace {

Result State(const char* column, Facts& facts) {
  RV_ASSIGN_OR_RETURN(
      const auto text,
      facts.One(absl::StrCat("SELECT ", column,
                             " FROM ruvector.integrity_state WHERE"
                             " collection_id = $1::pg_catalog.int4"
                             " AND NOT stale")
                    .c_str(),
                {pg::SqlInt(int64_t{facts.collection().id})}));
  double number = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &number)) {
    return sdk::Value();
  }
  return Of(Known(number));
}
Result LambdaNorm(Facts& facts, const std::string&) {
  return State("lambda_norm", facts);
}
Result ServiceNorm(Facts& facts, const std::string&) {
  return State("service_norm", facts);
}

sdk::Value MostOverMean(const std::vector<double>& loads) {
  double most = 0, sum = 0;
  for (double load : loads) {
    most = std::max(most, load);
    sum += load;
  }
  if (loads.empty() || sum <= 0) return sdk::Value();
  return Of(Known(most * static_cast<double>(loads.size()) / sum));
}

// Null unless the rates of every leaf are known.
absl::StatusOr<std::optional<std::vector<Rates>>> EveryRate(Facts& facts) {
  std::vector<Rates> all;
  RV_ASSIGN_OR_RETURN(const auto* rates, facts.AllRates());
  RV_ASSIGN_OR_RETURN(const auto* leaves, facts.Leaves());
  if (rates == nullptr || leaves == nullptr) {
    return std::optional<std::vector<Rates>>();
  }
  for (const auto& [name, leaf] : *leaves) {
    const auto found = rates->find(name);
    if (found == rates->end()) return std::optional<std::vector<Rates>>();
    all.push_back(found->second);
  }
  return std::optional<std::vector<Rates>>(std::move(all));
}

Result LoadRatio(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const std::string* routing, facts.Routing());
  std::vector<double> loads;
  if (routing != nullptr && *routing == "citus") {
    RV_ASSIGN_OR_RETURN(const auto* shards, facts.Shards());
    std::map<std::string, double> nodes;
    if (shards == nullptr) return sdk::Value();
    for (const auto& [name, shard] : *shards) {
      if (!shard.bytes.has_value()) return sdk::Value();
      nodes[shard.node] += *shard.bytes;
    }
    for (const auto& [node, bytes] : nodes) loads.push_back(bytes);
    return MostOverMean(loads);
  }
  RV_ASSIGN_OR_RETURN(const auto rates, EveryRate(facts));
  if (!rates.has_value()) return sdk::Value();
  for (const Rates& r : *rates) loads.push_back(r.reads + r.writes);
  return MostOverMean(loads);
}

Result InsertRatio(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const auto rates, EveryRate(facts));
  if (!rates.has_value()) return sdk::Value();
  std::vector<double> inserts;
  for (const Rates& r : *rates) inserts.push_back(r.inserts);
  return MostOverMean(inserts);
}

Result AcceptedInserts(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const auto rates, EveryRate(facts));
  if (!rates.has_value()) return sdk::Value();
  double sum = 0;
  for (const Rates& r : *rates) sum += r.inserts;
  return Of(Known(sum));
}

Result Routing(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const std::string* routing, facts.Routing());
  return routing == nullptr ? sdk::Value() : sdk::Value(*routing);
}

// Null where an index of pgvector was not probed since its build.
Result Recall(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const auto* readings, facts.Readings());
  RV_ASSIGN_OR_RETURN(const auto* indexes, facts.Indexes());
  if (readings == nullptr || indexes == nullptr) return sdk::Value();
  Known lowest;
  for (const auto& [name, index] : *indexes) {
    if ((index.method != "hnsw" && index.method != "ivfflat") || !index.valid) {
      continue;
    }
    Known recall;
    for (const healing::RecallProbe& probe : readings->recall_probes) {
      if (probe.index_oid == index.oid) recall = RecallOf(probe);
    }
    if (!recall.has_value()) return sdk::Value();
    lowest = std::min(lowest.value_or(1), *recall);
  }
  return Of(lowest);
}

// The probe runs in the worker, which answers when it has committed.
Result SearchRecall(Facts& facts, const std::string& subject) {
  RV_ASSIGN_OR_RETURN(
      const auto searched,
      facts.One("SELECT EXISTS (SELECT FROM ruvector.recall_queries WHERE"
                " collection_id = $1::pg_catalog.int4)",
                {pg::SqlInt(int64_t{facts.collection().id})}));
  if (!searched.has_value()) return sdk::Value();
  if (*searched == "f") return sdk::Value(1.0);
  RV_ASSIGN_OR_RETURN(sdk::Value recall, Recall(facts, subject));
  if (!recall.is_null()) return recall;
  RV_RETURN_IF_ERROR(facts
                         .One("SELECT ruvector.probe_now($1)",
                              {pg::SqlText(facts.collection().name)})
                         .status());
  facts.ForgetReadings();
  return Recall(facts, subject);
}

Result RecallTarget(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(
      const auto text,
      facts.One("SELECT config ->> 'recall_target' FROM ruvector.collections"
                " WHERE id = $1::pg_catalog.int4",
                {pg::SqlInt(int64_t{facts.collection().id})}));
  double number = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &number)) {
    return sdk::Value();
  }
  return Of(Known(number));
}

// Of one index, over the lists that were read.
Known ListDistanceOf(const graph::IvfIndexObservation& index) {
  double rows = 0, sum = 0;
  for (const graph::IvfListObservation& list : index.lists) {
    if (!list.rows.has_value() || !list.mean_distance.has_value()) continue;
    rows += *list.rows;
    sum += *list.rows * *list.mean_distance;
  }
  return rows > 0 ? Known(sum / rows) : std::nullopt;
}

Result ListDistance(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (seen == nullptr) return sdk::Value();
  double sum = 0;
  size_t count = 0;
  for (const graph::IvfIndexObservation& index : seen->ivf_indexes) {
    // An index that is being replaced beside the old one counts once it is
    // valid; one without a row has no distance.
    if (!index.valid.value_or(true) || index.lists.empty()) continue;
    const Known distance = ListDistanceOf(index);
    if (!distance.has_value()) continue;
    sum += *distance;
    ++count;
  }
  if (count == 0) return sdk::Value();
  return Of(Known(sum / static_cast<double>(count)));
}

// nullopt: one of its parts is unknown.
absl::StatusOr<Known> DebtOf(const std::string& name, const LeafIndex& index,
                             Facts& facts) {
  if (!index.valid) {
    RV_ASSIGN_OR_RETURN(const sdk::Value ours, IndexOurs(facts, name));
    return ours.number();
  }
  if (index.method != "hnsw") return Known(0);
  RV_ASSIGN_OR_RETURN(const auto* seen, Hnsw(index, facts));
  if (seen == nullptr) return Known();
  if (seen->elements == 0) return Known(0);
  RV_ASSIGN_OR_RETURN(const sdk::Value dead, IndexDeadShare(facts, name));
  RV_ASSIGN_OR_RETURN(const sdk::Value surplus, IndexSurplusShare(facts, name));
  if (dead.is_null() || surplus.is_null()) return Known();
  return Known(*dead.number() / 0.1 + *surplus.number() / 0.5);
}

Result UpkeepDebt(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const auto* leaves, facts.Leaves());
  RV_ASSIGN_OR_RETURN(const auto* indexes, facts.Indexes());
  if (leaves == nullptr || indexes == nullptr) return sdk::Value();
  double debt = 0;
  for (const auto& [name, leaf] : *leaves) {
    const std::pair<Known, Known> kParts[] = {
        {leaf.dead, leaf.vacuum_threshold},
        {leaf.modified, leaf.analyze_threshold},
        {leaf.xid_age, leaf.freeze_age}};
    for (const auto& [amount, threshold] : kParts) {
      if (!amount.has_value() || !threshold.has_value()) return sdk::Value();
      debt += *amount / std::max(*threshold, 1.0);
    }
  }
  for (const auto& [name, index] : *indexes) {
    RV_ASSIGN_OR_RETURN(const Known part, DebtOf(name, index, facts));
    if (!part.has_value()) return sdk::Value();
    debt += *part;
  }
  return Of(Known(debt));
}

// The fullest of the filesystems below the collection; nullptr: none is known.
absl::StatusOr<const graph::DiskObservation*> FullestDisk(Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  const graph::DiskObservation* fullest = nullptr;
  double most = -1;
  if (seen == nullptr) return nullptr;
  for (const graph::DiskObservation& disk : seen->disks) {
    if (disk.carried || disk.name == "pg_wal" ||
        disk.total_bytes.value_or(0) <= 0 || !disk.free_bytes.has_value()) {
      continue;
    }
    const double used = 1 - static_cast<double>(*disk.free_bytes) /
                                static_cast<double>(*disk.total_bytes);
    if (used > most) {
      most = used;
      fullest = &disk;
    }
  }
  return fullest;
}

Result DiskUsedShare(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const graph::DiskObservation* disk, FullestDisk(facts));
  if (disk == nullptr) return sdk::Value();
  return Of(Known(1 - static_cast<double>(*disk->free_bytes) /
                          static_cast<double>(*disk->total_bytes)));
}

Result FullestDiskLiveBytes(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const graph::DiskObservation* disk, FullestDisk(facts));
  RV_ASSIGN_OR_RETURN(const auto* leaves, facts.Leaves());
  RV_ASSIGN_OR_RETURN(const auto* indexes, facts.Indexes());
  if (disk == nullptr || leaves == nullptr || indexes == nullptr) {
    return sdk::Value();
  }
  double bytes = 0;
  std::map<std::string, double> live;  // share of each table's rows
  for (const auto& [name, leaf] : *leaves) {
    RV_ASSIGN_OR_RETURN(const auto* table, Table(name, facts));
    if (table == nullptr || !table->heap_bytes.has_value()) return sdk::Value();
    const double rows = static_cast<double>(table->live_tuples.value_or(0));
    const double dead = leaf.dead.value_or(0);
    live[name] = rows + dead > 0 ? rows / (rows + dead) : 1;
    RV_ASSIGN_OR_RETURN(const auto on, DiskOf(leaf.tablespace, facts));
    if (on == disk->name) {
      bytes += live[name] * static_cast<double>(*table->heap_bytes);
    }
  }
  for (const auto& [name, index] : *indexes) {
    RV_ASSIGN_OR_RETURN(const auto on, DiskOf(index.tablespace, facts));
    if (on != disk->name) continue;
    RV_ASSIGN_OR_RETURN(const Known size, BytesOf(index.oid));
    if (!size.has_value()) return sdk::Value();
    bytes += live[index.table] * *size;
  }
  return Of(Known(bytes));
}

Result MaintenanceJobs(Facts& facts, const std::string&) {
  RV_ASSIGN_OR_RETURN(const auto* jobs, facts.Jobs());
  if (jobs == nullptr) return sdk::Value();
  double count = 0;
  for (const auto& [name, job] : *jobs) {
    if (job.kind == "autovacuum" || job.kind == "cron") ++count;
  }
  return Of(Known(count));
}

Result Number(Facts& facts, const char* sql) {
  RV_ASSIGN_OR_RETURN(const auto text, facts.One(sql, {}));
  double number = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &number)) {
    return sdk::Value();
  }
  return Of(Known(number));
}
Result ConnectedStandbys(Facts& facts, const std::string&) {
  return Number(facts,
                "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication"
                " WHERE state = 'streaming'");
}
Result MaintenanceMemory(Facts& facts, const std::string&) {
  return Number(facts,
                "SELECT setting::pg_catalog.int8 * 1024 FROM"
                " pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'");
}

constexpr MetricReader kReaders[] = {
    {"lambda_norm", LambdaNorm},
    {"service_norm", ServiceNorm},
    {"load_ratio", LoadRatio},
    {"insert_ratio", InsertRatio},
    {"accepted_inserts_per_second", AcceptedInserts},
    {"routing", Routing},
    {"recall", Recall},
    {"search_recall", SearchRecall},
    {"recall_target", RecallTarget},
    {"list_distance", ListDistance},
    {"upkeep_debt", UpkeepDebt},
    {"disk_used_share", DiskUsedShare},
    {"fullest_disk_live_bytes", FullestDiskLiveBytes},
    {"maintenance_jobs", MaintenanceJobs},
    {"connected_standbys", ConnectedStandbys},
    {"maintenance_memory_bytes", MaintenanceMemory},
};

}  // namespace

absl::Span<const MetricReader> CollectionReaders() { return kReaders; }

}  // namespace ruvector::metrics
