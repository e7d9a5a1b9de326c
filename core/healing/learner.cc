#include "core/healing/learner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "absl/random/beta_distribution.h"

namespace ruvector::healing {
namespace {

// Rng as the standard's generators are called.
struct Bits {
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() {
    return std::numeric_limits<uint64_t>::max();
  }
  uint64_t operator()() { return rng.Next(); }
  Rng& rng;
};

// What the tables can store.
absl::Time Microseconds(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

Learner::Arm Learner::Faded(const Arm& arm, absl::Time now) const {
  // A clock that went back makes nothing stronger.
  const double half_lives =
      std::max(0.0, absl::FDivDuration(now - arm.updated, options_.half_life));
  const double left = std::exp2(-half_lives);
  Arm faded = arm;
  faded.successes *= left;
  faded.failures *= left;
  faded.improvement *= left;
  faded.improvements *= left;
  return faded;
}

Learner::Arm Learner::ArmOf(const ProblemKey& problem,
                            const Candidate& strategy, absl::Time now) const {
  const auto found = arms_.find({problem, strategy.strategy});
  Arm arm = found == arms_.end() ? Arm{} : Faded(found->second, now);
  arm.impact = strategy.impact;
  return arm;
}

Belief Learner::Describe(const ArmKey& key, const Arm& faded) {
  Belief belief;
  belief.problem = key.first;
  belief.strategy = key.second;
  belief.alpha = 1 + (1 - faded.impact) + faded.successes;
  belief.beta = 1 + faded.failures;
  belief.mean = belief.alpha / (belief.alpha + belief.beta);
  belief.attempts = faded.attempts;
  belief.verified = faded.verified;
  const double evidence = faded.successes + faded.failures;
  const double gain =
      faded.improvements > 0 ? faded.improvement / faded.improvements : 0;
  belief.weight = evidence > 0 ? faded.successes / evidence * (1 + gain)
                               : std::numeric_limits<double>::quiet_NaN();
  return belief;
}

std::optional<std::string> Learner::Choose(
    const ProblemKey& problem, absl::Span<const Candidate> candidates,
    double max_impact, absl::Time now, Rng& rng) const {
  std::optional<std::string> best;
  double best_draw = -1;
  for (const Candidate& candidate : candidates) {
    if (!(candidate.impact <= max_impact)) continue;
    const Belief belief = BeliefOf(problem, candidate, now);
    absl::beta_distribution<double> posterior(belief.alpha, belief.beta);
    Bits bits{rng};
    const double draw = posterior(bits);
    if (draw > best_draw) {
      best_draw = draw;
      best = candidate.strategy;
    }
  }
  return best;
}

std::optional<std::string> Learner::ChooseGentlest(
    absl::Span<const Candidate> candidates, double max_impact) {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!(candidate.impact <= max_impact)) continue;
    if (best == nullptr || std::tie(candidate.impact, candidate.strategy) <
                               std::tie(best->impact, best->strategy)) {
      best = &candidate;
    }
  }
  if (best == nullptr) return std::nullopt;
  return best->strategy;
}

void Learner::Record(const ProblemKey& problem, const Candidate& strategy,
                     const Lesson& lesson, absl::Time now) {
  const absl::Time at = Microseconds(now);
  Arm arm = ArmOf(problem, strategy, at);
  arm.successes *= options_.discount;
  arm.failures *= options_.discount;
  arm.improvement *= options_.discount;
  arm.improvements *= options_.discount;
  (lesson.verified ? arm.successes : arm.failures) += 1;
  if (std::isfinite(lesson.improvement)) {
    arm.improvement += lesson.improvement;
    arm.improvements += 1;
  }
  arm.attempts += 1;
  arm.verified += lesson.verified ? 1 : 0;
  arm.updated = at;
  arms_[{problem, strategy.strategy}] = arm;
}

Belief Learner::BeliefOf(const ProblemKey& problem, const Candidate& strategy,
                         absl::Time now) const {
  return Describe({problem, strategy.strategy}, ArmOf(problem, strategy, now));
}

std::vector<Belief> Learner::Beliefs(absl::Time now) const {
  std::vector<Belief> beliefs;
  for (const auto& [key, arm] : arms_) {
    beliefs.push_back(Describe(key, Faded(arm, now)));
  }
  return beliefs;
}

void Learner::Forget(std::string_view strategy) {
  for (auto arm = arms_.begin(); arm != arms_.end();) {
    arm = arm->first.second == strategy ? arms_.erase(arm) : std::next(arm);
  }
}

}  // namespace ruvector::healing
