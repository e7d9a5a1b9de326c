#include "plugins/testing/strategy_conformance.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/plugin/action_kinds.h"
#include "plugins/testing/guarded_buffer.h"
#include "plugins/testing/through_process.h"

namespace ruvector::plugin_testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kMostCalls = 2000;  // beyond which a sweep over calls is thinned

// A request and all that it points to.
class Request {
 public:
  Request(const StrategyScenario& s, const ruvector_strategy_table& table)
      : scenario_(s) {
    for (const Subject& subject : scenario_.subjects) {
      subjects_.push_back(
          {subject.kind.c_str(), subject.name.c_str(), subject.value});
    }
    for (const Metric& metric : scenario_.metrics) {
      values_.push_back(metric.read(scenario_.world));
    }
    for (size_t i = 0; i < values_.size(); ++i) {
      metrics_.push_back({scenario_.metrics[i].name.c_str(),
                          scenario_.metrics[i].subject.c_str(),
                          values_[i].View()});
    }
    for (uint32_t i = 0; i < table.parameter_count; ++i) {
      const auto given = scenario_.parameters.find(table.parameters[i].name);
      parameters_.push_back(given == scenario_.parameters.end()
                                ? table.parameters[i].fallback
                                : given->second.View());
    }
    problem_ = {sizeof(problem_),
                static_cast<uint32_t>(subjects_.size()),
                scenario_.problem_class.c_str(),
                scenario_.cause.c_str(),
                scenario_.collection.c_str(),
                scenario_.state,
                0,
                scenario_.severity,
                0.9,
                subjects_.data()};
    request_ = {sizeof(request_),
                static_cast<uint32_t>(metrics_.size()),
                &problem_,
                metrics_.data(),
                parameters_.data(),
                scenario_.radius.max_rows,
                scenario_.radius.max_bytes,
                scenario_.radius.max_seconds,
                1767225600000000};
  }
  Request(const Request&) = delete;

  ruvector_plan_request* operator->() { return &request_; }
  const ruvector_plan_request* get() const { return &request_; }
  ruvector_problem& problem() { return problem_; }
  std::vector<ruvector_metric>& metrics() { return metrics_; }
  std::vector<ruvector_value>& parameters() { return parameters_; }

 private:
  const StrategyScenario scenario_;
  std::vector<ruvector_subject> subjects_;
  std::vector<sdk::Value> values_;
  std::vector<ruvector_metric> metrics_;
  std::vector<ruvector_value> parameters_;
  ruvector_problem problem_;
  ruvector_plan_request request_;
};

// The answer of one call of plan. A plan is kept as a copy, as the host keeps
// it after it has crossed a socket; the plugin's own is released at once.
struct Planned {
  int32_t code = -1;
  std::string error;
  std::unique_ptr<sdk::Plan> plan;
};

Planned CallPlan(const ruvector_strategy_table& table,
                 const ruvector_plan_request* request) {
  GuardedBuffer<char> error(256, 0);
  const ruvector_plan* raw = nullptr;
  Planned planned;
  planned.code = table.plan(request, &raw, error.data(), 256);
  EXPECT_TRUE(error.Intact());
  planned.error.assign(error.data(), strnlen(error.data(), 256));
  if (planned.code != RUVECTOR_OK) return planned;
  EXPECT_NE(raw, nullptr);
  if (raw == nullptr) return planned;
  planned.plan = std::make_unique<sdk::Plan>();
  planned.plan->Note(raw->note);
  for (uint32_t i = 0; i < raw->action_count; ++i) {
    planned.plan->Add(sdk::Action(*raw->actions[i]));
  }
  table.release_plan(raw);
  return planned;
}

struct Executed {
  int32_t code = -1;
  std::string error;
};

Executed CallExecute(const ruvector_strategy_table& table,
                     const ruvector_plan_request* request,
                     const ruvector_plan* plan, ModelHost& host) {
  GuardedBuffer<char> error(256, 0);
  Executed executed;
  executed.code =
      table.execute(request, plan, &host.table(), error.data(), 256);
  EXPECT_TRUE(error.Intact());
  EXPECT_FALSE(host.exhausted()) << "the strategy does not stop asking";
  executed.error.assign(error.data(), strnlen(error.data(), 256));
  return executed;
}

