#include "pgext/healing/acts/journal.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "pgext/healing/acts/acts.h"

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;

std::string Dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json DeedJson(const Deed& deed) {
  return {{"kind", std::string(deed.KindName())},
          {"object", deed.object},
          {"arguments", ArgumentsJson(deed)}};
}

absl::StatusOr<Deed> ParseDeed(std::string_view kind, std::string object,
                               const ordered_json& arguments) {
  Deed deed;
  for (const plugin::ActionKind& known : plugin::ActionKinds()) {
    if (known.name == kind) deed.kind = known.kind;
  }
  if (deed.kind == 0 || !arguments.is_object()) {
    return absl::DataLossError(
        absl::StrCat("the journal holds an unknown act \"",
                     absl::string_view(kind.data(), kind.size()), "\""));
  }
  deed.object = std::move(object);
  for (const auto& [name, value] : arguments.items()) {
    deed.arguments[name] = value.is_number() ? sdk::Value(value.get<double>())
                           : value.is_string()
                               ? sdk::Value(value.get<std::string>())
                               : sdk::Value();
  }
  return deed;
}

absl::StatusOr<Act> FromRow(const pg::SpiRows& rows, size_t i) {
  Act act;
  act.id = rows.Int(i, 0).value_or(0);
  act.action_id = rows.Int(i, 1).value_or(0);
  act.collection = rows.TextOr(i, 2, "");
  RV_ASSIGN_OR_RETURN(
      act.deed,
      ParseDeed(rows.TextOr(i, 3, ""), rows.TextOr(i, 4, ""),
                ordered_json::parse(rows.TextOr(i, 5, "{}"), nullptr, false)));
  if (rows.Text(i, 6).has_value()) {
    const ordered_json undo =
        ordered_json::parse(*rows.Text(i, 6), nullptr, false);
    if (!undo.is_object()) return absl::DataLossError("undo is no object");
    RV_ASSIGN_OR_RETURN(
        act.undo, ParseDeed(undo.value("kind", ""), undo.value("object", ""),
                            undo.value("arguments", ordered_json::object())));
  }
  act.state = rows.TextOr(i, 7, "");
  act.changed = rows.Bool(i, 8).value_or(false);
  act.facts = ordered_json::parse(rows.TextOr(i, 9, "{}"), nullptr, false);
  return act;
}

}  // namespace

std::optional<double> Deed::Number(const std::string& name) const {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::nullopt : found->second.number();
}

std::optional<std::string> Deed::Text(const std::string& name) const {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::nullopt : found->second.text();
}

sdk::Value Deed::Value() const {
  const plugin::ActionKind* info = plugin::FindActionKind(kind);
  if (info == nullptr) return sdk::Value();
  const auto found = arguments.find(std::string(info->value));
  return found == arguments.end() ? sdk::Value() : found->second;
}

std::string_view Deed::KindName() const {
  const plugin::ActionKind* info = plugin::FindActionKind(kind);
  return info == nullptr ? "unknown" : info->name;
}

Deed DeedOf(const ruvector_action& action) {
  Deed deed;
  deed.kind = action.kind;
  deed.object = action.object;
  for (uint32_t i = 0; i < action.argument_count; ++i) {
    deed.arguments[action.arguments[i].name] =
        sdk::Value(action.arguments[i].value);
  }
  return deed;
}

ordered_json ArgumentsJson(const Deed& deed) {
  ordered_json json = ordered_json::object();
  for (const auto& [name, value] : deed.arguments) {
    if (value.number()) {
      json[name] = *value.number();
    } else if (value.text()) {
      json[name] = *value.text();
    } else {
      json[name] = nullptr;
    }
  }
  return json;
}

