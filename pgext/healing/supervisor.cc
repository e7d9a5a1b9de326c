#include "pgext/healing/supervisor.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/boot/settings.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/acts/acts.h"
#include "pgext/healing/diagnosis/problem_reader.h"
#include "pgext/healing/in_session.h"
#include "pgext/healing/plan_maker.h"
#include "pgext/plugins/server_plugins.h"
extern "C" {
#include "postmaster/interrupt.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

namespace ruvector::healing {
namespace {

constexpr absl::Duration kScanInterval = absl::Seconds(10);
constexpr absl::Duration kUpkeepInterval = absl::Seconds(2);
constexpr absl::Duration kActivityInterval = absl::Minutes(1);
constexpr absl::Duration kReadingInterval = absl::Seconds(5);
constexpr absl::Duration kSettleTimeout = absl::Minutes(10);
constexpr absl::Duration kSettleRetry = absl::Minutes(1);
// Before the engine's deadline: that a strategy did not answer is a fault, and
// the engine is to hear of it as one.
constexpr absl::Duration kPlanMargin = absl::Milliseconds(500);
constexpr char kManualCause[] = "manual";

// WithSpi, given up after kReadingTimeout: statement_timeout does not fire in
// a background worker by itself.
template <class F>
absl::Status WithBoundedSpi(const char* activity, F&& f) {
  enable_timeout_after(
      STATEMENT_TIMEOUT,
      static_cast<int>(absl::ToInt64Milliseconds(Supervisor::kReadingTimeout)));
  const absl::Status status = WithSpi(activity, f);
  disable_timeout(STATEMENT_TIMEOUT, false);
  QueryCancelPending = false;  // one that came too late is nobody's
  return status;
}

std::string IdentityText(const plugin::FileIdentity& id) {
  return absl::StrCat(id.device, ":", id.inode, ":", id.size, ":",
                      id.modified_ns);
}

bool SameProfiles(const std::vector<StrategyProfile>& a,
                  const std::vector<StrategyProfile>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StrategyProfile& x, const StrategyProfile& y) {
                      return x.name == y.name && x.identity == y.identity;
                    });
}

uint64_t Seed() {
  uint64_t seed = 0;
  if (!pg_strong_random(&seed, sizeof(seed))) {
    seed = static_cast<uint64_t>(absl::ToUnixNanos(absl::Now()));
  }
  return seed;
}

}  // namespace

void Supervisor::Complain(const std::string& what, const absl::Status& status) {
  if (status.ok()) {
    if (complaint_.rfind(what + ":", 0) == 0) complaint_.clear();
    return;
  }
  const std::string said =
      absl::StrCat(what, ": ", absl::string_view(status.message()));
  if (said == complaint_) return;  // said already
  complaint_ = said;
  pg::RunOrLog(LOG, [&] {
    return pg::PgError(
        pg::SqlStateOf(status),
        absl::StrCat("ruvector healing supervisor: ", complaint_),
        pg::DetailOf(status), pg::HintOf(status));
  });
}

// ---- Taking over ----------------------------------------------------------

absl::Status Supervisor::Load() {
  RV_FAILPOINT("healing.supervisor.load");
  StoredConfig config;
  Restarted restarted;
  int64_t next_action = 1;
  std::vector<int64_t> unreadable;
  RV_RETURN_IF_ERROR(
      WithSpi("taking over healing", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(config, ReadConfig(spi));
        RV_ASSIGN_OR_RETURN(restarted.memory, ReadMemory(spi));
        RV_ASSIGN_OR_RETURN(next_action, NextActionId(spi));
        RV_ASSIGN_OR_RETURN(std::vector<Action> actions,
                            ReadOpenActions(spi, &unreadable));
        for (Action& action : actions) {
          RV_ASSIGN_OR_RETURN(const ActsDone acts,
                              ReadActsDone(spi, action.id));
          restarted.rows.push_back({std::move(action), acts});
        }
        RV_ASSIGN_OR_RETURN(unsettled_, ReadUnsettled(spi));
        return absl::OkStatus();
      }));
  for (const int64_t action : unreadable) {
    Complain(absl::StrCat("action ", action),
             absl::DataLossError("its row cannot be read: it is left alone"));
  }
  restarted.seed = Seed();
  state_ = EngineState();
  state_.memory.next_action = next_action;
  config_identity_ = config.identity;
  Feed(ConfigChanged{std::move(config.config)});
  Feed(KillSwitch{!settings::healing});
  TakeStrategies();
  Feed(std::move(restarted));
  // A restored memory may be older than the restored actions.
  state_.memory.next_action = std::max(state_.memory.next_action, next_action);
  return absl::OkStatus();
}

