// Strategies that are wrong in one way each, for kit_test.sh: the conformance
// kit must fail each of them, in the test that its name after "__" says.
#include <string>
#include <utility>

#include "core/plugin/strategy_plugin.h"
#include "plugins/testing/strategy_conformance.h"

namespace ruvector::plugin_testing {
namespace {

enum Bug {
  kNone,
  kIgnoresStop,
  kSwallowsErrors,
  kImpurePlan,
  kUndeclaredKind,
  kNoUndo,
  kActsTwice,
  kDoesNothing,
  kStopsHalfWay,
  kActsOnTheWrongObject,
  kAcceptsNan,
  kExceedsTheRadius,
};

// Drains two partitions by setting their routing weights to 0, or moves rows.
template <Bug kBug>
struct Drain : sdk::Strategy {
  static constexpr char kName[] = "drain";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] = "A mutant.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"hotspot_congestion"};
  static constexpr double kImpact = 0.1;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {
      kBug == kUndeclaredKind ? RUVECTOR_ACTION_SET_THROTTLE
                              : RUVECTOR_ACTION_SET_ROUTING_WEIGHT};
  static constexpr ruvector_expectation kTarget = {"load_ratio", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.1};

  static sdk::Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    static int calls = 0;
    for (const char* partition : {"p1", "p2"}) {
      sdk::Action action(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, partition);
      action.Set("weight", sdk::Value(0.0));
      if (kBug == kExceedsTheRadius) action.Rows(1);
      action.Effect(kBug == kImpurePlan ? std::to_string(calls++) : "drains");
      const auto weight = request.Metric("routing_weight", partition);
      if (!weight) {
        return sdk::Status::Error(RUVECTOR_FAILED_PRECONDITION, "no weight");
      }
      if (kBug != kNoUndo) action.Undo(Restore(partition, *weight));
      plan->Add(std::move(action));
    }
    return sdk::Status();
  }

  static sdk::Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                             sdk::Host* host) {
    for (uint32_t i = 0; i < plan.size() && kBug != kDoesNothing; ++i) {
      if (kBug == kStopsHalfWay && i == 1) break;
      sdk::Status s = One(plan.action(i), host);
      if (!s.ok() && kBug != kSwallowsErrors) return s;
    }
    return sdk::Status();
  }

 private:
  static sdk::Action Restore(const char* partition, sdk::Value weight) {
    sdk::Action undo(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, partition);
    undo.Set("weight", std::move(weight));
    return undo;
  }

  static sdk::Status One(const ruvector_action& planned, sdk::Host* host) {
    if (host->ShouldStop() && kBug != kIgnoresStop) {
      return sdk::Status::Error(RUVECTOR_CANCELLED, "stopped");
    }
    sdk::Value now;
    sdk::Status s = host->ReadMetric("routing_weight", planned.object, &now);
    if (!s.ok()) return s;
    const double current = now.number().value_or(1);
    if (current == 0 && kBug != kActsTwice) return sdk::Status();
    sdk::Action action(planned);
    // A step that only goes further each time it is asked.
    if (kBug == kActsTwice) action.Set("weight", sdk::Value(current - 0.5));
    action.Undo(Restore(planned.object, now));
    if (kBug == kActsOnTheWrongObject) {
      action = sdk::Action(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, "p3");
      action.Set("weight", sdk::Value(0.0)).Undo(Restore("p3", sdk::Value()));
    }
    s = host->Act(&action);
    if (s.code() != RUVECTOR_ABORTED) return s;
    return One(planned, host);
  }
};

int32_t PlanAcceptingNan(const ruvector_plan_request* request,
                         const ruvector_plan** plan, char* error, size_t size) {
  if (request == nullptr || request->problem == nullptr) {
    return RUVECTOR_INVALID_ARGUMENT;
  }
  ruvector_problem problem = *request->problem;
  if (!(problem.severity <= 1)) problem.severity = 1;
  ruvector_plan_request fixed = *request;
  fixed.problem = &problem;
  return sdk::StrategyPlugin<Drain<kNone>>::MakePlan(&fixed, plan, error, size);
}

template <Bug kBug>
const ruvector_plugin_descriptor* Entry() {
  static constexpr ruvector_strategy_table kTable = [] {
    ruvector_strategy_table table = sdk::StrategyPlugin<Drain<kBug>>::kTable;
    if (kBug == kAcceptsNan) table.plan = &PlanAcceptingNan;
    return table;
  }();
  static constexpr ruvector_plugin_descriptor kDescriptor = [] {
    ruvector_plugin_descriptor d =
        sdk::StrategyPlugin<Drain<kBug>>::kDescriptor;
    d.strategy = &kTable;
    return d;
  }();
  return &kDescriptor;
}

template <Bug kBug>
StrategyCase Case() {
  StrategyScenario scenario;
  scenario.label = "two_partitions";
  scenario.problem_class = "hotspot_congestion";
  for (const char* partition : {"p1", "p2"}) {
    const World::Setting weight = {RUVECTOR_ACTION_SET_ROUTING_WEIGHT,
                                   partition, ""};
    scenario.world.Set(weight, sdk::Value(2.0));
    scenario.metrics.push_back(
        SettingMetric("routing_weight", partition, weight));
  }
  return {{"linked", &Entry<kBug>, ""}, scenario};
}

#define MUTANT(bug, test)                                      \
  INSTANTIATE_TEST_SUITE_P(bug##__##test, StrategyConformance, \
                           ::testing::Values(Case<bug>()))

MUTANT(kNone, Passes);
MUTANT(kIgnoresStop, StopsWhereverItIsAskedTo);
MUTANT(kSwallowsErrors, EveryFailureIsReportedUndoneAndFinishedLater);
MUTANT(kImpurePlan, SameRequestSamePlan);
MUTANT(kUndeclaredKind, PlansAsTheScenarioExpects);
MUTANT(kNoUndo, PlansAsTheScenarioExpects);
MUTANT(kActsTwice, ExecutingAgainChangesNothing);
MUTANT(kDoesNothing, UndoRestoresTheWorld);
MUTANT(kStopsHalfWay, PlanIsCarriedOut);
MUTANT(kActsOnTheWrongObject, UndoRestoresTheWorld);
MUTANT(kAcceptsNan, RefusesNonFiniteInput);
MUTANT(kExceedsTheRadius, StaysWithinATinyBlastRadius);

}  // namespace
}  // namespace ruvector::plugin_testing
