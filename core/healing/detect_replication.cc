// Standbys that are behind or gone, and slots that keep WAL for nobody.
#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/healing/detector.h"

namespace ruvector::healing {
namespace {

using graph::ReplicaObservation;
using graph::SyncState;

bool SyncCapable(const ReplicaObservation& replica) {
  return replica.sync_state == SyncState::kSync ||
         replica.sync_state == SyncState::kQuorum ||
         replica.sync_state == SyncState::kPotential;
}

bool IsStandby(const ReplicaObservation& replica) {
  return replica.state != "backup";
}

// How severe the loss of a standby is that no commit waits for: half way.
constexpr double kAsyncLostDegree = 0.5;

void DetectLag(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  const graph::ReplicationObservation& replication = context.now.replication;
  Finding finding(Cause::kReplayLag, limits);
  for (const ReplicaObservation& replica : replication.replicas) {
    if (!replica.present || !IsStandby(replica)) continue;
    const graph::Health health = graph::ReplicaHealth(
        replica, replication.wal_sender_timeout_us, limits.health);
    const Known degree = HealthDegree(
        health.value, limits.health.band.Degraded(), limits.health.band);
    if (!degree.has_value()) continue;
    for (const graph::Aspect& aspect : health.aspects) {
      finding.Note(aspect, replica.name);
    }
    finding.Blame(ReplicaSubject(replica.name), *degree, 1 - *health.value);
  }
  std::move(finding).AddTo(problems);
}

void DetectLost(const Context& context, std::vector<Problem>* problems) {
  const graph::ReplicationObservation& replication = context.now.replication;
  int64_t connected = 0;
  for (const ReplicaObservation& replica : replication.replicas) {
    if (SyncCapable(replica) && replica.present) ++connected;
  }
  const bool starved = replication.required_sync.has_value() &&
                       connected < *replication.required_sync;
  const char* source =
      "pg_stat_replication beside the replicas seen before, "
      "synchronous_standby_names";
  Finding sync(Cause::kSyncStandbyLost, context.limits);
  Finding async(Cause::kStandbyLost, context.limits);
  bool named = false;
  for (const ReplicaObservation& replica : replication.replicas) {
    if (replica.present || !IsStandby(replica)) continue;
    const bool commits_wait = starved && SyncCapable(replica);
    named = named || commits_wait;
    Finding& finding = commits_wait ? sync : async;
    if (replica.last_seen.has_value()) {
      finding.Note(
          "gone_s", replica.name,
          Known(absl::ToDoubleSeconds(context.now.at - *replica.last_seen)),
          source);
    } else {
      finding.Note("gone_s", replica.name, std::string("never seen"), source);
    }
    finding.Blame(ReplicaSubject(replica.name),
                  commits_wait ? 1.0 : kAsyncLostDegree, 1);
  }
  if (starved) {
    sync.Note("required", "", ToDouble(replication.required_sync), source);
    sync.Note("connected", "", static_cast<double>(connected), source);
    // Required and never seen: core/graph names it so, too.
    if (!named) {
      sync.Blame(
          ReplicaSubject(absl::StrCat("synchronous standby ", connected + 1,
                                      " (required, never seen)")),
          1, 1);
    }
  }
  std::move(sync).AddTo(problems);
  std::move(async).AddTo(problems);
}

}  // namespace

void DetectReplicas(const Context& context, std::vector<Problem>* problems) {
  if (!context.now.replication.known || context.now.replication.carried) {
    return;
  }
  DetectLag(context, problems);
  DetectLost(context, problems);
}

void DetectSlots(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  const graph::ReplicationObservation& replication = context.now.replication;
  if (!replication.slots_known || replication.carried) return;
  std::optional<int64_t> wal_free;
  for (const graph::DiskObservation& disk : context.now.disks) {
    if (!disk.carried && absl::StrContains(disk.name, "pg_wal")) {
      wal_free = disk.free_bytes;
    }
  }
  Finding finding(Cause::kSlotRetainsWal, limits);
  for (const graph::ReplicationSlotObservation& slot : replication.slots) {
    const graph::Health health =
        graph::SlotHealth(slot, wal_free, limits.health);
    const Known degree = HealthDegree(
        health.value, limits.health.band.Degraded(), limits.health.band);
    if (!degree.has_value()) continue;
    for (const graph::Aspect& aspect : health.aspects) {
      finding.Note(aspect, slot.name);
    }
    finding.Note("wal_status", slot.name, slot.wal_status.value_or(""),
                 "pg_replication_slots.wal_status");
    if (slot.active.has_value()) {
      finding.Note("active", slot.name,
                   std::string(*slot.active ? "yes" : "no"),
                   "pg_replication_slots.active");
    }
    finding.Blame(SlotSubject(slot.name), *degree,
                  1 + ToDouble(slot.retained_bytes).value_or(0));
  }
  std::move(finding).AddTo(problems);
}

}  // namespace ruvector::healing
