// Acts that set one value and can put the former one back: throttle, routing
// weight, tablespace, storage parameter.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/gate/operation.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

// One kind of value. `deed` says which one; its own value is not looked at.
struct Setting {
  absl::StatusOr<sdk::Value> (*read)(pg::SpiSession&, const Collection&,
                                     const Deed& deed);
  absl::Status (*write)(pg::SpiSession&, const Collection&, const Deed& deed,
                        const sdk::Value& value);
  // How it reads for people, as one statement.
  absl::StatusOr<std::string> (*statement)(pg::SpiSession&, const Collection&,
                                           const Deed& deed,
                                           const sdk::Value& value);
};

std::string Show(const sdk::Value& value) {
  if (value.number()) return absl::StrCat(*value.number());
  if (value.text()) return absl::StrCat("'", *value.text(), "'");
  return "unset";
}

// ---- Throttle ----------------------------------------------------------

absl::StatusOr<std::string> OperationOf(const Collection& collection,
                                        const Deed& deed) {
  if (deed.object != collection.name) {
    return absl::InvalidArgumentError(
        absl::StrCat("a throttle is set for collection \"", collection.name,
                     "\", not for ", deed.object));
  }
  RV_ASSIGN_OR_RETURN(
      const gate::Operation operation,
      gate::ParseOperation(deed.Text("operation").value_or("")));
  return std::string(gate::OperationName(operation));
}

absl::StatusOr<sdk::Value> ReadThrottle(pg::SpiSession& spi,
                                        const Collection& collection,
                                        const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const std::string operation,
                      OperationOf(collection, deed));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT percent FROM ruvector.throttle_overrides WHERE"
                " collection_id = $1::pg_catalog.int4 AND operation = $2"
                " FOR UPDATE",
                {pg::SqlInt(int64_t{collection.id}), pg::SqlText(operation)}));
  if (rows.empty()) return sdk::Value();
  return sdk::Value(rows.Real(0, 0).value_or(0));
}

absl::StatusOr<std::string> ThrottleStatement(pg::SpiSession&,
                                              const Collection& collection,
                                              const Deed& deed,
                                              const sdk::Value& value) {
  RV_ASSIGN_OR_RETURN(const std::string operation,
                      OperationOf(collection, deed));
  if (value.is_null()) {
    return absl::StrCat(
        "DELETE FROM ruvector.throttle_overrides WHERE collection_id = ",
        collection.id, " AND operation = ", QuoteText(operation), ";");
  }
  const double percent = value.number().value_or(-1);
  if (!(percent >= 0 && percent <= 100)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a throttle is from 0 to 100 percent, not ", Show(value)));
  }
  return absl::StrCat(
      "INSERT INTO ruvector.throttle_overrides (collection_id, operation,"
      " percent) VALUES (",
      collection.id, ", ", QuoteText(operation), ", ", percent,
      ") ON CONFLICT (collection_id, operation) DO UPDATE SET percent ="
      " EXCLUDED.percent, set_by = EXCLUDED.set_by, set_at ="
      " EXCLUDED.set_at;");
}

// ---- Routing weight ----------------------------------------------------

absl::StatusOr<std::string> RoutingKeyOf(pg::SpiSession& spi,
                                         const Collection& collection,
                                         const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const RoutedPartition partition,
                      FindRoutedPartition(spi, collection, deed.object));
  if (partition.keys.size() == 1) return partition.keys[0];
  return absl::FailedPreconditionError(
      absl::StrCat(partition.table.name, " takes several routing keys"));
}

absl::StatusOr<sdk::Value> ReadWeight(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const std::string key,
                      RoutingKeyOf(spi, collection, deed));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT weight FROM ruvector.routing_weights WHERE"
                " collection_id = $1::pg_catalog.int4 AND routing_key ="
                " $2::pg_catalog.int4 FOR UPDATE",
                {pg::SqlInt(int64_t{collection.id}), pg::SqlText(key)}));
  if (rows.empty()) return sdk::Value();
  return sdk::Value(rows.Real(0, 0).value_or(0));
}

absl::StatusOr<std::string> WeightStatement(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Deed& deed,
                                            const sdk::Value& value) {
  RV_ASSIGN_OR_RETURN(const std::string key,
                      RoutingKeyOf(spi, collection, deed));
  if (value.is_null()) {
    return absl::StrCat(
        "DELETE FROM ruvector.routing_weights WHERE collection_id = ",
        collection.id, " AND routing_key = ", key, ";");
  }
  const double weight = value.number().value_or(-1);
  if (!(weight >= 0) || std::isinf(weight)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a weight is finite and not negative, not ", Show(value)));
  }
  return absl::StrFormat(
      "INSERT INTO ruvector.routing_weights (collection_id, routing_key,"
      " weight) VALUES (%d, %s, %.17g) ON CONFLICT (collection_id,"
      " routing_key) DO UPDATE SET weight = EXCLUDED.weight;",
      collection.id, key, weight);
}

