#include "core/gate/controller.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kMinute = absl::Minutes(1);

// Feeds samples a minute apart and keeps what happened.
class ControllerTest : public testing::Test {
 protected:
  StepResult Feed(const Sample& sample) {
    const StepResult result = Step(policy_, state_, sample);
    state_ = result.next;
    if (result.transition.has_value()) {
      log_.push_back(std::string(StateName(result.transition->from)) + ">" +
                     std::string(StateName(result.transition->to)) + " " +
                     std::string(ReasonName(result.transition->reason)));
    }
    return result;
  }
  StepResult Norm(std::optional<double> norm, bool stale = false) {
    now_ += kMinute;
    return Feed({norm, stale, now_});
  }
  void Norms(double norm, int count) {
    for (int i = 0; i < count; ++i) Norm(norm);
  }
  State state() const { return EffectiveState(state_); }

  Policy policy_;
  ControllerState state_;
  absl::Time now_ = absl::FromUnixSeconds(1800000000);
  std::vector<std::string> log_;
};

TEST_F(ControllerTest, ThreeSamplesBelowHighMakeStress) {
  Norms(0.79, 2);
  EXPECT_EQ(state(), State::kNormal);
  EXPECT_EQ(state_.degrade_count, 2);
  Norm(0.79);
  EXPECT_EQ(state(), State::kStress);
  EXPECT_EQ(state_.degrade_count, 0);
  EXPECT_EQ(state_.last_transition, now_);
  EXPECT_EQ(state_.cooldown_until, now_ + absl::Seconds(60));
  EXPECT_THAT(log_, testing::ElementsAre("normal>stress degraded"));
}

TEST_F(ControllerTest, OneGoodSampleBreaksTheRun) {
  Norms(0.5, 2);
  Norm(0.8);  // not below
  Norms(0.5, 2);
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, TwoSamplesBelowLowMakeCriticalAfterStress) {
  Norms(0.2, 3);
  EXPECT_EQ(state(), State::kStress);
  Norm(0.2);  // at the end of the cooldown: counts
  EXPECT_EQ(state(), State::kStress);
  Norm(0.2);
  EXPECT_EQ(state(), State::kCritical);
  EXPECT_THAT(log_, testing::ElementsAre("normal>stress degraded",
                                         "stress>critical critical"));
}

TEST_F(ControllerTest, FarBelowLowIsCriticalAtOnce) {
  Norm(0.15);  // half of threshold_low: not below it
  EXPECT_EQ(state(), State::kNormal);
  Norm(0.149);
  EXPECT_EQ(state(), State::kCritical);
  EXPECT_THAT(log_, testing::ElementsAre("normal>critical immediate"));
}

TEST_F(ControllerTest, FarBelowLowDoesNotWaitForTheCooldown) {
  Norms(0.5, 3);
  now_ += absl::Seconds(1);
  Feed({0.0, false, now_});
  EXPECT_EQ(state(), State::kCritical);
}

TEST_F(ControllerTest, ImmediatePathCanBeTurnedOff) {
  policy_.hysteresis.immediate_critical_fraction = 0;
  Norms(0.0, 4);
  EXPECT_EQ(state(), State::kStress);
}

TEST_F(ControllerTest, CooldownIgnoresSamples) {
  Norms(0.5, 3);
  for (int i = 0; i < 5; ++i) {
    now_ += absl::Seconds(10);
    Feed({0.2, false, now_});
    EXPECT_EQ(state_.critical_count, 0);
  }
  now_ += absl::Seconds(10);
  Feed({0.2, false, now_});
  EXPECT_EQ(state_.critical_count, 1);
}

TEST_F(ControllerTest, RestoresOneLevelAtATimeAfterTheHold) {
  Norm(0.0);
  ASSERT_EQ(state(), State::kCritical);
  Norms(1.0, 5);
  EXPECT_EQ(state(), State::kCritical);  // held 4 minutes
  EXPECT_EQ(state_.hold_since, now_ - 4 * kMinute);
  Norm(1.0);
  EXPECT_EQ(state(), State::kStress);
  Norms(1.0, 6);
  EXPECT_EQ(state(), State::kNormal);
  EXPECT_THAT(log_, testing::ElementsAre("normal>critical immediate",
                                         "critical>stress restored",
                                         "stress>normal restored"));
}