bool Supervisor::Begin() {
  if (ClearForeignActionSlots()) return false;
  complaint_.clear();
  const absl::Status status = Load();
  Complain("taking over", status);
  return status.ok();
}

bool Supervisor::Leave() {
  runner_.KillAll();
  (void)runner_.Poll();
  return runner_.idle();
}

bool Supervisor::busy() const {
  return !runner_.idle() || !line_.empty() || planning_ ||
         std::any_of(state_.open.begin(), state_.open.end(),
                     [](const auto& entry) {
                       return IsInFlight(entry.second.action.state);
                     });
}

// ---- The engine -----------------------------------------------------------

void Supervisor::Feed(What what) {
  EngineStep step =
      Step(std::move(state_), Input{absl::Now(), std::move(what)});
  state_ = std::move(step.state);
  std::vector<int64_t> cancelled;
  for (const Effect& effect : step.effects) {
    if (!Writes(effect)) Perform(effect);
    const auto* cancel = std::get_if<CancelWorker>(&effect);
    if (cancel != nullptr) cancelled.push_back(cancel->action);
  }
  line_.Append(std::move(step.effects), state_.memory);
  // A run that is still in line does not begin once it is cancelled.
  for (const int64_t action : cancelled) {
    if (line_.Withdraw(action)) Feed(NoWorker{action});
  }
}

// What does not wait for a commit.
void Supervisor::Perform(const Effect& effect) {
  if (const auto* sample = std::get_if<TakeSample>(&effect)) {
    samples_.push_back(*sample);
  } else if (const auto* cancel = std::get_if<CancelWorker>(&effect)) {
    runner_.Stop(cancel->action, cancel->reason);
  } else if (const auto* kill = std::get_if<KillWorker>(&effect)) {
    runner_.Kill(kill->action);
  } else if (const auto* reply = std::get_if<Reply>(&effect)) {
    if (reply->request == request_) reply_ = *reply;
  }
}

void Supervisor::PerformStart(const Effect& effect) {
  if (const auto* question = std::get_if<AskPlan>(&effect)) {
    questions_.push_back(*question);
    return;
  }
  const auto* execution = std::get_if<RunExecution>(&effect);
  const auto* undos = std::get_if<RunUndos>(&effect);
  const int64_t action =
      execution != nullptr ? execution->action : undos->action;
  const absl::Time deadline =
      execution != nullptr ? execution->deadline : undos->deadline;
  const auto open = state_.open.find(action);
  const bool wanted =
      open != state_.open.end() && !open->second.cancelled.has_value();
  const ActionWork work =
      execution != nullptr ? ActionWork::kExecute : ActionWork::kUndo;
  if (!wanted || !runner_.Start(action, work, false, deadline)) {
    Feed(NoWorker{action});
  }
}

void Supervisor::FlushLine() {
  // While healing is disabled nothing is written.
  while (IsActive(state_)) {
    JournalLine::Outcome outcome = line_.TryFirst(absl::Now());
    if (!outcome.tried) return;
    Complain("recording", outcome.status);
    for (const IntentResult& intent : outcome.intents) Feed(intent);
    for (const Effect& effect : outcome.started) PerformStart(effect);
    if (!outcome.status.ok()) return;
  }
}

// ---- Inputs ---------------------------------------------------------------

void Supervisor::NoteSettings() {
  if (ConfigReloadPending) {
    ConfigReloadPending = false;
    Complain("reading the configuration",
             pg::PgCall([] { ProcessConfigFile(PGC_SIGHUP); }));
  }
  if (state_.kill_switch == settings::healing) {
    Feed(KillSwitch{!settings::healing});
  }
  if (configured_ != PgReloadTime) {
    configured_ = PgReloadTime;
    next_scan_ = absl::InfinitePast();
  }
}

