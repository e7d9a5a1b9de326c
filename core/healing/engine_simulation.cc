#include "core/healing/engine_simulation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ruvector::healing {
namespace {

constexpr const char* kClasses[] = {"hotspot_congestion", "centroid_skew",
                                    "index_fragmentation", "unknown"};
constexpr const char* kCollections[] = {"a", "b", "c"};
constexpr const char* kPersons[] = {"ann", "bob", "cem"};

enum Behaviour {
  kHelps,
  kUseless,
  kWorse,  // breaks a guard
  kFailsMidway,
  kCrashes,
  kHangs,  // obeys nothing but a kill
  kNotApplicable,
  kPlanCrashes,
  kChangesNothing,
  kUnmeasurable,  // its target cannot be read
  kIrreversible,  // helps or not
  kNumBehaviours
};

StrategyProfile Profile(int i, Rng& rng) {
  StrategyProfile profile;
  profile.name = absl::StrCat("strategy_", i);
  profile.identity = "1";
  profile.impact = 0.05 * static_cast<double>(1 + rng.Below(14));
  profile.asks_first = rng.Below(5) == 0;
  for (int c = 0; c < 3; ++c) {
    if (rng.Below(2) == 0) profile.handles.push_back(kClasses[c]);
  }
  if (profile.handles.empty()) profile.handles.push_back(kClasses[0]);
  profile.expectations.target = {"health", "", true, 0.1};
  profile.expectations.guards = {{"latency", "", false, 0.2}};
  return profile;
}

}  // namespace

EngineSimulation::EngineSimulation(uint64_t seed)
    : rng_(seed * 2654435761u + 1) {
  const int count = 2 + static_cast<int>(rng_.Below(5));
  for (int i = 0; i < count; ++i) {
    strategies_.push_back(Profile(i, rng_));
    behaviours_[strategies_.back().name] =
        Chance(3) ? kHelps : static_cast<int>(rng_.Below(kNumBehaviours));
  }
  ChangeConfig();
  config_.enabled = true;
  Begin();
}

void EngineSimulation::ChangeConfig() {
  config_ = HealingConfig();
  config_.enabled = !Chance(10);
  config_.min_healing_interval_seconds = static_cast<int64_t>(rng_.Below(120));
  config_.max_attempts_per_window =
      Chance(10) ? 0 : 1 + static_cast<int64_t>(rng_.Below(5));
  config_.attempt_window_seconds = 60 + static_cast<int64_t>(rng_.Below(2000));
  config_.max_auto_heal_impact = 0.3 + 0.6 * rng_.Uniform();
  config_.max_impact_in_flight = 0.3 + rng_.Uniform();
  config_.stabilisation_seconds = static_cast<int64_t>(rng_.Below(20));
  config_.approval.expiry_seconds = 30 + static_cast<int64_t>(rng_.Below(500));
  config_.approval.second_person = Chance(4);
  config_.learning_enabled = !Chance(4);
  config_.timeouts.min_seconds = 20;
  config_.timeouts.max_seconds = 60;
  config_.timeouts.undo_seconds = 60;
  config_.undo_attempts = 1 + static_cast<int64_t>(rng_.Below(3));
  config_.breaker.ineffective_attempts =
      1 + static_cast<int64_t>(rng_.Below(4));
  config_.breaker.close_after_seconds = static_cast<int64_t>(rng_.Below(200));
  config_.quarantine_after_faults = 1 + static_cast<int64_t>(rng_.Below(4));
  if (Chance(8)) config_.blast_radius.max_rows = 10;
  if (Chance(8)) config_.allowed_hours = {"01:00", "13:00"};
  for (const StrategyProfile& profile : strategies_) {
    if (!Chance(3)) continue;
    config_.strategies[profile.name].mode =
        static_cast<StrategyMode>(rng_.Below(4));
  }
}

void EngineSimulation::Begin() {
  state_ = EngineState();
  Send(ConfigChanged{config_});
  Send(KillSwitch{kill_switch_});
  Send(StrategiesChanged{strategies_});
  Restarted restarted;
  if (has_memory_) restarted.memory = EncodeMemory(stored_);
  restarted.seed = rng_.Next();
  for (const auto& [id, row] : rows_) {
    if (IsEnd(row.state)) continue;
    const std::string text = EncodeAction(row);
    restarted.rows.push_back({DecodeAction(text).value(), DoneBy(id)});
    if (EncodeAction(restarted.rows.back().action) != text) {
      Fail("a row changes when it is stored");
    }
  }
  Send(std::move(restarted));
}