TEST_F(ControllerTest, TheBandBetweenThresholdAndRestoreKeepsTheState) {
  Norms(0.5, 3);
  Norms(0.9, 100);  // not above 0.9
  EXPECT_EQ(state(), State::kStress);
  Norms(0.901, 6);
  EXPECT_EQ(state(), State::kNormal);
  Norms(0.8, 100);  // not below 0.8
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, ADipBreaksTheHold) {
  Norms(0.5, 3);
  Norms(0.95, 4);
  Norm(0.85);
  EXPECT_EQ(state_.hold_since, std::nullopt);
  Norms(0.95, 5);
  EXPECT_EQ(state(), State::kStress);
  Norm(0.95);
  EXPECT_EQ(state(), State::kNormal);
}

// Trap (b) of reference A4: an offset that no norm could reach.
TEST_F(ControllerTest, RecoveryIsReachableWithAnyOffset) {
  policy_.threshold_high = 0.95;
  policy_.hysteresis.restore_threshold_offset = 0.5;
  Norms(0.5, 3);
  Norms(1.0, 6);
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, UnknownKeepsEverythingAndFlagsStale) {
  Norms(0.5, 2);
  const ControllerState before = state_;
  for (std::optional<double> none :
       {std::optional<double>(), std::optional<double>(std::nan(""))}) {
    Norm(none);
    EXPECT_TRUE(state_.stale);
    EXPECT_EQ(state_.degrade_count, before.degrade_count);
    EXPECT_EQ(state_.last_fresh, before.last_fresh);
  }
  Norm(0.5);  // the third known one
  EXPECT_FALSE(state_.stale);
  EXPECT_EQ(state(), State::kStress);
  Norm(std::nullopt);
  EXPECT_EQ(state(), State::kStress);
  EXPECT_TRUE(state_.stale);
}

TEST_F(ControllerTest, StaleLowNormsDegradeStaleHighOnesRestoreNothing) {
  for (int i = 0; i < 3; ++i) Norm(0.5, /*stale=*/true);
  EXPECT_EQ(state(), State::kStress);
  for (int i = 0; i < 100; ++i) Norm(1.0, /*stale=*/true);
  EXPECT_EQ(state(), State::kStress);
  EXPECT_EQ(state_.hold_since, std::nullopt);
}

TEST_F(ControllerTest, AStaleHighNormBreaksNoRunOfLowOnes) {
  Norms(0.5, 2);
  Norm(1.0, /*stale=*/true);
  Norm(0.5);
  EXPECT_EQ(state(), State::kStress);
}

TEST_F(ControllerTest, TimeWithoutEvidenceDoesNotCountAsHeld) {
  Norms(0.5, 3);
  Norms(1.0, 2);
  now_ += absl::Hours(10);  // the worker was away
  Norm(1.0);
  EXPECT_EQ(state(), State::kStress);
  EXPECT_EQ(state_.hold_since, now_ - 4 * kMinute);  // 1 + at most 3
  Norm(1.0);
  EXPECT_EQ(state(), State::kNormal);
}

// However slow the passes are, recovery comes.
TEST_F(ControllerTest, RareSamplesRestoreToo) {
  policy_.sample_interval_secs = 1;
  Norms(0.5, 3);
  int samples = 0;
  for (; state() != State::kNormal && samples < 1000; ++samples) Norm(1.0);
  EXPECT_EQ(samples, 101);  // the first starts, 100 give 3 s each
}

