// One function per metric of the catalog. Internal to pgext/healing/metrics.
// [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_METRICS_VALUES_H_
#define RUVECTOR_PGEXT_HEALING_METRICS_VALUES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/healing/metric_catalog.h"
#include "core/plugin/strategy_plugin.h"
#include "pgext/healing/metrics/facts.h"

namespace ruvector::metrics {

// Null for a subject that there is not. Errors end the pass.
absl::StatusOr<sdk::Value> ValueOf(const healing::MetricInfo& metric,
                                   const std::string& subject, Facts& facts);

// All of the gate, by name.
std::vector<std::string> Operations();

}  // namespace ruvector::metrics

#endif  // RUVECTOR_PGEXT_HEALING_METRICS_VALUES_H_