void EngineSimulation::Crash() {
  ++crashes_;
  line_.clear();
  inbox_.clear();
  workers_.clear();
  Begin();
}

ActsDone EngineSimulation::DoneBy(int64_t id) const {
  const auto found = acts_.find(id);
  if (found == acts_.end()) return {};
  return {found->second.ever, found->second.irreversible,
          found->second.changes};
}

void EngineSimulation::Fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void EngineSimulation::Send(decltype(Input::what) what) {
  digest_ = digest_ * 1099511628211u + what.index();
  const EngineState before = state_;
  EngineStep step = healing::Step(std::move(state_), {now_, std::move(what)});
  state_ = std::move(step.state);
  for (const Effect& effect : step.effects) {
    digest_ = digest_ * 1099511628211u + 31 + effect.index();
  }
  Check(before, step.effects);
  TakeUp(std::move(step.effects));
}

void EngineSimulation::TakeUp(std::vector<Effect> effects) {
  Transaction transaction;
  for (Effect& effect : effects) {
    if (const auto* sample = std::get_if<TakeSample>(&effect)) {
      // Some answers never come.
      const auto open = state_.open.find(sample->action);
      if (open == state_.open.end() || (Chance(20) && !calm_)) continue;
      inbox_.push_back(Sampled{sample->action, Measure(open->second.action)});
    } else if (const auto* cancel = std::get_if<CancelWorker>(&effect)) {
      const int64_t id = cancel->action;
      if (workers_.count(id) != 0) {
        workers_[id].cancelled = true;
        continue;
      }
      const auto is_run = [id](const Effect& e) {
        const auto* run = std::get_if<RunExecution>(&e);
        const auto* undo = std::get_if<RunUndos>(&e);
        return (run != nullptr && run->action == id) ||
               (undo != nullptr && undo->action == id);
      };
      for (Transaction& t : line_) {
        const auto kept =
            std::remove_if(t.effects.begin(), t.effects.end(), is_run);
        if (kept == t.effects.end()) continue;
        t.effects.erase(kept, t.effects.end());
        inbox_.push_back(NoWorker{id});
      }
    } else if (const auto* kill = std::get_if<KillWorker>(&effect)) {
      if (workers_.count(kill->action) != 0) {
        workers_[kill->action].killed = true;
      }
    } else if (!std::holds_alternative<Reply>(effect)) {
      transaction.effects.push_back(std::move(effect));
    }
  }
  if (transaction.effects.empty()) return;
  transaction.memory = state_.memory;
  line_.push_back(std::move(transaction));
}

void EngineSimulation::CommitNext(bool may_fail) {
  if (line_.empty() || !IsActive(state_)) return;
  if (may_fail && Chance(10)) {
    std::vector<Effect>& effects = line_.front().effects;
    for (const Effect& effect : effects) {
      if (const auto* intent = std::get_if<CommitIntent>(&effect)) {
        inbox_.push_back(IntentResult{intent->action.id, false, "disk full"});
      }
    }
    effects.erase(
        std::remove_if(effects.begin(), effects.end(),
                       [](const Effect& e) {
                         return std::holds_alternative<CommitIntent>(e);
                       }),
        effects.end());
    return;
  }
  const Transaction transaction = std::move(line_.front());
  line_.pop_front();
  stored_ = transaction.memory;
  has_memory_ = true;
  for (const Effect& effect : transaction.effects) {
    if (const auto* intent = std::get_if<CommitIntent>(&effect)) {
      rows_[intent->action.id] = intent->action;
      intents_.insert(intent->action.id);
      inbox_.push_back(IntentResult{intent->action.id, true, ""});
    } else if (const auto* record = std::get_if<RecordState>(&effect)) {
      rows_[record->action.id] = record->action;
    } else if (const auto* end = std::get_if<RecordEnd>(&effect)) {
      const Action& a = end->action;
      rows_[a.id] = a;
      ++ends_[a.state];
      const bool acted = ran_.count(a.id) != 0;
      if (acted && a.state != ActionState::kDone &&
          a.state != ActionState::kRolledBack &&
          a.state != ActionState::kNeedsHuman) {
        // Aborted and the like are for what has never begun, or changed.
        Fail(absl::StrCat("action ", a.id, " ran and ended as ",
                          std::string(ActionStateName(a.state))));
      }
      if (a.state == ActionState::kRolledBack &&
          (acts_[a.id].changes != 0 || acts_[a.id].irreversible)) {
        Fail(absl::StrCat("action ", a.id, " is rolled back, but not undone"));
      }
      if (a.state == ActionState::kDone && acts_[a.id].changes == 0 &&
          !acts_[a.id].irreversible) {
        Fail(absl::StrCat("action ", a.id, " is done, but did nothing"));
      }
    }
  }
  for (const Effect& effect : transaction.effects) Perform(effect);
}

