#include "core/attention/bandit.h"

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/attention/built_in.h"

namespace ruvector::attention {
namespace {

using ::testing::ElementsAre;

const std::vector<Mechanism>& All() {
  static const auto* all = new std::vector<Mechanism>(BuiltIn().All());
  return *all;
}

std::map<std::string, int> Choices(const Bandit& bandit, double exploration,
                                   int rounds, uint64_t seed = 1) {
  Rng rng(seed);
  std::map<std::string, int> counts;
  for (int i = 0; i < rounds; ++i) {
    ++counts[bandit.Choose(All(), {exploration}, rng)->name()];
  }
  return counts;
}

TEST(BanditTest, SameSeedSameChoices) {
  const Bandit bandit;
  Rng a(7), b(7), c(8);
  std::vector<std::string> first, second, other;
  for (int i = 0; i < 50; ++i) {
    first.push_back(bandit.Choose(All(), {}, a)->name());
    second.push_back(bandit.Choose(All(), {}, b)->name());
    other.push_back(bandit.Choose(All(), {}, c)->name());
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
}

TEST(BanditTest, KnowingNothingItDrawsFromAll) {
  const auto counts = Choices(Bandit(), 0, 700);
  EXPECT_EQ(counts.size(), 7u);
  for (const auto& [name, count] : counts) EXPECT_GT(count, 60) << name;
}

// The bound, from the formula.
TEST(BanditTest, WithoutExplorationItTakesTheHighestBound) {
  Bandit::Arms arms;
  double total = 0, n = 3;
  for (const std::string& name : BuiltIn().Names()) {
    arms[name] = {n, 0.1 * n * static_cast<double>(arms.size())};
    total += n;
    n *= 2;
  }
  std::string best;
  double highest = -1;
  for (const auto& [name, arm] : arms) {
    const double bound =
        arm.reward_sum / arm.pulls + std::sqrt(2 * std::log(total) / arm.pulls);
    if (bound > highest) {
      highest = bound;
      best = name;
    }
  }
  EXPECT_EQ(Choices(Bandit(arms), 0, 20),
            (std::map<std::string, int>{{best, 20}}));
}

TEST(BanditTest, FullExplorationIsUniformWhateverIsKnown) {
  const Bandit bandit({{"topological", {1000, 1000}}});
  const auto counts = Choices(bandit, 1, 7000);
  EXPECT_EQ(counts.size(), 7u);
  for (const auto& [name, count] : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(BanditTest, ItFindsTheBestArmAndRegretIsSublinear) {
  const std::string best = "mincut_gated";
  Bandit bandit;
  Rng rng(3);
  int late_best = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto chosen = bandit.Choose(All(), {0.05}, rng);
    ASSERT_TRUE(chosen.ok());
    const double p = chosen->name() == best ? 0.8 : 0.4;
    ASSERT_TRUE(bandit.Reward(chosen->name(), rng.Uniform() < p ? 1 : 0).ok());
    late_best += i >= 3000 && chosen->name() == best;
  }
  EXPECT_GT(late_best, 850);
  // None is forgotten for ever.
  for (const auto& [name, arm] : bandit.arms())
    EXPECT_GT(arm.pulls, 10) << name;
}

TEST(BanditTest, ANewMechanismIsTriedSoon) {
  Bandit::Arms arms;
  for (const std::string& name : BuiltIn().Names()) arms[name] = {1000, 600};
  arms.erase("causal_cone");
  EXPECT_EQ(Choices(Bandit(arms), 0, 1).begin()->first, "causal_cone");
}

TEST(BanditTest, MistakesAreErrors) {
  Bandit bandit;
  Rng rng(1);
  EXPECT_EQ(bandit.Choose({}, {}, rng).status().code(),
            absl::StatusCode::kFailedPrecondition);
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    EXPECT_EQ(bandit.Choose(All(), {bad}, rng).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(bandit.Reward("topological", bad).code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(bandit.arms().empty());
}

TEST(BanditTest, CandidatesAreThoseWhoseContextIsThere) {
  const std::vector<float> query = {1}, keys = {1, 2};
  const std::vector<int32_t> hops = {1, 2};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  const auto names = [&] {
    std::vector<std::string> found;
    for (const Mechanism& m : Applicable(BuiltIn(), request)) {
      found.push_back(m.name());
    }
    return found;
  };
  EXPECT_THAT(names(), ElementsAre("topological"));
  request.hops = hops;
  EXPECT_THAT(names(), ElementsAre("causal_cone", "topological"));
}

}  // namespace
}  // namespace ruvector::attention
