#include "core/graph/build.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/graph/check.h"
#include "core/graph/contract.h"
#include "core/graph/delta.h"
#include "core/graph/node_data.h"

namespace ruvector::graph {
namespace {

// A partition's link to its shard and its links to its two neighbours; binary
// fractions, so that every partition has degree 1 exactly.
constexpr double kRoutingPart = 0.75;
constexpr double kLinkPart = 0.125;
constexpr int64_t kUnsampledLists = 65535;
constexpr size_t kMostStaleReasons = 20;

std::string NameOr(const std::string& name, const char* what, int64_t id) {
  return name.empty() ? absl::StrCat(what, " ", id) : name;
}

// FNV-1a, for ids that stay the same from run to run.
int64_t StableId(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001b3u;
  return static_cast<int64_t>(hash >> 1);
}

// Shares that add up to 1. What is unknown counts as the mean of the known.
std::vector<double> Shares(const std::vector<std::optional<double>>& amounts) {
  double sum = 0, known = 0;
  for (const auto& amount : amounts) {
    sum += amount.value_or(0);
    known += amount.has_value() ? 1 : 0;
  }
  const double mean = known > 0 ? sum / known : 1;
  std::vector<double> shares;
  double total = 0;
  for (const auto& amount : amounts) {
    shares.push_back(sum > 0 ? amount.value_or(mean) : 1);
    total += shares.back();
  }
  for (double& share : shares) share /= total;
  return shares;
}

bool SyncCapable(const ReplicaObservation& replica) {
  return replica.sync_state == SyncState::kSync ||
         replica.sync_state == SyncState::kQuorum ||
         replica.sync_state == SyncState::kPotential;
}

class Builder {
 public:
  Builder(const Observation& now, const Observation* last,
          const BuildOptions& options)
      : now_(now),
        options_(options),
        limits_(options.limits),
        delta_(Between(last, now)),
        traffic_(Traffic(now, delta_, options.limits)) {}

  ContractedGraph Run() && {
    AddShards();
    AddPartitions();
    AddPartitionLinks();
    AddLists();
    AddReplication();
    AddMaintenance();
    CutOffTheLost();
    FindDataSinks();
    Describe();
    return Finish();
  }

 private:
  // How a node hangs on its parent.
  struct Link {
    EdgeType type = EdgeType::kRoutingLink;
    double baseline = 1;
    double floor = 0;  // as a fraction of the baseline
    double service = 0;
    bool outward = false;  // from the parent to the node
    std::optional<double> flow;
    std::optional<double> latency_ms;
  };

  uint32_t AddNode(NodeType type, int64_t id, std::string name, Health health,
                   double importance) {
    Node node;
    node.type = type;
    node.id = id;
    node.name = std::move(name);
    node.lost = health.lost;
    node.stale = health.stale;
    node.applied_health = health.lost ? 0 : health.value.value_or(1);
    if (health.lost) {
      node.health = 0;
    } else if (!health.stale) {
      node.health = health.value;
    }
    node.importance = importance;
    graph_.nodes.push_back(std::move(node));
    healths_.push_back(std::move(health));
    factor_.push_back(1);
    parent_.push_back(0);
    return static_cast<uint32_t>(graph_.nodes.size() - 1);
  }

  void Hang(uint32_t node, uint32_t parent, const Link& link) {
    const double health = graph_.nodes[node].applied_health;
    factor_[node] = std::max(health, link.floor);
    Edge edge;
    edge.source = link.outward ? parent : node;
    edge.target = link.outward ? node : parent;
    edge.type = link.type;
    edge.baseline = link.baseline;
    edge.capacity = link.baseline * factor_[node];
    edge.current_flow = link.flow;
    edge.latency_ms = link.latency_ms;
    edge.service_baseline = link.service;
    edge.service = link.service * health;
    parent_[node] = static_cast<uint32_t>(graph_.edges.size());
    graph_.edges.push_back(edge);
  }

  double ImportanceFloor(double share) const {
    return 1 - std::min(1.0, options_.importance_gain * share);
  }

  double ReplicaFloor() const {
    return options_.replica_floor.value_or(limits_.band.Middle());
  }