TEST_F(ControllerTest, ClockGoingBackKeepsWhatIsLeft) {
  Norms(0.5, 3);
  now_ += absl::Seconds(20);
  Feed({1.0, false, now_});  // 40 s of cooldown left
  now_ -= absl::Hours(5);
  Feed({1.0, false, now_});
  EXPECT_EQ(state_.cooldown_until, now_ + absl::Seconds(40));
  EXPECT_EQ(state_.last_transition, now_ - absl::Seconds(20));
  Norms(1.0, 3);
  EXPECT_EQ(state_.hold_since, now_ - 2 * kMinute);
  now_ -= absl::Hours(5);
  Feed({1.0, false, now_});
  EXPECT_EQ(state_.hold_since, now_ - 2 * kMinute);
  Norms(1.0, 3);
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, OverrideForcesTheStateUntilItExpires) {
  const auto set = SetOverride(
      state_, {State::kCritical, "drill", now_ + absl::Minutes(10)}, now_);
  ASSERT_TRUE(set.ok());
  ASSERT_TRUE(set->transition.has_value());
  EXPECT_EQ(set->transition->to, State::kCritical);
  EXPECT_EQ(set->transition->reason, Reason::kOverride);
  state_ = set->next;
  EXPECT_EQ(NextDeadline(state_), now_ + absl::Minutes(10));
  Norms(1.0, 9);
  EXPECT_EQ(state(), State::kCritical);
  EXPECT_EQ(state_.state, State::kNormal);
  const StepResult expired = Norm(1.0);
  ASSERT_TRUE(expired.transition.has_value());
  EXPECT_EQ(expired.transition->from, State::kCritical);
  EXPECT_EQ(expired.transition->to, State::kNormal);
  EXPECT_EQ(expired.transition->reason, Reason::kOverrideExpired);
  EXPECT_EQ(NextDeadline(state_), std::nullopt);
}

TEST_F(ControllerTest, TheControllerGoesOnUnderAnOverride) {
  state_ = SetOverride(state_, {State::kNormal, "known", now_ + absl::Hours(1)},
                       now_)
               .value()
               .next;
  const StepResult masked = Norm(0.0);
  EXPECT_EQ(masked.transition, std::nullopt);
  ASSERT_TRUE(masked.masked.has_value());
  EXPECT_EQ(masked.masked->to, State::kCritical);
  EXPECT_EQ(state(), State::kNormal);
  const StepResult expired = Tick(state_, now_ + absl::Hours(1));
  ASSERT_TRUE(expired.transition.has_value());
  EXPECT_EQ(expired.transition->from, State::kNormal);
  EXPECT_EQ(expired.transition->to, State::kCritical);
}

TEST_F(ControllerTest, ExpiryAndTransitionInOneStepAreOneChange) {
  state_ = SetOverride(state_, {State::kStress, "x", now_ + kMinute}, now_)
               .value()
               .next;
  const StepResult result = Norm(0.0);
  ASSERT_TRUE(result.transition.has_value());
  EXPECT_EQ(result.transition->from, State::kStress);
  EXPECT_EQ(result.transition->to, State::kCritical);
  EXPECT_EQ(result.transition->reason, Reason::kImmediate);
  EXPECT_EQ(result.masked, std::nullopt);
}

TEST_F(ControllerTest, ClearingAnOverrideReverts) {
  state_ = SetOverride(state_, {State::kStress, "x", now_ + kMinute}, now_)
               .value()
               .next;
  const StepResult cleared = ClearOverride(state_, now_);
  ASSERT_TRUE(cleared.transition.has_value());
  EXPECT_EQ(cleared.transition->reason, Reason::kOverrideCleared);
  EXPECT_EQ(EffectiveState(cleared.next), State::kNormal);
  EXPECT_EQ(ClearOverride(cleared.next, now_).transition, std::nullopt);
}

TEST_F(ControllerTest, OverridesNeedAReasonAndAFuture) {
  EXPECT_THAT(SetOverride(state_, {State::kStress, "", now_ + kMinute}, now_)
                  .status()
                  .ToString(),
              HasSubstr("expected a reason"));
  EXPECT_THAT(SetOverride(state_, {State::kStress, "x", now_}, now_)
                  .status()
                  .ToString(),
              HasSubstr("expected an end after now"));
}

