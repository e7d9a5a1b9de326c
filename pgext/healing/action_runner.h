// The supervisor's action workers: starting, stopping, and learning how they
// ended, each exactly once. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_ACTION_RUNNER_H_
#define RUVECTOR_PGEXT_HEALING_ACTION_RUNNER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/healing/engine_io.h"
#include "pgext/healing/action_slots.h"
extern "C" {
#include "postmaster/bgworker.h"
}

namespace ruvector::healing {

// Something to tell the engine.
struct WorkerNews {
  enum class What { kStarted, kNone, kEnded };
  What what;
  int64_t action;
  ActionWork work;
  // Of kEnded.
  bool reported = false;
  ExecutionEnd execution_end = ExecutionEnd::kFault;
  UndoEnd undo_end = UndoEnd::kFailed;
  std::string message = "";
};

class ActionRunner {
 public:
  // False: no slot or no background worker is free, or one of this action
  // lives.
  bool Start(int64_t action, ActionWork work, bool kept, absl::Time deadline);
  // CancelWorker: one that has not begun will not.
  void Stop(int64_t action, StopReason reason);
  // The same for those that only clean up.
  void StopSettling();
  void Kill(int64_t action);
  // Terminates all.
  void KillAll();

  // What has happened since the last call.
  std::vector<WorkerNews> Poll();

  bool idle() const { return running_.empty(); }
  bool running(int64_t action) const { return running_.count(action) != 0; }

 private:
  struct Running {
    int slot;
    ActionWork work;
    BackgroundWorkerHandle* handle;
    bool told = false;  // that it has started
  };
  std::map<int64_t, Running> running_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTION_RUNNER_H_
