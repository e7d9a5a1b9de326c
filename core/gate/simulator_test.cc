// Drives the controller through random policies and random worlds, and holds
// the invariants of reference/operations-anchors.md 7.1 (gate) at every step.
//
// Seeds: core/base/test_seeds.h; RUVECTOR_LONG=1 makes it a million.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/base/test_seeds.h"
#include "core/gate/controller.h"
#include "core/gate/decision.h"
#include "core/gate/random_policy.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

constexpr uint64_t kQuickSeeds = 20000;
constexpr uint64_t kLongSeeds = 1000000;
constexpr int kSteps = 150;

const TestSeeds kSeeds = SeedsFromEnvironment(kQuickSeeds, kLongSeeds);

// Thresholds anywhere, periods short enough that a trace sees all rules.
Policy SimulatedPolicy(Rng& rng) {
  Policy policy;
  policy.threshold_low = 0.05 + 0.6 * rng.Uniform();
  policy.threshold_high =
      policy.threshold_low +
      (0.99 - policy.threshold_low) * (0.05 + 0.95 * rng.Uniform());
  Hysteresis& rules = policy.hysteresis;
  rules.degrade_samples = 1 + static_cast<int64_t>(rng.Below(5));
  rules.critical_samples = 1 + static_cast<int64_t>(rng.Below(4));
  rules.restore_threshold_offset = 0.3 * rng.Uniform();
  rules.restore_hold_seconds = static_cast<int64_t>(rng.Below(600));
  rules.cooldown_after_transition_seconds =
      static_cast<int64_t>(rng.Below(300));
  rules.immediate_critical_fraction = rng.Below(4) == 0 ? 0 : rng.Uniform();
  policy.sample_interval_secs = 1 + static_cast<int64_t>(rng.Below(120));
  return policy;
}

// A signal in [0, 1]: the shapes of operations-anchors 1.3 and worse.
class Signal {
 public:
  explicit Signal(Rng& rng)
      : shape_(rng.Below(6)),
        level_(rng.Uniform()),
        other_(rng.Uniform()),
        noise_(0.2 * rng.Uniform()),
        period_(2 + rng.Below(60)) {}

  double Next(Rng& rng) {
    const double noise = noise_ * (rng.Uniform() - 0.5);
    const uint64_t at = step_++;
    switch (shape_) {
      case 0:  // stationary
        return Clip(level_ + noise);
      case 1:  // square wave
        return Clip((at / period_ % 2 == 0 ? level_ : other_) + noise);
      case 2:  // ramp there and back
        return Clip(level_ +
                    (other_ - level_) *
                        std::abs(1.0 - static_cast<double>(at % (2 * period_)) /
                                           static_cast<double>(period_)) +
                    noise);
      case 3:  // random walk
        level_ = Clip(level_ + noise);
        return level_;
      case 4:  // healthy with collapses
        return rng.Below(period_) == 0 ? Clip(other_ + noise) : 1.0;
      default:  // anything
        return rng.Uniform();
    }
  }

 private:
  static double Clip(double value) { return std::clamp(value, 0.0, 1.0); }

  uint64_t shape_;
  double level_, other_, noise_;
  uint64_t period_;
  uint64_t step_ = 0;
};

struct World {
  explicit World(uint64_t seed)
      : rng(seed * 2654435761u + 1),
        policy(SimulatedPolicy(rng)),
        signal(rng) {}

  Sample Next(bool flaky) {
    // Jitter, but within what counts as held without a gap.
    at += absl::Seconds(policy.sample_interval_secs) *
          (0.5 + 2.0 * rng.Uniform());
    Sample sample{signal.Next(rng), false, at};
    if (flaky && rng.Below(8) == 0) sample.norm.reset();
    if (flaky && rng.Below(8) == 0) sample.stale = true;
    return sample;
  }

  Rng rng;
  Policy policy;
  Signal signal;
  absl::Time at = absl::FromUnixSeconds(1800000000);
};