TEST_F(ControllerTest, OverrideSetAfterTheClockWentBackLastsItsTime) {
  Norm(1.0);
  now_ -= absl::Hours(2);
  state_ =
      SetOverride(state_, {State::kStress, "x", now_ + absl::Minutes(10)}, now_)
          .value()
          .next;
  Norms(1.0, 9);
  EXPECT_EQ(state(), State::kStress);
  Norm(1.0);
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, ClockGoingBackKeepsWhatIsLeftOfAnOverride) {
  Norm(1.0);
  state_ = SetOverride(state_, {State::kStress, "x", now_ + 3 * kMinute}, now_)
               .value()
               .next;
  now_ -= absl::Hours(2);
  Feed({1.0, false, now_});
  EXPECT_EQ(NextDeadline(state_), now_ + 3 * kMinute);
  Norms(1.0, 2);
  EXPECT_EQ(state(), State::kStress);
  Norm(1.0);
  EXPECT_EQ(state(), State::kNormal);
}

TEST_F(ControllerTest, AnnouncesAnApproachOnce) {
  EXPECT_FALSE(Norm(0.89).threshold_approach);
  EXPECT_TRUE(Norm(0.87).threshold_approach);
  EXPECT_FALSE(Norm(0.86).threshold_approach);
  EXPECT_FALSE(Norm(0.95).threshold_approach);
  EXPECT_TRUE(Norm(0.87).threshold_approach);
}

TEST_F(ControllerTest, SoonestImprovementIsWhatTheRulesAllow) {
  EXPECT_EQ(SoonestImprovement(policy_, state_, now_), absl::ZeroDuration());
  Norms(0.5, 3);
  EXPECT_EQ(SoonestImprovement(policy_, state_, now_), absl::Seconds(360));
  Norms(1.0, 3);
  EXPECT_EQ(SoonestImprovement(policy_, state_, now_), absl::Seconds(180));
  Norms(0.5, 1);
  EXPECT_EQ(SoonestImprovement(policy_, state_, now_), absl::Seconds(300));
  state_.manual = Override{State::kCritical, "x", now_ + absl::Seconds(7)};
  EXPECT_EQ(SoonestImprovement(policy_, state_, now_), absl::Seconds(7));
}

TEST_F(ControllerTest, StatesSurviveStorage) {
  Norms(0.5, 3);
  Norms(1.0, 2);
  now_ += absl::Nanoseconds(1234567);  // more than the tables can keep
  Feed({1.0, true, now_});
  state_ = SetOverride(state_,
                       {State::kCritical, "quote \" and \xc3\xbc",
                        now_ + absl::Nanoseconds(98765432)},
                       now_)
               .value()
               .next;
  const std::string json = EncodeControllerState(state_);
  const auto decoded = DecodeControllerState(json);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeControllerState(*decoded), json);
  EXPECT_EQ(decoded->hold_since, state_.hold_since);
  EXPECT_EQ(decoded->last_sample, state_.last_sample);
  EXPECT_EQ(decoded->manual->until, state_.manual->until);
  EXPECT_EQ(decoded->manual->reason, state_.manual->reason);
  EXPECT_EQ(EncodeControllerState(ControllerState()),
            EncodeControllerState(
                DecodeControllerState(EncodeControllerState(ControllerState()))
                    .value()));
}

TEST_F(ControllerTest, BrokenStorageIsRefused) {
  const std::string good = EncodeControllerState(ControllerState());
  EXPECT_TRUE(DecodeControllerState(good).ok());
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"\"normal\"", "\"calm\""},
           {"\"state\"", "\"stale2\""},
           {"\"degrade_count\":0", "\"degrade_count\":0.5"},
           {"\"hold_since\":null", "\"hold_since\":\"now\""},
           {"\"stale\":false", "\"stale\":0"},
           {"\"override\":null", "\"override\":7"},
           {"\"override\":null", "\"override\":{\"state\":\"stress\"}"},
           {"}", ""}}) {
    std::string bad = good;
    const size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, from.size(), to);
    EXPECT_EQ(DecodeControllerState(bad).status().code(),
              absl::StatusCode::kDataLoss)
        << bad;
  }
  for (const char* bad : {"", "null", "[]", "7"}) {
    EXPECT_FALSE(DecodeControllerState(bad).ok());
  }
}

}  // namespace
}  // namespace ruvector::gate
