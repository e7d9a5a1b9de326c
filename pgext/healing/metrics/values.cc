#include "pgext/healing/metrics/values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/gate/operation.h"
#include "core/graph/delta.h"
#include "core/graph/health.h"
#include "core/healing/hnsw_size.h"
#include "pgext/integrity/sensors/pass.h"
#include "pgext/integrity/stored_gate.h"

namespace ruvector::metrics {
namespace {

using Result = absl::StatusOr<sdk::Value>;

sdk::Value Of(Known number) {
  return number.has_value() && std::isfinite(*number) ? sdk::Value(*number)
                                                      : sdk::Value();
}
sdk::Value Of(const std::optional<int64_t>& number) {
  return number.has_value() ? sdk::Value(static_cast<double>(*number))
                            : sdk::Value();
}
sdk::Value Of(const std::optional<std::string>& text) {
  return text.has_value() ? sdk::Value(*text) : sdk::Value();
}
sdk::Value OfBool(bool yes) { return sdk::Value(yes ? 1.0 : 0.0); }

// The entry of a group, or nullptr.
template <class T>
absl::StatusOr<const T*> Entry(
    absl::StatusOr<const std::map<std::string, T>*> group,
    const std::string& key) {
  if (!group.ok()) return group.status();
  if (*group == nullptr) return nullptr;
  const auto found = (*group)->find(key);
  return found == (*group)->end() ? nullptr : &found->second;
}

#define LEAF_OR_NULL(leaf)                                               \
  RV_ASSIGN_OR_RETURN(const Leaf* leaf, Entry(facts.Leaves(), subject)); \
  if ((leaf) == nullptr) return sdk::Value()
#define INDEX_OR_NULL(index)                            \
  RV_ASSIGN_OR_RETURN(const LeafIndex* index,           \
                      Entry(facts.Indexes(), subject)); \
  if ((index) == nullptr) return sdk::Value()

// ---- from the sensors' observation ----------------------------------------

absl::StatusOr<const graph::TableObservation*> Table(const std::string& name,
                                                     Facts& facts) {
  RV_ASSIGN_OR_RETURN(const Leaf* leaf, Entry(facts.Leaves(), name));
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (leaf == nullptr || seen == nullptr) return nullptr;
  for (const graph::TableObservation& table : seen->tables) {
    if (table.oid == leaf->oid && !table.carried) return &table;
  }
  return nullptr;
}

template <class T>
const T* ByOid(const std::vector<T>& things, uint32_t oid) {
  for (const T& thing : things) {
    if (thing.oid == oid && !thing.carried) return &thing;
  }
  return nullptr;
}

absl::StatusOr<const graph::HnswIndexObservation*> Hnsw(const LeafIndex& index,
                                                        Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (seen == nullptr) return nullptr;
  return ByOid(seen->hnsw_indexes, index.oid);
}
absl::StatusOr<const graph::IvfIndexObservation*> Ivfflat(
    const LeafIndex& index, Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (seen == nullptr) return nullptr;
  return ByOid(seen->ivf_indexes, index.oid);
}

absl::StatusOr<Known> RowsOf(const std::string& table, Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::TableObservation* seen, Table(table, facts));
  return seen == nullptr ? Known() : graph::KnownRows(*seen);
}

// ---- the collection
// -----------------------------------------------------------

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

Known RecallOf(const healing::RecallProbe& probe) {
  if (!probe.successes.has_value() || probe.trials.value_or(0) <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*probe.successes) /
         static_cast<double>(*probe.trials);
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

Result IndexDeadShare(Facts& facts, const std::string& subject);
Result IndexSurplusShare(Facts& facts, const std::string& subject);
Result IndexOurs(Facts& facts, const std::string& subject);

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

absl::StatusOr<std::optional<std::string>> DiskOf(const std::string& tablespace,
                                                  Facts& facts) {
  RV_ASSIGN_OR_RETURN(const Space* space, Entry(facts.Spaces(), tablespace));
  if (space == nullptr) return std::optional<std::string>();
  return std::optional<std::string>(space->disk);
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

// ---- an operation
// -------------------------------------------------------------

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

// ---- a partition
// ----------------------------------------------------------------

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

// ---- an index
// -------------------------------------------------------------------

template <std::string LeafIndex::*field>
Result IndexText(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return sdk::Value(index->*field);
}
Result IndexParent(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return Of(index->parent);
}
Result IndexValid(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return OfBool(index->valid);
}
Result IndexLists(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return Of(index->lists);
}
Result IndexBytes(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Known bytes, BytesOf(index->oid));
  return Of(bytes);
}
Result IndexRows(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Known rows, RowsOf(index->table, facts));
  return Of(rows);
}
Result IndexFreeBytes(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Space* space,
                      Entry(facts.Spaces(), index->tablespace));
  return space == nullptr ? sdk::Value() : Of(space->free);
}
Result IndexDimensions(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  if (hnsw != nullptr) return Of(hnsw->dimensions);
  RV_ASSIGN_OR_RETURN(const auto* ivfflat, Ivfflat(*index, facts));
  return ivfflat == nullptr ? sdk::Value() : Of(ivfflat->dimensions);
}
Result IndexM(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  return hnsw == nullptr ? sdk::Value() : Of(hnsw->m);
}

