#include "core/plugin/plan_check.h"

#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/action_kinds.h"
#include "core/plugin/strategy_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::plugin {
namespace {

using ::testing::HasSubstr;

constexpr BlastRadius kWide = {1e9, 1e12, 3600};

StrategyDescription Everything() {
  StrategyDescription strategy;
  for (const ActionKind& kind : ActionKinds()) {
    strategy.action_kinds.push_back(kind.kind);
  }
  return strategy;
}

// A complete action of any kind, its undo included, from the table alone.
sdk::Action Complete(const ActionKind& kind, bool with_undo = true) {
  sdk::Action action(kind.kind, "object");
  for (const ArgumentRule& rule : kind.arguments) {
    action.Set(rule.name,
               rule.number ? sdk::Value(3.0) : sdk::Value(std::string("text")));
  }
  action.Effect("something gets better");
  if (with_undo &&
      (kind.undo == UndoRule::kSame || kind.undo == UndoRule::kSameOrOther)) {
    action.Undo(Complete(kind, false));
  } else if (with_undo && kind.undo == UndoRule::kOther) {
    action.Undo(Complete(*FindActionKind(kind.undo_kind), false));
  }
  return action;
}

TEST(ActionKindsTest, TableIsCompleteAscendingAndConsistent) {
  uint32_t expected = 1;
  std::set<std::string_view> names;
  for (const ActionKind& kind : ActionKinds()) {
    EXPECT_EQ(kind.kind, expected++);
    EXPECT_TRUE(names.insert(kind.name).second);
    EXPECT_EQ(FindActionKind(kind.kind), &kind);
    const auto has = [&](std::string_view name) {
      for (const ArgumentRule& r : kind.arguments) {
        if (r.name == name) return true;
      }
      return false;
    };
    EXPECT_TRUE(kind.key.empty() || has(kind.key)) << kind.name;
    EXPECT_EQ(
        kind.undo == UndoRule::kSame || kind.undo == UndoRule::kSameOrOther,
        !kind.value.empty())
        << kind.name;
    EXPECT_TRUE(kind.value.empty() || has(kind.value)) << kind.name;
    EXPECT_EQ(
        kind.undo == UndoRule::kOther || kind.undo == UndoRule::kSameOrOther,
        FindActionKind(kind.undo_kind) != nullptr)
        << kind.name;
  }
  EXPECT_EQ(expected, RUVECTOR_ACTION_ANALYZE + 1);
  EXPECT_EQ(FindActionKind(0), nullptr);
  EXPECT_EQ(FindActionKind(expected), nullptr);
}

TEST(PlanCheckTest, ACompleteActionOfEveryKindPasses) {
  for (const ActionKind& kind : ActionKinds()) {
    sdk::Action action = Complete(kind);
    const absl::Status status = CheckAction(Everything(), action.View());
    EXPECT_TRUE(status.ok()) << kind.name << ": " << status;
  }
}

TEST(PlanCheckTest, EveryRequiredArgumentIsRequired) {
  for (const ActionKind& kind : ActionKinds()) {
    for (const ArgumentRule& left_out : kind.arguments) {
      sdk::Action action(kind.kind, "object");
      for (const ArgumentRule& rule : kind.arguments) {
        if (rule.name == left_out.name) continue;
        action.Set(rule.name, rule.number ? sdk::Value(3.0)
                                          : sdk::Value(std::string("text")));
      }
      sdk::Action whole = Complete(kind);
      if (whole.View()->undo != nullptr) {
        action.Undo(sdk::Action(*whole.View()->undo));
      }
      EXPECT_EQ(CheckAction(Everything(), action.View()).ok(),
                left_out.optional)
          << kind.name << " without " << left_out.name;
    }
  }
}

TEST(PlanCheckTest, UndoIsDemandedExactlyWhereThereIsOne) {
  for (const ActionKind& kind : ActionKinds()) {
    sdk::Action without = Complete(kind, false);
    const bool has_none = kind.undo == UndoRule::kIrreversible ||
                          kind.undo == UndoRule::kTransient;
    EXPECT_EQ(CheckAction(Everything(), without.View()).ok(), has_none)
        << kind.name;
    for (const ActionKind& other : ActionKinds()) {
      sdk::Action action = Complete(kind, false);
      action.Undo(Complete(other, false));
      const bool fits = (other.kind == kind.kind && !kind.value.empty()) ||
                        (kind.undo_kind != 0 && other.kind == kind.undo_kind);
      EXPECT_EQ(CheckAction(Everything(), action.View()).ok(), fits)
          << kind.name << " undone by " << other.name;
    }
  }
}

sdk::Action Throttle(double percent, const char* operation = "insert") {
  sdk::Action undo(RUVECTOR_ACTION_SET_THROTTLE, "items");
  undo.Set("operation", sdk::Value(std::string(operation)))
      .Set("percent", sdk::Value());
  sdk::Action action(RUVECTOR_ACTION_SET_THROTTLE, "items");
  action.Set("operation", sdk::Value(std::string(operation)))
      .Set("percent", sdk::Value(percent))
      .Undo(std::move(undo));
  return action;
}

TEST(PlanCheckTest, EachViolationIsNamed) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  StrategyDescription only_throttle;
  only_throttle.action_kinds = {RUVECTOR_ACTION_SET_THROTTLE};
  const auto message = [&](sdk::Action action,
                           std::function<void(ruvector_action&)> spoil = {}) {
    ruvector_action raw = *action.View();
    if (spoil) spoil(raw);
    return std::string(CheckAction(only_throttle, &raw).message());
  };
  EXPECT_EQ(message(Throttle(50)), "");
  EXPECT_THAT(message(Complete(*FindActionKind(RUVECTOR_ACTION_VACUUM))),
              HasSubstr("action kind 'vacuum' is not declared"));
  EXPECT_THAT(message(Throttle(kNan)), HasSubstr("'percent'"));
  EXPECT_THAT(message(std::move(Throttle(50).Set("x", sdk::Value(1.0)))),
              HasSubstr("unknown or repeated argument 'x'"));
  EXPECT_THAT(message(std::move(Throttle(50).Set("operation", sdk::Value()))),
              HasSubstr("has type 0, expected 2"));
  EXPECT_THAT(message(std::move(Throttle(50).Rows(-1))),
              HasSubstr("expects -1 rows"));
  EXPECT_THAT(message(Throttle(1), [](auto& a) { a.struct_size = 8; }),
              HasSubstr("struct_size is 8"));
  EXPECT_THAT(message(Throttle(1), [](auto& a) { a.kind = 77; }),
              HasSubstr("unknown action kind 77"));
  EXPECT_THAT(message(Throttle(1), [](auto& a) { a.object = ""; }),
              HasSubstr("names no object"));
  EXPECT_THAT(message(Throttle(1), [](auto& a) { a.arguments = nullptr; }),
              HasSubstr("has no arguments"));
  sdk::Action elsewhere = Throttle(1);
  elsewhere.Undo(Throttle(2, "delete"));
  EXPECT_THAT(message(std::move(elsewhere)), HasSubstr("has an undo itself"));
  EXPECT_FALSE(CheckAction(only_throttle, nullptr).ok());
}

