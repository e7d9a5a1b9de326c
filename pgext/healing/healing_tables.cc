#include "pgext/healing/healing_tables.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/gate/state.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"

namespace ruvector::healing {

using nlohmann::json;
using pg::SqlInt;
using pg::SqlText;

std::string StoredConfig::ParametersOf(const std::string& strategy) const {
  const json all = json::parse(parameters, nullptr, false);
  if (!all.is_object() || !all.contains(strategy)) return "";
  return document::Dump(all[strategy]);
}

void StoredConfig::SetParametersOf(const std::string& strategy,
                                   const std::string& text) {
  json all = json::parse(parameters, nullptr, false);
  if (!all.is_object()) all = json::object();
  const json one = json::parse(text, nullptr, false);
  if (one.is_object() && !one.empty()) {
    all[strategy] = one;
  } else {
    all.erase(strategy);
  }
  parameters = document::Dump(all);
}

absl::StatusOr<StoredConfig> ReadConfig(pg::SpiSession& spi) {
  StoredConfig stored;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT config::text, parameters::text, xmin::text || ctid::text"
          " FROM ruvector.healing_config"));
  if (rows.empty()) return stored;
  RV_ASSIGN_OR_RETURN(
      stored.config,
      MergeHealingConfig(HealingConfig(), rows.TextOr(0, 0, "{}")));
  stored.parameters = rows.TextOr(0, 1, "{}");
  stored.identity = rows.TextOr(0, 2, "");
  return stored;
}

absl::Status WriteConfig(pg::SpiSession& spi, const StoredConfig& config,
                         const std::string& user) {
  return spi
      .Execute(
          "INSERT INTO ruvector.healing_config AS h"
          " (config, parameters, updated_by)"
          " VALUES ($1::jsonb, $2::jsonb, $3)"
          " ON CONFLICT (id) DO UPDATE SET config = EXCLUDED.config,"
          " parameters = EXCLUDED.parameters,"
          " updated_by = EXCLUDED.updated_by, updated_at = now()",
          {SqlText(HealingConfigToJson(config.config)),
           SqlText(config.parameters), SqlText(user)})
      .status();
}

absl::StatusOr<std::string> ReadMemory(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT memory::text FROM ruvector.healing_memory"));
  return rows.empty() ? std::string() : rows.TextOr(0, 0, "");
}

absl::Status WriteMemory(pg::SpiSession& spi, const std::string& memory) {
  return spi
      .Execute(
          "INSERT INTO ruvector.healing_memory (memory)"
          " VALUES ($1::jsonb) ON CONFLICT (id) DO UPDATE SET"
          " memory = EXCLUDED.memory, updated_at = now()",
          {SqlText(memory)})
      .status();
}

absl::StatusOr<int64_t> NextActionId(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT coalesce(max(id), 0) + 1 FROM"
                                " ruvector.healing_actions"));
  return rows.Int(0, 0).value_or(1);
}

absl::StatusOr<std::vector<Action>> ReadOpenActions(
    pg::SpiSession& spi, std::vector<int64_t>* unreadable) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT id, action::text FROM ruvector.healing_actions"
                " WHERE ended_at IS NULL ORDER BY id"));
  std::vector<Action> actions;
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StatusOr<Action> action = DecodeAction(rows.TextOr(i, 1, ""));
    if (action.ok()) {
      actions.push_back(*std::move(action));
    } else {
      unreadable->push_back(rows.Int(i, 0).value_or(0));
    }
  }
  return actions;
}

absl::StatusOr<Action> ReadAction(pg::SpiSession& spi, int64_t action) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT action::text FROM ruvector.healing_actions"
                " WHERE id = $1::int8",
                {SqlInt(action)}));
  if (rows.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("healing action ", action, " does not exist"), "",
        "SELECT * FROM ruvector_healing_history() lists the recent ones.");
  }
  return DecodeAction(rows.TextOr(0, 0, ""));
}

absl::StatusOr<std::optional<Action>> ReadLastDone(
    pg::SpiSession& spi, const std::string& collection) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT action::text FROM ruvector.healing_actions"
                " WHERE collection = $1 AND state = 'done'"
                " ORDER BY completed_at DESC NULLS LAST, id DESC LIMIT 1",
                {SqlText(collection)}));
  if (rows.empty()) return std::optional<Action>();
  RV_ASSIGN_OR_RETURN(Action action, DecodeAction(rows.TextOr(0, 0, "")));
  return std::optional<Action>(std::move(action));
}

