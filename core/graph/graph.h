// The contracted operational graph: what a collection depends on, as a small
// weighted undirected multigraph.
//
// Nodes are partitions, IVFFlat lists (centroid), shards, maintenance
// dependencies and replication targets; the vocabulary is that of
// spec/integrity-control-plane.md. Edges carry two capacities:
//
//   capacity     what the global cut sees. Every way of cutting off one leaf
//                is worth 1.0 while healthy, whatever its size, and importance
//                is a floor below which one leaf cannot pull the whole
//                (design.md 7.3). So the global cut finds the weakest link.
//   service      what the terminal cuts see: the share of the data (or of the
//                commit path) behind this edge times its health, no floor. So
//                the terminal cut adds damage up.
//
// Effective capacity is capacity * (1 - error_rate), as in the specification;
// an edge to something lost has error rate 1. Parallel edges add up.
//
// Plain values, all owned. [any-thread] once built.
#ifndef RUVECTOR_CORE_GRAPH_GRAPH_H_
#define RUVECTOR_CORE_GRAPH_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"

namespace ruvector::graph {

enum class NodeType {
  kPartition,
  kCentroid,
  kShard,
  kMaintenanceDep,
  kReplicationTarget,
};
enum class EdgeType { kPartitionLink, kRoutingLink, kDependency, kReplication };

// The names of the SQL tables: "partition", "maintenance_dep", ...
absl::string_view ToString(NodeType type);
absl::string_view ToString(EdgeType type);

struct Node {
  NodeType type;
  // Unique per type within a collection and stable from pass to pass:
  // partition: table oid; centroid: index oid << 16 | list; shard: its id;
  // maintenance_dep: MaintenanceId; replication_target: a hash of the name.
  // Merged nodes have negative ids.
  int64_t id = 0;
  std::string name;
  // As measured in this pass; nullopt: not measured, or not this time.
  std::optional<double> health;
  // What the capacities were computed from: `health`, else the last known
  // value, else 1 (neutral); 0 if lost.
  double applied_health = 1;
  // The data behind it cannot be read at all.
  bool lost = false;
  // It should have been measurable and was not; the last known value holds.
  bool stale = false;
  // Share of the collection's rows or traffic, the larger, in [0, 1]; 0 for
  // what carries no data.
  double importance = 0;
  // How many things it stands for: 1, or more for a merged node.
  int64_t members = 1;
  // One JSON object: every aspect with its health, its numbers and the
  // counters or pages they come from. Valid UTF-8.
  std::string data = "{}";
};

// Node ids of type maintenance_dep. The specification numbers the first two.
enum MaintenanceId : int64_t {
  kBackup = 1,
  kVacuum = 2,
  kArchiver = 3,
  kCheckpointer = 4,
  kXidAge = 5,
  // Filesystems: kDiskBase + device number.
  kDiskBase = int64_t{1} << 40,
};

struct Edge {
  uint32_t source = 0;  // indices into nodes
  uint32_t target = 0;
  EdgeType type;
  // Capacity with everything healthy.
  double baseline = 1;
  // baseline * health, not below the floor of importance; see above.
  double capacity = 1;
  // Measured flow: share of the collection's traffic since the last pass.
  std::optional<double> current_flow;
  std::optional<double> latency_ms;
  // In [0, 1].
  double error_rate = 0;
  // Part of the service behind this edge, healthy and now; 0 and 0 for an
  // edge that serves no terminal cut.
  double service_baseline = 0;
  double service = 0;
};

inline double EffectiveCapacity(const Edge& edge) {
  return edge.capacity * (1 - edge.error_rate);
}

// Siblings that were contracted into one node because the graph was too big.
struct Merge {
  uint32_t node = 0;           // index of the merged node
  std::vector<int64_t> ids;    // of the siblings (all of the node's type)
  int64_t nodes_replaced = 0;  // siblings and everything below them
  double worst_health = 1;     // of them (applied)
};

struct ContractedGraph {
  int32_t collection_id = 0;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  // Index of the shard where clients and WAL come from: this node.
  uint32_t root = 0;
  // Sinks of the two terminal cuts: data leaves, and the standbys whose
  // acknowledgement a commit may wait for.
  std::vector<uint32_t> data_sinks;
  std::vector<uint32_t> commit_sinks;
  // Standbys that must acknowledge a commit; 0: none.
  int64_t commit_quorum = 0;
  // False if every table is known to be empty.
  bool has_data = false;
  // A sensor failed, or a node other than an IVFFlat list is stale: good values
  // are then no evidence. Lists are sampled within a budget; those that were
  // not reached keep their last values and their own flag.
  bool stale = false;
  std::vector<std::string> stale_reasons;
  std::vector<Merge> merges;
  // Nodes before contraction.
  int64_t original_nodes = 0;
};

// InvalidArgument naming the first defect: an index out of range, a self-loop,
// a capacity, baseline or service that is negative or not finite or above
// 500,000 (the cut's fixed point), an error rate or health outside [0, 1], a
// duplicate (type, id). [any-thread]
absl::Status Validate(const ContractedGraph& graph);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_GRAPH_H_