void Supervisor::TakeConfig() {
  StoredConfig config;
  const absl::Status status =
      WithSpi("reading the configuration of healing",
              [&](pg::SpiSession& spi) -> absl::Status {
                RV_ASSIGN_OR_RETURN(config, ReadConfig(spi));
                return absl::OkStatus();
              });
  Complain("configuration", status);
  if (!status.ok() || config.identity == config_identity_) return;
  config_identity_ = config.identity;
  Feed(ConfigChanged{std::move(config.config)});
}

void Supervisor::TakeStrategies() {
  next_scan_ = absl::Now() + kScanInterval;
  const absl::StatusOr<plugin::Scan> scan = plugins::ScanPlugins();
  absl::StatusOr<StrategyRegistry> registry =
      scan.ok() ? StrategyRegistry::From(*scan)
                : absl::StatusOr<StrategyRegistry>(scan.status());
  if (!registry.ok()) {
    Complain("strategies", registry.status());
    return;
  }
  std::vector<StrategyProfile> profiles;
  for (const std::string& name : registry->Names()) {
    const RegisteredStrategy* strategy = *registry->Find(name);
    profiles.push_back(
        ProfileOf(strategy->description, IdentityText(strategy->identity)));
  }
  registry_ = *std::move(registry);
  if (state_.recovered && SameProfiles(profiles, profiles_)) return;
  profiles_ = profiles;
  Feed(StrategiesChanged{std::move(profiles)});
}

void Supervisor::TakeProblems() {
  std::vector<CollectionDiagnosis> diagnoses;
  const absl::Status status =
      WithSpi("reading problems", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(diagnoses, ReadProblems(spi));
        return absl::OkStatus();
      });
  Complain("problems", status);
  if (!status.ok()) return;
  Pass pass;
  for (CollectionDiagnosis& diagnosis : diagnoses) {
    const auto seen = passes_.find(diagnosis.collection);
    if (seen != passes_.end() && seen->second == diagnosis.pass) continue;
    passes_[diagnosis.collection] = diagnosis.pass;
    pass.collections.push_back(diagnosis.collection);
    std::move(diagnosis.problems.begin(), diagnosis.problems.end(),
              std::back_inserter(pass.incidents));
  }
  if (!pass.collections.empty()) Feed(std::move(pass));
}

void Supervisor::TakeNews() {
  for (WorkerNews& news : runner_.Poll()) {
    // One that failed is tried again by Upkeep: its row is not settled.
    if (news.work == ActionWork::kSettle) continue;
    switch (news.what) {
      case WorkerNews::What::kStarted:
        if (news.work == ActionWork::kExecute) Feed(WorkerStarted{news.action});
        break;
      case WorkerNews::What::kNone:
        Feed(NoWorker{news.action});
        break;
      case WorkerNews::What::kEnded:
        ends_.push_back(std::move(news));
        next_end_ = absl::InfinitePast();
        break;
    }
  }
  if (ends_.empty() || absl::Now() < next_end_) return;
  next_end_ = absl::Now() + absl::Seconds(1);
  for (const WorkerNews& end : std::exchange(ends_, {})) TellEnd(end);
}

// What was done is in the journal of acts, whatever the worker said.
void Supervisor::TellEnd(const WorkerNews& end) {
  ActsDone acts;
  const absl::Status status = WithSpi(
      "reading what was done", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(acts, ReadActsDone(spi, end.action));
        return absl::OkStatus();
      });
  if (!status.ok()) {
    Complain("journal of acts", status);
    ends_.push_back(end);
    return;
  }
  // What an undo leaves is cleaned away now, whenever that was last done.
  settle_after_.erase(end.action);
  next_upkeep_ = absl::InfinitePast();
  if (end.work == ActionWork::kExecute) {
    Feed(ExecutionEnded{end.action, end.execution_end, acts, end.message});
  } else {
    Feed(UndoEnded{end.action, end.undo_end, acts.undos, end.message});
  }
}

