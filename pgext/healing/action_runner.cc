#include "pgext/healing/action_runner.h"

#include "absl/strings/str_cat.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"

namespace ruvector::healing {
namespace {

TimestampTz ToTimestamp(absl::Time time) {
  const absl::Time postgres_epoch = absl::FromUnixSeconds(946684800);
  return absl::ToInt64Microseconds(time - postgres_epoch);
}

}  // namespace

bool ActionRunner::Start(int64_t action, ActionWork work, bool kept,
                         absl::Time deadline) {
  if (running(action)) return false;
  uint32_t ticket = 0;
  const int slot =
      ReserveActionSlot(action, work, kept, ToTimestamp(deadline), &ticket);
  if (slot < 0) return false;
  const std::string name = absl::StrCat("ruvector healing action ", action);
  const absl::StatusOr<BackgroundWorkerHandle*> handle = pg::PgCall([&] {
    // The handle outlives the transaction, if there is one.
    const MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);
    BackgroundWorkerHandle* started =
        boot::StartActionWorker(MyDatabaseId, slot, ticket, name.c_str());
    MemoryContextSwitchTo(context);
    return started;
  });
  if (!handle.ok() || *handle == nullptr) {
    ReleaseActionSlot(slot);
    return false;
  }
  running_[action] = {slot, work, *handle};
  return true;
}

void ActionRunner::Stop(int64_t action, StopReason reason) {
  const auto found = running_.find(action);
  if (found != running_.end()) RequestActionStop(found->second.slot, reason);
}

void ActionRunner::StopSettling() {
  for (const auto& [action, running] : running_) {
    if (running.work != ActionWork::kSettle) continue;
    RequestActionStop(running.slot, StopReason::kDisabled);
  }
}

void ActionRunner::Kill(int64_t action) {
  const auto found = running_.find(action);
  if (found != running_.end()) KillActionWorker(found->second.slot);
}

void ActionRunner::KillAll() {
  for (const auto& [action, running] : running_) {
    RequestActionStop(running.slot, StopReason::kAborted);
    KillActionWorker(running.slot);
  }
}

std::vector<WorkerNews> ActionRunner::Poll() {
  std::vector<WorkerNews> news;
  for (auto it = running_.begin(); it != running_.end();) {
    const int64_t action = it->first;
    Running& running = it->second;
    // Before the slot is read: a worker that has stopped has ended its slot.
    pid_t pid = 0;
    const bool stopped =
        GetBackgroundWorkerPid(running.handle, &pid) == BGWH_STOPPED;
    const ActionSlot slot = ReadActionSlot(running.slot);
    const bool begun =
        slot.phase == SlotPhase::kRunning || slot.phase == SlotPhase::kEnded;
    if (begun && !running.told) {
      running.told = true;
      news.push_back({WorkerNews::What::kStarted, action, running.work});
    }
    const bool withdrawn =
        slot.phase == SlotPhase::kReserved && slot.stop != StopReason::kNone;
    if (!begun && (stopped || withdrawn)) {
      news.push_back({WorkerNews::What::kNone, action, running.work});
    } else if (slot.phase == SlotPhase::kEnded && stopped) {
      WorkerNews ended{WorkerNews::What::kEnded, action, running.work};
      ended.reported = slot.reported;
      ended.execution_end =
          slot.reported ? slot.execution_end : ExecutionEnd::kFailed;
      ended.undo_end = slot.reported ? slot.undo_end : UndoEnd::kFailed;
      ended.message =
          slot.reported ? std::string(slot.message)
          : slot.stop != StopReason::kNone
              ? "it did not stop when it was told to, and was killed"
              : "its worker was terminated";
      news.push_back(std::move(ended));
    } else {
      ++it;
      continue;
    }
    ReleaseActionSlot(running.slot);
    pfree(running.handle);
    it = running_.erase(it);
  }
  return news;
}

}  // namespace ruvector::healing