absl::Status WriteAction(pg::SpiSession& spi, const Action& action,
                         const PlanColumns* plan) {
  const bool ended = IsEnd(action.state);
  // What was kept for an undo is cleaned away by a worker of its own, which
  // also settles the acts that a crash left open, and drops what they built.
  const bool settled = !ended || !action.acts.changed;
  return spi
      .Execute(
          "INSERT INTO ruvector.healing_actions AS h (id, action, plan,"
          " execution, settled, ended_at, verified_at, lambda_before,"
          " witness_edges)"
          " VALUES ($1::int8, $2::jsonb, $3::jsonb,"
          " $4::bytea, $5::bool AND NOT ($6::bool AND EXISTS (SELECT FROM"
          "   ruvector.healing_acts a WHERE a.action_id = $1::int8"
          "   AND (a.state = 'intended' OR EXISTS (SELECT FROM"
          "   ruvector.healing_indexes i WHERE i.act_id = a.id)))),"
          " CASE WHEN $6::bool THEN clock_timestamp() END,"
          " CASE WHEN $8::bool THEN clock_timestamp() END,"
          " (SELECT least(s.lambda_norm, s.service_norm) FROM"
          "   ruvector.integrity_state s JOIN ruvector.collections c"
          "   ON c.id = s.collection_id WHERE c.name = $7),"
          " (SELECT s.witness_edges FROM"
          "   ruvector.integrity_state s JOIN ruvector.collections c"
          "   ON c.id = s.collection_id WHERE c.name = $7))"
          " ON CONFLICT (id) DO UPDATE SET action = EXCLUDED.action,"
          " plan = coalesce(EXCLUDED.plan, h.plan),"
          " execution = coalesce(EXCLUDED.execution, h.execution),"
          " settled = EXCLUDED.settled, ended_at = EXCLUDED.ended_at,"
          " verified_at = coalesce(h.verified_at, EXCLUDED.verified_at),"
          " lambda_after = CASE WHEN $6::bool THEN EXCLUDED.lambda_before END",
          {SqlInt(action.id), SqlText(EncodeAction(action)),
           plan != nullptr ? SqlText(plan->json) : pg::SqlNullParam(),
           plan != nullptr ? pg::SqlBytes(plan->stored) : pg::SqlNullParam(),
           pg::SqlBool(settled), pg::SqlBool(ended),
           SqlText(action.incident.collection),
           pg::SqlBool(action.state == ActionState::kDone)})
      .status();
}

absl::StatusOr<std::string> ReadStoredPlan(pg::SpiSession& spi,
                                           int64_t action) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT encode(execution, 'hex') FROM ruvector.healing_actions"
                " WHERE id = $1::int8",
                {SqlInt(action)}));
  if (rows.empty() || !rows.Text(0, 0).has_value()) {
    return absl::NotFoundError(
        absl::StrCat("healing action ", action, " has no plan"));
  }
  return *rows.Bytes(0, 0);
}

absl::StatusOr<std::vector<std::pair<int64_t, bool>>> ReadUnsettled(
    pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT id, state = 'done' FROM ruvector.healing_actions"
                " WHERE ended_at IS NOT NULL AND NOT settled"
                " AND state <> 'needs_human' ORDER BY id"));
  std::vector<std::pair<int64_t, bool>> unsettled;
  for (size_t i = 0; i < rows.size(); ++i) {
    unsettled.emplace_back(rows.Int(i, 0).value_or(0),
                           rows.Bool(i, 1).value_or(false));
  }
  return unsettled;
}

absl::Status MarkSettled(pg::SpiSession& spi, int64_t action) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_actions SET settled = true"
          " WHERE id = $1::int8",
          {SqlInt(action)})
      .status();
}

absl::StatusOr<uint32_t> ReadGateState(pg::SpiSession& spi,
                                       const std::string& collection) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT s.state FROM ruvector.integrity_state s"
                " JOIN ruvector.collections c ON c.id = s.collection_id"
                " WHERE c.name = $1",
                {SqlText(collection)}));
  const std::string name = rows.empty() ? "" : rows.TextOr(0, 0, "");
  for (const gate::State state :
       {gate::State::kStress, gate::State::kCritical}) {
    if (gate::StateName(state) == name) return static_cast<uint32_t>(state);
  }
  return static_cast<uint32_t>(gate::State::kNormal);
}

}  // namespace ruvector::healing