void Print(const ruvector_action* action, std::string& out) {
  if (action == nullptr) {
    out += "-";
    return;
  }
  out += std::to_string(action->kind) + " " + action->object + "(";
  for (uint32_t i = 0; i < action->argument_count; ++i) {
    const sdk::Value value(action->arguments[i].value);
    out += std::string(action->arguments[i].name) + "=" +
           (value.is_null()  ? "null"
            : value.number() ? std::to_string(*value.number())
                             : *value.text()) +
           ",";
  }
  out += ") rows " + std::to_string(action->expected_rows) + " bytes " +
         std::to_string(action->expected_bytes) + " seconds " +
         std::to_string(action->expected_seconds) + " " +
         action->expected_effect + " undo ";
  Print(action->undo, out);
}

std::string ToText(sdk::Plan& plan) {
  const ruvector_plan* view = plan.View();
  std::string out = view->note;
  for (uint32_t i = 0; i < view->action_count; ++i) {
    out += "\n";
    Print(view->actions[i], out);
  }
  return out;
}

// Codes with which a strategy may turn down a request.
bool IsRefusal(int32_t code) {
  return code == RUVECTOR_FAILED_PRECONDITION ||
         code == RUVECTOR_INVALID_ARGUMENT ||
         code == RUVECTOR_RESOURCE_EXHAUSTED;
}

// Neither what is there nor what is planned, and of the planned one's type.
sdk::Value AnotherValue(const sdk::Value& present, const sdk::Value& planned) {
  if (planned.text().has_value() || present.text().has_value()) {
    return sdk::Value(std::string("someone_elses"));
  }
  const double theirs = present.number().value_or(0) + 1;
  return sdk::Value(planned.number() == theirs ? theirs + 1 : theirs);
}

std::vector<int> SweepOver(int calls) {
  std::vector<int> sweep;
  for (int call = 0; call < calls; call += 1 + calls / kMostCalls) {
    sweep.push_back(call);
  }
  return sweep;
}

}  // namespace

std::vector<StrategyCase> StrategyCases(
    const std::string& name, ruvector_plugin_entry entry,
    const std::vector<StrategyScenario>& scenarios) {
  std::vector<StrategyCase> cases;
  const std::string file = "plugins/strategies/" + name + "/" + name + ".so";
  const ruvector_plugin_entry remote = ThroughProcess(entry, file);
  for (const StrategyScenario& scenario : scenarios) {
    cases.push_back({{"linked", entry, ""}, scenario});
    cases.push_back({{"shared_object", nullptr, file}, scenario});
    cases.push_back({{"through_process", remote, ""}, scenario});
  }
  return cases;
}

void StrategyConformance::SetUp() {
  const ruvector_plugin_descriptor* descriptor = Open(GetParam().plugin);
  ASSERT_NE(descriptor, nullptr);
  const auto description = plugin::CheckDescriptor(descriptor);
  ASSERT_TRUE(description.ok()) << description.status();
  ASSERT_EQ(description->kind, plugin::PluginKind::kStrategy);
  description_ = *description;
  table_ = descriptor->strategy;
}

TEST_P(StrategyConformance, PlansAsTheScenarioExpects) {
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  if (scenario().outcome == PlanOutcome::kRefuses) {
    EXPECT_EQ(planned.code, RUVECTOR_FAILED_PRECONDITION);
    EXPECT_NE(planned.error, "");
    return;
  }
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  EXPECT_EQ(planned.plan->empty(), scenario().outcome == PlanOutcome::kNothing);
  const absl::Status valid = plugin::CheckPlan(
      *description_.strategy, scenario().radius, planned.plan->View());
  EXPECT_TRUE(valid.ok()) << valid;
}

TEST_P(StrategyConformance, SameRequestSamePlan) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  Planned first = CallPlan(*table_, request.get());
  ASSERT_EQ(first.code, RUVECTOR_OK) << first.error;
  const std::string text = ToText(*first.plan);

  World world = scenario().world;
  ModelHost host(*description_.strategy, *first.plan->View(),
                 scenario().metrics, world);
  EXPECT_EQ(CallExecute(*table_, request.get(), first.plan->View(), host).code,
            RUVECTOR_OK);
  Planned second = CallPlan(*table_, request.get());
  ASSERT_EQ(second.code, RUVECTOR_OK);
  EXPECT_EQ(ToText(*second.plan), text);

  std::reverse(request.metrics().begin(), request.metrics().end());
  Planned reversed = CallPlan(*table_, request.get());
  ASSERT_EQ(reversed.code, RUVECTOR_OK);
  EXPECT_EQ(ToText(*reversed.plan), text);
}