absl::Status RequireSomeWeight(pg::SpiSession& spi,
                               const Collection& collection) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT FROM ruvector.routing_weights WHERE collection_id ="
                " $1::pg_catalog.int4 AND weight > 0 LIMIT 1",
                {pg::SqlInt(int64_t{collection.id})}));
  if (!rows.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("no partition of collection \"", collection.name,
                   "\" would take new rows"));
}

// ---- Tablespace --------------------------------------------------------

absl::StatusOr<sdk::Value> ReadTablespace(pg::SpiSession& spi,
                                          const Collection& collection,
                                          const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const Object object,
                      FindObject(spi, collection, deed.object));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT s.spcname FROM pg_catalog.pg_class c,"
                " pg_catalog.pg_database d, pg_catalog.pg_tablespace s"
                " WHERE c.oid = $1::pg_catalog.oid AND d.datname ="
                " pg_catalog.current_database() AND s.oid = CASE"
                " c.reltablespace WHEN 0 THEN d.dattablespace"
                " ELSE c.reltablespace END",
                {pg::SqlInt(int64_t{object.oid})}));
  if (rows.empty()) return absl::NotFoundError("it is gone");
  return sdk::Value(rows.TextOr(0, 0, ""));
}

absl::StatusOr<std::string> TablespaceStatement(pg::SpiSession& spi,
                                                const Collection& collection,
                                                const Deed& deed,
                                                const sdk::Value& value) {
  RV_ASSIGN_OR_RETURN(const Object object,
                      FindObject(spi, collection, deed.object));
  const std::string tablespace = value.text().value_or("");
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT FROM pg_catalog.pg_tablespace WHERE spcname = $1",
                {pg::SqlText(tablespace)}));
  if (rows.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("tablespace \"", tablespace, "\" does not exist"));
  }
  return absl::StrCat("ALTER ", object.is_index() ? "INDEX " : "TABLE ",
                      object.name, " SET TABLESPACE ", QuoteName(tablespace),
                      ";");
}

// ---- Storage parameter -------------------------------------------------

// Those that tune upkeep. Others change what data look like, or who sees them.
absl::StatusOr<std::string> OptionOf(pg::SpiSession& spi, const Deed& deed) {
  const std::string option = deed.Text("option").value_or("");
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT $1 ~ '^(toast[.])?(autovacuum_[a-z_]+|vacuum_[a-z_]+)$'"
                " OR $1 IN ('fillfactor', 'parallel_workers')",
                {pg::SqlText(option)}));
  if (rows.Bool(0, 0).value_or(false)) return option;
  return absl::FailedPreconditionError(
      absl::StrCat("healing does not set storage parameter \"", option, "\""));
}

absl::StatusOr<sdk::Value> ReadOption(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const Object table,
                      FindTable(spi, collection, deed.object));
  RV_ASSIGN_OR_RETURN(const std::string option, OptionOf(spi, deed));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT o.option_value FROM pg_catalog.pg_class t JOIN"
                " pg_catalog.pg_class c ON c.oid = CASE WHEN $2 LIKE 'toast.%'"
                " THEN t.reltoastrelid ELSE t.oid END,"
                " pg_catalog.pg_options_to_table(c.reloptions) o"
                " WHERE t.oid = $1::pg_catalog.oid AND o.option_name ="
                " pg_catalog.replace($2, 'toast.', '')",
                {pg::SqlInt(int64_t{table.oid}), pg::SqlText(option)}));
  if (rows.empty()) return sdk::Value();
  return sdk::Value(rows.TextOr(0, 0, ""));
}

absl::StatusOr<std::string> OptionStatement(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Deed& deed,
                                            const sdk::Value& value) {
  RV_ASSIGN_OR_RETURN(const Object table,
                      FindTable(spi, collection, deed.object));
  RV_ASSIGN_OR_RETURN(const std::string option, OptionOf(spi, deed));
  if (value.is_null()) {
    return absl::StrCat("ALTER TABLE ", table.name, " RESET (", option, ");");
  }
  return absl::StrCat("ALTER TABLE ", table.name, " SET (", option, " = ",
                      QuoteText(value.text().value_or("")), ");");
}

// ---- All of them -------------------------------------------------------

template <absl::StatusOr<std::string> (*Statement)(
    pg::SpiSession&, const Collection&, const Deed&, const sdk::Value&)>
absl::Status WriteBy(pg::SpiSession& spi, const Collection& collection,
                     const Deed& deed, const sdk::Value& value) {
  RV_ASSIGN_OR_RETURN(const std::string statement,
                      Statement(spi, collection, deed, value));
  return spi.Execute(statement.c_str()).status();
}

absl::Status WriteWeight(pg::SpiSession& spi, const Collection& collection,
                         const Deed& deed, const sdk::Value& value) {
  RV_RETURN_IF_ERROR(WriteBy<WeightStatement>(spi, collection, deed, value));
  return RequireSomeWeight(spi, collection);
}

