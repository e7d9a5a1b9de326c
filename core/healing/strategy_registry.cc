#include "core/healing/strategy_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace ruvector::healing {

absl::StatusOr<StrategyRegistry> StrategyRegistry::From(
    const plugin::Scan& scan) {
  StrategyRegistry registry;
  for (const plugin::PluginRecord& record : scan.records) {
    if (record.status == plugin::PluginStatus::kLoaded &&
        record.description->kind == plugin::PluginKind::kStrategy) {
      RV_RETURN_IF_ERROR(
          registry.Add({*record.description, record.file, record.identity}));
    }
  }
  return registry;
}

absl::Status StrategyRegistry::Add(RegisteredStrategy strategy) {
  RV_RETURN_IF_ERROR(plugin::ValidateDescription(strategy.description));
  const std::string name = strategy.description.name;
  if (strategy.description.kind != plugin::PluginKind::kStrategy) {
    return absl::InvalidArgumentError(
        absl::StrCat("plugin '", name, "' is not a strategy"));
  }
  if (!strategies_.emplace(name, std::move(strategy)).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("strategy '", name, "' is already registered"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const RegisteredStrategy*> StrategyRegistry::Find(
    std::string_view name) const {
  const auto it = strategies_.find(name);
  if (it != strategies_.end()) return &it->second;
  return absl::NotFoundError(
      absl::StrCat("unknown strategy '", std::string(name),
                   "', known are: ", absl::StrJoin(Names(), ", ")));
}

std::vector<const RegisteredStrategy*> StrategyRegistry::ForProblem(
    std::string_view problem_class) const {
  std::vector<const RegisteredStrategy*> matches;
  for (const auto& [name, strategy] : strategies_) {
    const std::vector<std::string>& handles = strategy.description.handles;
    if (std::find(handles.begin(), handles.end(), problem_class) !=
        handles.end()) {
      matches.push_back(&strategy);
    }
  }
  return matches;
}

std::vector<std::string> StrategyRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, strategy] : strategies_) names.push_back(name);
  return names;
}

}  // namespace ruvector::healing
