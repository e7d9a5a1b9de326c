#include "core/healing/strategy_registry.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RegisteredStrategy Strategy(const std::string& name,
                            std::vector<std::string> handles) {
  RegisteredStrategy strategy;
  strategy.file = name + ".so";
  plugin::PluginDescription& d = strategy.description;
  d.kind = plugin::PluginKind::kStrategy;
  d.name = name;
  d.version = "1";
  d.description = "A strategy.";
  d.license = "MIT";
  d.handles = std::move(handles);
  d.strategy.emplace();
  d.strategy->action_kinds = {RUVECTOR_ACTION_SET_THROTTLE};
  d.strategy->target.metric = "recall";
  return strategy;
}

TEST(StrategyRegistryTest, FindsByNameAndProblem) {
  StrategyRegistry registry;
  ASSERT_TRUE(registry.Add(Strategy("b", {"skew", "lag"})).ok());
  ASSERT_TRUE(registry.Add(Strategy("a", {"lag"})).ok());
  EXPECT_THAT(registry.Names(), ElementsAre("a", "b"));
  EXPECT_EQ((*registry.Find("b"))->file, "b.so");
  std::vector<std::string> names;
  for (const RegisteredStrategy* s : registry.ForProblem("lag")) {
    names.push_back(s->description.name);
  }
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_EQ(registry.ForProblem("skew").size(), 1u);
  EXPECT_THAT(registry.ForProblem("unknown"), IsEmpty());
}

TEST(StrategyRegistryTest, DuplicateAndUnknownAreStatuses) {
  StrategyRegistry registry;
  ASSERT_TRUE(registry.Add(Strategy("a", {"lag"})).ok());
  ASSERT_TRUE(registry.Add(Strategy("b", {"lag"})).ok());
  const absl::Status duplicate = registry.Add(Strategy("a", {"skew"}));
  EXPECT_EQ(duplicate.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(duplicate.message(), HasSubstr("'a'"));
  EXPECT_THAT(registry.ForProblem("skew"), IsEmpty());  // the first one stays
  const auto missing = registry.Find("c");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(),
              HasSubstr("unknown strategy 'c', known are: a, b"));
}

TEST(StrategyRegistryTest, RefusesWhatIsNoStrategy) {
  StrategyRegistry registry;
  RegisteredStrategy attention = Strategy("a", {"lag"});
  attention.description.kind = plugin::PluginKind::kAttention;
  attention.description.strategy.reset();
  attention.description.attention.emplace();
  EXPECT_EQ(registry.Add(attention).code(), absl::StatusCode::kInvalidArgument);
  RegisteredStrategy broken = Strategy("a", {});
  EXPECT_FALSE(registry.Add(broken).ok());
  EXPECT_THAT(registry.Names(), IsEmpty());
}

// Rejected files and attention mechanisms of a scan are passed over.
TEST(StrategyRegistryTest, TakesTheLoadedStrategiesOfAScan) {
  plugin::Scan scan;
  for (const bool loaded : {true, false}) {
    plugin::PluginRecord record;
    record.file = loaded ? "a.so" : "b.so";
    record.description = Strategy(loaded ? "a" : "b", {"lag"}).description;
    if (loaded) record.status = plugin::PluginStatus::kLoaded;
    scan.records.push_back(record);
  }
  const auto registry = StrategyRegistry::From(scan);
  ASSERT_TRUE(registry.ok());
  EXPECT_THAT(registry->Names(), ElementsAre("a"));
}

}  // namespace
}  // namespace ruvector::healing
