#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/strategy_conformance.h"
#include "plugins/testing/strategy_planner.h"

namespace ruvector::plugin_testing {
namespace {

World::Setting Option(const std::string& table) {
  return {RUVECTOR_ACTION_SET_RELOPTION, table, "autovacuum_enabled"};
}

// The names that the sensors give.
const char kVacuum[] = "autovacuum: VACUUM t";
const char kAnalyze[] = "autovacuum: ANALYZE t";

StrategyScenario Jobs(
    std::string label,
    const std::vector<std::pair<std::string, std::string>>& jobs_and_kinds) {
  StrategyScenario s;
  s.label = std::move(label);
  s.problem_class = "maintenance_contention";
  s.cause = "maintenance_collision";
  for (const auto& [job, kind] : jobs_and_kinds) {
    s.subjects.push_back({"job", job, 1});
    s.metrics.push_back(FixedText("job_kind", job, kind));
    if (job.find("autovacuum") == 0) {
      s.metrics.push_back(FixedText("job_table", job, "t"));
    }
  }
  s.metrics.push_back(SettingMetric("partition_autovacuum", "t", Option("t")));
  s.metrics.push_back(Fixed("partition_xid_age", "t", 1e7));
  s.metrics.push_back(Fixed("partition_freeze_age", "t", 2e8));
  return s;
}

std::vector<StrategyScenario> Scenarios() {
  std::vector<StrategyScenario> all = {
      Jobs("collision", {{kVacuum, "autovacuum"},
                         {kAnalyze, "autovacuum"},
                         {"cron 7", "cron"}}),
      Jobs("cron_only", {{"cron 7", "cron"}, {"cron 8", "cron"}}),
      Jobs("option_set", {{kVacuum, "autovacuum"}}),
      Jobs("wraparound", {{kVacuum, "wraparound_vacuum"}}),
      Jobs("persons",
           {{"index build t", "index_build"}, {"base backup", "base_backup"}}),
      Jobs("archiver", {{kVacuum, "autovacuum"}}),
  };
  all[2].world.Set(Option("t"), sdk::Value(std::string("true")));
  all[3].outcome = all[4].outcome = all[5].outcome = PlanOutcome::kRefuses;
  all[5].cause = "archiver_failing";
  return all;
}

}  // namespace
}  // namespace ruvector::plugin_testing

RUVECTOR_STRATEGY_CONFORMANCE(pause_maintenance, Scenarios())

namespace ruvector::plugin_testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kEntry = &ruvector_plugin_v1_pause_maintenance;

TEST(PauseMaintenanceTest, KeepsOffBeforeItCancels) {
  MadePlan made = PlanOf(kEntry, Jobs("s", {{kVacuum, "autovacuum"},
                                            {kAnalyze, "autovacuum"},
                                            {"cron 7", "cron"},
                                            {"base backup", "base_backup"}}));
  EXPECT_THAT(
      made.Lines(),
      ElementsAre("set_reloption t option=autovacuum_enabled "
                  "value=false seconds=600",
                  "hold_job cron 7 seconds=600", "cancel_autovacuum t"));
  EXPECT_TRUE(sdk::Argument(*made.at(0).undo, "value")->is_null());
  EXPECT_THAT(made.note, HasSubstr("base backup: a person asked for it"));
}

TEST(PauseMaintenanceTest, WhatIsOffIsOnlyCancelled) {
  StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
  s.world.Set(Option("t"), sdk::Value(std::string("off")));
  EXPECT_THAT(PlanOf(kEntry, s).Lines(), ElementsAre("cancel_autovacuum t"));
}

// A pause must not bring on the vacuum that cannot be paused.
TEST(PauseMaintenanceTest, LeavesTablesAloneThatMustSoonBeFrozen) {
  for (const Metric& doubt : {Fixed("partition_xid_age", "t", 1.6e8),
                              Unreadable("partition_xid_age", "t"),
                              Unreadable("partition_freeze_age", "t")}) {
    StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
    Replace(&s, doubt);
    EXPECT_EQ(PlanOf(kEntry, s).code, RUVECTOR_FAILED_PRECONDITION);
  }
  StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
  Replace(&s, Fixed("partition_xid_age", "t", 1.5e8));
  EXPECT_EQ(PlanOf(kEntry, s).code, RUVECTOR_OK);
}

// Or the worker that is cancelled goes on to the next one.
TEST(PauseMaintenanceTest, KeepsOffTheTablesThatWait) {
  StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
  for (const char* table : {"due", "calm", "old"}) {
    s.metrics.push_back(
        SettingMetric("partition_autovacuum", table, Option(table)));
    s.metrics.push_back(Fixed("partition_xid_age", table,
                              std::string(table) == "old" ? 1.9e8 : 1e7));
    s.metrics.push_back(Fixed("partition_freeze_age", table, 2e8));
    s.metrics.push_back(Fixed("partition_dead_rows", table,
                              std::string(table) == "calm" ? 1000 : 1001));
    s.metrics.push_back(Fixed("partition_vacuum_threshold", table, 1000));
  }
  EXPECT_THAT(PlanOf(kEntry, s).Lines(),
              ElementsAre("set_reloption due option=autovacuum_enabled "
                          "value=false seconds=600",
                          "set_reloption t option=autovacuum_enabled "
                          "value=false seconds=600",
                          "cancel_autovacuum t"));
}

TEST(PauseMaintenanceTest, TablesOfOthersAreNotOurs) {
  StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
  Replace(&s, FixedText("job_table", kVacuum, "public.elsewhere"));
  EXPECT_THAT(PlanOf(kEntry, s).error,
              HasSubstr("its table is not of this collection"));
}

TEST(PauseMaintenanceTest, OtherCausesAreRefusedWithWhatWouldHelp) {
  const struct {
    const char *cause, *help;
  } kCases[] = {{"lock_pileup", "head of the queue"},
                {"checkpoint_storm", "max_wal_size"},
                {"backup_overdue", "base backup"},
                {"vacuum_held_by_slot", "slot"},
                {"vacuum_held_by_snapshot", "session"},
                {"vacuum_held_by_prepared", "transaction"},
                {"vacuum_held_by_standby", "standby"}};
  for (const auto& c : kCases) {
    StrategyScenario s = Jobs("s", {{kVacuum, "autovacuum"}});
    s.cause = c.cause;
    EXPECT_THAT(PlanOf(kEntry, s).error, HasSubstr(c.help));
  }
}

}  // namespace
}  // namespace ruvector::plugin_testing