void EngineSimulation::Perform(const Effect& effect) {
  if (const auto* ask = std::get_if<AskPlan>(&effect)) {
    const Action& a = ask->action;
    if (!calm_ && Chance(15)) return;  // never answered
    switch (behaviours_[a.strategy]) {
      case kNotApplicable:
        inbox_.push_back(
            PlanFailed{a.id, PlanFailure::kNotApplicable, "no routing"});
        return;
      case kPlanCrashes:
        inbox_.push_back(PlanFailed{a.id, PlanFailure::kFault, "signal 11"});
        return;
      default:
        break;
    }
    PlanSummary plan;
    plan.steps = Chance(12) ? 0 : 1 + static_cast<int64_t>(rng_.Below(4));
    plan.rows = static_cast<double>(rng_.Below(40));
    plan.seconds = Chance(3) ? std::nan("") : 5.0;
    plan.lock_level = LockLevel::kRowExclusive;
    // Objects of the collection, and now and then one that all share.
    plan.objects = {absl::StrCat(a.incident.collection, "_", rng_.Below(2))};
    if (Chance(3)) plan.objects.push_back("job");
    inbox_.push_back(PlanMade{a.id, plan});
    return;
  }
  const auto* run = std::get_if<RunExecution>(&effect);
  const auto* undo = std::get_if<RunUndos>(&effect);
  if (run == nullptr && undo == nullptr) return;
  const int64_t id = run != nullptr ? run->action : undo->action;
  if (!calm_ && Chance(8)) {
    inbox_.push_back(NoWorker{id});
    return;
  }
  if (workers_.count(id) != 0) Fail("two workers for one action");
  if (intents_.count(id) == 0) Fail("a worker without a committed intent");
  Worker worker;
  worker.undoing = undo != nullptr;
  worker.acts_left =
      undo != nullptr ? acts_[id].changes : 1 + static_cast<int>(rng_.Below(3));
  workers_[id] = worker;
  if (run != nullptr) {
    ran_.insert(id);
    const Action& a = rows_.at(id);
    const HealingConfig& config = admitted_under_[id];
    std::vector<absl::Time>& starts = starts_[a.incident.collection];
    starts.push_back(now_);
    const absl::Time begin =
        now_ - absl::Seconds(config.attempt_window_seconds);
    if (std::count_if(starts.begin(), starts.end(), [&](absl::Time at) {
          return at > begin;
        }) > config.max_attempts_per_window) {
      Fail(absl::StrCat("too many attempts on ", a.incident.collection));
    }
  }
}

// A worker does something durable, or ends.
void EngineSimulation::WorkerStep(int64_t id) {
  Worker& worker = workers_.at(id);
  if (!worker.begun && !worker.undoing && !Chance(4)) {
    worker.begun = true;
    inbox_.push_back(WorkerStarted{id});
    return;
  }
  const int behaviour = behaviours_[rows_.at(id).strategy];
  const bool hangs = behaviour == kHangs && !worker.undoing;
  const bool stops = worker.killed || (worker.cancelled && !hangs);
  if (stops || worker.acts_left == 0) {
    EndWorker(id);
    return;
  }
  if (hangs && Chance(2)) return;
  if (worker.undoing) {
    if (!calm_ && Chance(6)) {
      worker.acts_left = 0;  // a lock time-out
      return;
    }
    --worker.acts_left;
    --acts_[id].changes;
    return;
  }
  if (behaviour == kChangesNothing) {
    worker.acts_left = 0;
    return;
  }
  if (hangs && acts_[id].ever) return;
  // No act without a committed intent, on a row that has not ended.
  if (intents_.count(id) == 0 || IsEnd(rows_.at(id).state)) {
    Fail("an act without an open, committed intent");
  }
  Acts& acts = acts_[id];
  acts.ever = true;
  if (behaviour == kIrreversible) {
    acts.irreversible = true;
  } else {
    ++acts.changes;
  }
  --worker.acts_left;
  if ((behaviour == kFailsMidway || behaviour == kCrashes) && Chance(2)) {
    EndWorker(id);
  }
}

