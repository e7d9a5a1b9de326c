// What the engine knows of a strategy. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_STRATEGY_PROFILE_H_
#define RUVECTOR_CORE_HEALING_STRATEGY_PROFILE_H_

#include <string>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/healing/healing_config.h"
#include "core/healing/verification.h"
#include "core/plugin/description.h"

namespace ruvector::healing {

struct StrategyProfile {
  std::string name;
  std::string identity;  // of the file; another one ends a quarantine
  double impact = 0;
  bool asks_first = false;
  std::vector<std::string> handles;  // problem classes
  Expectations expectations;

  bool Handles(const std::string& problem_class) const;
};

// REQUIRES: description.strategy.
StrategyProfile ProfileOf(const plugin::PluginDescription& description,
                          std::string identity);

// The profile's expectations with the margins that the configuration sets.
Expectations ExpectationsFor(const StrategyProfile& profile,
                             const HealingConfig& config);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_STRATEGY_PROFILE_H_
