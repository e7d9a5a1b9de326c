#include "pgext/integrity/throttle_overrides.h"

#include "core/base/status_macros.h"

namespace ruvector::integrity {

absl::StatusOr<std::vector<ThrottleOverride>> LoadThrottleOverrides(
    pg::SpiSession& spi, int32_t collection_id) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT operation, percent FROM ruvector.throttle_overrides"
                " WHERE collection_id = $1::pg_catalog.int4"
                " ORDER BY operation",
                {pg::SqlInt(int64_t{collection_id})}));
  std::vector<ThrottleOverride> overrides;
  for (size_t i = 0; i < rows.size(); ++i) {
    RV_ASSIGN_OR_RETURN(const gate::Operation operation,
                        gate::ParseOperation(rows.TextOr(i, 0, "")));
    overrides.push_back({operation, rows.Real(i, 1).value_or(0)});
  }
  return overrides;
}

gate::GateTable CompileGateWith(
    const gate::Policy& policy, gate::State state,
    const std::vector<ThrottleOverride>& overrides) {
  gate::GateTable table = gate::CompileGate(policy, state);
  for (const ThrottleOverride& override : overrides) {
    gate::AddThrottle(table, override.operation, override.percent);
  }
  return table;
}

}  // namespace ruvector::integrity