TEST_P(StrategyConformance, ReleasingNothingIsAllowed) {
  table_->release_plan(nullptr);
}

TEST_P(StrategyConformance, UndoRestoresTheWorld) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  World world = scenario().world;
  ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
  const Executed executed = CallExecute(*table_, request.get(), plan, host);
  ASSERT_EQ(executed.code, RUVECTOR_OK) << executed.error;
  EXPECT_GT(host.changes(), 0) << "a plan with actions changed nothing";
  EXPECT_FALSE(world == scenario().world);
  host.UndoAll();
  if (description_.strategy->reversible) {
    EXPECT_TRUE(world == scenario().world);
  }
}

// What the approver read is what happens: every value that was to be set is
// set, and nothing but the plan's objects is touched.
TEST_P(StrategyConformance, PlanIsCarriedOut) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  World world = scenario().world;
  ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
  ASSERT_EQ(CallExecute(*table_, request.get(), plan, host).code, RUVECTOR_OK);
  EXPECT_EQ(host.refusals(), 0) << "asked for what the host must refuse";
  for (uint32_t i = 0; i < plan->action_count; ++i) {
    const ruvector_action& action = *plan->actions[i];
    const plugin::ActionKind& kind = *plugin::FindActionKind(action.kind);
    if (kind.value.empty()) continue;
    EXPECT_TRUE(world.Get(SettingOf(kind, action)) ==
                *sdk::Argument(action, kind.value))
        << kind.name << " on " << action.object;
  }
}

TEST_P(StrategyConformance, ExecutingAgainChangesNothing) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  World world = scenario().world;
  ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
  ASSERT_EQ(CallExecute(*table_, request.get(), plan, host).code, RUVECTOR_OK);
  const World done = world;
  const int changes = host.changes();
  const Executed again = CallExecute(*table_, request.get(), plan, host);
  EXPECT_EQ(again.code, RUVECTOR_OK) << again.error;
  EXPECT_TRUE(world == done);
  EXPECT_EQ(host.changes(), changes);
}

TEST_P(StrategyConformance, StopsWhereverItIsAskedTo) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  World whole = scenario().world;
  ModelHost unhindered(*description_.strategy, *plan, scenario().metrics,
                       whole);
  ASSERT_EQ(CallExecute(*table_, request.get(), plan, unhindered).code,
            RUVECTOR_OK);
  for (int call : SweepOver(unhindered.calls())) {
    SCOPED_TRACE(testing::Message() << "stop from call " << call);
    World world = scenario().world;
    ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
    host.StopFrom(call);
    const Executed executed = CallExecute(*table_, request.get(), plan, host);
    EXPECT_EQ(host.acts_after_stop(), 0);
    if (call == 0) {
      EXPECT_EQ(executed.code, RUVECTOR_CANCELLED);
      EXPECT_EQ(host.acts(), 0) << "acted before it asked";
    }
    // Done before it was asked to stop, or cancelled; nothing else.
    if (!(world == whole)) {
      EXPECT_EQ(executed.code, RUVECTOR_CANCELLED);
    }
    host.UndoAll();
    if (description_.strategy->reversible) {
      EXPECT_TRUE(world == scenario().world);
    }
  }
}