  void AddShards();
  void AddPartitions();
  void AddPartitionLinks();
  void AddLists();
  void AddListsOf(const IvfIndexObservation& index, double share);
  void AddReplication();
  void AddReplicas(int64_t quorum);
  void AddSlots();
  void AddMaintenance();
  void AddDependency(int64_t id, std::string name, Health health, bool vital);
  void CutOffTheLost();
  void FindDataSinks();
  void Describe();
  ContractedGraph Finish();

  const Observation& now_;
  const BuildOptions& options_;
  const HealthLimits& limits_;
  const Delta delta_;
  const std::vector<TrafficShare> traffic_;

  ContractedGraph graph_;
  // Per node: its health, capacity over baseline, edge towards the root.
  std::vector<Health> healths_;
  std::vector<double> factor_;
  std::vector<uint32_t> parent_;

  std::vector<double> row_share_;    // per table
  std::vector<uint32_t> partition_;  // per table: its node
  absl::flat_hash_map<int64_t, uint32_t> shard_;
  absl::flat_hash_map<uint32_t, size_t> table_;  // by oid
  absl::flat_hash_map<std::string, uint32_t> replica_;
};

void Builder::AddShards() {
  // Rows per shard: those of its tables, or its own count where its tables
  // are not listed one by one (Citus: the local table is an empty shell).
  std::vector<std::optional<double>> rows;
  for (const TableObservation& table : now_.tables) {
    rows.push_back(KnownRows(table));
    graph_.has_data = graph_.has_data || rows.back().value_or(1) > 0 ||
                      table.heap_bytes.value_or(0) > 0;
  }
  absl::flat_hash_map<int64_t, double> share;
  std::vector<const ShardObservation*> bare;
  for (const TableObservation& table : now_.tables) share[table.shard_id] = 0;
  for (const ShardObservation& shard : now_.shards) {
    if (shard.id == 0 || share.contains(shard.id)) continue;
    bare.push_back(&shard);
    rows.push_back(shard.rows);
    graph_.has_data = graph_.has_data || shard.rows.value_or(1) > 0;
  }
  row_share_ = Shares(rows);
  for (size_t i = 0; i < now_.tables.size(); ++i) {
    share[now_.tables[i].shard_id] += row_share_[i];
  }
  for (size_t i = 0; i < bare.size(); ++i) {
    share[bare[i]->id] = row_share_[now_.tables.size() + i];
  }

  ShardObservation here;
  here.name = "this node";
  for (const ShardObservation& shard : now_.shards) {
    if (shard.id == 0) here = shard;
  }
  graph_.root = AddNode(NodeType::kShard, 0, NameOr(here.name, "shard", 0),
                        ShardHealth(here), share[0]);
  shard_[0] = graph_.root;
  for (const ShardObservation& shard : now_.shards) {
    if (shard.id == 0) continue;
    const double part = share[shard.id];
    Link link;
    link.service = part;
    if (shard.latency_us.has_value()) {
      link.latency_ms = static_cast<double>(*shard.latency_us) / 1e3;
    }
    shard_[shard.id] = AddNode(NodeType::kShard, shard.id,
                               NameOr(shard.name, "shard", shard.id),
                               ShardHealth(shard), part);
    Hang(shard_[shard.id], graph_.root, link);
  }
}

void Builder::AddPartitions() {
  absl::flat_hash_map<uint32_t, std::vector<std::pair<std::string, Health>>>
      of_indexes;
  for (const IvfIndexObservation& index : now_.ivf_indexes) {
    of_indexes[index.table_oid].emplace_back(index.name,
                                             IvfIndexHealth(index, limits_));
  }
  for (const HnswIndexObservation& index : now_.hnsw_indexes) {
    of_indexes[index.table_oid].emplace_back(index.name,
                                             HnswHealth(index, limits_));
  }
  absl::flat_hash_map<int64_t, int64_t> siblings;
  for (const TableObservation& table : now_.tables) {
    ++siblings[shard_.contains(table.shard_id) ? table.shard_id : 0];
  }
  for (size_t i = 0; i < now_.tables.size(); ++i) {
    const TableObservation& table = now_.tables[i];
    Health health = TableHealth(table, traffic_[i], limits_);
    for (auto& [name, of_index] : of_indexes[table.oid]) {
      Absorb(std::move(of_index), name, &health);
    }
    const double share =
        std::max({row_share_[i], traffic_[i].written.value_or(0),
                  traffic_[i].read.value_or(0)});
    table_[table.oid] = i;
    partition_.push_back(AddNode(NodeType::kPartition, table.oid,
                                 NameOr(table.name, "table", table.oid),
                                 std::move(health), share));
    const auto shard = shard_.find(table.shard_id);
    const uint32_t parent = shard == shard_.end() ? graph_.root : shard->second;
    Link link;
    link.baseline = siblings[graph_.nodes[parent].id] > 1 ? kRoutingPart : 1.0;
    link.floor = ImportanceFloor(share);
    link.service = row_share_[i];
    link.flow = traffic_[i].flow;
    Hang(partition_.back(), parent, link);
  }
}

void Builder::AddPartitionLinks() {
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> by_shard;
  for (uint32_t node : partition_) {
    by_shard[graph_.edges[parent_[node]].target].push_back(node);
  }
  for (uint32_t shard = 0; shard < graph_.nodes.size(); ++shard) {
    const auto it = by_shard.find(shard);
    if (it == by_shard.end()) continue;
    const std::vector<uint32_t>& ring = it->second;
    const size_t n = ring.size();
    if (n < 2) continue;
    for (size_t i = 0; i < (n == 2 ? 1 : n); ++i) {
      const uint32_t a = ring[i], b = ring[(i + 1) % n];
      Edge edge;
      edge.source = a;
      edge.target = b;
      edge.type = EdgeType::kPartitionLink;
      edge.baseline = n == 2 ? 2 * kLinkPart : kLinkPart;
      edge.capacity = edge.baseline * std::min(factor_[a], factor_[b]);
      graph_.edges.push_back(edge);
    }
  }
}

void Builder::AddLists() {
  // Several indexes of one table serve it side by side.
  const auto usable = [this](const IvfIndexObservation& index) {
    return index.valid.value_or(true) && !index.lists.empty() &&
           table_.contains(index.table_oid);
  };
  absl::flat_hash_map<uint32_t, double> indexes;
  for (const IvfIndexObservation& index : now_.ivf_indexes) {
    if (usable(index)) ++indexes[index.table_oid];
  }
  for (const IvfIndexObservation& index : now_.ivf_indexes) {
    if (!usable(index)) continue;
    AddListsOf(index,
               row_share_[table_[index.table_oid]] / indexes[index.table_oid]);
  }
}

void Builder::AddListsOf(const IvfIndexObservation& index, double share) {
  const uint32_t parent = partition_[table_[index.table_oid]];
  const IvfContext context = IvfContextOf(index);
  const auto seen = static_cast<int64_t>(index.lists.size());
  const int64_t unseen =
      std::max<int64_t>(0, index.declared_lists.value_or(seen) - seen);
  const double seen_share =
      share * static_cast<double>(seen) / static_cast<double>(seen + unseen);

  std::vector<std::optional<double>> weights;
  for (const IvfListObservation& list : index.lists) {
    // An emptied list still stands for what it was built for.
    weights.push_back(list.rows.has_value() && list.rows_at_build.has_value()
                          ? std::max(*list.rows, *list.rows_at_build)
                      : list.rows.has_value() ? list.rows
                                              : list.rows_at_build);
  }
  const std::vector<double> shares = Shares(weights);
  for (size_t i = 0; i < index.lists.size(); ++i) {
    const IvfListObservation& list = index.lists[i];
    Health health = IvfListHealth(list, context, limits_);
    health.stale = index.carried || index.access == Access::kNotSampled;
    Link link;
    link.service = seen_share * shares[i];
    link.floor = ImportanceFloor(link.service);
    Hang(AddNode(NodeType::kCentroid,
                 (static_cast<int64_t>(index.oid) << 16) | list.id,
                 absl::StrCat(index.name, " list ", list.id), std::move(health),
                 link.service),
         parent, link);
  }
  if (unseen == 0) return;
  Health unknown;
  unknown.reason =
      absl::StrCat(unseen, " of ", seen + unseen, " lists were not sampled");
  Link link;
  link.service = share - seen_share;
  const uint32_t rest =
      AddNode(NodeType::kCentroid,
              (static_cast<int64_t>(index.oid) << 16) | kUnsampledLists,
              absl::StrCat(index.name, " lists not sampled"),
              std::move(unknown), link.service);
  graph_.nodes[rest].members = unseen;
  Hang(rest, parent, link);
}

void Builder::AddReplication() {
  const ReplicationObservation& replication = now_.replication;
  if (!replication.known) return;
  AddReplicas(replication.required_sync.value_or(0));
  AddSlots();
}

void Builder::AddReplicas(int64_t quorum) {
  int64_t connected = 0, known = 0;
  for (const ReplicaObservation& replica : now_.replication.replicas) {
    if (!SyncCapable(replica)) continue;
    ++known;
    if (replica.present) ++connected;
  }
  const bool starved = connected < quorum;
  graph_.commit_quorum = quorum;

  std::vector<ReplicaObservation> replicas = now_.replication.replicas;
  for (; known < quorum; ++known) {
    ReplicaObservation missing;
    missing.name = absl::StrCat("synchronous standby ", known + 1,
                                " (required, never seen)");
    missing.present = false;
    missing.sync_state = SyncState::kSync;
    replicas.push_back(missing);
  }
  for (const ReplicaObservation& replica : replicas) {
    if (replica.state == "backup" || replica_.contains(replica.name)) continue;
    Health health =
        ReplicaHealth(replica, now_.replication.wal_sender_timeout_us, limits_);
    health.stale = now_.replication.carried;
    const bool commits = quorum > 0 && SyncCapable(replica);
    Link link;
    link.type = EdgeType::kReplication;
    link.outward = true;
    link.floor = commits && starved && !replica.present ? 0 : ReplicaFloor();
    link.service = commits ? 1 : 0;
    if (replica.replay_lag_us.has_value()) {
      link.latency_ms = static_cast<double>(*replica.replay_lag_us) / 1e3;
    }
    const uint32_t node =
        AddNode(NodeType::kReplicationTarget, StableId(replica.name),
                replica.name, std::move(health), 0);
    replica_[replica.name] = node;
    Hang(node, graph_.root, link);
    if (commits) graph_.commit_sinks.push_back(node);
  }
}

void Builder::AddSlots() {
  std::optional<int64_t> wal_free;
  for (const DiskObservation& disk : now_.disks) {
    if (absl::StrContains(disk.name, "pg_wal")) wal_free = disk.free_bytes;
  }
  for (const ReplicationSlotObservation& slot : now_.replication.slots) {
    Health health = SlotHealth(slot, wal_free, limits_);
    health.stale = now_.replication.carried;
    const std::string name = absl::StrCat("slot ", slot.name);
    if (replica_.contains(name)) continue;
    Link link;
    link.type = EdgeType::kReplication;
    link.outward = true;
    link.floor = ReplicaFloor();
    const uint32_t node = AddNode(NodeType::kReplicationTarget, StableId(name),
                                  name, std::move(health), 0);
    replica_[name] = node;
    Hang(node, graph_.root, link);
  }
}

void Builder::AddMaintenance() {
  const ArchiverObservation& archiver = now_.archiver;
  if (archiver.mode == ArchiveMode::kOn ||
      archiver.mode == ArchiveMode::kAlways) {
    AddDependency(kArchiver, "archiver",
                  ArchiverHealth(archiver, delta_, limits_), false);
  }
  if (now_.backup.last_base_backup.has_value()) {
    AddDependency(kBackup, "base backup",
                  BackupHealth(now_.backup, now_.at, limits_), false);
  }
  AddDependency(kCheckpointer, "checkpointer",
                CheckpointerHealth(now_.checkpointer, delta_, limits_), false);
  if (!now_.tables.empty()) {
    AddDependency(kVacuum, "vacuum", VacuumHealth(now_.tables, limits_), false);
  }
  AddDependency(kXidAge, "transaction age",
                XidHealth(now_.xid, now_.tables, limits_), true);
  for (const DiskObservation& disk : now_.disks) {
    AddDependency(kDiskBase + disk.device, absl::StrCat("disk ", disk.name),
                  DiskHealth(disk, limits_), true);
  }
}

void Builder::AddDependency(int64_t id, std::string name, Health health,
                            bool vital) {
  Link link;
  link.type = EdgeType::kDependency;
  link.outward = true;
  link.floor =
      vital ? 0 : options_.dependency_floor.value_or(limits_.band.Middle());
  Hang(AddNode(NodeType::kMaintenanceDep, id, std::move(name),
               std::move(health), 0),
       graph_.root, link);
}

void Builder::CutOffTheLost() {
  for (Edge& edge : graph_.edges) {
    if (!graph_.nodes[edge.source].lost && !graph_.nodes[edge.target].lost) {
      continue;
    }
    edge.capacity = 0;
    edge.error_rate = 1;
    edge.service = 0;
  }
}

void Builder::FindDataSinks() {
  std::vector<bool> has_children(graph_.nodes.size(), false);
  for (uint32_t v = 0; v < graph_.nodes.size(); ++v) {
    if (v == graph_.root) continue;
    const Edge& edge = graph_.edges[parent_[v]];
    if (edge.type == EdgeType::kRoutingLink) has_children[edge.target] = true;
  }
  for (uint32_t v = 0; v < graph_.nodes.size(); ++v) {
    if (v == graph_.root || has_children[v]) continue;
    const Edge& edge = graph_.edges[parent_[v]];
    if (edge.type == EdgeType::kRoutingLink && edge.service_baseline > 0) {
      graph_.data_sinks.push_back(v);
    }
  }
}

void Builder::Describe() {
  graph_.collection_id = now_.collection_id;
  for (const SensorFailure& failure : now_.failures) {
    graph_.stale_reasons.push_back(absl::StrCat("sensor: ", failure.reason));
  }
  graph_.stale = !now_.failures.empty();
  size_t more = 0;
  for (size_t v = 0; v < graph_.nodes.size(); ++v) {
    const Node& node = graph_.nodes[v];
    if (!node.stale || node.type == NodeType::kCentroid) continue;
    graph_.stale = true;
    if (graph_.stale_reasons.size() >= kMostStaleReasons) {
      ++more;
      continue;
    }
    const std::string& why = healths_[v].reason;
    graph_.stale_reasons.push_back(
        absl::StrCat(node.name, ": ", why.empty() ? "not read" : why));
  }
  if (more > 0) {
    graph_.stale_reasons.push_back(absl::StrCat("and ", more, " more"));
  }
}

ContractedGraph Builder::Finish() {
  Contracted contracted =
      Contract(std::move(graph_), parent_, options_.max_nodes);
  for (size_t v = 0; v < contracted.graph.nodes.size(); ++v) {
    if (contracted.origin[v] == kMergedNode) continue;
    Node& node = contracted.graph.nodes[v];
    node.data = NodeData(node, healths_[contracted.origin[v]]);
  }
  return std::move(contracted.graph);
}

}  // namespace

absl::StatusOr<ContractedGraph> Build(const Observation& now,
                                      const Observation* last,
                                      const BuildOptions& options) {
  RV_RETURN_IF_ERROR(Check(now));
  RV_RETURN_IF_ERROR(Check(options.limits));
  if (options.max_nodes < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_nodes is ", options.max_nodes, ", expected at least 2"));
  }
  if (!(options.importance_gain >= 0 && options.importance_gain < 1e6)) {
    return absl::InvalidArgumentError(absl::StrCat("importance_gain is ",
                                                   options.importance_gain,
                                                   ", expected a number >= 0"));
  }
  for (const auto& floor : {options.dependency_floor, options.replica_floor}) {
    if (!(floor.value_or(0) >= 0 && floor.value_or(0) <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("floor is ", *floor, ", expected a number from 0 to 1"));
    }
  }
  return Builder(now, last, options).Run();
}

}  // namespace ruvector::graph
