#include "core/attention/bandit.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace ruvector::attention {
namespace {

Arm Known(const Bandit::Arms& arms, const std::string& name) {
  const auto it = arms.find(name);
  if (it == arms.end() || it->second.pulls <= 0) return {1, 0.5};
  return it->second;
}

}  // namespace

absl::StatusOr<Mechanism> Bandit::Choose(
    const std::vector<Mechanism>& candidates, const BanditOptions& options,
    Rng& rng) const {
  if (candidates.empty()) {
    return absl::FailedPreconditionError(
        "no attention mechanism can take this request");
  }
  if (!(options.exploration >= 0 && options.exploration <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "exploration is ", options.exploration, ", expected 0 to 1"));
  }
  if (rng.Uniform() < options.exploration) {
    return candidates[rng.Below(candidates.size())];
  }
  double pulls = 0;
  for (const Mechanism& m : candidates) pulls += Known(arms_, m.name()).pulls;
  const double log_pulls = std::log(std::max(pulls, 1.0));
  double highest = 0;
  std::vector<size_t> best;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Arm arm = Known(arms_, candidates[i].name());
    const double value = arm.reward_sum / arm.pulls +
                         options.confidence * std::sqrt(log_pulls / arm.pulls);
    if (best.empty() || value > highest) {
      highest = value;
      best.clear();
    }
    if (value == highest) best.push_back(i);
  }
  return candidates[best[rng.Below(best.size())]];
}

absl::Status Bandit::Reward(std::string_view mechanism, double reward) {
  if (!(reward >= 0 && reward <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("reward is ", reward, ", expected 0 to 1"));
  }
  Arm& arm = arms_[std::string(mechanism)];
  arm.pulls += 1;
  arm.reward_sum += reward;
  return absl::OkStatus();
}

std::vector<Mechanism> Applicable(const MechanismRegistry& registry,
                                  const AttentionRequest& request) {
  std::vector<Mechanism> applicable;
  for (const Mechanism& mechanism : registry.All()) {
    if ((mechanism.description().attention->context_required &
         ~ContextOf(request)) == 0) {
      applicable.push_back(mechanism);
    }
  }
  return applicable;
}

}  // namespace ruvector::attention
