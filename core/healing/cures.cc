#include "core/healing/cures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ruvector::healing {
namespace {

constexpr std::string_view kCompact = "compact_indexes";
constexpr std::string_view kRebuild = "rebuild_centroids";

// clang-format off
constexpr Cure kCures[] = {
    {Cause::kHotPartition,
     "drain_hot_partition rebalance_partitions scale_replicas throttle_ingestion",
     "steer new rows away, move rows, give reads to replicas, or take less"},
    {Cause::kIvfflatFewRows, kRebuild, "build with lists for today's rows"},
    {Cause::kIvfflatDrift, kRebuild, "build with centers of today's rows"},
    {Cause::kIvfflatRecall, kRebuild,
     "build anew with as many lists; where that does not help, raise "
     "ivfflat.probes"},
    {Cause::kReplayLag, "throttle_ingestion", "write less until it has caught up"},
    {Cause::kStandbyLost, "scale_replicas", "one more takes its place"},
    {Cause::kSyncStandbyLost, "scale_replicas", "one more takes its place"},
    {Cause::kSlotRetainsWal, "",
     "bring its consumer back, or drop the slot; set max_slot_wal_keep_size"},
    {Cause::kMaintenanceCollision, "pause_maintenance",
     "hold scheduled jobs, keep autovacuum off for a while"},
    {Cause::kLockPileup, "", "end the session at the head of the queue"},
    {Cause::kHeldBySnapshot, "", "end the named session"},
    {Cause::kHeldByPrepared, "", "commit or roll back the named transaction"},
    {Cause::kHeldBySlot, "", "bring its consumer back, or drop the slot"},
    {Cause::kHeldByStandby, "",
     "end the query on the standby, or switch hot_standby_feedback off"},
    {Cause::kArchiverFailing, "", "mend archive_command or its target"},
    {Cause::kBackupOverdue, "", "take a base backup"},
    {Cause::kCheckpointStorm, "", "raise max_wal_size"},
    {Cause::kHnswBloat, kCompact, "REINDEX or VACUUM, whichever is cheaper"},
    {Cause::kHnswRecall, kCompact,
     "REINDEX where much is dead; a sound index wants a higher hnsw.ef_search"},
    {Cause::kInvalidIndex, kCompact,
     "drop what a build of ours left; who made the others decides"},
    {Cause::kDeadTuples, kCompact, "VACUUM, after REINDEX where that is cheaper"},
    {Cause::kHeapBloat, kCompact,
     "VACUUM where rows are dead; to give back free room, a person rewrites "
     "the table (VACUUM FULL, pg_repack)"},
    {Cause::kStaleStatistics, kCompact, "ANALYZE"},
    {Cause::kXidAge, kCompact, "VACUUM, which freezes old rows"},
    {Cause::kMemoryShort, "throttle_ingestion", "take less"},
    {Cause::kDiskFilling, "evict_cold_data throttle_ingestion",
     "move cold data to another disk, or take less"},
    {Cause::kConnectionSaturation, "",
     "end idle sessions of the named role, put a pooler in front"},
    {Cause::kDataUnreadable, "", "look at the named file; restore it"},
    {Cause::kUnexplained, "", "look at the witness edges"},
};
// clang-format on
static_assert(sizeof(kCures) / sizeof(kCures[0]) == kNumCauses);

absl::string_view Piece(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace

absl::Span<const Cure> Cures() { return kCures; }

std::vector<std::string> StrategiesOf(const Cure& cure) {
  return absl::StrSplit(Piece(cure.strategies), ' ', absl::SkipEmpty());
}

std::string CurePage() {
  std::string page =
      "| class | cause | strategies | what is done |\n|---|---|---|---|\n";
  for (const Cure& cure : Cures()) {
    std::vector<std::string> names = StrategiesOf(cure);
    for (std::string& name : names) name = absl::StrCat("`", name, "`");
    absl::StrAppend(&page, "| ", ToString(ClassOf(cure.cause)), " | `",
                    ToString(cure.cause), "` | ",
                    names.empty() ? "a person" : absl::StrJoin(names, ", "),
                    " | ", Piece(cure.what), " |\n");
  }
  return page;
}

}  // namespace ruvector::healing
