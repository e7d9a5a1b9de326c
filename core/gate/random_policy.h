// A policy with random values in their ranges, for property tests.
#ifndef RUVECTOR_CORE_GATE_RANDOM_POLICY_H_
#define RUVECTOR_CORE_GATE_RANDOM_POLICY_H_

#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/gate/policy.h"

namespace ruvector::gate {

// Every key of the table is drawn anew with probability `share`, else it keeps
// its default. Valid: MergePolicy of its JSON gives it back. The action sets
// of the three states are independent of each other, so that most policies
// are not ordered by severity.
Policy RandomPolicy(Rng& rng, double share);

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_RANDOM_POLICY_H_