void EngineSimulation::EndWorker(int64_t id) {
  const Worker worker = workers_.at(id);
  workers_.erase(id);
  const int behaviour = behaviours_[rows_.at(id).strategy];
  if (worker.undoing) {
    const int left = acts_[id].changes;
    UndoEnd how = left == 0 ? UndoEnd::kFinished : UndoEnd::kFailed;
    if (left != 0 && Chance(5)) how = UndoEnd::kConflict;
    inbox_.push_back(UndoEnded{id, how, left, "lock timeout"});
    return;
  }
  ExecutionEnd how = ExecutionEnd::kCompleted;
  if (worker.killed || behaviour == kCrashes) {
    how = ExecutionEnd::kFault;
  } else if (worker.cancelled) {
    how = ExecutionEnd::kStopped;
  } else if (behaviour == kFailsMidway) {
    how = ExecutionEnd::kFailed;
  }
  inbox_.push_back(ExecutionEnded{id, how, DoneBy(id), "it says so"});
}

std::vector<Measured> EngineSimulation::Measure(const Action& a) {
  const int behaviour = behaviours_[a.strategy];
  const bool after = a.state == ActionState::kVerifying;
  if (behaviour == kUnmeasurable && !after) return {std::nullopt, 1.0};
  if (!calm_ && Chance(20)) return {0.5, std::nullopt};
  const bool helps = behaviour == kHelps || behaviour == kHangs ||
                     behaviour == kCrashes ||
                     (behaviour == kIrreversible && Chance(2));
  return {after && helps ? 0.9 : 0.5, after && behaviour == kWorse ? 2.0 : 1.0};
}

void EngineSimulation::Answer() {
  if (inbox_.empty()) return;
  // In any order, as workers and pipes have it.
  const size_t i = rng_.Below(inbox_.size());
  decltype(Input::what) what = std::move(inbox_[i]);
  inbox_.erase(inbox_.begin() + static_cast<std::ptrdiff_t>(i));
  Send(std::move(what));
}

void EngineSimulation::RandomPass() {
  Pass pass;
  for (const char* collection : kCollections) {
    if (Chance(5)) continue;
    pass.collections.push_back(collection);
    for (const char* problem : kClasses) {
      if (!Chance(3)) continue;
      pass.incidents.push_back({collection,
                                problem,
                                "",
                                1,
                                rng_.Uniform(),
                                0.3 + 0.7 * rng_.Uniform(),
                                {}});
    }
  }
  Send(std::move(pass));
}

void EngineSimulation::Person() {
  const std::string by = kPersons[rng_.Below(3)];
  const std::string collection = kCollections[rng_.Below(3)];
  const std::string strategy = strategies_[rng_.Below(strategies_.size())].name;
  const int64_t request = ++requests_;
  const int64_t action =
      state_.open.empty() || Chance(5)
          ? static_cast<int64_t>(rng_.Below(20))
          : std::next(state_.open.begin(), static_cast<std::ptrdiff_t>(
                                               rng_.Below(state_.open.size())))
                ->first;
  switch (rng_.Below(9)) {
    case 0:
      return Send(Trigger{request, collection, by});
    case 1:
      return Send(Execute{request, collection, strategy, "{}", by});
    case 2:
    case 3:
    case 4:
      return Send(Approve{request, action, by});
    case 5:
      return Send(Abort{request, action, by});
    case 6:
      return Chance(2) ? Send(Reject{request, action, by})
                       : Send(ResetBreaker{request, collection, by});
    case 7:
      return Chance(2) ? Send(ReleaseStrategy{request, strategy, by})
                       : Send(ResetLearning{request, strategy, by});
    default: {
      // Of what is written as done, as the function reads it.
      for (const auto& [id, row] : rows_) {
        if (row.state != ActionState::kDone || !Chance(2)) continue;
        return Send(Rollback{request, row, DoneBy(id), by});
      }
    }
  }
}

