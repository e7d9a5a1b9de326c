// The journal of acts: ruvector.healing_acts and what hangs on it.
// [backend-main] In the caller's transaction.
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_JOURNAL_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_JOURNAL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"
#include "core/strategy_host/host_callbacks.h"
#include "nlohmann/json.hpp"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// An action without its undo, with texts of its own.
struct Deed {
  uint32_t kind = 0;
  std::string object;
  std::map<std::string, sdk::Value> arguments;

  std::optional<double> Number(const std::string& name) const;
  std::optional<std::string> Text(const std::string& name) const;
  // The value that a kind with UndoRule::kSame sets.
  sdk::Value Value() const;
  std::string_view KindName() const;
};

Deed DeedOf(const ruvector_action& action);
nlohmann::ordered_json ArgumentsJson(const Deed& deed);

// One row.
struct Act {
  int64_t id = 0;
  int64_t action_id = 0;
  std::string collection;
  Deed deed;
  std::optional<Deed> undo;
  std::string state;  // as the table's CHECK lists them
  bool changed = false;
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
};

// Inserts it as `intended`; sets its id.
absl::Status InsertIntent(pg::SpiSession& spi, Act& act);

// What became of it. `message`: why it failed, or what was left.
absl::Status SetDone(pg::SpiSession& spi, int64_t act,
                     const strategy_host::ActOutcome& outcome);
absl::Status SetState(pg::SpiSession& spi, int64_t act, std::string_view state,
                      std::string_view message = {});
absl::Status SetFacts(pg::SpiSession& spi, const Act& act);
absl::Status SetUndo(pg::SpiSession& spi, int64_t act,
                     const std::optional<Deed>& undo);

// Acts of a remediation that have one of the states ("{intended,undoing}"),
// newest first.
absl::StatusOr<std::vector<Act>> LoadActs(pg::SpiSession& spi,
                                          int64_t action_id,
                                          std::string_view states);

// An index that an act builds (ruvector.healing_indexes).
struct IndexRow {
  uint32_t table_oid = 0;
  std::string schema;  // not quoted, like the other names
  std::string index_name;
  std::string built_name;
  std::string kept_name;
  uint32_t old_oid = 0;
  uint32_t new_oid = 0;  // 0: not complete
  bool partitioned = false;
};
absl::Status InsertIndex(pg::SpiSession& spi, int64_t act, const IndexRow& row);
absl::Status SetNewIndex(pg::SpiSession& spi, int64_t act, uint32_t table_oid,
                         uint32_t new_oid);
// Parents first.
absl::StatusOr<std::vector<IndexRow>> LoadIndexes(pg::SpiSession& spi,
                                                  int64_t act);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_JOURNAL_H_
