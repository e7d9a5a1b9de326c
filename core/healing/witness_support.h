// What the cut says about the problems found. Internal to core/healing.
#ifndef RUVECTOR_CORE_HEALING_WITNESS_SUPPORT_H_
#define RUVECTOR_CORE_HEALING_WITNESS_SUPPORT_H_

#include <vector>

#include "core/base/no_postgres.h"
#include "core/healing/healing_limits.h"
#include "core/healing/problem.h"
#include "core/healing/situation.h"

namespace ruvector::healing {

// Fills Problem::witness and raises confidences. Nothing without a graph.
// [any-thread]
void SupportByWitness(const Situation& situation, const HealingLimits& limits,
                      std::vector<Problem>* problems);

// Appends kUnexplained where the state is not normal, the
// cut is weak and no problem touches it. Silent where every weak node of the
// cut is stale: what is not known is no fault. [any-thread]
void AddUnknown(const Situation& situation, const HealingLimits& limits,
                std::vector<Problem>* problems);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_WITNESS_SUPPORT_H_
