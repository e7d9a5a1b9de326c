#include "plugins/testing/strategy_planner.h"

#include <cstdio>
#include <utility>

#include "core/plugin/action_kinds.h"
#include "gtest/gtest.h"

namespace ruvector::plugin_testing {
namespace {

std::string Show(const sdk::Value& value) {
  if (value.is_null()) return "null";
  if (value.text()) return *value.text();
  char text[32];
  std::snprintf(text, sizeof(text), "%.10g", *value.number());
  return text;
}

// Calls `use` with a request that lives as long as the call.
template <class Use>
void WithRequest(const ruvector_strategy_table& table,
                 const StrategyScenario& s, Use use) {
  std::vector<ruvector_subject> subjects;
  for (const Subject& subject : s.subjects) {
    subjects.push_back(
        {subject.kind.c_str(), subject.name.c_str(), subject.value});
  }
  std::vector<sdk::Value> values;
  for (const Metric& metric : s.metrics) {
    values.push_back(metric.read(s.world));
  }
  std::vector<ruvector_metric> metrics;
  for (size_t i = 0; i < values.size(); ++i) {
    metrics.push_back({s.metrics[i].name.c_str(), s.metrics[i].subject.c_str(),
                       values[i].View()});
  }
  std::vector<ruvector_value> parameters;
  for (uint32_t i = 0; i < table.parameter_count; ++i) {
    const auto given = s.parameters.find(table.parameters[i].name);
    parameters.push_back(given == s.parameters.end()
                             ? table.parameters[i].fallback
                             : given->second.View());
  }
  const ruvector_problem problem = {sizeof(problem),
                                    static_cast<uint32_t>(subjects.size()),
                                    s.problem_class.c_str(),
                                    s.cause.c_str(),
                                    s.collection.c_str(),
                                    s.state,
                                    0,
                                    s.severity,
                                    0.9,
                                    subjects.data()};
  const ruvector_plan_request request = {
      sizeof(request),    static_cast<uint32_t>(metrics.size()),
      &problem,           metrics.data(),
      parameters.data(),  s.radius.max_rows,
      s.radius.max_bytes, s.radius.max_seconds,
      1767225600000000};
  use(&request);
}

}  // namespace

Metric Fixed(const std::string& name, const std::string& subject,
             double value) {
  return {name, subject, [value](const World&) { return sdk::Value(value); }};
}
Metric FixedText(const std::string& name, const std::string& subject,
                 const std::string& value) {
  return {name, subject, [value](const World&) { return sdk::Value(value); }};
}
Metric Unreadable(const std::string& name, const std::string& subject) {
  return {name, subject, [](const World&) { return sdk::Value(); }};
}

void Replace(StrategyScenario* scenario, Metric metric) {
  for (Metric& present : scenario->metrics) {
    if (present.name == metric.name && present.subject == metric.subject) {
      present = std::move(metric);
      return;
    }
  }
  scenario->metrics.push_back(std::move(metric));
}

std::vector<std::string> MadePlan::Lines() {
  std::vector<std::string> lines;
  for (size_t i = 0; i < actions.size(); ++i) {
    const ruvector_action& action = at(i);
    std::string line(plugin::FindActionKind(action.kind)->name);
    line += std::string(" ") + action.object;
    for (uint32_t a = 0; a < action.argument_count; ++a) {
      line += std::string(" ") + action.arguments[a].name + "=" +
              Show(sdk::Value(action.arguments[a].value));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

MadePlan PlanOf(ruvector_plugin_entry entry, const StrategyScenario& scenario) {
  const ruvector_strategy_table& table = *entry()->strategy;
  MadePlan made;
  WithRequest(table, scenario, [&](const ruvector_plan_request* request) {
    char error[256] = {};
    const ruvector_plan* plan = nullptr;
    made.code = table.plan(request, &plan, error, sizeof(error));
    made.error = error;
    if (made.code != RUVECTOR_OK) return;
    made.note = plan->note;
    for (uint32_t i = 0; i < plan->action_count; ++i) {
      made.actions.emplace_back(*plan->actions[i]);
    }
    table.release_plan(plan);
  });
  return made;
}

Done CarryOut(ruvector_plugin_entry entry, const StrategyScenario& scenario) {
  const ruvector_strategy_table& table = *entry()->strategy;
  Done done;
  done.world = scenario.world;
  const auto description = plugin::CheckDescriptor(entry());
  EXPECT_TRUE(description.ok()) << description.status();
  if (!description.ok()) return done;
  WithRequest(table, scenario, [&](const ruvector_plan_request* request) {
    char error[256] = {};
    const ruvector_plan* plan = nullptr;
    done.code = table.plan(request, &plan, error, sizeof(error));
    if (done.code == RUVECTOR_OK) {
      ModelHost host(*description->strategy, *plan, scenario.metrics,
                     done.world);
      done.code =
          table.execute(request, plan, &host.table(), error, sizeof(error));
      EXPECT_EQ(host.refusals(), 0);
      table.release_plan(plan);
    }
    done.error = error;
  });
  return done;
}

}  // namespace ruvector::plugin_testing
