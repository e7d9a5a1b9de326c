#include "core/strategy_host/action_permit.h"

#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::strategy_host {
namespace {

using ::testing::HasSubstr;

sdk::Action WithUndo(sdk::Action action, uint32_t undo_kind,
                     const char* argument, sdk::Value value) {
  sdk::Action undo(undo_kind, action.object());
  undo.Set(argument, std::move(value));
  action.Undo(std::move(undo));
  return action;
}

sdk::Action Weight(const char* partition, double weight, sdk::Value present) {
  sdk::Action action(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, partition);
  action.Set("weight", sdk::Value(weight));
  return WithUndo(std::move(action), RUVECTOR_ACTION_SET_ROUTING_WEIGHT,
                  "weight", std::move(present));
}

sdk::Action Move(const char* to, double most, double batch) {
  sdk::Action action(RUVECTOR_ACTION_MOVE_ROWS, "p1");
  action.Set("to", sdk::Value(std::string(to)))
      .Set("max_rows", sdk::Value(most))
      .Set("batch_rows", sdk::Value(batch));
  return WithUndo(std::move(action), RUVECTOR_ACTION_RETURN_ROWS, "to",
                  sdk::Value(std::string(to)));
}

sdk::Action Hold(double seconds) {
  sdk::Action action(RUVECTOR_ACTION_HOLD_JOB, "7");
  action.Set("seconds", sdk::Value(seconds));
  action.Undo(sdk::Action(RUVECTOR_ACTION_RELEASE_JOB, "7"));
  return action;
}

class ActionPermitTest : public ::testing::Test {
 protected:
  ActionPermitTest() {
    strategy_.action_kinds = {
        RUVECTOR_ACTION_MOVE_ROWS, RUVECTOR_ACTION_SET_ROUTING_WEIGHT,
        RUVECTOR_ACTION_HOLD_JOB, RUVECTOR_ACTION_CANCEL_AUTOVACUUM};
    plan_.Add(Weight("p1", 0, sdk::Value(2.0)));
    plan_.Add(Move("p2", 100, 40));
    plan_.Add(Hold(600));
    permit_.emplace(strategy_, *plan_.View());
  }

  absl::StatusCode Code(sdk::Action action) {
    return permit_->Check(*action.View()).code();
  }

  plugin::StrategyDescription strategy_;
  sdk::Plan plan_;
  std::optional<ActionPermit> permit_;
};

TEST_F(ActionPermitTest, PlannedActionsPassWithAnotherPresentValue) {
  EXPECT_EQ(Code(Weight("p1", 0, sdk::Value(2.0))), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Weight("p1", 0, sdk::Value(7.0))), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Weight("p1", 0, sdk::Value())), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Move("p2", 100, 40)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Hold(600)), absl::StatusCode::kOk);
}

TEST_F(ActionPermitTest, SmallerOnesPass) {
  EXPECT_EQ(Code(Weight("p1", 1, sdk::Value(2.0))), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Move("p2", 50, 40)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Move("p2", 100, 1)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Hold(10)), absl::StatusCode::kOk);
}

TEST_F(ActionPermitTest, LargerAndOtherOnesDoNot) {
  const auto denied = absl::StatusCode::kPermissionDenied;
  EXPECT_EQ(Code(Weight("p2", 0, sdk::Value(2.0))), denied);
  EXPECT_EQ(Code(Weight("p1", -1, sdk::Value(2.0))), denied);
  EXPECT_EQ(Code(Weight("p1", 3, sdk::Value(2.0))), denied);
  // No present value, no way from it.
  EXPECT_EQ(Code(Weight("p1", 1, sdk::Value())), denied);
  EXPECT_EQ(Code(Move("p3", 100, 40)), denied);
  EXPECT_EQ(Code(Move("p2", 101, 40)), denied);
  EXPECT_EQ(Code(Move("p2", 100, 41)), denied);
  EXPECT_EQ(Code(Hold(601)), denied);
  EXPECT_EQ(Code(sdk::Action(RUVECTOR_ACTION_CANCEL_AUTOVACUUM, "t")), denied);
  EXPECT_EQ(Code(sdk::Action(RUVECTOR_ACTION_VACUUM, "t")), denied);
  EXPECT_EQ(Code(sdk::Action(RUVECTOR_ACTION_HOLD_JOB, "7")),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ActionPermitTest, AnOptionalArgumentIsNotAdded) {
  sdk::Action action = Move("p2", 10, 10);
  action.Set("column", sdk::Value(std::string("created")));
  EXPECT_THAT(std::string(permit_->Check(*action.View()).message()),
              HasSubstr("argument 'column' of action 'move_rows' on 'p1' is "
                        "'created', the plan says missing"));
}

TEST_F(ActionPermitTest, RowsRunOut) {
  sdk::Action batch = Move("p2", 100, 40);
  ActOutcome outcome;
  outcome.rows = 40;
  permit_->Done(*batch.View(), outcome);
  EXPECT_EQ(Code(Move("p2", 100, 40)), absl::StatusCode::kOk);
  outcome.rows = std::nullopt;  // counts as all that was asked for
  permit_->Done(*batch.View(), outcome);
  EXPECT_EQ(Code(Move("p2", 100, 40)), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Code(Move("p2", 100, 20)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(Move("p2", 20, 40)), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace ruvector::strategy_host
