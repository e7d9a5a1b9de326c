#include "core/healing/explain.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace ruvector::healing {
namespace {

// Whether `link` joins every subject of the symptom to one of the cause.
template <typename Link>
bool AllLinked(const Problem& cause, const Problem& symptom, Link link) {
  return std::all_of(symptom.subjects.begin(), symptom.subjects.end(),
                     [&](const Subject& of_symptom) {
                       return std::any_of(cause.subjects.begin(),
                                          cause.subjects.end(),
                                          [&](const Subject& of_cause) {
                                            return link(of_cause, of_symptom);
                                          });
                     });
}

// Every table of the symptom is stuck behind a blocker of the cause.
bool Stuck(const Context& context, const Problem& cause,
           const Problem& symptom) {
  return AllLinked(
      cause, symptom, [&](const Subject& held_by, const Subject& table) {
        for (const VacuumBlocker& blocker : *context.in.vacuum_blockers) {
          if (blocker.name != held_by.name) continue;
          for (size_t i = 0; i < context.now.tables.size(); ++i) {
            if (context.now.tables[i].oid == table.oid &&
                context.StuckBehind(blocker, i)) {
              return true;
            }
          }
        }
        return false;
      });
}

bool SameIndex(const Context&, const Problem& cause, const Problem& symptom) {
  return AllLinked(cause, symptom, [](const Subject& a, const Subject& b) {
    return a.oid == b.oid;
  });
}

bool IndexOfTable(const Context&, const Problem& cause,
                  const Problem& symptom) {
  return AllLinked(cause, symptom, [](const Subject& a, const Subject& b) {
    return a.oid == b.table_oid;
  });
}

bool SameSession(const Context&, const Problem& cause, const Problem& symptom) {
  return AllLinked(cause, symptom, [](const Subject& a, const Subject& b) {
    return a.name == b.name;
  });
}

// Slots of the symptom belong to standbys of the cause.
bool SlotOfReplica(const Context& context, const Problem& cause,
                   const Problem& symptom) {
  return AllLinked(cause, symptom,
                   [&](const Subject& replica, const Subject& slot) {
                     for (const auto& known : context.now.replication.slots) {
                       if (known.name == slot.name)
                         return known.replica == replica.name;
                     }
                     return false;
                   });
}

// Of the oldest transaction that is not frozen, the blocker has seen enough.
bool OldEnough(const Context& context, const Problem& cause, const Problem&) {
  Known age =
      context.now.xid.database_age.has_value() && !context.now.xid.carried
          ? ToDouble(context.now.xid.database_age)
          : std::nullopt;
  for (const auto& table : context.now.tables) {
    if (!table.carried) age = Larger(age, ToDouble(table.xid_age));
  }
  Known blocker;
  for (const VacuumBlocker& known : *context.in.vacuum_blockers) {
    for (const Subject& subject : cause.subjects) {
      if (subject.name == known.name) {
        blocker = Larger(blocker, ToDouble(known.age_xids));
      }
    }
  }
  return age.has_value() && blocker.has_value() &&
         *blocker >= context.limits.held_xid_share * *age;
}

// Writes to a partition make WAL for all standbys alike: if one of several
// keeps up, the others lag for a reason of their own, and one alone proves
// nothing.
bool AllStandbysBehindWrites(const Context& context, const Problem& cause,
                             const Problem& symptom) {
  int64_t standbys = 0;
  for (const auto& replica : context.now.replication.replicas) {
    if (replica.present && replica.state != "backup") ++standbys;
  }
  if (standbys < 2 || symptom.subjects_found < standbys) return false;
  for (size_t i = 0; i < context.now.tables.size(); ++i) {
    const graph::TrafficShare& traffic = context.traffic[i];
    if (!traffic.written.has_value() || traffic.fair >= 1) continue;
    const double excess =
        (*traffic.written - traffic.fair) / (1 - traffic.fair);
    if (excess < context.limits.health.hot_excess.good) continue;
    for (const Subject& subject : cause.subjects) {
      if (subject.oid == context.now.tables[i].oid) return true;
    }
  }
  return false;
}

// `bytes` is a good part of what the only filling disk, that of pg_wal, holds.
bool FillsWal(const Context& context, const Problem& symptom, double bytes) {
  if (symptom.subjects.size() != 1 ||
      !absl::StrContains(symptom.subjects[0].name, "pg_wal")) {
    return false;
  }
  for (const graph::DiskObservation& disk : context.now.disks) {
    if (disk.name != symptom.subjects[0].name ||
        !disk.total_bytes.has_value() || !disk.free_bytes.has_value()) {
      continue;
    }
    const double used =
        static_cast<double>(*disk.total_bytes - *disk.free_bytes);
    return bytes >= context.limits.disk_blame_share * used;
  }
  return false;
}

bool SlotFillsDisk(const Context& context, const Problem& cause,
                   const Problem& symptom) {
  double bytes = 0;
  for (const auto& slot : context.now.replication.slots) {
    for (const Subject& subject : cause.subjects) {
      if (subject.name == slot.name) {
        bytes = std::max(bytes, ToDouble(slot.retained_bytes).value_or(0));
      }
    }
  }
  return FillsWal(context, symptom, bytes);
}

bool ArchiverFillsDisk(const Context& context, const Problem&,
                       const Problem& symptom) {
  return FillsWal(context, symptom,
                  context.limits.wal_segment_bytes *
                      ToDouble(context.now.archiver.ready_files).value_or(0));
}

bool QueueWaits(const Context& context, const Problem&, const Problem&) {
  return QueueDegree(context).has_value();
}

bool WaitersAreTheConnections(const Context& context, const Problem&,
                              const Problem&) {
  double waiting = 0;
  for (const LockQueue& queue : *context.in.lock_queues) {
    waiting += ToDouble(queue.waiting).value_or(0);
  }
  return waiting >= context.limits.pileup_share_of_connections *
                        static_cast<double>(*context.in.connections->used);
}

struct Rule {
  Cause cause;
  Cause symptom;
  bool (*holds)(const Context&, const Problem& cause, const Problem& symptom);
  const char* text;
};

constexpr const char* kHeld =
    "vacuum cannot remove what this still sees, however often it runs";
constexpr const char* kFreeze = "vacuum cannot freeze what this still sees";
constexpr const char* kIndexBad = "the same index is known to be bad";
constexpr const char* kOwnSlot = "the slot is that of this standby";
constexpr const char* kQueue =
    "all workers are busy; the table waits for its turn";

constexpr Rule kRules[] = {
    {Cause::kHeldBySnapshot, Cause::kDeadTuples, Stuck, kHeld},
    {Cause::kHeldByPrepared, Cause::kDeadTuples, Stuck, kHeld},
    {Cause::kHeldBySlot, Cause::kDeadTuples, Stuck, kHeld},
    {Cause::kHeldByStandby, Cause::kDeadTuples, Stuck, kHeld},
    {Cause::kHeldBySnapshot, Cause::kXidAge, OldEnough, kFreeze},
    {Cause::kHeldByPrepared, Cause::kXidAge, OldEnough, kFreeze},
    {Cause::kHeldBySlot, Cause::kXidAge, OldEnough, kFreeze},
    {Cause::kHeldByStandby, Cause::kXidAge, OldEnough, kFreeze},
    {Cause::kLockPileup, Cause::kHeldBySnapshot, SameSession,
     "the same session holds both"},
    {Cause::kLockPileup, Cause::kHeldByPrepared, SameSession,
     "the same transaction holds both"},
    {Cause::kLockPileup, Cause::kConnectionSaturation, WaitersAreTheConnections,
     "most connections wait for this blocker"},
    {Cause::kMaintenanceCollision, Cause::kDeadTuples, QueueWaits, kQueue},
    {Cause::kMaintenanceCollision, Cause::kStaleStatistics, QueueWaits, kQueue},
    {Cause::kIvfflatFewRows, Cause::kIvfflatDrift, SameIndex,
     "centers learnt from too few rows drift at once"},
    {Cause::kIvfflatFewRows, Cause::kIvfflatRecall, SameIndex, kIndexBad},
    {Cause::kIvfflatDrift, Cause::kIvfflatRecall, SameIndex, kIndexBad},
    {Cause::kHnswBloat, Cause::kHnswRecall, SameIndex, kIndexBad},
    {Cause::kDeadTuples, Cause::kHnswRecall, IndexOfTable,
     "dead tuples of the table fill the candidates of a search"},
    {Cause::kDeadTuples, Cause::kIvfflatRecall, IndexOfTable,
     "dead tuples of the table fill the candidates of a search"},
    {Cause::kHotPartition, Cause::kReplayLag, AllStandbysBehindWrites,
     "every standby lags behind the writes to this partition"},
    {Cause::kStandbyLost, Cause::kSlotRetainsWal, SlotOfReplica, kOwnSlot},
    {Cause::kSyncStandbyLost, Cause::kSlotRetainsWal, SlotOfReplica, kOwnSlot},
    {Cause::kReplayLag, Cause::kSlotRetainsWal, SlotOfReplica, kOwnSlot},
    {Cause::kStandbyLost, Cause::kHeldBySlot, SlotOfReplica, kOwnSlot},
    {Cause::kSyncStandbyLost, Cause::kHeldBySlot, SlotOfReplica, kOwnSlot},
    {Cause::kSlotRetainsWal, Cause::kDiskFilling, SlotFillsDisk,
     "the WAL that this slot retains is what fills the disk"},
    {Cause::kArchiverFailing, Cause::kDiskFilling, ArchiverFillsDisk,
     "the WAL that waits for the archiver is what fills the disk"},
};

}  // namespace

void Explain(const Context& context, std::vector<Problem>* problems) {
  for (Problem& symptom : *problems) {
    double best = -1;
    for (size_t i = 0; i < problems->size(); ++i) {
      const Problem& cause = (*problems)[i];
      for (const Rule& rule : kRules) {
        if (rule.cause != cause.cause || rule.symptom != symptom.cause ||
            cause.severity <= best || !rule.holds(context, cause, symptom)) {
          continue;
        }
        best = cause.severity;
        symptom.explained_by = i;
        symptom.explanation = rule.text;
      }
    }
    if (symptom.explained_by.has_value()) {
      symptom.confidence *= context.limits.explained_factor;
    }
  }
}

}  // namespace ruvector::healing