TEST_P(StrategyConformance, EveryFailureIsReportedUndoneAndFinishedLater) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  World whole = scenario().world;
  ModelHost unhindered(*description_.strategy, *plan, scenario().metrics,
                       whole);
  ASSERT_EQ(CallExecute(*table_, request.get(), plan, unhindered).code,
            RUVECTOR_OK);
  for (int32_t code :
       {RUVECTOR_INTERNAL, RUVECTOR_UNAVAILABLE, RUVECTOR_DEADLINE_EXCEEDED,
        RUVECTOR_CANCELLED, RUVECTOR_RESOURCE_EXHAUSTED}) {
    for (int call : SweepOver(unhindered.calls())) {
      SCOPED_TRACE(testing::Message() << "code " << code << " at " << call);
      World world = scenario().world;
      ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
      host.FailAt(call, code);
      const Executed executed = CallExecute(*table_, request.get(), plan, host);
      if (!(world == whole)) {
        EXPECT_NE(executed.code, RUVECTOR_OK) << "half done, and not said";
      }
      // After the deadline or an abort every further act would be refused.
      if (code == RUVECTOR_DEADLINE_EXCEEDED || code == RUVECTOR_CANCELLED) {
        EXPECT_LE(host.calls(), unhindered.calls());
      }
      const World half = world;
      host.UndoAll();
      if (description_.strategy->reversible) {
        EXPECT_TRUE(world == scenario().world);
      }
      world = half;
      ModelHost later(*description_.strategy, *plan, scenario().metrics, world);
      EXPECT_EQ(CallExecute(*table_, request.get(), plan, later).code,
                RUVECTOR_OK);
      if (description_.strategy->reversible) {
        EXPECT_TRUE(world == whole) << "resumed, but not finished";
      }
    }
  }
}

// Someone else sets the value first: undo must restore theirs, not the plan's.
TEST_P(StrategyConformance, UndoRestoresWhatSomeoneElseSetMeanwhile) {
  if (scenario().outcome != PlanOutcome::kActs) GTEST_SKIP();
  Request request(scenario(), *table_);
  const Planned planned = CallPlan(*table_, request.get());
  ASSERT_EQ(planned.code, RUVECTOR_OK) << planned.error;
  const ruvector_plan* plan = planned.plan->View();
  for (uint32_t i = 0; i < plan->action_count; ++i) {
    const plugin::ActionKind& kind =
        *plugin::FindActionKind(plan->actions[i]->kind);
    if (kind.undo != plugin::UndoRule::kSame) continue;
    const World::Setting setting = SettingOf(kind, *plan->actions[i]);
    const sdk::Value theirs =
        AnotherValue(scenario().world.Get(setting),
                     *sdk::Argument(*plan->actions[i], kind.value));
    for (const bool while_acting : {false, true}) {
      SCOPED_TRACE(testing::Message() << "action " << i << " " << while_acting);
      World world = scenario().world;
      ModelHost host(*description_.strategy, *plan, scenario().metrics, world);
      World expected = world;
      expected.Set(setting, theirs);
      if (while_acting) {
        host.BeforeAct(static_cast<int>(i),
                       [&](World& w) { w.Set(setting, theirs); });
      } else {
        world.Set(setting, theirs);
      }
      CallExecute(*table_, request.get(), plan, host);
      host.UndoAll();
      EXPECT_TRUE(world == expected);
    }
  }
}

TEST_P(StrategyConformance, SurvivesMissingAndUnreadableMetrics) {
  const size_t count = scenario().metrics.size();
  for (size_t i = 0; i < count; ++i) {
    for (const bool missing : {false, true}) {
      SCOPED_TRACE(testing::Message()
                   << scenario().metrics[i].name << " missing " << missing);
      Request request(scenario(), *table_);
      if (missing) {
        request.metrics().erase(request.metrics().begin() + i);
        request->metric_count = static_cast<uint32_t>(count - 1);
      } else {
        request.metrics()[i].value = {RUVECTOR_NULL, 0, 0, nullptr};
      }
      const Planned planned = CallPlan(*table_, request.get());
      if (planned.code != RUVECTOR_OK) {
        EXPECT_TRUE(IsRefusal(planned.code)) << planned.code;
        EXPECT_NE(planned.error, "");
        continue;
      }
      EXPECT_TRUE(plugin::CheckPlan(*description_.strategy, scenario().radius,
                                    planned.plan->View())
                      .ok());
    }
  }
}

TEST_P(StrategyConformance, RefusesNonFiniteInput) {
  for (double bad : {kNan, std::numeric_limits<double>::infinity()}) {
    for (size_t i = 0; i < scenario().metrics.size(); ++i) {
      Request request(scenario(), *table_);
      request.metrics()[i].value = {RUVECTOR_NUMBER, 0, bad, nullptr};
      EXPECT_EQ(CallPlan(*table_, request.get()).code,
                RUVECTOR_INVALID_ARGUMENT);
    }
    Request request(scenario(), *table_);
    request.problem().severity = bad;
    EXPECT_EQ(CallPlan(*table_, request.get()).code, RUVECTOR_INVALID_ARGUMENT);
  }
}

