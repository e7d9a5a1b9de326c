// What can be wrong: seven classes, and below each the causes that this field
// really has.
//
// A class is what strategies declare that they handle; a cause is what is
// really the matter. Causes are grouped by what cures them, so that a strategy
// for a class never makes a problem of that class worse by its nature:
//   hotspot_congestion      spread the load, or take less of it
//   centroid_skew           build the IVFFlat index anew
//   replication_lag         the way to the standbys
//   maintenance_contention  sessions, jobs and maintenance in each other's way:
//                           hold, pause or end one of them
//   index_fragmentation     upkeep is overdue: REINDEX, VACUUM, ANALYZE, drop
//   memory_pressure         something that is bounded runs out: memory, disk,
//                           connections
//   unknown                 a person must look: data that cannot be read, or a
//                           state that no detector explains
//
// The names are stored in tables and events: do not rename.
// Source: spec/self-healing.md (ProblemClass); operations-anchors.md 0.2 no. 5,
// 2.4, 4.
#ifndef RUVECTOR_CORE_HEALING_PROBLEM_H_
#define RUVECTOR_CORE_HEALING_PROBLEM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"
#include "core/graph/graph.h"

namespace ruvector::healing {

enum class ProblemClass {
  kHotspotCongestion,
  kCentroidSkew,
  kReplicationLag,
  kMaintenanceContention,
  kIndexFragmentation,
  kMemoryPressure,
  kUnknown,
};
inline constexpr int kNumProblemClasses = 7;

enum class Cause {
  // hotspot_congestion
  kHotPartition,
  // centroid_skew
  kIvfflatFewRows,
  kIvfflatDrift,
  kIvfflatRecall,
  // replication_lag
  kReplayLag,
  kStandbyLost,
  kSyncStandbyLost,
  kSlotRetainsWal,
  // maintenance_contention
  kMaintenanceCollision,
  kLockPileup,
  kHeldBySnapshot,
  kHeldByPrepared,
  kHeldBySlot,
  kHeldByStandby,
  kArchiverFailing,
  kBackupOverdue,
  kCheckpointStorm,
  // index_fragmentation
  kHnswBloat,
  kHnswRecall,
  kInvalidIndex,
  kDeadTuples,
  kHeapBloat,
  kStaleStatistics,
  kXidAge,
  // memory_pressure
  kMemoryShort,
  kDiskFilling,
  kConnectionSaturation,
  // unknown
  kDataUnreadable,
  kUnexplained,
};
inline constexpr int kNumCauses = static_cast<int>(Cause::kUnexplained) + 1;

// "hotspot_congestion", "vacuum_held_by_snapshot", ... NUL-terminated, static.
absl::string_view ToString(ProblemClass problem_class);
absl::string_view ToString(Cause cause);
// nullopt for any other text.
std::optional<Cause> ParseCause(absl::string_view name);
ProblemClass ClassOf(Cause cause);

// A node of the contracted graph, by its id (also where contraction merged it
// away), or by its name if that is not empty (replication targets).
struct NodeRef {
  graph::NodeType type = graph::NodeType::kPartition;
  int64_t id = 0;
  std::string name;
};

// An object that the evidence points at.
struct Subject {
  // "partition", "index", "replica", "slot", "session", "transaction", "job",
  // "disk", "role", "process", "dependency", "node", "collection".
  const char* kind = "collection";  // static
  std::string name;
  // Of the blame, in [0, 1]; the shares of all subjects found add up to 1.
  double share = 1;
  uint32_t oid = 0;  // of the relation; else 0
  // For an index: of its table; else 0.
  uint32_t table_oid = 0;
  // Where the graph shows it; empty for what the graph does not know.
  std::vector<NodeRef> nodes;
};

// One number or text that the classification rests on.
struct Evidence {
  std::string key;      // carries its unit: longest_wait_s, retained_bytes
  std::string subject;  // name of the subject it is about; "" for all
  std::variant<double, std::string> value;
  std::string source;  // the view, file or pages it was read from
  // At which it begins to be a problem, where it is what was compared.
  std::optional<double> threshold = std::nullopt;
};

struct Problem {
  Cause cause = Cause::kUnexplained;
  // Of this problem alone, in [0, 1]: kLeastSeverity at its threshold, 1 where
  // it cannot get worse.
  double severity = 0;
  // That this is what is wrong, in [0, 1].
  double confidence = 0;
  // Largest share first, at most HealingLimits::max_subjects.
  std::vector<Subject> subjects;
  int64_t subjects_found = 0;
  std::vector<Evidence> evidence;
  // Indices into graph.edges: weak edges of the deciding cut that touch a
  // subject. They raised the confidence.
  std::vector<uint32_t> witness;
  // This is a symptom: the position, in the same result, of the problem that
  // explains it. To cure it by itself is in vain; it is listed for the record.
  std::optional<size_t> explained_by;
  std::string explanation;  // the rule, for people; "" if not explained

  ProblemClass problem_class() const { return ClassOf(cause); }
  double score() const { return severity * confidence; }
};

// {"class":...,"cause":...,"severity":...,"subjects":[...],"evidence":[...],
// "explained_by":...,"witness":n}. Valid UTF-8. [any-thread]
std::string ProblemJson(const Problem& problem);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_PROBLEM_H_