// ---- Plans and samples ----------------------------------------------------

metrics::ReadOptions Supervisor::OptionsFor(const std::string& collection,
                                            absl::Time not_before) {
  metrics::ReadOptions options;
  const absl::Time old_enough = absl::Now() - absl::Seconds(1);
  for (const metrics::CounterReading& reading : readings_[collection]) {
    if (reading.at < not_before || reading.at > old_enough) continue;
    options.earlier = &reading;
    break;
  }
  return options;
}

// Kept for the collections that something may be measured of, so that no
// measurement of a rate has to wait.
void Supervisor::TakeReadings() {
  if (absl::Now() < next_reading_ || !IsActive(state_)) return;
  next_reading_ = absl::Now() + kReadingInterval;
  std::map<std::string, bool> wanted;
  for (const auto& [id, open] : state_.open) {
    wanted[open.action.incident.collection] = true;
  }
  for (const Incident& problem : state_.problems) {
    wanted[problem.collection] = true;
  }
  for (auto it = readings_.begin(); it != readings_.end();) {
    it = wanted.count(it->first) != 0 ? std::next(it) : readings_.erase(it);
  }
  for (const auto& [name, unused] : wanted) {
    metrics::CounterReading reading;
    const absl::Status status = WithBoundedSpi(
        "reading counters", [&](pg::SpiSession& spi) -> absl::Status {
          RV_ASSIGN_OR_RETURN(const integrity::Collection collection,
                              integrity::FindCollection(spi, name));
          RV_ASSIGN_OR_RETURN(reading, metrics::ReadCounters(spi, collection));
          return absl::OkStatus();
        });
    if (!status.ok()) continue;  // then a measurement waits
    std::deque<metrics::CounterReading>& kept = readings_[name];
    kept.push_back(std::move(reading));
    while (kept.size() > 3) kept.pop_front();
  }
}

void Supervisor::Sample() {
  while (!samples_.empty()) {
    const TakeSample sample = std::move(samples_.front());
    samples_.pop_front();
    const auto open = state_.open.find(sample.action);
    if (open == state_.open.end()) continue;
    const Action& action = open->second.action;
    std::vector<Measured> values;
    const absl::Status status =
        WithBoundedSpi("measuring", [&](pg::SpiSession& spi) -> absl::Status {
          RV_ASSIGN_OR_RETURN(
              const integrity::Collection collection,
              integrity::FindCollection(spi, action.incident.collection));
          RV_ASSIGN_OR_RETURN(
              values,
              metrics::ReadExpectations(
                  spi, collection, sample.expectations,
                  OptionsFor(collection.name,
                             action.completed.value_or(absl::InfinitePast()))));
          return absl::OkStatus();
        });
    Complain(absl::StrCat("measuring for action ", sample.action), status);
    if (!status.ok()) values.assign(sample.expectations.size(), std::nullopt);
    Feed(Sampled{sample.action, std::move(values)});
    next_upkeep_ = absl::InfinitePast();  // it may have ended by this
  }
}

absl::StatusOr<PlanMade> Supervisor::MakePlan(const AskPlan& question) {
  RV_FAILPOINT("healing.plan.start");
  const Action& action = question.action;
  RV_ASSIGN_OR_RETURN(const RegisteredStrategy* found,
                      registry_.Find(action.strategy));
  const RegisteredStrategy strategy = *found;
  Incident incident = action.incident;
  PlanInputs inputs;
  RV_RETURN_IF_ERROR(WithBoundedSpi(
      "reading metrics for a plan", [&](pg::SpiSession& spi) -> absl::Status {
        if (incident.cause == kManualCause) {
          RV_ASSIGN_OR_RETURN(incident.gate_state,
                              ReadGateState(spi, incident.collection));
        }
        RV_ASSIGN_OR_RETURN(
            inputs, ReadPlanInputs(
                        spi, strategy, incident, action.parameters,
                        OptionsFor(incident.collection, absl::InfinitePast())));
        return absl::OkStatus();
      }));
  planning_ = true;
  absl::StatusOr<sdk::Plan> plan =
      AskStrategy(inputs, question.deadline - kPlanMargin,
                  [this](int fd, bool for_writing, absl::Time until) {
                    const absl::Status waited = WaitOnLatch(
                        fd, for_writing, std::min(until, absl::Now() + Idle()));
                    if (waited.ok()) Turn();
                    return waited;
                  });
  planning_ = false;
  RV_RETURN_IF_ERROR(plan.status());
  MadePlan made;
  RV_RETURN_IF_ERROR(WithBoundedSpi(
      "describing a plan", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(made, DescribePlan(spi, inputs, *plan));
        return absl::OkStatus();
      }));
  if (state_.open.count(action.id) != 0) {
    line_.SetPlan(action.id, {std::move(made.json), std::move(made.stored)});
  }
  return PlanMade{action.id, std::move(made.summary)};
}