TEST_P(StrategyConformance, RefusesParametersOutOfRange) {
  for (uint32_t i = 0; i < table_->parameter_count; ++i) {
    const ruvector_parameter& p = table_->parameters[i];
    SCOPED_TRACE(p.name);
    const auto refused = [&](ruvector_value value) {
      Request request(scenario(), *table_);
      request.parameters()[i] = value;
      EXPECT_EQ(CallPlan(*table_, request.get()).code,
                RUVECTOR_INVALID_ARGUMENT);
    };
    refused({RUVECTOR_NULL, 0, 0, nullptr});
    if (p.fallback.type == RUVECTOR_TEXT) {
      refused({RUVECTOR_TEXT, 0, 0, nullptr});
      continue;
    }
    refused({RUVECTOR_NUMBER, 0, kNan, nullptr});
    refused({RUVECTOR_NUMBER, 0, p.minimum - 1, nullptr});
    refused({RUVECTOR_NUMBER, 0, p.maximum + 1, nullptr});
  }
}

TEST_P(StrategyConformance, StaysWithinATinyBlastRadius) {
  StrategyScenario tiny = scenario();
  tiny.radius = {0, 0, 0};
  Request request(tiny, *table_);
  const Planned planned = CallPlan(*table_, request.get());
  if (planned.code != RUVECTOR_OK) {
    EXPECT_TRUE(IsRefusal(planned.code)) << planned.code;
    return;
  }
  const absl::Status valid = plugin::CheckPlan(
      *description_.strategy, tiny.radius, planned.plan->View());
  EXPECT_TRUE(valid.ok()) << valid;
}

TEST_P(StrategyConformance, StructSizesDecideWhatIsRead) {
  Request request(scenario(), *table_);
  const int32_t usual = CallPlan(*table_, request.get()).code;
  request->struct_size += 64;  // a newer host
  request.problem().struct_size += 64;
  EXPECT_EQ(CallPlan(*table_, request.get()).code, usual);
  request->struct_size = 16;
  EXPECT_EQ(CallPlan(*table_, request.get()).code, RUVECTOR_INVALID_ARGUMENT);
  EXPECT_EQ(CallPlan(*table_, nullptr).code, RUVECTOR_INVALID_ARGUMENT);
  request->struct_size = sizeof(ruvector_plan_request);
  request.problem().struct_size = 8;
  EXPECT_EQ(CallPlan(*table_, request.get()).code, RUVECTOR_INVALID_ARGUMENT);
}

TEST_P(StrategyConformance, ExecuteRefusesAShortHostAndNoPlan) {
  Request request(scenario(), *table_);
  sdk::Plan empty;
  empty.Note("nothing");
  World world = scenario().world;
  ModelHost host(*description_.strategy, *empty.View(), scenario().metrics,
                 world);
  ruvector_strategy_host table = host.table();
  table.struct_size = 24;
  EXPECT_EQ(table_->execute(request.get(), empty.View(), &table, nullptr, 0),
            RUVECTOR_INVALID_ARGUMENT);
  EXPECT_EQ(table_->execute(request.get(), nullptr, &host.table(), nullptr, 0),
            RUVECTOR_INVALID_ARGUMENT);
  EXPECT_EQ(
      table_->execute(request.get(), empty.View(), &host.table(), nullptr, 0),
      RUVECTOR_OK);
  EXPECT_EQ(host.acts(), 0);
}

TEST_P(StrategyConformance, ErrorsFitTheirBuffer) {
  Request request(scenario(), *table_);
  request.problem().severity = kNan;
  for (size_t size : {0, 1, 2, 8, 4096}) {
    GuardedBuffer<char> error(size, 'x');
    const ruvector_plan* plan = nullptr;
    EXPECT_EQ(table_->plan(request.get(), &plan, error.data(), size),
              RUVECTOR_INVALID_ARGUMENT);
    EXPECT_TRUE(error.Intact());
    if (size > 0) {
      EXPECT_LT(strnlen(error.data(), size), size);
    }
  }
}

}  // namespace ruvector::plugin_testing
