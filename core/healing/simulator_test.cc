// Drives the engine through random worlds and holds the invariants of
// reference/operations-anchors.md 7.1 (healer) at every step.
//
// Seeds: core/base/test_seeds.h; RUVECTOR_LONG=1 makes it a million.
#include <cstdio>
#include <map>
#include <string>

#include "core/base/test_seeds.h"
#include "core/healing/engine_simulation.h"
#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

constexpr uint64_t kQuickSeeds = 10000;
constexpr uint64_t kLongSeeds = 1000000;
constexpr uint64_t kMaxSteps = 400;

const TestSeeds kSeeds = SeedsFromEnvironment(kQuickSeeds, kLongSeeds);

TEST(SimulatorTest, InvariantsHoldUnderAnySchedule) {
  std::map<ActionState, int> ends;
  int crashes = 0;
  for (uint64_t seed = kSeeds.first; seed < kSeeds.end(); ++seed) {
    EngineSimulation world(seed);
    const uint64_t steps = 20 + seed * 7919 % kMaxSteps;
    uint64_t step = 0;
    while (step < steps && world.failure().empty()) {
      world.Step();
      ++step;
    }
    world.Drain();
    ASSERT_EQ(world.failure(), "")
        << "at step " << step << " of " << steps
        << ", repeat with RUVECTOR_FIRST_SEED=" << seed << " RUVECTOR_SEEDS=1";
    for (const auto& [state, count] : world.ends()) ends[state] += count;
    crashes += world.crashes();
  }
  for (const auto& [state, count] : ends) {
    RecordProperty(std::string(ActionStateName(state)), count);
    std::printf("%-12s %d\n", std::string(ActionStateName(state)).c_str(),
                count);
  }
  std::printf("%-12s %d\n", "crashes", crashes);
  const uint64_t seeds = kSeeds.count;
  if (seeds < 1000) return;
  // A world that never gets anywhere proves nothing.
  for (int state = static_cast<int>(ActionState::kDone);
       state < kNumActionStates; ++state) {
    EXPECT_GT(ends[static_cast<ActionState>(state)],
              static_cast<int>(seeds / 100))
        << ActionStateName(static_cast<ActionState>(state));
  }
}

TEST(SimulatorTest, SameSeedSameRun) {
  for (uint64_t seed = kSeeds.first; seed < kSeeds.first + 50; ++seed) {
    EngineSimulation one(seed), two(seed);
    for (int i = 0; i < 200; ++i) {
      one.Step();
      two.Step();
    }
    ASSERT_EQ(one.digest(), two.digest()) << seed;
  }
}

}  // namespace
}  // namespace ruvector::healing