// The rules again, without counters: it keeps the samples since the last
// transition and looks back over them. For fresh samples only.
class Historian {
 public:
  State Add(const Policy& policy, double norm, absl::Time at) {
    const Hysteresis& rules = policy.hysteresis;
    if (state_ != State::kCritical &&
        norm < rules.immediate_critical_fraction * policy.threshold_low) {
      return Become(State::kCritical, at);
    }
    const absl::Time deaf_until =
        last_transition_ +
        absl::Seconds(rules.cooldown_after_transition_seconds);
    if (at < deaf_until) return state_;
    heard_.push_back({norm, at});
    if (state_ == State::kNormal &&
        LastBelow(policy.threshold_high, rules.degrade_samples)) {
      return Become(State::kStress, at);
    }
    if (state_ == State::kStress &&
        LastBelow(policy.threshold_low, rules.critical_samples)) {
      return Become(State::kCritical, at);
    }
    if (state_ != State::kNormal &&
        HeldAbove(RestoreThreshold(policy, state_),
                  absl::Seconds(rules.restore_hold_seconds))) {
      return Become(
          state_ == State::kCritical ? State::kStress : State::kNormal, at);
    }
    return state_;
  }

 private:
  struct Heard {
    double norm;
    absl::Time at;
  };

  State Become(State state, absl::Time at) {
    state_ = state;
    last_transition_ = at;
    heard_.clear();
    return state;
  }
  bool LastBelow(double threshold, int64_t count) const {
    if (static_cast<int64_t>(heard_.size()) < count) return false;
    return std::all_of(heard_.end() - count, heard_.end(),
                       [&](const Heard& h) { return h.norm < threshold; });
  }
  bool HeldAbove(double threshold, absl::Duration hold) const {
    auto first = heard_.end();
    while (first != heard_.begin() && (first - 1)->norm > threshold) --first;
    return first != heard_.end() && heard_.back().at - first->at >= hold;
  }

  State state_ = State::kNormal;
  absl::Time last_transition_ = absl::InfinitePast();
  std::vector<Heard> heard_;
};

absl::Time Stored(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

// What must hold between two neighbouring states of a run.
void CheckStep(const Policy& policy, const ControllerState& before,
               const Sample& sample, const StepResult& result) {
  const Hysteresis& rules = policy.hysteresis;
  const ControllerState& after = result.next;
  EXPECT_LT(after.degrade_count, rules.degrade_samples);
  EXPECT_LT(after.critical_count, rules.critical_samples);
  EXPECT_TRUE(after.degrade_count == 0 || after.state == State::kNormal);
  EXPECT_TRUE(after.critical_count == 0 || after.state == State::kStress);
  EXPECT_TRUE(!after.hold_since.has_value() || after.state != State::kNormal);
  EXPECT_EQ(after.stale, sample.stale || !sample.norm.has_value());
  EXPECT_EQ(result.transition.has_value(), before.state != after.state);
  if (!result.transition.has_value()) return;

  const Transition& move = *result.transition;
  EXPECT_EQ(move.from, before.state);
  EXPECT_EQ(move.to, after.state);
  EXPECT_TRUE(sample.norm.has_value());
  const absl::Time at = Stored(sample.at);
  EXPECT_EQ(after.last_transition, at);
  const absl::Duration since = before.last_transition.has_value()
                                   ? at - *before.last_transition
                                   : absl::InfiniteDuration();
  if (move.reason == Reason::kImmediate) {
    EXPECT_EQ(move.to, State::kCritical);
    EXPECT_LT(*sample.norm,
              rules.immediate_critical_fraction * policy.threshold_low);
    return;
  }
  // One level, and at most one transition per dwell.
  EXPECT_EQ(std::abs(static_cast<int>(move.from) - static_cast<int>(move.to)),
            1);
  EXPECT_GE(since, absl::Seconds(rules.cooldown_after_transition_seconds));
  if (move.to < move.from) {
    EXPECT_FALSE(sample.stale);
    EXPECT_GE(since, absl::Seconds(rules.cooldown_after_transition_seconds +
                                   rules.restore_hold_seconds));
    EXPECT_GT(*sample.norm, RestoreThreshold(policy, move.from));
  }
}

// How many healthy samples make any state normal again.
int StepsToRecover(const Policy& policy) {
  const Hysteresis& rules = policy.hysteresis;
  const double seconds =
      2.0 * static_cast<double>(rules.restore_hold_seconds +
                                rules.cooldown_after_transition_seconds);
  return 6 + static_cast<int>(std::ceil(
                 seconds / static_cast<double>(policy.sample_interval_secs)));
}

class SimulatorTest : public testing::Test {
 protected:
  // Runs `world` for every seed, stopping at the first that fails.
  template <typename F>
  void ForEachSeed(F world) {
    for (uint64_t seed = kSeeds.first; seed < kSeeds.end(); ++seed) {
      world(seed);
      if (HasFailure()) {
        ADD_FAILURE() << "repeat with RUVECTOR_FIRST_SEED=" << seed
                      << " RUVECTOR_SEEDS=1";
        return;
      }
    }
  }
};

TEST_F(SimulatorTest, AgreesWithHistory) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    ControllerState state;
    Historian historian;
    for (int i = 0; i < kSteps; ++i) {
      const Sample sample = world.Next(/*flaky=*/false);
      state = Step(world.policy, state, sample).next;
      ASSERT_EQ(state.state,
                historian.Add(world.policy, *sample.norm, Stored(sample.at)))
          << "step " << i;
    }
  });
}

