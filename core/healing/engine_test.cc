#include "core/healing/engine.h"

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

constexpr absl::Duration kSecond = absl::Seconds(1);

StrategyProfile Profile(std::string name, double impact) {
  return {std::move(name),
          "file 1",
          impact,
          false,
          {"hotspot"},
          {{"health", "", true, 0.1}, {{"latency", "", false, 0.2}}}};
}
Incident Hotspot(std::string collection = "c") {
  return {std::move(collection), "hotspot", "", 1, 0.8, 0.9, {}};
}

// The engine with a host that does nothing by itself.
struct Harness {
  explicit Harness(HealingConfig with = {}) : config(std::move(with)) {
    Start({}, "");
  }
  void Start(std::vector<OpenRow> rows, std::string memory) {
    state = EngineState();
    Send(ConfigChanged{config});
    Send(StrategiesChanged{strategies});
    Send(Restarted{std::move(memory), std::move(rows), 7});
  }
  void Send(decltype(Input::what) what) {
    EngineStep step = Step(std::move(state), {now, std::move(what)});
    state = std::move(step.state);
    effects = std::move(step.effects);
    for (const Effect& effect : effects) {
      if (const auto* end = std::get_if<RecordEnd>(&effect)) {
        ended[end->action.id] = end->action;
      }
      if (const auto* reply = std::get_if<Reply>(&effect)) said = *reply;
    }
  }
  void Wait(absl::Duration by) {
    now += by;
    Send(Tick{});
  }
  template <typename T>
  const T* Out() const {
    for (const Effect& effect : effects) {
      if (const auto* found = std::get_if<T>(&effect)) return found;
    }
    return nullptr;
  }
  const Action& Of(int64_t id) const {
    const auto open = state.open.find(id);
    return open != state.open.end() ? open->second.action : ended.at(id);
  }
  ActionState At(int64_t id) const { return Of(id).state; }

  void See(std::vector<Incident> incidents = {Hotspot()}) {
    Send(Pass{{"c", "d"}, std::move(incidents)});
  }
  void Plan(int64_t id) {
    PlanSummary plan;
    plan.steps = 1;
    plan.objects = {"part_7"};
    plan.seconds = 30;
    Send(PlanMade{id, plan});
  }
  // Forward along the straight way until `goal`.
  int64_t To(ActionState goal) {
    See();
    const int64_t id = state.memory.next_action - 1;
    const ActsDone acts{true, false, 2};
    if (goal != ActionState::kProposed) Plan(id);
    if (goal <= ActionState::kSampling) return id;
    Send(Sampled{id, {0.5, 1.0}});
    if (goal == ActionState::kCommitting) return id;
    Send(IntentResult{id, true, ""});
    if (goal == ActionState::kStarting) return id;
    Send(WorkerStarted{id});
    if (goal == ActionState::kExecuting) return id;
    Send(ExecutionEnded{id, ExecutionEnd::kCompleted, acts, ""});
    if (goal == ActionState::kVerifying) return id;
    Wait(10 * kSecond);
    Send(Sampled{id, {goal == ActionState::kDone ? 0.9 : 0.5, 1.0}});
    return id;
  }

  HealingConfig config;
  std::vector<StrategyProfile> strategies = {Profile("rebalance", 0.3)};
  EngineState state;
  std::vector<Effect> effects;
  std::map<int64_t, Action> ended;
  Reply said{};
  absl::Time now = absl::FromUnixSeconds(1800000000);
};

HealingConfig Asking() {
  HealingConfig config;
  config.default_mode = StrategyMode::kApprove;
  return config;
}
HealingConfig Closed() {
  HealingConfig config;
  config.max_attempts_per_window = 0;
  return config;
}

