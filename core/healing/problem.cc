#include "core/healing/problem.h"

#include <array>
#include <type_traits>

#include "nlohmann/json.hpp"

namespace ruvector::healing {
namespace {

constexpr std::array<absl::string_view, kNumProblemClasses> kClassNames = {
    "hotspot_congestion",
    "centroid_skew",
    "replication_lag",
    "maintenance_contention",
    "index_fragmentation",
    "memory_pressure",
    "unknown"};

struct CauseRow {
  Cause cause;
  ProblemClass problem_class;
  absl::string_view name;
};

using P = ProblemClass;
// In the order of the enum; a test holds that.
constexpr std::array<CauseRow, kNumCauses> kCauses = {{
    {Cause::kHotPartition, P::kHotspotCongestion, "hot_partition"},
    {Cause::kIvfflatFewRows, P::kCentroidSkew, "ivfflat_few_rows"},
    {Cause::kIvfflatDrift, P::kCentroidSkew, "ivfflat_drift"},
    {Cause::kIvfflatRecall, P::kCentroidSkew, "ivfflat_recall_below_target"},
    {Cause::kReplayLag, P::kReplicationLag, "replay_lag"},
    {Cause::kStandbyLost, P::kReplicationLag, "standby_lost"},
    {Cause::kSyncStandbyLost, P::kReplicationLag, "sync_standby_lost"},
    {Cause::kSlotRetainsWal, P::kReplicationLag, "slot_retains_wal"},
    {Cause::kMaintenanceCollision, P::kMaintenanceContention,
     "maintenance_collision"},
    {Cause::kLockPileup, P::kMaintenanceContention, "lock_pileup"},
    {Cause::kHeldBySnapshot, P::kMaintenanceContention,
     "vacuum_held_by_snapshot"},
    {Cause::kHeldByPrepared, P::kMaintenanceContention,
     "vacuum_held_by_prepared"},
    {Cause::kHeldBySlot, P::kMaintenanceContention, "vacuum_held_by_slot"},
    {Cause::kHeldByStandby, P::kMaintenanceContention,
     "vacuum_held_by_standby"},
    {Cause::kArchiverFailing, P::kMaintenanceContention, "archiver_failing"},
    {Cause::kBackupOverdue, P::kMaintenanceContention, "backup_overdue"},
    {Cause::kCheckpointStorm, P::kMaintenanceContention, "checkpoint_storm"},
    {Cause::kHnswBloat, P::kIndexFragmentation, "hnsw_bloat"},
    {Cause::kHnswRecall, P::kIndexFragmentation, "hnsw_recall_below_target"},
    {Cause::kInvalidIndex, P::kIndexFragmentation, "invalid_index"},
    {Cause::kDeadTuples, P::kIndexFragmentation, "dead_tuples"},
    {Cause::kHeapBloat, P::kIndexFragmentation, "heap_bloat"},
    {Cause::kStaleStatistics, P::kIndexFragmentation, "stale_statistics"},
    {Cause::kXidAge, P::kIndexFragmentation, "xid_age"},
    {Cause::kMemoryShort, P::kMemoryPressure, "memory_short"},
    {Cause::kDiskFilling, P::kMemoryPressure, "disk_filling"},
    {Cause::kConnectionSaturation, P::kMemoryPressure, "connection_saturation"},
    {Cause::kDataUnreadable, P::kUnknown, "data_unreadable"},
    {Cause::kUnexplained, P::kUnknown, "unexplained"},
}};

}  // namespace

absl::string_view ToString(ProblemClass problem_class) {
  return kClassNames[static_cast<size_t>(problem_class)];
}

absl::string_view ToString(Cause cause) {
  return kCauses[static_cast<size_t>(cause)].name;
}

std::optional<Cause> ParseCause(absl::string_view name) {
  for (const CauseRow& row : kCauses) {
    if (row.name == name) return row.cause;
  }
  return std::nullopt;
}

ProblemClass ClassOf(Cause cause) {
  return kCauses[static_cast<size_t>(cause)].problem_class;
}

std::string ProblemJson(const Problem& problem) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["class"] = std::string(ToString(problem.problem_class()));
  json["cause"] = std::string(ToString(problem.cause));
  json["severity"] = problem.severity;
  json["confidence"] = problem.confidence;
  json["subjects"] = Json::array();
  for (const Subject& subject : problem.subjects) {
    json["subjects"].push_back({{"kind", subject.kind},
                                {"name", subject.name},
                                {"share", subject.share}});
  }
  json["subjects_found"] = problem.subjects_found;
  json["evidence"] = Json::array();
  for (const Evidence& evidence : problem.evidence) {
    Json one;
    one["key"] = evidence.key;
    if (!evidence.subject.empty()) one["subject"] = evidence.subject;
    std::visit([&one](const auto& value) { one["value"] = value; },
               evidence.value);
    if (evidence.threshold.has_value()) one["threshold"] = *evidence.threshold;
    one["source"] = evidence.source;
    json["evidence"].push_back(std::move(one));
  }
  json["witness_edges"] = problem.witness.size();
  if (problem.explained_by.has_value()) {
    json["explained_by"] = *problem.explained_by;
    json["explanation"] = problem.explanation;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ruvector::healing
