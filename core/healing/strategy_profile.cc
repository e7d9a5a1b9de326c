#include "core/healing/strategy_profile.h"

#include <algorithm>
#include <utility>

namespace ruvector::healing {

bool StrategyProfile::Handles(const std::string& problem_class) const {
  return std::find(handles.begin(), handles.end(), problem_class) !=
         handles.end();
}

StrategyProfile ProfileOf(const plugin::PluginDescription& description,
                          std::string identity) {
  const plugin::StrategyDescription& strategy = *description.strategy;
  return {description.name,    std::move(identity),
          strategy.impact,     strategy.asks_first,
          description.handles, {strategy.target, strategy.guards}};
}

Expectations ExpectationsFor(const StrategyProfile& profile,
                             const HealingConfig& config) {
  const StrategyConfig& own = StrategyConfigOf(config, profile.name);
  Expectations expectations = profile.expectations;
  expectations.target.margin =
      own.target_margin.value_or(expectations.target.margin);
  for (plugin::ExpectationDescription& guard : expectations.guards) {
    guard.margin = own.guard_margin.value_or(guard.margin);
  }
  return expectations;
}

}  // namespace ruvector::healing