TEST(PlanCheckTest, UndoActsOnTheSameObjectAndKey) {
  for (const auto& [object, operation] :
       {std::pair{"items", "delete"}, std::pair{"others", "insert"}}) {
    sdk::Action undo(RUVECTOR_ACTION_SET_THROTTLE, object);
    undo.Set("operation", sdk::Value(std::string(operation)))
        .Set("percent", sdk::Value());
    sdk::Action action = Throttle(50);
    action.Undo(std::move(undo));
    EXPECT_THAT(CheckAction(Everything(), action.View()).message(),
                HasSubstr("expected 'items'"));
  }
}

TEST(PlanCheckTest, PlansStayWithinTheBlastRadius) {
  sdk::Plan plan;
  plan.Add(std::move(Throttle(50).Rows(600).Bytes(10).Seconds(2)));
  plan.Add(std::move(Throttle(60, "bulk_insert").Rows(500).Seconds(2)));
  EXPECT_TRUE(CheckPlan(Everything(), kWide, plan.View()).ok());
  const auto check = [&](BlastRadius radius) {
    return CheckPlan(Everything(), radius, plan.View());
  };
  EXPECT_TRUE(check({1100, 10, 4}).ok());
  EXPECT_EQ(check({1099, 10, 4}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(check({1100, 9, 4}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(check({1100, 10, 3.5}).message(),
              HasSubstr("plan expects 4 seconds, the blast radius is 3.5"));
}

TEST(PlanCheckTest, OneActionPerObjectAndAReasonForNone) {
  sdk::Plan twice;
  twice.Add(Throttle(50));
  twice.Add(Throttle(60));
  EXPECT_THAT(CheckPlan(Everything(), kWide, twice.View()).message(),
              HasSubstr("two actions 'set_throttle' on 'items'"));
  sdk::Plan empty;
  EXPECT_FALSE(CheckPlan(Everything(), kWide, empty.View()).ok());
  empty.Note("all is well");
  EXPECT_TRUE(CheckPlan(Everything(), kWide, empty.View()).ok());
  EXPECT_FALSE(CheckPlan(Everything(), kWide, nullptr).ok());
}

TEST(PlanCheckTest, AReversibleStrategyPlansNothingIrreversible) {
  StrategyDescription strategy = Everything();
  strategy.reversible = true;
  for (const ActionKind& kind : ActionKinds()) {
    sdk::Action action = Complete(kind);
    EXPECT_EQ(CheckAction(strategy, action.View()).ok(),
              kind.undo != UndoRule::kIrreversible)
        << kind.name;
  }
}

}  // namespace
}  // namespace ruvector::plugin
