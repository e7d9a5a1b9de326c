// Which strategy helps against which problem: Thompson sampling over Beta
// posteriors. [any-thread] for const methods
//
// One arm per (problem class and cause, strategy). An arm holds evidence,
// weighted numbers of verified and of failed attempts; its posterior is
//   Beta(1 + (1 - impact) + successes, 1 + failures)
// so that of strategies without experience the gentler one goes first more
// often, and one failure leaves every strategy a real chance. Evidence fades
// in two ways: each new outcome of an arm multiplies what the arm had by
// `discount` (an arm remembers about 1 / (1 - discount) outcomes, which is
// what lets a strategy that turned bad go in time), and all of it halves every
// `half_life` (after a year of peace the machine is another one).
//
// A choice draws from every candidate's posterior and takes the largest.
// Chance is the caller's Rng: same state, same Rng, same choice.
//
// Thompson, Biometrika 1933; discounted: Raj and Kalyani, arXiv:1707.09727.
#ifndef RUVECTOR_CORE_HEALING_LEARNER_H_
#define RUVECTOR_CORE_HEALING_LEARNER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/healing/incident.h"

namespace ruvector::healing {

struct LearnerOptions {
  double discount = 0.93;
  absl::Duration half_life = absl::Hours(24 * 30);
};

// A strategy that could be used now.
struct Candidate {
  std::string strategy;
  double impact = 0;  // 0 .. 1
};

// How an attempt ended.
struct Lesson {
  bool verified = false;
  double improvement = 0;  // of its target metric, relative; NaN unknown
};

// What is believed of one arm, for people.
struct Belief {
  ProblemKey problem;
  std::string strategy;
  double alpha = 0;
  double beta = 0;
  double mean = 0;       // alpha / (alpha + beta)
  int64_t attempts = 0;  // ever, since the last reset
  int64_t verified = 0;
  // spec/self-healing.md: success rate * (1 + mean improvement), over the
  // evidence as it has faded. NaN without evidence.
  double weight = 0;
};

class Learner {
 public:
  explicit Learner(LearnerOptions options = {}) : options_(options) {}

  // Draws one of `candidates` whose impact is at most `max_impact`; nullopt if
  // there is none. Equal draws: the first by position.
  std::optional<std::string> Choose(const ProblemKey& problem,
                                    absl::Span<const Candidate> candidates,
                                    double max_impact, absl::Time now,
                                    Rng& rng) const;

  // The same without experience or chance: the least impact, then the name.
  static std::optional<std::string> ChooseGentlest(
      absl::Span<const Candidate> candidates, double max_impact);

  void Record(const ProblemKey& problem, const Candidate& strategy,
              const Lesson& lesson, absl::Time now);

  // Of one arm; that of the prior if nothing is known.
  Belief BeliefOf(const ProblemKey& problem, const Candidate& strategy,
                  absl::Time now) const;
  // Of all arms, by problem and strategy.
  std::vector<Belief> Beliefs(absl::Time now) const;

  // Forgets everything, or all of one strategy.
  void Reset() { arms_.clear(); }
  void Forget(std::string_view strategy);

  // JSON for a table. Decode(Encode(x)) encodes the same; Decode refuses what
  // is not such a text with kDataLoss. Options are not part of it.
  std::string Encode() const;
  static absl::StatusOr<Learner> Decode(std::string_view json,
                                        LearnerOptions options = {});

 private:
  struct Arm {
    double impact = 0;
    double successes = 0;     // faded
    double failures = 0;      // faded
    double improvement = 0;   // faded sum
    double improvements = 0;  // faded count of known ones
    int64_t attempts = 0;
    int64_t verified = 0;
    absl::Time updated;
  };
  using ArmKey = std::pair<ProblemKey, std::string>;

  Arm Faded(const Arm& arm, absl::Time now) const;
  Arm ArmOf(const ProblemKey& problem, const Candidate& strategy,
            absl::Time now) const;
  static Belief Describe(const ArmKey& key, const Arm& faded);

  LearnerOptions options_;
  std::map<ArmKey, Arm> arms_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_LEARNER_H_
