// `auto`: which mechanism to use, learned from rewards.
//
// An epsilon-greedy UCB1 over named arms. With probability `exploration` the
// choice is uniform; otherwise it is the arm with the highest
//
//   mean + confidence * sqrt(ln(N) / n)
//
// over the candidates, N being the sum of their n, with equal arms drawn from.
// An arm that nothing is known of counts as one pull of reward 0.5: a mechanism
// that is dropped in takes part at once. Chance comes from the caller's Rng, so
// a run repeats exactly. Source: Auer, Cesa-Bianchi, Fischer, Finite-time
// Analysis of the Multiarmed Bandit Problem, 2002; ruvector-upstream.md B2.
//
//   Bandit bandit(arms);                    // from where they are kept
//   RV_ASSIGN_OR_RETURN(Mechanism m, bandit.Choose(candidates, options, rng));
//   ... RV_RETURN_IF_ERROR(bandit.Reward(m.name(), quality));
#ifndef RUVECTOR_CORE_ATTENTION_BANDIT_H_
#define RUVECTOR_CORE_ATTENTION_BANDIT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/attention/registry.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"

namespace ruvector::attention {

struct Arm {
  double pulls = 0;       // >= 0; may be fractional where a keeper lets old
                          // rewards fade
  double reward_sum = 0;  // 0 .. pulls
};

struct BanditOptions {
  double exploration = 0.1;  // 0 .. 1
  double confidence = 1.4142135623730951;
};

// [single-thread]
class Bandit {
 public:
  using Arms = std::map<std::string, Arm, std::less<>>;

  Bandit() = default;
  // What was kept; names that are no candidates are carried along.
  explicit Bandit(Arms arms) : arms_(std::move(arms)) {}

  // FailedPrecondition without candidates, InvalidArgument for an exploration
  // outside 0 .. 1. Counts nothing: an arm is pulled when it is rewarded.
  absl::StatusOr<Mechanism> Choose(const std::vector<Mechanism>& candidates,
                                   const BanditOptions& options,
                                   Rng& rng) const;

  // One pull. InvalidArgument unless 0 <= reward <= 1.
  absl::Status Reward(std::string_view mechanism, double reward);

  const Arms& arms() const { return arms_; }

 private:
  Arms arms_;
};

// The mechanisms of the registry that this request can be put to: those whose
// required context it has. By name, ascending.
std::vector<Mechanism> Applicable(const MechanismRegistry& registry,
                                  const AttentionRequest& request);

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_BANDIT_H_
