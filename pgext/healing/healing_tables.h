// The tables of healing: configuration, memory, actions. [backend-main]
//
// Everything here works in the caller's transaction and with its rights.
#ifndef RUVECTOR_PGEXT_HEALING_HEALING_TABLES_H_
#define RUVECTOR_PGEXT_HEALING_HEALING_TABLES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/healing/action.h"
#include "core/healing/engine_io.h"
#include "core/healing/healing_config.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// ruvector.healing_config; without a row the built-in settings.
struct StoredConfig {
  HealingConfig config;
  std::string parameters = "{}";  // of strategies, by name
  std::string identity;           // changes with the row; "" without one

  // "" where nothing is stored.
  std::string ParametersOf(const std::string& strategy) const;
  void SetParametersOf(const std::string& strategy, const std::string& json);
};
absl::StatusOr<StoredConfig> ReadConfig(pg::SpiSession& spi);
absl::Status WriteConfig(pg::SpiSession& spi, const StoredConfig& config,
                         const std::string& user);

// EncodeMemory's text; "" in a new database.
absl::StatusOr<std::string> ReadMemory(pg::SpiSession& spi);
absl::Status WriteMemory(pg::SpiSession& spi, const std::string& memory);

// Larger than that of every action that is stored.
absl::StatusOr<int64_t> NextActionId(pg::SpiSession& spi);

// Those that have not ended, by id. A row that cannot be read is left out; its
// id is in `unreadable`.
absl::StatusOr<std::vector<Action>> ReadOpenActions(
    pg::SpiSession& spi, std::vector<int64_t>* unreadable);
// NotFound (42704) with a HINT.
absl::StatusOr<Action> ReadAction(pg::SpiSession& spi, int64_t action);
// The newest of the collection that is done; nullopt without one.
absl::StatusOr<std::optional<Action>> ReadLastDone(
    pg::SpiSession& spi, const std::string& collection);

// Inserts or updates the row. The plan is written once, when it is given:
// `json` for people, `stored` for execution.
struct PlanColumns {
  std::string json;
  std::string stored;
};
absl::Status WriteAction(pg::SpiSession& spi, const Action& action,
                         const PlanColumns* plan);

// EncodeStoredPlan's bytes; NotFound without a plan.
absl::StatusOr<std::string> ReadStoredPlan(pg::SpiSession& spi, int64_t action);

// Ended actions whose leftovers are still there, and whether they were kept.
absl::StatusOr<std::vector<std::pair<int64_t, bool>>> ReadUnsettled(
    pg::SpiSession& spi);
absl::Status MarkSettled(pg::SpiSession& spi, int64_t action);

// ruvector_state of the collection's gate as last stored.
absl::StatusOr<uint32_t> ReadGateState(pg::SpiSession& spi,
                                       const std::string& collection);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_HEALING_TABLES_H_