TEST_F(SimulatorTest, InvariantsHoldAndRecoveryComes) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    ControllerState state;
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      const Sample sample = world.Next(/*flaky=*/true);
      const StepResult result = Step(world.policy, state, sample);
      CheckStep(world.policy, state, sample, result);
      state = result.next;
    }
    const int needed = StepsToRecover(world.policy);
    for (int i = 0; i < needed; ++i) {
      world.at += absl::Seconds(world.policy.sample_interval_secs);
      state = Step(world.policy, state, {1.0, false, world.at}).next;
    }
    EXPECT_EQ(state.state, State::kNormal);
  });
}

// A worker that is killed and started again at any step goes on as if nothing
// had happened.
TEST_F(SimulatorTest, RestartsLeaveNoTrace) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    ControllerState lived, restarted;
    for (int i = 0; i < kSteps / 2; ++i) {
      const Sample sample = world.Next(/*flaky=*/true);
      if (world.rng.Below(10) == 0) {
        restarted =
            DecodeControllerState(EncodeControllerState(restarted)).value();
      }
      lived = Step(world.policy, lived, sample).next;
      restarted = Step(world.policy, restarted, sample).next;
      ASSERT_EQ(lived.state, restarted.state) << "step " << i;
    }
    EXPECT_EQ(EncodeControllerState(lived), EncodeControllerState(restarted));
  });
}

// The same world seen through a clock that is set back now and then is the
// world in which no time passed at those steps.
TEST_F(SimulatorTest, ClockStepsBackAreZeroTime) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    ControllerState steady, jumpy;
    absl::Duration stopped, set_back;
    absl::Time last = world.at;
    for (int i = 0; i < kSteps / 2; ++i) {
      Sample sample = world.Next(/*flaky=*/true);
      sample.at = Stored(sample.at);
      if (i > 0 && world.rng.Below(15) == 0) {
        stopped += sample.at - last;
        set_back +=
            sample.at - last +
            absl::Seconds(1 + static_cast<int64_t>(world.rng.Below(100000)));
      }
      last = sample.at;
      Sample in_steady = sample, in_jumpy = sample;
      in_steady.at -= stopped;
      in_jumpy.at -= set_back;
      steady = Step(world.policy, steady, in_steady).next;
      jumpy = Step(world.policy, jumpy, in_jumpy).next;
      ASSERT_EQ(steady.state, jumpy.state) << "step " << i;
      ASSERT_EQ(steady.degrade_count, jumpy.degrade_count);
      ASSERT_EQ(steady.hold_since.has_value(), jumpy.hold_since.has_value());
    }
  });
}