void Supervisor::MakePlans() {
  if (planning_) return;
  while (!questions_.empty()) {
    const AskPlan question = std::move(questions_.front());
    questions_.pop_front();
    const int64_t id = question.action.id;
    if (state_.open.count(id) == 0) continue;
    absl::StatusOr<PlanMade> made = MakePlan(question);
    if (made.ok()) {
      Feed(*std::move(made));
    } else {
      Feed(PlanFailed{id, WhyNoPlan(made.status()),
                      std::string(made.status().message())});
    }
  }
}

// ---- The loop -------------------------------------------------------------

void Supervisor::Upkeep() {
  if (!IsActive(state_) || absl::Now() < next_upkeep_) return;
  next_upkeep_ = absl::Now() + kUpkeepInterval;
  const bool note_activity = absl::Now() >= next_activity_;
  if (note_activity) next_activity_ = absl::Now() + kActivityInterval;
  const absl::Status status =
      WithBoundedSpi("keeping house", [&](pg::SpiSession& spi) -> absl::Status {
        RV_RETURN_IF_ERROR(ReleaseExpiredHolds(spi));
        RV_ASSIGN_OR_RETURN(unsettled_, ReadUnsettled(spi));
        if (!note_activity) return absl::OkStatus();
        RV_ASSIGN_OR_RETURN(
            const std::vector<integrity::Collection> collections,
            integrity::ListCollections(spi));
        for (const integrity::Collection& collection : collections) {
          RV_RETURN_IF_ERROR(metrics::NoteActivity(spi, collection));
        }
        return absl::OkStatus();
      });
  Complain("upkeep", status);
  for (const auto& [action, kept] : unsettled_) {
    if (runner_.running(action) || state_.open.count(action) != 0) continue;
    absl::Time& next_try = settle_after_[action];
    if (absl::Now() < next_try) continue;
    // Without a free slot now, in two seconds.
    if (runner_.Start(action, ActionWork::kSettle, kept,
                      absl::Now() + kSettleTimeout)) {
      next_try = absl::Now() + kSettleRetry;
    }
  }
}

// What must not wait while a strategy thinks.
void Supervisor::Turn() {
  NoteSettings();
  TakeNews();
  ServeRequest();
  Feed(Tick{});
  if (!IsActive(state_)) runner_.StopSettling();
  FlushLine();
}

void Supervisor::Round() {
  if (absl::Now() >= next_scan_) TakeStrategies();
  TakeConfig();
  TakeProblems();
  Turn();
  TakeReadings();
  Upkeep();
  // Each answer may ask for more.
  while (!samples_.empty() || !questions_.empty()) {
    Sample();
    FlushLine();
    MakePlans();
    FlushLine();
  }
}

absl::Duration Supervisor::Idle() const {
  const absl::Time now = absl::Now();
  absl::Duration idle = absl::Seconds(5);
  if (const auto deadline = NextDeadline(state_)) {
    idle = std::min(idle, *deadline - now);
  }
  if (IsActive(state_)) {
    idle = std::min(idle, line_.next_try() - now);
    if (next_upkeep_ == absl::InfinitePast()) idle = absl::ZeroDuration();
  }
  if (!runner_.idle() || !ends_.empty()) {
    idle = std::min(idle, absl::Seconds(1));
  }
  return std::max(idle, absl::Milliseconds(10));
}

}  // namespace ruvector::healing
