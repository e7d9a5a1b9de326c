#include "core/healing/healing_config.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "core/base/hint.h"
#include "core/healing/healing_keys.h"
#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

HealingConfig Merged(std::string_view json) {
  return MergeHealingConfig(HealingConfig(), json).value();
}
std::string ErrorOf(std::string_view json) {
  const auto merged = MergeHealingConfig(HealingConfig(), json);
  if (merged.ok()) return "no error";
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string hint = HintOf(merged.status());
  return std::string(merged.status().message()) +
         (hint.empty() ? "" : "\n" + hint);
}

TEST(HealingConfigTest, DefaultsAreTheSpecs) {
  const HealingConfig config;
  EXPECT_TRUE(config.enabled);
  EXPECT_EQ(config.min_healing_interval_seconds, 300);
  EXPECT_EQ(config.max_attempts_per_window, 3);
  EXPECT_EQ(config.attempt_window_seconds, 3600);
  EXPECT_EQ(config.max_auto_heal_impact, 0.5);
  EXPECT_EQ(config.stabilisation_seconds, 10);
  EXPECT_TRUE(config.learning_enabled);
}

TEST(HealingConfigTest, TakesTheSpecsExample) {
  const HealingConfig config = Merged(R"({
    "enabled": true,
    "min_healing_interval_seconds": 60,
    "max_attempts_per_hour": 5,
    "max_auto_heal_impact": 0.7,
    "require_approval_strategies": ["scale_replicas", "compact_indexes"],
    "learning_enabled": false})");
  EXPECT_EQ(config.min_healing_interval_seconds, 60);
  EXPECT_EQ(config.max_attempts_per_window, 5);
  EXPECT_EQ(config.attempt_window_seconds, 3600);
  EXPECT_EQ(config.max_auto_heal_impact, 0.7);
  EXPECT_EQ(config.require_approval_strategies.size(), 2u);
  EXPECT_FALSE(config.learning_enabled);
}

TEST(HealingConfigTest, MergesOverTheBase) {
  HealingConfig config = Merged(
      R"({"timeouts": {"factor": 3}, "strategies":
          {"a": {"mode": "report"}, "b": {"timeout_seconds": 9}}})");
  config = MergeHealingConfig(config, R"({"timeouts": {"min_seconds": 5},
      "strategies": {"a": {"target_margin": 0.2}, "b": null}})")
               .value();
  EXPECT_EQ(config.timeouts.factor, 3);
  EXPECT_EQ(config.timeouts.min_seconds, 5);
  EXPECT_EQ(config.strategies.count("b"), 0u);
  EXPECT_EQ(config.strategies["a"].mode, StrategyMode::kReport);
  EXPECT_EQ(config.strategies["a"].target_margin, 0.2);
}

TEST(HealingConfigTest, PrintsAndReadsBack) {
  const HealingConfig config = Merged(
      R"({"allowed_hours": {"start": "22:00", "end": "06:30"},
          "blast_radius": {"max_lock_level": "share"},
          "approval": {"role": "dba", "second_person": true},
          "strategies": {"x": {"mode": "auto", "guard_margin": 0.5}}})");
  const std::string text = HealingConfigToJson(config);
  EXPECT_EQ(HealingConfigToJson(Merged(text)), text);
  EXPECT_NE(text, HealingConfigToJson(HealingConfig()));
  const auto entry = MergeStrategyConfig(StrategyConfig(), R"({"mode":"off"})");
  EXPECT_EQ(StrategyConfigToJson(
                MergeStrategyConfig({}, StrategyConfigToJson(*entry)).value()),
            StrategyConfigToJson(*entry));
}