TEST(EngineTest, HealsAndVerifies) {
  Harness h;
  h.See();
  ASSERT_NE(h.Out<AskPlan>(), nullptr);
  const int64_t id = 1;
  h.Plan(id);
  EXPECT_EQ(h.At(id), ActionState::kSampling);
  ASSERT_NE(h.Out<TakeSample>(), nullptr);
  h.Send(Sampled{id, {0.5, 1.0}});
  ASSERT_NE(h.Out<CommitIntent>(), nullptr);
  EXPECT_EQ(h.Out<RunExecution>(), nullptr);
  h.Send(IntentResult{id, true, ""});
  ASSERT_NE(h.Out<RunExecution>(), nullptr);
  EXPECT_EQ(h.Out<RunExecution>()->deadline, h.now + 60 * kSecond);
  h.Send(WorkerStarted{id});
  h.Send(ExecutionEnded{id, ExecutionEnd::kCompleted, {true, false, 2}, ""});
  EXPECT_EQ(h.At(id), ActionState::kVerifying);
  EXPECT_EQ(h.Out<TakeSample>(), nullptr);
  EXPECT_EQ(NextDeadline(h.state), h.now + 10 * kSecond);
  h.Wait(10 * kSecond);
  ASSERT_NE(h.Out<TakeSample>(), nullptr);
  h.Send(Sampled{id, {0.9, 1.1}});
  EXPECT_EQ(h.At(id), ActionState::kDone);
  EXPECT_NEAR(h.Of(id).improvement, 0.8, 1e-12);
  EXPECT_EQ(h.state.memory.learner.Beliefs(h.now).at(0).verified, 1);
  // Pause, then again.
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  EXPECT_EQ(h.state.deferred.begin()->second,
            "the collection pauses after an attempt");
  h.now += 300 * kSecond;
  h.See();
  EXPECT_NE(h.Out<AskPlan>(), nullptr);
}

TEST(EngineTest, UndoesWhatIsNotVerifiedAndTriesAnotherNext) {
  Harness h;
  h.strategies.push_back(Profile("drain", 0.2));
  h.Start({}, "");
  const int64_t id = h.To(ActionState::kRollingBack);
  EXPECT_EQ(h.At(id), ActionState::kRollingBack);
  ASSERT_NE(h.Out<RunUndos>(), nullptr);
  h.Send(UndoEnded{id, UndoEnd::kFinished, 0, ""});
  EXPECT_EQ(h.At(id), ActionState::kRolledBack);
  const std::string first = h.Of(id).strategy;
  h.now += 300 * kSecond;
  h.See();
  ASSERT_NE(h.Out<AskPlan>(), nullptr);
  EXPECT_NE(h.Out<AskPlan>()->action.strategy, first);
}

TEST(EngineTest, IrreversibleAndNotVerifiedNeedsAHuman) {
  Harness h;
  const int64_t id = h.To(ActionState::kExecuting);
  h.Send(ExecutionEnded{id, ExecutionEnd::kCompleted, {true, true, 0}, ""});
  h.Wait(10 * kSecond);
  h.Send(Sampled{id, {std::nullopt, 1.0}});
  EXPECT_EQ(h.At(id), ActionState::kNeedsHuman);
  EXPECT_EQ(h.Of(id).reason, "health is unknown after");
  // And the engine leaves it alone until a person resets it.
  h.now += absl::Hours(2);
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  h.Send(ResetBreaker{1, "c", "ann"});
  EXPECT_NE(h.Out<AskPlan>(), nullptr);
}

// Between its samples another fault lowers the cut.
TEST(EngineTest, AnAnalyzeIsNotBlamedForTheCut) {
  for (const bool statistics_only : {true, false}) {
    Harness h;
    h.strategies = {{"upkeep",
                     "file 1",
                     0.3,
                     false,
                     {"hotspot"},
                     {{"debt", "", false, 0.05},
                      {{"lambda_norm", "", true, 0.05},
                       {"latency", "", false, 0.2},
                       {"service_norm", "", true, 0.05}}}}};
    h.Start({}, "");
    h.See();
    PlanSummary plan;
    plan.steps = 1;
    plan.statistics_only = statistics_only;
    h.Send(PlanMade{1, plan});
    ASSERT_NE(h.Out<TakeSample>(), nullptr);
    const Expectations asked = h.Out<TakeSample>()->expectations;
    const auto values = [&](double debt, double cut) {
      std::vector<Measured> all;
      for (size_t i = 0; i < asked.size(); ++i) {
        const std::string& metric = asked.at(i).metric;
        all.push_back(metric == "debt" ? debt : metric == "latency" ? 1 : cut);
      }
      return all;
    };
    EXPECT_EQ(asked.guards.size(), statistics_only ? 1 : 3);
    h.Send(Sampled{1, values(2, 1)});
    h.Send(IntentResult{1, true, ""});
    h.Send(WorkerStarted{1});
    h.Send(ExecutionEnded{1, ExecutionEnd::kCompleted, {true, true, 0}, ""});
    h.Wait(10 * kSecond);
    h.Send(Sampled{1, values(0.1, 0.3)});
    EXPECT_EQ(h.At(1),
              statistics_only ? ActionState::kDone : ActionState::kNeedsHuman);
  }
}

