// `ensemble`: several mechanisms as one distribution.
//
//   w = sum_k a_k w^(k) / sum_k a_k      and the same for the aggregate
//
// with shares a_k >= 0, equal ones when none are given. [any-thread]
//
// A member that needs context which the request does not have is given the
// context in which all entries are equal (Neutral): it then cannot tell them
// apart by more than similarity. So an ensemble over query and keys alone is
// defined for every mechanism, and what is unknown favours no entry. A
// mechanism that is called by itself refuses such a request.
#ifndef RUVECTOR_CORE_ATTENTION_ENSEMBLE_H_
#define RUVECTOR_CORE_ATTENTION_ENSEMBLE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attention/registry.h"
#include "core/base/no_postgres.h"

namespace ruvector::attention {

// Shares that Ensemble takes, as they were given: InvalidArgument unless there
// is one for each of `members` (or none at all), all are finite and >= 0 and
// one is above 0.
absl::Status CheckShares(size_t members, absl::Span<const double> shares);

// `request.parameters` go to the members that know them; a name that no member
// knows is InvalidArgument. Other errors: CheckShares, no members, and those of
// Mechanism::Attend.
absl::StatusOr<AttentionResult> Ensemble(absl::Span<const Mechanism> members,
                                         absl::Span<const double> shares,
                                         const AttentionRequest& request);

// Context arrays in which n entries are equal: hops and depths 1, nothing on
// the critical path, parallel or common, every criticality 1, cost and time 0.
class Neutral {
 public:
  explicit Neutral(size_t count);

  // The request with what `required` names and it lacks; borrows from both.
  AttentionRequest Fill(const AttentionRequest& request,
                        uint32_t required) const;

 private:
  std::vector<int32_t> ones_;
  std::vector<float> open_;
  std::vector<uint8_t> flags_;
  std::vector<double> zeros_;
};

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_ENSEMBLE_H_