TEST(HealingConfigTest, ErrorsNameTheKey) {
  EXPECT_EQ(ErrorOf("{"), "healing: not valid JSON at byte 2");
  EXPECT_EQ(ErrorOf("[]"), "healing: expected a JSON object, got array []");
  EXPECT_EQ(ErrorOf(R"({"enabled": 1})"),
            "healing key \"enabled\": expected boolean, got number 1");
  EXPECT_EQ(ErrorOf(R"({"max_auto_heal_impact": 1.5})"),
            "healing key \"max_auto_heal_impact\": expected number from 0 to "
            "1, got number 1.5");
  EXPECT_EQ(ErrorOf(R"({"max_attempts_per_hour": -1})"),
            "healing key \"max_attempts_per_hour\": expected integer from 0 to "
            "1000, got number -1");
  EXPECT_EQ(ErrorOf(R"({"max_attempts_per_hour": 1,
                        "max_attempts_per_window": 1})"),
            "healing key \"max_attempts_per_hour\": expected without "
            "max_attempts_per_window and attempt_window_seconds, which it "
            "stands for");
  EXPECT_EQ(ErrorOf(R"({"breaker": {"x": 1}})"),
            "unknown healing key \"breaker.x\"\nKnown keys in \"breaker\" are "
            "ineffective_attempts, close_after_seconds.");
  EXPECT_EQ(ErrorOf(R"({"breaker": 3})"),
            "healing key \"breaker\": expected object, got number 3");
  EXPECT_EQ(ErrorOf(R"({"default_mode": "on"})"),
            "healing key \"default_mode\": expected one of \"off\", "
            "\"report\", \"approve\", \"auto\", got string \"on\"");
  EXPECT_EQ(ErrorOf(R"({"strategies": {"a": {"mode": 1}}})"),
            "healing key \"strategies.a.mode\": expected one of \"off\", "
            "\"report\", \"approve\", \"auto\" or null, got number 1");
  EXPECT_EQ(ErrorOf(R"({"strategies": {"a": {"mood": 1}}})"),
            "unknown healing key \"strategies.a.mood\"\nKnown keys in "
            "\"strategies.a\" are mode, stabilisation_seconds, "
            "timeout_seconds, target_margin, guard_margin.");
  EXPECT_EQ(ErrorOf(R"({"strategies": {"a.b": {}}})"),
            "healing key \"strategies.a.b\": expected the name of a strategy");
  EXPECT_EQ(ErrorOf(R"({"require_approval_strategies": [1]})"),
            "healing key \"require_approval_strategies\": expected array of at "
            "most 64 names, got array [1]");
  EXPECT_EQ(ErrorOf(R"({"allowed_hours": {"start": "24:00", "end":"01:00"}})"),
            "healing key \"allowed_hours.start\": expected a time of day as "
            "\"22:00\", got \"24:00\"");
  EXPECT_EQ(ErrorOf(R"({"allowed_hours": {"start": "23:00"}})"),
            "healing key \"allowed_hours.end\": expected a time of day beside "
            "allowed_hours.start, got null");
  EXPECT_EQ(ErrorOf(R"({"timeouts": {"min_seconds": 9, "max_seconds": 8}})"),
            "healing key \"timeouts.min_seconds\": expected at most "
            "timeouts.max_seconds (8), got 9");
}

TEST(HealingConfigTest, TheMostRestrictiveModeWins) {
  HealingConfig config;
  EXPECT_EQ(EffectiveMode(config, "x", false, "p"), StrategyMode::kAuto);
  EXPECT_EQ(EffectiveMode(config, "x", true, "p"), StrategyMode::kApprove);
  EXPECT_EQ(EffectiveMode(config, "scale_replicas", false, "p"),
            StrategyMode::kApprove);
  config.require_approval_problems = {"p"};
  EXPECT_EQ(EffectiveMode(config, "x", false, "p"), StrategyMode::kApprove);
  EXPECT_EQ(EffectiveMode(config, "x", false, "q"), StrategyMode::kAuto);
  config.strategies["x"].mode = StrategyMode::kAuto;
  EXPECT_EQ(EffectiveMode(config, "x", true, "q"), StrategyMode::kAuto);
  EXPECT_EQ(EffectiveMode(config, "x", true, "p"), StrategyMode::kApprove);
  config.strategies["x"].mode = StrategyMode::kOff;
  EXPECT_EQ(EffectiveMode(config, "x", true, "p"), StrategyMode::kOff);
  config.default_mode = StrategyMode::kReport;
  EXPECT_EQ(EffectiveMode(config, "y", true, "q"), StrategyMode::kReport);
}

TEST(HealingConfigTest, TimeoutsFollowTheEstimateWithinBounds) {
  HealingConfig config = Merged(
      R"({"timeouts": {"factor": 2, "min_seconds": 60, "max_seconds": 600},
          "strategies": {"own": {"timeout_seconds": 7}}})");
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ExecutionTimeout(config, "x", 100), absl::Seconds(200));
  EXPECT_EQ(ExecutionTimeout(config, "x", 1), absl::Seconds(60));
  EXPECT_EQ(ExecutionTimeout(config, "x", 1e6), absl::Seconds(600));
  EXPECT_EQ(ExecutionTimeout(config, "x", unknown), absl::Seconds(600));
  EXPECT_EQ(ExecutionTimeout(config, "own", 100), absl::Seconds(7));
}

TEST(HealingConfigTest, AllowedHoursMayPassMidnight) {
  const absl::Time midnight = absl::UnixEpoch() + absl::Hours(24 * 20000);
  const auto at = [&](double hours) { return midnight + absl::Hours(hours); };
  EXPECT_TRUE(WithinAllowedHours({}, at(12)));
  const AllowedHours night{"22:00", "06:30"};
  EXPECT_TRUE(WithinAllowedHours(night, at(23)));
  EXPECT_TRUE(WithinAllowedHours(night, at(6.4)));
  EXPECT_FALSE(WithinAllowedHours(night, at(6.5)));
  EXPECT_EQ(NextAllowed(night, at(7)), at(22));
  const AllowedHours day{"08:00", "09:00"};
  EXPECT_TRUE(WithinAllowedHours(day, at(8)));
  EXPECT_FALSE(WithinAllowedHours(day, at(9)));
  EXPECT_EQ(NextAllowed(day, at(9)), at(32));
  EXPECT_EQ(NextAllowed(day, at(1)), at(8));
}

TEST(HealingKeyPageTest, IsWhatTheTablesGive) {
  std::ifstream file("docs/reference/healing-keys.md");
  ASSERT_TRUE(file.good());
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), HealingKeyPage())
      << "run: bazel run //core/healing:healing_key_page > "
         "docs/reference/healing-keys.md";
}

}  // namespace
}  // namespace ruvector::healing
