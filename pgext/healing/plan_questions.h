// Plans for persons, made in their own backend: nothing is changed and no
// worker is needed. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_PLAN_QUESTIONS_H_
#define RUVECTOR_PGEXT_HEALING_PLAN_QUESTIONS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/healing/strategy_registry.h"
#include "pgext/healing/plan_maker.h"

namespace ruvector::healing {

struct NamedPlan {
  std::string strategy;
  MadePlan plan;
};

// With this strategy, for the worst problem that it handles. `wish` is the
// person's JSON, checked.
absl::StatusOr<NamedPlan> PlanWith(const RegisteredStrategy& strategy,
                                   const std::string& collection,
                                   const std::string& wish);

// For the worst problem, with the strategy that is believed to help most among
// those that may be used, and that has something to do. nullopt: there is no
// problem, or nothing to do; `why` says which.
absl::StatusOr<std::optional<NamedPlan>> PlanForWorst(
    const std::string& collection, std::string* why);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_PLAN_QUESTIONS_H_
