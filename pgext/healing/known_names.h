// Names that persons give, checked: an unknown one is an error (42704) that
// lists the known. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_KNOWN_NAMES_H_
#define RUVECTOR_PGEXT_HEALING_KNOWN_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/healing/strategy_registry.h"

namespace ruvector::healing {

absl::Status RequireCollection(const std::string& name);

// Scans the plugin directory.
absl::StatusOr<StrategyRegistry> ServerStrategies();
absl::StatusOr<RegisteredStrategy> KnownStrategy(const std::string& name);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_KNOWN_NAMES_H_
