// The healing supervisor of one database: feeds the engine (core/healing) with
// what happens, and does what it says. [backend-main]
//
//   problems of the last passes, requests of persons, plans, samples, reports
//   of action workers, time  ->  healing::Step  ->  the line of writes, action
//   workers, strategies' plans, samples, replies
//
// It never runs an action itself, so that deadlines, aborts and the kill switch
// are always served. A plan is made here: it needs no background worker slot,
// so that an action that waits for one waits with its plan to be seen; while
// the strategy's process thinks, its wait turns the same loop. Metrics are read
// here as well, each reading bounded by kReadingTimeout.
#ifndef RUVECTOR_PGEXT_HEALING_SUPERVISOR_H_
#define RUVECTOR_PGEXT_HEALING_SUPERVISOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/engine.h"
#include "core/healing/strategy_registry.h"
#include "core/plugin/strategy_plugin.h"
#include "pgext/boot/worker_request.h"
#include "pgext/healing/action_runner.h"
#include "pgext/healing/journal_line.h"
#include "pgext/healing/metrics/metrics.h"

namespace ruvector::healing {

class Supervisor {
 public:
  static constexpr absl::Duration kReadingTimeout = absl::Seconds(5);

  // Takes over from an earlier process; false while a worker of it lives or
  // the tables cannot be read: call it again.
  bool Begin();
  // One turn of the loop.
  void Round();
  // Until when nothing is due.
  absl::Duration Idle() const;
  // An action is under way: not the time to make room.
  bool busy() const;
  // Ends the action workers; false while one lives.
  bool Leave();
  // What keeps it from its work, for ruvector.workers; "": nothing.
  const std::string& complaint() const { return complaint_; }

 private:
  using What = decltype(Input::what);

  absl::Status Load();
  void Feed(What what);
  void Perform(const Effect& effect);
  void PerformStart(const Effect& effect);

  void NoteSettings();
  void TakeConfig();
  void TakeStrategies();
  void TakeProblems();
  void TakeNews();
  void TellEnd(const WorkerNews& news);
  void ServeRequest();
  absl::StatusOr<std::string> Serve(const boot::WorkerRequest& request);
  absl::StatusOr<What> InputFor(const boot::WorkerRequest& request);
  void FlushLine();
  void Sample();
  void MakePlans();
  absl::StatusOr<PlanMade> MakePlan(const AskPlan& question);
  void TakeReadings();
  metrics::ReadOptions OptionsFor(const std::string& collection,
                                  absl::Time not_before);
  void Upkeep();
  void Turn();
  void Complain(const std::string& what, const absl::Status& status);

  EngineState state_;
  JournalLine line_;
  ActionRunner runner_;
  StrategyRegistry registry_;
  std::vector<StrategyProfile> profiles_;  // as last fed
  std::optional<std::string> config_identity_;
  std::map<std::string, int64_t> passes_;  // of each collection, as last fed
  std::deque<AskPlan> questions_;
  std::deque<TakeSample> samples_;
  std::vector<WorkerNews> ends_;  // whose journal could not be read yet
  std::map<std::string, std::deque<metrics::CounterReading>> readings_;
  bool planning_ = false;

  // The request that is being served, and its answer.
  int64_t request_ = 0;
  std::optional<Reply> reply_;

  absl::Time next_scan_ = absl::InfinitePast();
  absl::Time next_upkeep_ = absl::InfinitePast();
  absl::Time next_activity_ = absl::InfinitePast();
  absl::Time next_reading_ = absl::InfinitePast();
  absl::Time next_end_ = absl::InfinitePast();
  TimestampTz configured_ = -1;
  std::vector<std::pair<int64_t, bool>> unsettled_;
  std::map<int64_t, absl::Time> settle_after_;
  std::string complaint_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SUPERVISOR_H_
