// SQL: what healing is, has done and believes, as rows.
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/healing/engine.h"
#include "core/healing/strategy_parameters.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/action_slots.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/known_names.h"
extern "C" {
#include "access/xlog.h"
}

namespace ruvector::healing {
namespace {

// What the tables say, read with the owner's rights.
struct Stored {
  StoredConfig config;
  EngineMemory memory;
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;

  absl::Status Begin() {
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(config, ReadConfig(spi));
    RV_ASSIGN_OR_RETURN(const std::string text, ReadMemory(spi));
    if (text.empty()) return absl::OkStatus();
    RV_ASSIGN_OR_RETURN(memory, DecodeMemory(text));
    return absl::OkStatus();
  }
};

// Names are [a-z0-9_] by contract.
std::string ArrayText(const std::vector<std::string>& items) {
  return absl::StrCat("{", absl::StrJoin(items, ","), "}");
}

absl::StatusOr<std::optional<std::string>> TimeText(TimestampTz at) {
  if (at == 0) return std::optional<std::string>();
  RV_ASSIGN_OR_RETURN(char* text, pg::PgCall([&] {
                        return DatumGetCString(DirectFunctionCall1(
                            timestamptz_out, TimestampTzGetDatum(at)));
                      }));
  return std::optional<std::string>(text);
}

std::optional<std::string> TimeText(absl::Time at) {
  if (at == absl::InfinitePast()) return std::nullopt;
  if (at == absl::InfiniteFuture()) return "infinity";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", at, absl::UTCTimeZone());
}

std::optional<int64_t> Positive(pid_t pid) {
  return pid > 0 ? std::optional<int64_t>(pid) : std::nullopt;
}

}  // namespace
}  // namespace ruvector::healing

