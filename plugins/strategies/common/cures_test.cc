// The plugins, the table of cures and docs/reference/strategies.md agree.
#include "core/healing/cures.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "core/healing/metric_catalog.h"
#include "core/plugin/description.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_planner.h"

#define STRATEGIES(X)     \
  X(compact_indexes)      \
  X(drain_hot_partition)  \
  X(evict_cold_data)      \
  X(pause_maintenance)    \
  X(rebalance_partitions) \
  X(rebuild_centroids)    \
  X(scale_replicas)       \
  X(throttle_ingestion)
#define DECLARE(name) \
  extern "C" const ruvector_plugin_descriptor* ruvector_plugin_v1_##name(void);
STRATEGIES(DECLARE)

// Its kit is linked for the planner alone.
namespace ruvector::plugin_testing {
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StrategyConformance);
}

namespace ruvector::healing {
namespace {

using ::testing::HasSubstr;

const std::map<std::string, ruvector_plugin_entry>& Plugins() {
#define ENTRY(name) {#name, &ruvector_plugin_v1_##name},
  static const auto& plugins =
      *new std::map<std::string, ruvector_plugin_entry>{STRATEGIES(ENTRY)};
  return plugins;
}

TEST(CuresTest, EveryCauseHasItsRowInOrder) {
  ASSERT_EQ(Cures().size(), static_cast<size_t>(kNumCauses));
  for (size_t i = 0; i < Cures().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(Cures()[i].cause), i);
    EXPECT_FALSE(Cures()[i].what.empty());
  }
}

TEST(CuresTest, StrategiesHandleTheClassesOfTheirCauses) {
  std::map<std::string, std::set<std::string>> classes;
  for (const Cure& cure : Cures()) {
    for (const std::string& name : StrategiesOf(cure)) {
      classes[name].insert(std::string(ToString(ClassOf(cure.cause))));
    }
  }
  for (const auto& [name, entry] : Plugins()) {
    const auto description = plugin::CheckDescriptor(entry());
    ASSERT_TRUE(description.ok()) << description.status();
    EXPECT_EQ(classes[name], std::set<std::string>(description->handles.begin(),
                                                   description->handles.end()))
        << name;
    const absl::Status metrics = CheckMetrics(*description);
    EXPECT_TRUE(metrics.ok()) << name << ": " << metrics;
  }
  for (const auto& [name, handled] : classes) {
    EXPECT_EQ(Plugins().count(name), 1u) << name;
  }
}

// Of the causes of the classes that it handles, a strategy refuses those that
// are not its own, by name.
TEST(CuresTest, StrategiesRefuseCausesOfOthers) {
  for (const Cure& cure : Cures()) {
    const std::string cause(ToString(cure.cause));
    const std::string problem_class(ToString(ClassOf(cure.cause)));
    const auto own = StrategiesOf(cure);
    for (const auto& [name, entry] : Plugins()) {
      const auto description = plugin::CheckDescriptor(entry());
      const auto& handles = description->handles;
      if (std::count(handles.begin(), handles.end(), problem_class) == 0 ||
          std::count(own.begin(), own.end(), name) > 0) {
        continue;
      }
      plugin_testing::StrategyScenario scenario;
      scenario.problem_class = problem_class;
      scenario.cause = cause;
      scenario.parameters = {
          {"workload", sdk::Value(std::string("db/Deployment/x"))}};
      const auto made = plugin_testing::PlanOf(entry, scenario);
      EXPECT_EQ(made.code, RUVECTOR_FAILED_PRECONDITION) << name << cause;
      EXPECT_THAT(made.error, HasSubstr("'" + cause + "'")) << name;
    }
  }
}

TEST(CuresTest, ThePageHasBothTables) {
  std::ifstream file("docs/reference/strategies.md");
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_THAT(page.str(), HasSubstr(CurePage())) << CurePage();
  EXPECT_THAT(page.str(), HasSubstr(MetricPage())) << MetricPage();
  for (const auto& [name, entry] : Plugins()) {
    EXPECT_THAT(page.str(), HasSubstr("\n## " + name + "\n"));
    const ruvector_strategy_table& table = *entry()->strategy;
    for (uint32_t i = 0; i < table.parameter_count; ++i) {
      EXPECT_THAT(page.str(),
                  HasSubstr("`" + std::string(table.parameters[i].name) + "`"));
    }
  }
}

}  // namespace
}  // namespace ruvector::healing