absl::Status InsertIntent(pg::SpiSession& spi, Act& act) {
  const plugin::ActionKind* info = plugin::FindActionKind(act.deed.kind);
  const bool transient =
      info != nullptr && info->undo == plugin::UndoRule::kTransient;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("INSERT INTO ruvector.healing_acts (action_id, collection,"
                " kind, object, arguments, undo, transient, facts) VALUES"
                " ($1::pg_catalog.int8, $2, $3, $4, $5::pg_catalog.jsonb,"
                " $6::pg_catalog.jsonb, $7::pg_catalog.bool,"
                " $8::pg_catalog.jsonb) RETURNING id",
                {pg::SqlInt(act.action_id), pg::SqlText(act.collection),
                 pg::SqlText(act.deed.KindName()), pg::SqlText(act.deed.object),
                 pg::SqlText(Dump(ArgumentsJson(act.deed))),
                 act.undo.has_value() ? pg::SqlText(Dump(DeedJson(*act.undo)))
                                      : pg::SqlNullParam(),
                 pg::SqlBool(transient), pg::SqlText(Dump(act.facts))}));
  const std::optional<int64_t> id = rows.Int(0, 0);
  if (!id.has_value()) {
    return absl::FailedPreconditionError(
        "a trigger kept the act out of ruvector.healing_acts");
  }
  act.id = *id;
  act.state = "intended";
  return absl::OkStatus();
}

absl::Status SetDone(pg::SpiSession& spi, int64_t act,
                     const strategy_host::ActOutcome& outcome) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_acts SET state = 'done',"
          " changed = $2::pg_catalog.bool,"
          " rows = $3::pg_catalog.float8,"
          " bytes = $4::pg_catalog.float8,"
          " ended_at = pg_catalog.clock_timestamp()"
          " WHERE id = $1::pg_catalog.int8",
          {pg::SqlInt(act), pg::SqlBool(outcome.changed),
           pg::SqlReal(outcome.rows), pg::SqlReal(outcome.bytes)})
      .status();
}

absl::Status SetState(pg::SpiSession& spi, int64_t act, std::string_view state,
                      std::string_view message) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_acts SET state = $2,"
          " message = coalesce($3, message),"
          " changed = CASE WHEN $2 = 'partial' THEN true"
          " WHEN $2 = 'not_done' THEN false ELSE changed END,"
          " ended_at = coalesce(ended_at, pg_catalog.clock_timestamp()),"
          " undone_at = CASE WHEN $2 = 'undone'"
          " THEN pg_catalog.clock_timestamp() ELSE undone_at END"
          " WHERE id = $1::pg_catalog.int8",
          {pg::SqlInt(act), pg::SqlText(state),
           message.empty() ? pg::SqlNullParam() : pg::SqlText(message)})
      .status();
}

absl::Status SetFacts(pg::SpiSession& spi, const Act& act) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_acts SET facts ="
          " $2::pg_catalog.jsonb WHERE id = $1::pg_catalog.int8",
          {pg::SqlInt(act.id), pg::SqlText(Dump(act.facts))})
      .status();
}

absl::Status SetUndo(pg::SpiSession& spi, int64_t act,
                     const std::optional<Deed>& undo) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_acts SET undo ="
          " $2::pg_catalog.jsonb WHERE id = $1::pg_catalog.int8",
          {pg::SqlInt(act), undo.has_value()
                                ? pg::SqlText(Dump(DeedJson(*undo)))
                                : pg::SqlNullParam()})
      .status();
}

absl::StatusOr<std::vector<Act>> LoadActs(pg::SpiSession& spi,
                                          int64_t action_id,
                                          std::string_view states) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT id, action_id, collection, kind, object,"
                " arguments::pg_catalog.text, undo::pg_catalog.text, state,"
                " changed, facts::pg_catalog.text FROM ruvector.healing_acts"
                " WHERE action_id = $1::pg_catalog.int8"
                " AND state = ANY ($2::pg_catalog.text[]) ORDER BY id DESC",
                {pg::SqlInt(action_id), pg::SqlText(states)}));
  std::vector<Act> acts;
  for (size_t i = 0; i < rows.size(); ++i) {
    RV_ASSIGN_OR_RETURN(Act act, FromRow(rows, i));
    acts.push_back(std::move(act));
  }
  return acts;
}