// () -> setof strategy
RV_SQL_FUNCTION(ruvector_strategies) {
  using namespace ruvector;
  using namespace ruvector::healing;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  RV_ASSIGN_OR_RETURN(const StrategyRegistry registry, ServerStrategies());
  Stored stored;
  RV_RETURN_IF_ERROR(stored.Begin());
  for (const std::string& name : registry.Names()) {
    const plugin::PluginDescription& d = (*registry.Find(name))->description;
    const plugin::StrategyDescription& s = *d.strategy;
    const auto faults = stored.memory.strategies.find(name);
    const bool known = faults != stored.memory.strategies.end();
    std::vector<std::string> guards;
    for (const auto& guard : s.guards) guards.push_back(guard.metric);
    const std::string own = stored.config.ParametersOf(name);
    nlohmann::json settings = nlohmann::json::parse(
        StrategyConfigToJson(StrategyConfigOf(stored.config.config, name)));
    if (!own.empty()) settings["parameters"] = nlohmann::json::parse(own);
    pg::RowBuilder row;
    row.Text(name);
    row.Text(d.version);
    row.Text(d.description);
    row.Text(ArrayText(d.handles));
    row.OptionalReal(s.impact);
    row.Bool(s.reversible);
    row.Bool(s.asks_first);
    row.Text(StrategyModeName(
        EffectiveMode(stored.config.config, name, s.asks_first, "")));
    row.Bool(known && faults->second.quarantined);
    row.Int(known ? faults->second.faults : 0);
    row.Text(s.target.metric);
    row.Text(ArrayText(guards));
    row.Text(ParametersJson(d));
    row.Text(document::Dump(settings));
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}

// () -> setof action worker
RV_SQL_FUNCTION(ruvector_healing_workers) {
  using namespace ruvector;
  using namespace ruvector::healing;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  if (ActionSlotAt(0) == nullptr) return Datum{0};
  for (int i = 0; i < kMaxActionSlots; ++i) {
    const ActionSlot slot = ReadActionSlot(i);
    if (slot.phase == SlotPhase::kFree || slot.database != MyDatabaseId) {
      continue;
    }
    RV_ASSIGN_OR_RETURN(const auto deadline, TimeText(slot.deadline));
    RV_ASSIGN_OR_RETURN(const auto started, TimeText(slot.started));
    const std::string message = slot.message;
    pg::RowBuilder row;
    row.OptionalInt(Positive(slot.pid));
    row.Int(slot.action);
    row.Text(ActionWorkName(slot.work));
    row.Text(slot.phase == SlotPhase::kReserved  ? "starting"
             : slot.phase == SlotPhase::kRunning ? "running"
                                                 : "ended");
    row.OptionalText(deadline);
    row.OptionalText(started);
    row.Int(slot.acts);
    row.OptionalText(message.empty() ? std::optional<std::string>() : message);
    row.OptionalInt(Positive(slot.strategy));
    row.OptionalText(
        slot.stop == StopReason::kNone
            ? std::optional<std::string>()
            : std::string(kStopReasonNames[static_cast<size_t>(slot.stop)]));
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}

// () -> setof what is remembered of faults
RV_SQL_FUNCTION(ruvector_healing_deferred) {
  using namespace ruvector;
  using namespace ruvector::healing;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  Stored stored;
  RV_RETURN_IF_ERROR(stored.Begin());
  const absl::Time begin =
      absl::Now() - absl::Seconds(stored.config.config.attempt_window_seconds);
  const auto add =
      [&](const std::string& collection, std::optional<std::string> problem,
          std::optional<std::string> cause, bool open, int64_t ineffective) {
        const auto found = stored.memory.collections.find(collection);
        std::optional<std::string> pause;
        int64_t attempts = 0;
        if (found != stored.memory.collections.end()) {
          pause = TimeText(found->second.pause_until);
          for (const absl::Time at : found->second.attempts)
            attempts += at > begin;
        }
        pg::RowBuilder row;
        row.Text(collection);
        row.OptionalText(std::move(problem));
        row.OptionalText(std::move(cause));
        row.Bool(open);
        row.Int(ineffective);
        row.OptionalText(std::move(pause));
        row.Int(attempts);
        return rows.Add(row);
      };
  std::set<std::string> told;
  for (const auto& [key, incident] : stored.memory.incidents) {
    told.insert(key.collection);
    RV_RETURN_IF_ERROR(add(key.collection, key.problem.problem_class,
                           key.problem.cause, incident.open,
                           incident.ineffective));
  }
  for (const auto& [collection, memory] : stored.memory.collections) {
    if (told.count(collection) != 0) continue;
    RV_RETURN_IF_ERROR(add(collection, std::nullopt, std::nullopt, false, 0));
  }
  return Datum{0};
}

// () -> setof what is believed
RV_SQL_FUNCTION(ruvector_healing_effectiveness) {
  using namespace ruvector;
  using namespace ruvector::healing;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  Stored stored;
  RV_RETURN_IF_ERROR(stored.Begin());
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows measured,
      stored.spi.Query(
          "SELECT strategy, problem_class, cause, avg(improvement),"
          " avg(extract(epoch FROM ended_at - created_at))"
          "   FILTER (WHERE state = 'done')"
          " FROM ruvector.healing_actions"
          " WHERE started_at IS NOT NULL AND ended_at IS NOT NULL"
          " GROUP BY 1, 2, 3"));
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, std::pair<std::optional<double>, std::optional<double>>> means;
  for (size_t i = 0; i < measured.size(); ++i) {
    means[{measured.TextOr(i, 0, ""), measured.TextOr(i, 1, ""),
           measured.TextOr(i, 2, "")}] = {measured.Real(i, 3),
                                          measured.Real(i, 4)};
  }
  for (const Belief& b : stored.memory.learner.Beliefs(absl::Now())) {
    const auto mean =
        means[{b.strategy, b.problem.problem_class, b.problem.cause}];
    const auto known = [](double value) {
      return std::isnan(value) ? std::nullopt : std::optional<double>(value);
    };
    pg::RowBuilder row;
    row.Text(b.strategy);
    row.Text(b.problem.problem_class);
    row.Text(b.problem.cause);
    row.Int(b.attempts);
    row.Int(b.verified);
    row.OptionalReal(b.attempts == 0 ? std::nullopt
                                     : std::optional<double>(
                                           static_cast<double>(b.verified) /
                                           static_cast<double>(b.attempts)));
    row.OptionalReal(known(b.weight));
    row.OptionalReal(b.mean);
    row.OptionalReal(b.alpha);
    row.OptionalReal(b.beta);
    row.OptionalReal(mean.first);
    row.OptionalReal(mean.second);
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}

// () -> text: why healing may not act, NULL if it may
RV_SQL_FUNCTION(ruvector_healing_enabled) {
  using namespace ruvector;
  using namespace ruvector::healing;
  std::string why;
  {
    Stored stored;
    RV_RETURN_IF_ERROR(stored.Begin());
    if (boot::Databases() == nullptr) {
      why = "ruvector is not in shared_preload_libraries";
    } else if (RecoveryInProgress()) {
      why = "this server is a standby";
    } else if (!settings::healing) {
      why = "the setting ruvector.healing is off";
    } else if (!stored.config.config.enabled) {
      why = "the configuration says enabled: false";
    } else {
      LWLockAcquire(boot::Databases()->lock, LW_SHARED);
      const boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
      const boot::DatabaseStatus status =
          entry != nullptr ? entry->seat(boot::WorkerRole::kHealing).status
          : boot::DatabasesFullLocked() ? boot::DatabaseStatus::kNoEntry
                                        : boot::DatabaseStatus::kUnknown;
      LWLockRelease(boot::Databases()->lock);
      if (status != boot::DatabaseStatus::kServed) {
        why = absl::StrCat("no healing supervisor serves this database: ",
                           boot::DatabaseStatusName(status));
      }
    }
  }
  if (why.empty()) return pg::SqlNull(fcinfo);
  return pg::TextDatum(why);
}