// An invalid one is one that failed, unless the sensors say otherwise.
absl::StatusOr<const healing::InvalidIndex*> Invalid(const LeafIndex& index,
                                                     Facts& facts) {
  RV_ASSIGN_OR_RETURN(const auto* readings, facts.Readings());
  if (readings == nullptr || !readings->invalid_indexes.has_value()) {
    return nullptr;
  }
  for (const healing::InvalidIndex& one : *readings->invalid_indexes) {
    if (one.oid == index.oid) return &one;
  }
  return nullptr;
}
Result IndexOurs(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  if (index->valid) return OfBool(false);
  RV_ASSIGN_OR_RETURN(const auto* invalid, Invalid(*index, facts));
  if (invalid == nullptr || !invalid->ours.has_value()) return sdk::Value();
  return OfBool(*invalid->ours);
}
Result IndexBeingBuilt(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  if (index->valid) return OfBool(false);
  RV_ASSIGN_OR_RETURN(const auto* invalid, Invalid(*index, facts));
  if (invalid == nullptr || !invalid->being_built.has_value()) {
    return sdk::Value();
  }
  return OfBool(*invalid->being_built);
}

Result IndexDriftedShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* ivfflat, Ivfflat(*index, facts));
  if (ivfflat == nullptr) return sdk::Value();
  const graph::HealthLimits limits;
  const graph::IvfContext sums = graph::IvfContextOf(*ivfflat);
  double known = 0, bad = 0;
  for (const graph::IvfListObservation& list : ivfflat->lists) {
    const graph::Health health = graph::IvfListHealth(list, sums, limits);
    if (!health.value.has_value()) continue;
    // An emptied list still stands for what it was built for.
    const double weight =
        std::max({list.rows.value_or(0), list.rows_at_build.value_or(0), 1.0});
    known += weight;
    if (*health.value < limits.band.high) bad += weight;
  }
  return known > 0 ? Of(Known(bad / known)) : sdk::Value();
}

Result IndexDeadShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  if (hnsw == nullptr || hnsw->elements.value_or(0) <= 0 ||
      !hnsw->deleted_elements.has_value() || !hnsw->dead_elements.has_value()) {
    return sdk::Value();
  }
  return Of(Known(
      static_cast<double>(*hnsw->deleted_elements + *hnsw->dead_elements) /
      static_cast<double>(*hnsw->elements)));
}

Result IndexSurplusShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  RV_ASSIGN_OR_RETURN(const Known rows, RowsOf(index->table, facts));
  if (hnsw == nullptr || hnsw->bytes.value_or(0) <= 0) return sdk::Value();
  const Known needed = healing::HnswBytesNeeded(*hnsw, rows);
  if (!needed.has_value()) return sdk::Value();
  return Of(
      Known(std::max(0.0, 1 - *needed / static_cast<double>(*hnsw->bytes))));
}

Result IndexRecall(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* readings, facts.Readings());
  if (readings == nullptr) return sdk::Value();
  for (const healing::RecallProbe& probe : readings->recall_probes) {
    if (probe.index_oid == index->oid) return Of(RecallOf(probe));
  }
  return sdk::Value();
}

// ---- tablespaces, jobs, shards, acts
// --------------------------------------------

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

struct Row {
  std::string_view name;
  Result (*read)(Facts&, const std::string&);
};

// In the order of the catalog.
constexpr Row kRows[] = {
    {"lambda_norm", LambdaNorm},
    {"service_norm", ServiceNorm},
    {"load_ratio", LoadRatio},
    {"insert_ratio", InsertRatio},
    {"accepted_inserts_per_second", AcceptedInserts},
    {"routing", Routing},
    {"recall", Recall},
    {"recall_target", RecallTarget},
    {"list_distance", ListDistance},
    {"upkeep_debt", UpkeepDebt},
    {"disk_used_share", DiskUsedShare},
    {"fullest_disk_live_bytes", FullestDiskLiveBytes},
    {"maintenance_jobs", MaintenanceJobs},
    {"connected_standbys", ConnectedStandbys},
    {"maintenance_memory_bytes", MaintenanceMemory},
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
    {"index_method", IndexText<&LeafIndex::method>},
    {"index_table", IndexText<&LeafIndex::table>},
    {"index_parent", IndexParent},
    {"index_tablespace", IndexText<&LeafIndex::tablespace>},
    {"index_valid", IndexValid},
    {"index_ours", IndexOurs},
    {"index_being_built", IndexBeingBuilt},
    {"index_bytes", IndexBytes},
    {"index_rows", IndexRows},
    {"index_free_bytes", IndexFreeBytes},
    {"index_dimensions", IndexDimensions},
    {"index_lists", IndexLists},
    {"index_drifted_share", IndexDriftedShare},
    {"index_m", IndexM},
    {"index_dead_share", IndexDeadShare},
    {"index_surplus_share", IndexSurplusShare},
    {"index_recall", IndexRecall},
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
  for (const Row& row : kRows) {
    if (row.name == metric.name) return row.read(facts, subject);
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