void EngineSimulation::Step() {
  if (Chance(3)) now_ += absl::Seconds(1 + rng_.Below(4));
  switch (rng_.Below(16)) {
    case 0:
      return RandomPass();
    case 1:
      return Chance(3) ? Person() : Answer();
    case 2:
      if (config_.enabled && !Chance(8)) return Send(Tick{});
      ChangeConfig();
      return Send(ConfigChanged{config_});
    case 3:
      if (!kill_switch_ && !Chance(10)) return Send(Tick{});
      kill_switch_ = !kill_switch_;
      return Send(KillSwitch{kill_switch_});
    case 4:
      return Chance(12) ? Crash() : Send(Tick{});
    case 5:
      // Now and then nothing happens until the next deadline.
      if (const auto next = NextDeadline(state_); next && Chance(6)) {
        now_ = std::max(now_, *next);
      }
      return Send(Tick{});
    case 6:
    case 7:
    case 8:
    case 9:
      return CommitNext(/*may_fail=*/true);
    case 10:
    case 11:
    case 12: {
      if (workers_.empty()) return Send(Tick{});
      const size_t i = rng_.Below(workers_.size());
      return WorkerStep(
          std::next(workers_.begin(), static_cast<std::ptrdiff_t>(i))->first);
    }
    default:
      return Answer();
  }
}

void EngineSimulation::Drain() {
  calm_ = true;
  config_.enabled = true;
  kill_switch_ = false;
  Send(ConfigChanged{config_});
  Send(KillSwitch{false});
  // Every problem is gone.
  Send(Pass{{std::begin(kCollections), std::end(kCollections)}, {}});
  for (int i = 0; i < 4000; ++i) {
    if (state_.open.empty() && line_.empty() && workers_.empty()) break;
    if (!line_.empty()) {
      CommitNext(/*may_fail=*/false);
    } else if (!inbox_.empty()) {
      Answer();
    } else if (!workers_.empty() && !Chance(20)) {
      WorkerStep(workers_.begin()->first);
    } else {
      now_ += absl::Seconds(1);
      if (const auto next = NextDeadline(state_)) now_ = std::max(now_, *next);
      Send(Tick{});
    }
  }
  for (const auto& [id, open] : state_.open) {
    Fail(absl::StrCat("action ", id, " stays ",
                      std::string(ActionStateName(open.action.state)), ": ",
                      open.action.reason));
  }
  for (const auto& [id, row] : rows_) {
    if (IsEnd(row.state)) continue;
    Fail(absl::StrCat("row ", id, " stays ",
                      std::string(ActionStateName(row.state))));
  }
}

// Called when an action has just been admitted.
void EngineSimulation::CheckAdmission(const OpenAction& admitted) {
  const Action& a = admitted.action;
  admitted_under_[a.id] = state_.config;
  double impact = 0;
  for (const auto& [id, open] : state_.open) {
    const Action& other = open.action;
    if (!IsInFlight(other.state)) continue;
    impact += other.impact;
    if (id == a.id) continue;
    if (other.incident.collection == a.incident.collection) {
      Fail("two actions on one collection");
    }
    for (const std::string& object : a.plan.objects) {
      if (std::count(other.plan.objects.begin(), other.plan.objects.end(),
                     object) != 0) {
        Fail("two actions on one object");
      }
    }
  }
  if (impact > state_.config.max_impact_in_flight + 1e-9) {
    Fail("the impact in flight is beyond the budget");
  }
}

void EngineSimulation::Check(const EngineState& before,
                             const std::vector<Effect>& effects) {
  const bool active = IsActive(state_);
  if (state_.illegal_moves != 0) Fail("a move that is not in the table");
  for (const Effect& effect : effects) {
    if (!active && Writes(effect)) Fail("a write while healing is disabled");
    if (const auto* ask = std::get_if<AskPlan>(&effect)) {
      if (!ask->action.named &&
          ask->action.impact > state_.config.max_auto_heal_impact) {
        Fail("a strategy was chosen above the ceiling");
      }
    }
    if (const auto* intent = std::get_if<CommitIntent>(&effect)) {
      if (UnknownMetric(intent->action.expectations, intent->action.before)) {
        Fail("an intent without values before");
      }
    }
  }
  for (const auto& [id, open] : state_.open) {
    const auto was = before.open.find(id);
    const bool in_flight =
        was != before.open.end() && IsInFlight(was->second.action.state);
    if (IsInFlight(open.action.state) && !in_flight && before.recovered) {
      CheckAdmission(open);
    }
    if (MayHaveActed(open.action.state) && intents_.count(id) == 0) {
      Fail("acting without a committed intent");
    }
  }
  for (const auto& [id, worker] : workers_) {
    if (state_.open.count(id) == 0) Fail("a worker of a closed action");
  }
}

}  // namespace ruvector::healing