absl::Status InsertIndex(pg::SpiSession& spi, int64_t act,
                         const IndexRow& row) {
  return spi
      .Execute(
          "INSERT INTO ruvector.healing_indexes (act_id, table_oid,"
          " schema_name, index_name, built_name, kept_name, old_oid,"
          " partitioned) VALUES ($1::pg_catalog.int8,"
          " $2::pg_catalog.oid, $3::pg_catalog.name,"
          " $4::pg_catalog.name, $5::pg_catalog.name,"
          " $6::pg_catalog.name, $7::pg_catalog.oid,"
          " $8::pg_catalog.bool)",
          {pg::SqlInt(act), pg::SqlInt(int64_t{row.table_oid}),
           pg::SqlText(row.schema), pg::SqlText(row.index_name),
           pg::SqlText(row.built_name), pg::SqlText(row.kept_name),
           pg::SqlInt(int64_t{row.old_oid}), pg::SqlBool(row.partitioned)})
      .status();
}

absl::Status SetNewIndex(pg::SpiSession& spi, int64_t act, uint32_t table_oid,
                         uint32_t new_oid) {
  return spi
      .Execute(
          "UPDATE ruvector.healing_indexes SET new_oid ="
          " nullif($3::pg_catalog.oid, 0) WHERE act_id ="
          " $1::pg_catalog.int8 AND table_oid = $2::pg_catalog.oid",
          {pg::SqlInt(act), pg::SqlInt(int64_t{table_oid}),
           pg::SqlInt(int64_t{new_oid})})
      .status();
}

absl::StatusOr<std::vector<IndexRow>> LoadIndexes(pg::SpiSession& spi,
                                                  int64_t act) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT table_oid, schema_name, index_name, built_name,"
                " kept_name, old_oid, new_oid, partitioned"
                " FROM ruvector.healing_indexes"
                " WHERE act_id = $1::pg_catalog.int8"
                " ORDER BY partitioned DESC, built_name",
                {pg::SqlInt(act)}));
  std::vector<IndexRow> indexes;
  for (size_t i = 0; i < rows.size(); ++i) {
    IndexRow row;
    row.table_oid = static_cast<uint32_t>(rows.Int(i, 0).value_or(0));
    row.schema = rows.TextOr(i, 1, "");
    row.index_name = rows.TextOr(i, 2, "");
    row.built_name = rows.TextOr(i, 3, "");
    row.kept_name = rows.TextOr(i, 4, "");
    row.old_oid = static_cast<uint32_t>(rows.Int(i, 5).value_or(0));
    row.new_oid = static_cast<uint32_t>(rows.Int(i, 6).value_or(0));
    row.partitioned = rows.Bool(i, 7).value_or(false);
    indexes.push_back(std::move(row));
  }
  return indexes;
}

absl::StatusOr<ActsDone> ReadActsDone(pg::SpiSession& spi, int64_t action_id) {
  // An act in one transaction that is `intended` has not happened, or is being
  // rolled back; the others may have.
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT coalesce(pg_catalog.bool_or(c.changed), false),"
          " coalesce(pg_catalog.bool_or(c.changed AND c.undo IS NULL"
          " AND NOT c.transient), false),"
          " pg_catalog.count(*) FILTER (WHERE c.changed AND c.undo IS NOT NULL)"
          " FROM (SELECT a.undo, a.transient, a.state IN ('partial',"
          " 'undoing') OR (a.state = 'done' AND a.changed) OR (a.state ="
          " 'intended' AND a.kind IN ('rebuild_index', 'restore_index',"
          " 'reindex', 'vacuum', 'analyze', 'drop_invalid_index',"
          " 'cancel_autovacuum', 'move_shard', 'scale_replicas')) AS changed"
          " FROM ruvector.healing_acts a"
          " WHERE a.action_id = $1::pg_catalog.int8) c",
          {pg::SqlInt(action_id)}));
  ActsDone done;
  done.changed = rows.Bool(0, 0).value_or(false);
  done.irreversible = rows.Bool(0, 1).value_or(false);
  done.undos = rows.Int(0, 2).value_or(0);
  return done;
}

}  // namespace ruvector::healing