TEST(EngineTest, TheBreakerClosesWhenTheFaultHasBeenAway) {
  HealingConfig config;
  config.breaker = {1, 600};
  config.min_healing_interval_seconds = 0;
  Harness h(config);
  const int64_t id = h.To(ActionState::kRollingBack);
  h.Send(UndoEnded{id, UndoEnd::kFinished, 0, ""});
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  h.See({});
  h.now += 599 * kSecond;
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  h.See({});
  h.now += 600 * kSecond;
  h.See({});
  h.See();
  EXPECT_NE(h.Out<AskPlan>(), nullptr);
}

TEST(EngineTest, AttemptsAreBoundedForEverybody) {
  HealingConfig config;
  config.min_healing_interval_seconds = 0;
  config.max_attempts_per_window = 2;
  Harness h(config);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(h.At(h.To(ActionState::kDone)), ActionState::kDone);
  }
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  h.Send(Execute{1, "c", "rebalance", "", "ann"});
  EXPECT_TRUE(h.said.status.ok());
  const int64_t id = h.said.action;
  h.Plan(id);
  EXPECT_EQ(h.At(id), ActionState::kWaiting);
  EXPECT_EQ(h.Of(id).reason, "the attempts of the window are used up");
  h.Wait(absl::Hours(1));
  EXPECT_EQ(h.At(id), ActionState::kSampling);
}

