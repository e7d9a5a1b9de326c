#include "core/strategy_host/stored_plan.h"

#include <limits>

#include "core/plugin/strategy_plugin.h"
#include "gtest/gtest.h"

namespace ruvector::strategy_host {
namespace {

struct Sample {
  Sample() {
    sdk::Action undo(RUVECTOR_ACTION_SET_THROTTLE, "docs");
    undo.Set("operation", sdk::Value(std::string("insert")))
        .Set("percent", sdk::Value());
    sdk::Action action(RUVECTOR_ACTION_SET_THROTTLE, "docs");
    action.Set("operation", sdk::Value(std::string("insert")))
        .Set("percent", sdk::Value(50.0))
        .Effect("accepts half")
        .Undo(std::move(undo));
    plan.Add(std::move(action));
    plan.Note("because");
    subject = {"partition", "docs_1", 0.75};
    problem = {sizeof(problem),
               1,
               "hotspot_congestion",
               "hot_partition",
               "docs",
               1,
               0,
               0.5,
               0.9,
               &subject};
    metric = {"throttle_percent", "insert", {RUVECTOR_NULL, 0, 0, nullptr}};
    parameter = {RUVECTOR_NUMBER, 0, 50, nullptr};
    request = {sizeof(request),
               1,
               &problem,
               &metric,
               &parameter,
               1000,
               std::numeric_limits<double>::infinity(),
               600,
               1234567};
  }
  sdk::Plan plan;
  ruvector_subject subject;
  ruvector_problem problem;
  ruvector_metric metric;
  ruvector_value parameter;
  ruvector_plan_request request;
};

TEST(StoredPlanTest, ComesBackAsItWas) {
  Sample sample;
  const auto bytes = EncodeStoredPlan(sample.request, 1, *sample.plan.View());
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto stored = StoredPlan::Decode(*bytes);
  ASSERT_TRUE(stored.ok()) << stored.status();
  const StoredPlan moved = *std::move(stored);
  EXPECT_STREQ(moved.request().problem->cause, "hot_partition");
  EXPECT_EQ(moved.request().problem->subjects[0].value, 0.75);
  EXPECT_EQ(moved.request().max_rows, 1000);
  EXPECT_EQ(moved.request().max_bytes, std::numeric_limits<double>::infinity());
  EXPECT_EQ(moved.request().now_us, 1234567);
  ASSERT_EQ(moved.parameter_count(), 1u);
  EXPECT_EQ(moved.request().parameters[0].number, 50);
  ASSERT_EQ(moved.plan().action_count, 1u);
  EXPECT_STREQ(moved.plan().note, "because");
  EXPECT_STREQ(moved.plan().actions[0]->object, "docs");
  ASSERT_NE(moved.plan().actions[0]->undo, nullptr);
  const auto again =
      EncodeStoredPlan(moved.request(), moved.parameter_count(), moved.plan());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *bytes);
}

TEST(StoredPlanTest, RefusesWhatIsNone) {
  Sample sample;
  const auto bytes = EncodeStoredPlan(sample.request, 1, *sample.plan.View());
  ASSERT_TRUE(bytes.ok());
  for (const std::string& bad : {std::string(), std::string("rubbish"),
                                 bytes->substr(0, bytes->size() / 2)}) {
    EXPECT_EQ(StoredPlan::Decode(bad).status().code(),
              absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace ruvector::strategy_host
