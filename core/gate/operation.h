// What can ask the gate for permission.
//
// Every operation that the specification names, that reference A5 classifies,
// or that design.md 7.7 enforces, once, with its aliases, its risk class and
// the policy permissions it needs. One constexpr table in this header's .cc;
// nothing else in the project lists operations. [any-thread]
//
// The numbers index GateTable in shared memory, which lives as long as one
// server run; the names go into events and errors and stay.
//
// Sources: spec/integrity-control-plane.md section 5 (permission names);
// reference/ruvector-upstream.md A5 (risk classes); design.md 7.6, 7.7.
#ifndef RUVECTOR_CORE_GATE_OPERATION_H_
#define RUVECTOR_CORE_GATE_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"

namespace ruvector::gate {

enum class Operation : uint8_t {
  kSearch,        // a plan that orders by vector distance; any read
  kInsert,        // INSERT of up to max_insert_batch_size rows
  kBulkInsert,    // COPY, INSERT ... SELECT, an INSERT over that size
  kUpdate,        // UPDATE
  kDelete,        // DELETE of up to max_insert_batch_size rows
  kBulkDelete,    // a DELETE over that size
  kMerge,         // MERGE with all three actions; see NeedsOf
  kTruncate,      // TRUNCATE
  kIndexBuild,    // CREATE INDEX, REINDEX
  kIndexRewire,   // rewiring of an HNSW graph
  kCompression,   // compaction: VACUUM FULL, CLUSTER
  kTableRewrite,  // ALTER TABLE that rewrites
  kCentroidUpdate,
  kGraphEdgeAdd,
  kGraphEdgeRemove,
  kShardMove,
  kReplication,
  kReplicationReshuffle,
  kBackup,
  kGnnTrain,
  kTierManage,
};
inline constexpr int kNumOperations = 21;

// How much harm an operation can do to a collection that is already weak; the
// rows of the risk matrix. kNone: what keeps data safe (replication, backup)
// has no risk row, so that no state but only an explicit permission bit stops
// it. Upstream has no such class and would defer a backup when the
// collection is critical, which is when it is needed.
enum class Risk : uint8_t { kNone = 0, kLow = 1, kMedium = 2, kHigh = 3 };

// "none", "low", "medium", "high".
std::string_view RiskName(Risk risk);

// The boolean keys of a policy's action sets that an operation can need. Bit
// positions, so that an operation can need several. The order is that of
// kPermissionNames in operation.cc.
enum class Permission : uint8_t {
  kReads,
  kSingleInsert,
  kBulkInsert,
  kDelete,
  kUpdate,
  kIndexRewire,
  kCompression,
  kReplication,
  kBackup,
  kGnnTraining,     // pause_gnn_training is false
  kTierManagement,  // pause_tier_management is false
};
inline constexpr int kNumPermissions = 11;

// The policy key: "allow_reads", ..., "pause_tier_management".
std::string_view PermissionKey(Permission permission);

// Which of a policy's two throttle percentages applies on top of the matrix.
enum class ThrottleKey : uint8_t { kNone, kInserts, kSearches };

// One row of the table. Static storage; never freed.
struct OperationInfo {
  Operation operation;
  std::string_view name;
  // Other accepted spellings, separated by single spaces; "" for none.
  std::string_view aliases;
  Risk risk;
  // Bit i: needs Permission(i). All of them must be granted. A bulk insert
  // needs the permission of a single one, too, so that more rows never pass
  // where fewer would not. A MERGE needs
  // insert, update and delete here; the executor hook asks for the actions
  // that its statement really contains, one by one.
  uint16_t needs;
  ThrottleKey throttle;
  // What this operation counts as when it touches more rows than the policy's
  // max_insert_batch_size; itself if size does not matter.
  Operation bulk_form;
};

// REQUIRES: `operation` is one of the enumerators.
const OperationInfo& InfoOf(Operation operation);

// The canonical name: "bulk_insert".
std::string_view OperationName(Operation operation);

// By canonical name or alias ("read", "compact", "point_insert", ...). Case
// matters. kInvalidArgument for anything else, naming every known operation:
// an unknown operation is never let through.
absl::StatusOr<Operation> ParseOperation(std::string_view name);

// All canonical names with their aliases, for messages and documentation:
// "search (read), insert (point_insert), ...".
std::string KnownOperations();

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_OPERATION_H_