constexpr Setting kThrottle = {ReadThrottle, WriteBy<ThrottleStatement>,
                               ThrottleStatement};
constexpr Setting kWeight = {ReadWeight, WriteWeight, WeightStatement};
constexpr Setting kTablespace = {ReadTablespace, WriteBy<TablespaceStatement>,
                                 TablespaceStatement};
constexpr Setting kOption = {ReadOption, WriteBy<OptionStatement>,
                             OptionStatement};

// That the undo holds the present value.
absl::Status CheckUndo(const Act& act, const sdk::Value& present) {
  if (!act.undo.has_value()) {
    return absl::InvalidArgumentError("its undo is missing");
  }
  const sdk::Value former = act.undo->Value();
  if (present == former) return absl::OkStatus();
  return ReadAgain(absl::StrCat("its undo would set ", Show(former),
                                ", the present value is ", Show(present)));
}

template <const Setting& setting>
absl::Status Prepare(pg::SpiSession& spi, const Collection& collection,
                     Act& act) {
  RV_ASSIGN_OR_RETURN(const sdk::Value present,
                      setting.read(spi, collection, act.deed));
  RV_RETURN_IF_ERROR(CheckUndo(act, present));
  return setting.statement(spi, collection, act.deed, act.deed.Value())
      .status();
}

template <const Setting& setting>
absl::StatusOr<ActOutcome> Apply(pg::SpiSession& spi,
                                 const Collection& collection, const Act& act) {
  RV_ASSIGN_OR_RETURN(const sdk::Value present,
                      setting.read(spi, collection, act.deed));
  RV_RETURN_IF_ERROR(CheckUndo(act, present));
  ActOutcome outcome;
  outcome.rows = 0;
  outcome.bytes = 0;
  if (present == act.deed.Value()) return outcome;
  if (act.deed.kind == RUVECTOR_ACTION_MOVE_TO_TABLESPACE) {
    RV_ASSIGN_OR_RETURN(const Object object,
                        FindObject(spi, collection, act.deed.object));
    outcome.bytes = static_cast<double>(object.bytes);
  }
  RV_RETURN_IF_ERROR(
      setting.write(spi, collection, act.deed, act.deed.Value()));
  outcome.changed = true;
  return outcome;
}

template <const Setting& setting>
absl::StatusOr<std::string> Revert(pg::SpiSession& spi,
                                   const Collection& collection,
                                   const Act& act) {
  RV_ASSIGN_OR_RETURN(const sdk::Value present,
                      setting.read(spi, collection, act.deed));
  const sdk::Value former = act.undo->Value();
  if (present == former) return std::string();
  if (!(present == act.deed.Value())) {
    return ReadAgain(
        absl::StrCat(std::string(act.deed.KindName()), " of ", act.deed.object,
                     " set ", Show(act.deed.Value()), ", the present value is ",
                     Show(present), ": somebody has changed it since"));
  }
  RV_RETURN_IF_ERROR(setting.write(spi, collection, act.deed, former));
  return std::string();
}

LockLevel LockOf(uint32_t kind) {
  switch (kind) {
    case RUVECTOR_ACTION_MOVE_TO_TABLESPACE:
      return LockLevel::kAccessExclusive;
    case RUVECTOR_ACTION_SET_RELOPTION:
      return LockLevel::kShareUpdateExclusive;
    default:
      return LockLevel::kNone;  // of ours alone
  }
}

template <const Setting& setting>
absl::StatusOr<ActStatement> Describe(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Act& act) {
  ActStatement shown;
  RV_ASSIGN_OR_RETURN(
      shown.statement,
      setting.statement(spi, collection, act.deed, act.deed.Value()));
  if (act.undo.has_value()) {
    RV_ASSIGN_OR_RETURN(
        shown.undo_statement,
        setting.statement(spi, collection, act.deed, act.undo->Value()));
  }
  shown.lock = LockOf(act.deed.kind);
  shown.rows = 0;
  shown.bytes = 0;
  shown.seconds = 0;
  if (act.deed.kind == RUVECTOR_ACTION_MOVE_TO_TABLESPACE) {
    RV_ASSIGN_OR_RETURN(const Object object,
                        FindObject(spi, collection, act.deed.object));
    shown.bytes = static_cast<double>(object.bytes);
    shown.seconds.reset();
  }
  return shown;
}

template <const Setting& setting>
constexpr ActKind Of(uint32_t kind) {
  return {kind,    Prepare<setting>, Apply<setting>,   nullptr, Revert<setting>,
          nullptr, nullptr,          Describe<setting>};
}

}  // namespace

const ActKind kSettingKinds[4] = {
    Of<kThrottle>(RUVECTOR_ACTION_SET_THROTTLE),
    Of<kWeight>(RUVECTOR_ACTION_SET_ROUTING_WEIGHT),
    Of<kTablespace>(RUVECTOR_ACTION_MOVE_TO_TABLESPACE),
    Of<kOption>(RUVECTOR_ACTION_SET_RELOPTION)};

}  // namespace ruvector::healing
