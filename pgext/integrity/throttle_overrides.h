// What healing holds back beside the policy. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_THROTTLE_OVERRIDES_H_
#define RUVECTOR_PGEXT_INTEGRITY_THROTTLE_OVERRIDES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/gate/decision.h"
#include "pgext/bridge/spi.h"

namespace ruvector::integrity {

struct ThrottleOverride {
  gate::Operation operation;
  double percent;
};

// The rows of ruvector.throttle_overrides of one collection.
absl::StatusOr<std::vector<ThrottleOverride>> LoadThrottleOverrides(
    pg::SpiSession& spi, int32_t collection_id);

// CompileGate's table with the overrides on top of it.
gate::GateTable CompileGateWith(const gate::Policy& policy, gate::State state,
                                const std::vector<ThrottleOverride>& overrides);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_THROTTLE_OVERRIDES_H_
