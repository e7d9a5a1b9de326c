// What a person may say to a strategy: its own parameters, and what the host
// does with the plan. Keys are checked against the strategy's description.
// [any-thread]
#ifndef RUVECTOR_CORE_HEALING_STRATEGY_PARAMETERS_H_
#define RUVECTOR_CORE_HEALING_STRATEGY_PARAMETERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/strategy_plugin.h"

namespace ruvector::healing {

// The JSON of ruvector_healing_execute and ruvector_healing_plan.
struct PersonsWish {
  bool dry_run = false;
  std::optional<double> max_moves;  // rows that the plan may touch
};

// Splits the JSON into the host's keys and the strategy's parameters, and
// checks both. InvalidArgument names the key, and for an unknown one the known.
absl::StatusOr<PersonsWish> ParseWish(const plugin::PluginDescription& strategy,
                                      std::string_view json);

// The same for parameters alone: what is stored of a strategy. Keys of `json`
// are laid over those of `base`, null removes one; the result is as JSON.
absl::StatusOr<std::string> MergeParameters(
    const plugin::PluginDescription& strategy, std::string_view base,
    std::string_view json);

// Every declared parameter's value, in declared order: of the last of `layers`
// (JSON objects, "" is empty) that has it, else its default; null without one.
// Keys of the host are passed over.
absl::StatusOr<std::vector<sdk::Value>> ParameterValues(
    const plugin::PluginDescription& strategy,
    absl::Span<const std::string> layers);

// {"name": {"default":..,"minimum":..,"maximum":..,"description":..}}
std::string ParametersJson(const plugin::PluginDescription& strategy);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_STRATEGY_PARAMETERS_H_