TEST(EngineTest, TwoTriggersAtOnce) {
  Harness h;
  h.See({});
  h.Send(Trigger{1, "c", "ann"});
  EXPECT_EQ(h.said.status.code(), absl::StatusCode::kNotFound);
  Harness two(Closed());
  two.See();
  two.Send(Trigger{1, "c", "ann"});
  ASSERT_TRUE(two.said.status.ok());
  two.Send(Trigger{2, "c", "bob"});
  EXPECT_EQ(two.said.request, 2);
  EXPECT_EQ(two.said.status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(two.said.status.message(),
            "action 1 (rebalance) is in state proposed");
  EXPECT_EQ(two.said.action, 1);
}

TEST(EngineTest, ApprovalByASecondPersonAndItsExpiry) {
  HealingConfig config = Asking();
  config.approval.second_person = true;
  Harness h(config);
  const int64_t id = h.To(ActionState::kAwaitingApproval);
  h.Send(Approve{1, id, "ann"});
  EXPECT_EQ(h.said.status.code(), absl::StatusCode::kUnavailable);
  h.Send(Approve{2, id, "ann"});
  EXPECT_EQ(h.At(id), ActionState::kAwaitingApproval);
  h.Send(Approve{3, id, "bob"});
  EXPECT_TRUE(h.said.status.ok());
  EXPECT_EQ(h.At(id), ActionState::kSampling);
  h.Send(Approve{4, id, "bob"});
  EXPECT_EQ(h.said.status.message(),
            "action 1 (rebalance) is in state sampling");

  Harness late(config);
  const int64_t other = late.To(ActionState::kAwaitingApproval);
  late.now += absl::Hours(24);
  late.Send(Approve{1, other, "ann"});
  EXPECT_EQ(late.said.status.message(), "the approval of action 1 has expired");
  EXPECT_EQ(late.At(other), ActionState::kExpired);
}

TEST(EngineTest, TimeOutCancelsThenKillsThenUndoes) {
  Harness h;
  const int64_t id = h.To(ActionState::kExecuting);
  h.Wait(60 * kSecond);
  ASSERT_NE(h.Out<CancelWorker>(), nullptr);
  EXPECT_EQ(h.Out<CancelWorker>()->reason, StopReason::kTimedOut);
  h.Wait(10 * kSecond);
  ASSERT_NE(h.Out<KillWorker>(), nullptr);
  EXPECT_EQ(h.At(id), ActionState::kExecuting);  // it may still live
  h.Send(ExecutionEnded{id, ExecutionEnd::kFault, {true, false, 1}, "killed"});
  EXPECT_EQ(h.At(id), ActionState::kRollingBack);
  EXPECT_EQ(h.state.memory.strategies["rebalance"].faults, 1);
}

TEST(EngineTest, AbortStopsTheWorkAndUndoesIt) {
  Harness h;
  const int64_t id = h.To(ActionState::kExecuting);
  h.Send(Abort{1, id, "ann"});
  ASSERT_NE(h.Out<CancelWorker>(), nullptr);
  h.Send(ExecutionEnded{id, ExecutionEnd::kStopped, {true, false, 1}, ""});
  EXPECT_EQ(h.At(id), ActionState::kRollingBack);
  h.Send(Abort{2, id, "ann"});
  EXPECT_EQ(h.said.status.code(), absl::StatusCode::kFailedPrecondition);
  h.Send(UndoEnded{id, UndoEnd::kFinished, 0, ""});
  EXPECT_EQ(h.At(id), ActionState::kRolledBack);
  EXPECT_TRUE(h.state.memory.learner.Beliefs(h.now).empty());
}

TEST(EngineTest, UndosAreTriedAgainAndThenLeftToAPerson) {
  Harness h;
  const int64_t id = h.To(ActionState::kRollingBack);
  for (int i = 0; i < 2; ++i) {
    h.Send(UndoEnded{id, UndoEnd::kFailed, 1, "lock timeout"});
    EXPECT_EQ(h.At(id), ActionState::kRollingBack);
    h.Wait(5 * kSecond);
    ASSERT_NE(h.Out<RunUndos>(), nullptr);
  }
  h.Send(UndoEnded{id, UndoEnd::kFailed, 1, "lock timeout"});
  EXPECT_EQ(h.At(id), ActionState::kNeedsHuman);
}

TEST(EngineTest, AFaultyStrategyIsQuarantinedUntilItsFileChanges) {
  HealingConfig config;
  config.attempt_window_seconds = 1;
  Harness h(config);
  for (int i = 0; i < 3; ++i) {
    h.now += 2 * kSecond;
    h.See();
    h.Send(PlanFailed{h.state.memory.next_action - 1, PlanFailure::kFault,
                      "signal 11"});
  }
  EXPECT_TRUE(h.state.memory.strategies["rebalance"].quarantined);
  h.now += 2 * kSecond;
  h.See();
  EXPECT_EQ(h.Out<AskPlan>(), nullptr);
  h.Send(Execute{1, "c", "rebalance", "", "ann"});
  EXPECT_EQ(h.said.status.message(), "strategy 'rebalance' is quarantined");
  h.strategies[0].identity = "file 2";
  h.Send(StrategiesChanged{h.strategies});
  EXPECT_NE(h.Out<AskPlan>(), nullptr);
}

TEST(EngineTest, WaitsVisiblyForAWorkerSlot) {
  Harness h;
  const int64_t id = h.To(ActionState::kStarting);
  h.Send(NoWorker{id});
  EXPECT_EQ(h.At(id), ActionState::kWaiting);
  EXPECT_EQ(h.Of(id).reason, "no worker slot is free");
  EXPECT_TRUE(h.state.memory.collections["c"].attempts.empty());
  h.Wait(5 * kSecond);
  EXPECT_EQ(h.At(id), ActionState::kSampling);
}

TEST(EngineTest, ADisabledEngineOnlyStopsAndFinishesLater) {
  Harness h;
  const int64_t id = h.To(ActionState::kExecuting);
  h.Send(KillSwitch{true});
  ASSERT_EQ(h.effects.size(), 1u);
  EXPECT_NE(h.Out<CancelWorker>(), nullptr);
  h.Send(ExecutionEnded{id, ExecutionEnd::kStopped, {true, false, 1}, ""});
  EXPECT_TRUE(h.effects.empty());
  h.See();
  EXPECT_TRUE(h.effects.empty());
  h.Send(Trigger{1, "c", "ann"});
  EXPECT_EQ(h.said.status.message(), "healing is disabled");
  h.Send(KillSwitch{false});
  EXPECT_EQ(h.At(id), ActionState::kRollingBack);
  EXPECT_NE(h.Out<RunUndos>(), nullptr);
}

TEST(EngineTest, ARestartResolvesEveryOpenRow) {
  struct Case {
    ActionState state;
    ActsDone acts;
    ActionState then;
  };
  const Case cases[] = {
      {ActionState::kAwaitingApproval, {}, ActionState::kAwaitingApproval},
      {ActionState::kWaiting, {}, ActionState::kWaiting},
      {ActionState::kCommitting, {}, ActionState::kRolledBack},
      {ActionState::kCommitting, {true, false, 1}, ActionState::kRollingBack},
      {ActionState::kStarting, {}, ActionState::kRolledBack},
      {ActionState::kExecuting, {}, ActionState::kRolledBack},
      {ActionState::kExecuting, {true, false, 3}, ActionState::kRollingBack},
      {ActionState::kExecuting, {true, true, 0}, ActionState::kVerifying},
      {ActionState::kVerifying, {true, false, 3}, ActionState::kVerifying},
      {ActionState::kRollingBack, {true, false, 2}, ActionState::kRollingBack},
      {ActionState::kRollingBack, {true, false, 0}, ActionState::kRolledBack},
  };
  for (const Case& c : cases) {
    Harness before(c.state == ActionState::kAwaitingApproval ? Asking()
                                                             : HealingConfig());
    const int64_t id = before.To(ActionState::kVerifying);
    OpenRow row{before.Of(id), c.acts};
    row.action.state = c.state;
    row.action = DecodeAction(EncodeAction(row.action)).value();
    const std::string memory = EncodeMemory(before.state.memory);
    before.Start({row}, memory);
    EXPECT_EQ(before.At(id), c.then) << ActionStateName(c.state);
    EXPECT_EQ(EncodeMemory(DecodeMemory(memory).value()), memory);
  }
}

TEST(EngineTest, APersonRollsBackWhatIsDone) {
  Harness h;
  const int64_t id = h.To(ActionState::kDone);
  const Action row = h.ended.at(id);
  h.Send(Rollback{1, row, {true, true, 0}, "ann"});
  EXPECT_EQ(h.said.status.message(), "action 1 (rebalance) cannot be undone");
  h.Send(Rollback{2, row, {true, false, 2}, "ann"});
  EXPECT_TRUE(h.said.status.ok());
  EXPECT_EQ(h.At(id), ActionState::kRollingBack);
  h.Send(UndoEnded{id, UndoEnd::kFinished, 0, ""});
  EXPECT_EQ(h.At(id), ActionState::kRolledBack);
  h.Send(Rollback{3, h.ended.at(id), {true, false, 2}, "ann"});
  EXPECT_EQ(h.said.status.message(),
            "action 1 (rebalance) is in state rolled_back");
}

TEST(EngineTest, UnknownStrategiesListTheKnown) {
  Harness h;
  h.Send(Execute{1, "c", "x", "", "ann"});
  EXPECT_EQ(h.said.status.message(),
            "unknown strategy 'x', known are: rebalance");
}

TEST(EngineTest, AClockThatGoesBackKeepsWhatIsLeft) {
  Harness h;
  const int64_t id = h.To(ActionState::kVerifying);
  h.Wait(4 * kSecond);
  h.Wait(-absl::Hours(5));
  h.Wait(5 * kSecond);
  EXPECT_EQ(h.Out<TakeSample>(), nullptr);
  h.Wait(kSecond);
  EXPECT_NE(h.Out<TakeSample>(), nullptr);
  EXPECT_EQ(h.At(id), ActionState::kVerifying);
}

// Every kind of input in every state: what follows, written down. Inputs of
// the host are only taken in the state that waits for them.
TEST(EngineTest, EveryInputInEveryState) {
  using S = ActionState;
  const std::vector<S> states = {
      S::kProposed,  S::kAwaitingApproval, S::kWaiting,
      S::kSampling,  S::kCommitting,       S::kStarting,
      S::kExecuting, S::kVerifying,        S::kRollingBack};
  const ActsDone acts{true, false, 1};
  const auto plan = [] {
    PlanSummary p;
    p.steps = 1;
    p.objects = {"o"};
    return p;
  }();
  struct Row {
    const char* name;
    decltype(Input::what) what;
    std::map<S, S> moves;  // all others stay
  };
  const std::vector<Row> rows = {
      {"tick", Tick{}, {}},
      {"plan", PlanMade{1, plan}, {{S::kProposed, S::kSampling}}},
      {"no plan",
       PlanFailed{1, PlanFailure::kError, ""},
       {{S::kProposed, S::kRejected}}},
      {"intent", IntentResult{1, true, ""}, {{S::kCommitting, S::kStarting}}},
      {"no intent",
       IntentResult{1, false, ""},
       {{S::kCommitting, S::kWaiting}}},
      {"started", WorkerStarted{1}, {{S::kStarting, S::kExecuting}}},
      {"no worker", NoWorker{1}, {{S::kStarting, S::kWaiting}}},
      {"ended",
       ExecutionEnded{1, ExecutionEnd::kFailed, acts, ""},
       {{S::kStarting, S::kRollingBack}, {S::kExecuting, S::kRollingBack}}},
      {"undone",
       UndoEnded{1, UndoEnd::kFinished, 0, ""},
       {{S::kRollingBack, S::kRolledBack}}},
      {"conflict",
       UndoEnded{1, UndoEnd::kConflict, 1, ""},
       {{S::kRollingBack, S::kNeedsHuman}}},
      {"sampled", Sampled{1, {0.5, 1.0}}, {{S::kSampling, S::kCommitting}}},
      {"approve", Approve{1, 1, "ann"}, {{S::kAwaitingApproval, S::kSampling}}},
      {"reject", Reject{1, 1, "ann"}, {{S::kAwaitingApproval, S::kRejected}}},
      {"abort",
       Abort{1, 1, "ann"},
       {{S::kProposed, S::kAborted},
        {S::kAwaitingApproval, S::kAborted},
        {S::kWaiting, S::kAborted},
        {S::kSampling, S::kAborted},
        {S::kVerifying, S::kRollingBack}}},
      {"trigger", Trigger{1, "c", "ann"}, {}},
      {"execute", Execute{1, "c", "rebalance", "", "ann"}, {}},
      {"gone", Pass{{"c"}, {}}, {{S::kWaiting, S::kExpired}}},
      {"strategy gone",
       StrategiesChanged{{}},
       {{S::kAwaitingApproval, S::kRejected}, {S::kWaiting, S::kRejected}}},
      {"kill switch", KillSwitch{true}, {{S::kSampling, S::kWaiting}}},
      {"learning", ResetLearning{1, "", "ann"}, {}},
      {"release", ReleaseStrategy{1, "rebalance", "ann"}, {}},
      {"restarted", Restarted{"", {}, 1}, {}},
  };
  for (const S state : states) {
    for (const Row& row : rows) {
      HealingConfig config;
      if (state == S::kAwaitingApproval) config = Asking();
      Harness h(config);
      if (state == S::kWaiting) {
        // Its collection is busy with what a person did.
        h.To(S::kProposed);
        h.state.memory.collections["c"].pause_until = h.now + absl::Hours(1);
        h.Plan(1);
      } else {
        ASSERT_EQ(h.To(state), 1);
      }
      ASSERT_EQ(h.At(1), state) << ActionStateName(state);
      h.Send(row.what);
      const auto move = row.moves.find(state);
      const S expected = move == row.moves.end() ? state : move->second;
      if (state == S::kProposed && std::string(row.name) == "kill switch") {
        EXPECT_TRUE(h.state.open.empty());  // nothing was written of it
        continue;
      }
      EXPECT_EQ(ActionStateName(h.At(1)), ActionStateName(expected))
          << row.name << " in " << ActionStateName(state);
    }
  }
}

// What had nothing to do in state stress may have in critical; what a person
// has rejected stays rejected.
TEST(Engine, AWorseStateAsksAgainWhoHadNoPlan) {
  Harness h;
  const int64_t first = h.To(ActionState::kProposed);
  h.Send(PlanMade{first, PlanSummary()});
  EXPECT_EQ(h.At(first), ActionState::kRejected);
  h.See();
  EXPECT_EQ(h.state.memory.next_action, first + 1);
  // Across a restart.
  h.Start({}, EncodeMemory(h.state.memory));
  h.See();
  EXPECT_EQ(h.state.memory.next_action, first + 1);
  Incident worse = Hotspot();
  worse.gate_state = 2;
  h.See({worse});
  EXPECT_EQ(h.state.memory.next_action, first + 2);
  EXPECT_EQ(h.At(first + 1), ActionState::kProposed);

  Harness asked(Asking());
  const int64_t id = asked.To(ActionState::kAwaitingApproval);
  asked.Send(Reject{1, id, "anna"});
  EXPECT_EQ(asked.At(id), ActionState::kRejected);
  asked.See({worse});
  EXPECT_EQ(asked.state.memory.next_action, id + 1);
}

}  // namespace
}  // namespace ruvector::healing