// Stationary noise narrower than the band never flaps: what noise did, the
// same noise does not undo.
TEST_F(SimulatorTest, StationaryNoiseInsideTheBandNeverFlaps) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    const double band =
        std::min(RestoreThreshold(world.policy, State::kStress) -
                     world.policy.threshold_high,
                 RestoreThreshold(world.policy, State::kCritical) -
                     world.policy.threshold_low);
    const double width = band * world.rng.Uniform();
    // Around either threshold, or anywhere.
    const double centers[] = {world.policy.threshold_high,
                              world.policy.threshold_low, world.rng.Uniform()};
    const double center = centers[world.rng.Below(3)];
    ControllerState state;
    // Begin in any state, as a world that was worse before.
    state.state = kAllStates[world.rng.Below(kNumStates)];
    bool worsened = false, improved = false;
    for (int i = 0; i < kSteps; ++i) {
      world.at += absl::Seconds(world.policy.sample_interval_secs);
      const double norm = center + width * (world.rng.Uniform() - 0.5);
      const StepResult result =
          Step(world.policy, state, {norm, false, world.at});
      if (result.transition.has_value()) {
        (result.transition->to > result.transition->from ? worsened
                                                         : improved) = true;
      }
      state = result.next;
    }
    EXPECT_FALSE(worsened && improved);
  });
}

// An override changes what the gate goes by, and nothing else.
TEST_F(SimulatorTest, OverridesForceAndRevert) {
  ForEachSeed([](uint64_t seed) {
    World world(seed);
    ControllerState free, forced;
    for (int i = 0; i < kSteps / 2; ++i) {
      const Sample sample = world.Next(/*flaky=*/true);
      if (world.rng.Below(20) == 0) {
        const Override manual{
            kAllStates[world.rng.Below(kNumStates)], "sim",
            sample.at + absl::Seconds(1 + world.rng.Below(2000))};
        forced = SetOverride(forced, manual, sample.at).value().next;
      }
      const State seen = EffectiveState(forced);
      free = Step(world.policy, free, sample).next;
      const StepResult result = Step(world.policy, forced, sample);
      forced = result.next;
      ASSERT_EQ(free.state, forced.state);
      const bool active = forced.manual.has_value();
      if (active) {
        ASSERT_LT(Stored(sample.at), forced.manual->until);
      }
      ASSERT_EQ(EffectiveState(forced),
                active ? forced.manual->state : free.state);
      // Every change of the effective state is reported, and only those.
      ASSERT_EQ(result.transition.has_value(), EffectiveState(forced) != seen);
      if (result.transition.has_value()) {
        ASSERT_EQ(result.transition->from, seen);
        ASSERT_EQ(result.transition->to, EffectiveState(forced));
      }
    }
  });
}

// The state machine and the gate together: what is permitted never grows
// while the state does not improve.
TEST_F(SimulatorTest, PermissionsFollowTheState) {
  const uint64_t last = kSeeds.first + kSeeds.count / 100 + 1;
  for (uint64_t seed = kSeeds.first; seed < last; ++seed) {
    World world(seed);
    Policy policy = RandomPolicy(world.rng, 0.5);
    policy.hysteresis = world.policy.hysteresis;
    const GateTable tables[] = {CompileGate(policy, State::kNormal),
                                CompileGate(policy, State::kStress),
                                CompileGate(policy, State::kCritical)};
    ControllerState state;
    for (int i = 0; i < kSteps; ++i) {
      const State before = EffectiveState(state);
      state = Step(policy, state, world.Next(/*flaky=*/true)).next;
      const State after = EffectiveState(state);
      if (after < before) continue;
      for (int o = 0; o < kNumOperations; ++o) {
        const auto operation = static_cast<Operation>(o);
        ASSERT_LE(
            Decide(tables[static_cast<int>(before)], operation, {}).response,
            Decide(tables[static_cast<int>(after)], operation, {}).response);
      }
    }
  }
}

}  // namespace
}  // namespace ruvector::gate
