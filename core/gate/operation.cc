#include "core/gate/operation.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/hint.h"

namespace ruvector::gate {
namespace {

constexpr std::array<std::string_view, kNumPermissions> kPermissionKeys = {
    "allow_reads",        "allow_single_insert",  "allow_bulk_insert",
    "allow_delete",       "allow_update",         "allow_index_rewire",
    "allow_compression",  "allow_replication",    "allow_backup",
    "pause_gnn_training", "pause_tier_management"};

constexpr uint16_t Needs(Permission permission) {
  return static_cast<uint16_t>(1u << static_cast<int>(permission));
}

constexpr auto kInserts = ThrottleKey::kInserts;
constexpr auto kSearches = ThrottleKey::kSearches;
constexpr auto kNoThrottle = ThrottleKey::kNone;

using O = Operation;
using P = Permission;

// Where reference A5 has no class for an operation of the specification, it
// gets that of its nearest relative there: truncate that of bulk_delete,
// merge that of update, table_rewrite and tier_manage those of compaction and
// tier_demotion, gnn_train that of an unknown operation (medium).
constexpr std::array<OperationInfo, kNumOperations> kOperations = {{
    {O::kSearch, "search", "read", Risk::kLow, Needs(P::kReads), kSearches,
     O::kSearch},
    {O::kInsert, "insert", "point_insert", Risk::kLow, Needs(P::kSingleInsert),
     kInserts, O::kBulkInsert},
    {O::kBulkInsert, "bulk_insert", "copy", Risk::kMedium,
     Needs(P::kBulkInsert) | Needs(P::kSingleInsert), kInserts, O::kBulkInsert},
    {O::kUpdate, "update", "", Risk::kMedium, Needs(P::kUpdate), kNoThrottle,
     O::kUpdate},
    {O::kDelete, "delete", "point_delete", Risk::kLow, Needs(P::kDelete),
     kNoThrottle, O::kBulkDelete},
    {O::kBulkDelete, "bulk_delete", "", Risk::kMedium, Needs(P::kDelete),
     kNoThrottle, O::kBulkDelete},
    {O::kMerge, "merge", "", Risk::kMedium,
     Needs(P::kSingleInsert) | Needs(P::kUpdate) | Needs(P::kDelete), kInserts,
     O::kMerge},
    {O::kTruncate, "truncate", "", Risk::kMedium, Needs(P::kDelete),
     kNoThrottle, O::kTruncate},
    {O::kIndexBuild, "index_build", "index_rebuild reindex", Risk::kHigh,
     Needs(P::kIndexRewire), kNoThrottle, O::kIndexBuild},
    {O::kIndexRewire, "index_rewire", "hnsw_rewire", Risk::kHigh,
     Needs(P::kIndexRewire), kNoThrottle, O::kIndexRewire},
    {O::kCompression, "compression", "compact compaction vacuum_full cluster",
     Risk::kHigh, Needs(P::kCompression), kNoThrottle, O::kCompression},
    {O::kTableRewrite, "table_rewrite", "alter_table", Risk::kHigh,
     Needs(P::kCompression) | Needs(P::kIndexRewire), kNoThrottle,
     O::kTableRewrite},
    {O::kCentroidUpdate, "centroid_update", "", Risk::kMedium,
     Needs(P::kIndexRewire), kNoThrottle, O::kCentroidUpdate},
    {O::kGraphEdgeAdd, "graph_edge_add", "", Risk::kMedium,
     Needs(P::kSingleInsert), kNoThrottle, O::kGraphEdgeAdd},
    {O::kGraphEdgeRemove, "graph_edge_remove", "", Risk::kMedium,
     Needs(P::kDelete), kNoThrottle, O::kGraphEdgeRemove},
    {O::kShardMove, "shard_move", "", Risk::kHigh, 0, kNoThrottle,
     O::kShardMove},
    {O::kReplication, "replication", "", Risk::kNone, Needs(P::kReplication),
     kNoThrottle, O::kReplication},
    {O::kReplicationReshuffle, "replication_reshuffle", "", Risk::kHigh,
     Needs(P::kReplication), kNoThrottle, O::kReplicationReshuffle},
    {O::kBackup, "backup", "", Risk::kNone, Needs(P::kBackup), kNoThrottle,
     O::kBackup},
    {O::kGnnTrain, "gnn_train", "", Risk::kMedium, Needs(P::kGnnTraining),
     kNoThrottle, O::kGnnTrain},
    {O::kTierManage, "tier_manage", "tier_demotion", Risk::kHigh,
     Needs(P::kTierManagement), kNoThrottle, O::kTierManage},
}};

constexpr bool IndexedByOperation() {
  for (int i = 0; i < kNumOperations; ++i) {
    if (static_cast<int>(kOperations[i].operation) != i) return false;
  }
  return true;
}
static_assert(IndexedByOperation());

bool HasWord(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t end = words.find(' ');
    if (words.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    words.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

std::string_view RiskName(Risk risk) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "low", "medium",
                                                      "high"};
  return kNames[static_cast<size_t>(risk)];
}

std::string_view PermissionKey(Permission permission) {
  return kPermissionKeys[static_cast<size_t>(permission)];
}

const OperationInfo& InfoOf(Operation operation) {
  return kOperations[static_cast<size_t>(operation)];
}

std::string_view OperationName(Operation operation) {
  return InfoOf(operation).name;
}

absl::StatusOr<Operation> ParseOperation(std::string_view name) {
  for (const OperationInfo& info : kOperations) {
    if (info.name == name || HasWord(info.aliases, name)) {
      return info.operation;
    }
  }
  return WithHint(absl::InvalidArgumentError(absl::StrFormat(
                      "unknown operation \"%s\"", name.substr(0, 100))),
                  absl::StrCat("Known are ", KnownOperations(), "."));
}

std::string KnownOperations() {
  std::string text;
  for (const OperationInfo& info : kOperations) {
    if (!text.empty()) text += ", ";
    text += info.name;
    if (info.aliases.empty()) continue;
    text += " (";
    for (char c : info.aliases) text += c == ' ' ? ", " : std::string(1, c);
    text += ")";
  }
  return text;
}

}  // namespace ruvector::gate
