// MOVE_ROWS and RETURN_ROWS: rows change their partition by their routing key.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

// The primary key without the routing column: (quoted name, type).
using KeyColumns = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<KeyColumns> PrimaryKey(pg::SpiSession& spi,
                                      const RoutedPartition& from) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT pg_catalog.quote_ident(a.attname),"
                " pg_catalog.format_type(a.atttypid, a.atttypmod)"
                " FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey::"
                "pg_catalog.int2[]) WITH ORDINALITY k(n, o),"
                " pg_catalog.pg_attribute a WHERE i.indrelid ="
                " $1::pg_catalog.oid AND i.indisprimary AND a.attrelid ="
                " i.indrelid AND a.attnum = k.n AND k.o <= i.indnkeyatts"
                " ORDER BY k.o",
                {pg::SqlInt(int64_t{from.parent_oid})}));
  if (rows.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        from.parent, " has no primary key to know its moved rows by"));
  }
  KeyColumns columns;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.TextOr(i, 0, "") == from.column) continue;
    columns.emplace_back(rows.TextOr(i, 0, ""), rows.TextOr(i, 1, ""));
  }
  if (!columns.empty()) return columns;
  return absl::FailedPreconditionError(absl::StrCat(
      "rows of ", from.parent, " are known by their routing column alone"));
}

struct Move {
  RoutedPartition from;
  RoutedPartition to;
  KeyColumns key;
};

absl::StatusOr<Move> FindMove(pg::SpiSession& spi, const Collection& collection,
                              const Deed& deed) {
  Move move;
  RV_ASSIGN_OR_RETURN(move.from,
                      FindRoutedPartition(spi, collection, deed.object));
  RV_ASSIGN_OR_RETURN(
      move.to,
      FindRoutedPartition(spi, collection, deed.Text("to").value_or("")));
  if (move.from.table.oid == move.to.table.oid) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows of ", move.from.table.name, " are there already"));
  }
  RV_ASSIGN_OR_RETURN(move.key, PrimaryKey(spi, move.from));
  return move;
}

int64_t RowsWanted(const Deed& deed) {
  const double rows = std::min(deed.Number("max_rows").value_or(0),
                               deed.Number("batch_rows").value_or(0));
  return rows >= 1 ? static_cast<int64_t>(std::min(rows, 1e6)) : 0;
}

// "AND t.created_at < '...'" of the arguments column and before.
absl::StatusOr<std::string> Condition(pg::SpiSession& spi, const Move& move,
                                      const Deed& deed) {
  const std::optional<std::string> column = deed.Text("column");
  const std::optional<std::string> before = deed.Text("before");
  if (!column.has_value() && !before.has_value()) return std::string();
  if (!column.has_value() || !before.has_value()) {
    return absl::InvalidArgumentError(
        "arguments 'column' and 'before' belong together");
  }
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT pg_catalog.quote_ident(attname),"
          " pg_catalog.format_type(atttypid, atttypmod)"
          " FROM pg_catalog.pg_attribute WHERE attrelid ="
          " $1::pg_catalog.oid AND attname = $2 AND attnum > 0"
          " AND NOT attisdropped",
          {pg::SqlInt(int64_t{move.from.parent_oid}), pg::SqlText(*column)}));
  if (rows.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_COLUMN,
        absl::StrCat(move.from.parent, " has no column \"", *column, "\""));
  }
  return absl::StrCat(" AND t.", rows.TextOr(0, 0, ""), " < ",
                      QuoteText(*before), "::", rows.TextOr(0, 1, ""));
}

std::string KeyTexts(const KeyColumns& key) {
  return absl::StrCat("ARRAY[",
                      absl::StrJoin(key, ", ",
                                    [](std::string* out, const auto& column) {
                                      absl::StrAppend(out, "t.", column.first,
                                                      "::pg_catalog.text");
                                    }),
                      "]");
}

// Rows that somebody has locked are left for the next batch.
absl::StatusOr<std::string> MoveStatement(pg::SpiSession& spi, const Move& move,
                                          const Deed& deed) {
  RV_ASSIGN_OR_RETURN(const std::string condition, Condition(spi, move, deed));
  const std::string keys = absl::StrJoin(move.from.keys, ", ");
  return absl::StrCat("WITH chosen AS MATERIALIZED (SELECT t.ctid AS c, t.",
                      move.from.column, " AS k FROM ", move.from.parent,
                      " t WHERE t.", move.from.column, " IN (", keys, ")",
                      condition, " LIMIT ", RowsWanted(deed),
                      " FOR UPDATE SKIP LOCKED) UPDATE ", move.from.parent,
                      " t SET ", move.from.column, " = ", move.to.keys[0],
                      " FROM chosen WHERE t.ctid ="
                      " chosen.c AND t.",
                      move.from.column, " = chosen.k AND t.", move.from.column,
                      " IN (", keys, ") RETURNING ", KeyTexts(move.key),
                      "::pg_catalog.text, chosen.k::pg_catalog.text");
}

absl::Status PrepareMove(pg::SpiSession& spi, const Collection& collection,
                         Act& act) {
  RV_ASSIGN_OR_RETURN(const Move move, FindMove(spi, collection, act.deed));
  if (!act.undo.has_value()) {
    return absl::InvalidArgumentError("its undo is missing");
  }
  act.facts["parent"] = move.from.parent_oid;
  act.facts["to_key"] = move.to.keys[0];
  return Condition(spi, move, act.deed).status();
}

// Triggers that are deferred to the commit would run as superuser there, and
// PostgreSQL refuses them: they run at the statement's end instead.
absl::Status RunTriggersNow(pg::SpiSession& spi) {
  return spi.Execute("SET CONSTRAINTS ALL IMMEDIATE").status();
}

absl::StatusOr<ActOutcome> MoveRows(pg::SpiSession& spi,
                                    const Collection& collection,
                                    const Act& act) {
  RV_ASSIGN_OR_RETURN(const Move move, FindMove(spi, collection, act.deed));
  RV_ASSIGN_OR_RETURN(const std::string statement,
                      MoveStatement(spi, move, act.deed));
  RV_RETURN_IF_ERROR(RunTriggersNow(spi));
  pg::SpiRows moved;
  {
    const AsTableOwner owner(move.from.parent_owner);
    RV_ASSIGN_OR_RETURN(moved, spi.Query(statement.c_str()));
  }
  RV_FAILPOINT("healing.acts.rows.moved");
  std::vector<pg::SqlParam> keys, former;
  for (size_t i = 0; i < moved.size(); ++i) {
    keys.push_back(pg::SqlText(moved.TextOr(i, 0, "")));
    former.push_back(pg::SqlText(moved.TextOr(i, 1, "")));
  }
  ActOutcome outcome;
  outcome.rows = static_cast<double>(moved.size());
  outcome.changed = moved.size() > 0;
  if (!outcome.changed) return outcome;
  RV_RETURN_IF_ERROR(
      spi.Execute(
             "INSERT INTO ruvector.healing_moved_rows (act_id, row_key,"
             " former_key, moved_xmin) SELECT $1::pg_catalog.int8,"
             " u.k::pg_catalog.text[], u.f,"
             " pg_catalog.pg_current_xact_id()::pg_catalog.xid FROM"
             " ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]),"
             " pg_catalog.unnest($3::pg_catalog.text[])) AS u(k, f)",
             {pg::SqlInt(act.id), pg::SqlArray(keys), pg::SqlArray(former)})
          .status());
  return outcome;
}

// Those of an act's rows that are as the move left them, back to where they
// came from; how many.
absl::StatusOr<int64_t> MoveBack(pg::SpiSession& spi, const Move& move,
                                 const Act& act) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows journal,
      spi.Query("SELECT row_key::pg_catalog.text, former_key,"
                " moved_xmin::pg_catalog.text FROM ruvector.healing_moved_rows"
                " WHERE act_id = $1::pg_catalog.int8",
                {pg::SqlInt(act.id)}));
  if (journal.empty()) return 0;
  std::vector<pg::SqlParam> keys, former, xmins;
  for (size_t i = 0; i < journal.size(); ++i) {
    keys.push_back(pg::SqlText(journal.TextOr(i, 0, "")));
    former.push_back(pg::SqlText(journal.TextOr(i, 1, "")));
    xmins.push_back(pg::SqlText(journal.TextOr(i, 2, "")));
  }
  std::string same;
  for (size_t i = 0; i < move.key.size(); ++i) {
    absl::StrAppend(&same, " AND t.", move.key[i].first, " = (j.k)[", i + 1,
                    "]::", move.key[i].second);
  }
  const std::string to = act.facts.value("to_key", "");
  const std::string statement = absl::StrCat(
      "WITH j AS MATERIALIZED (SELECT u.k::pg_catalog.text[] AS k, u.f, u.x"
      " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]),"
      " pg_catalog.unnest($2::pg_catalog.text[]),"
      " pg_catalog.unnest($3::pg_catalog.text[])) AS u(k, f, x)),"
      " chosen AS MATERIALIZED (SELECT"
      " t.ctid AS c, j.f FROM j, ",
      move.from.parent, " t WHERE t.", move.from.column, " = ", to, same,
      " AND t.xmin = j.x::pg_catalog.xid FOR UPDATE OF t) UPDATE ",
      move.from.parent, " t SET ", move.from.column,
      " = chosen.f::pg_catalog.int8 FROM chosen WHERE t.ctid = chosen.c AND t.",
      move.from.column, " = ", to);
  RV_RETURN_IF_ERROR(RunTriggersNow(spi));
  const AsTableOwner owner(move.from.parent_owner);
  return spi.Execute(
      statement.c_str(),
      {pg::SqlArray(keys), pg::SqlArray(former), pg::SqlArray(xmins)});
}

absl::StatusOr<std::string> ReturnOf(pg::SpiSession& spi,
                                     const Collection& collection,
                                     const Act& act, int64_t* returned) {
  RV_ASSIGN_OR_RETURN(const Move move, FindMove(spi, collection, act.deed));
  RV_ASSIGN_OR_RETURN(*returned, MoveBack(spi, move, act));
  RV_FAILPOINT("healing.acts.rows.returned");
  RV_ASSIGN_OR_RETURN(
      const int64_t all,
      spi.Execute("DELETE FROM ruvector.healing_moved_rows WHERE act_id ="
                  " $1::pg_catalog.int8",
                  {pg::SqlInt(act.id)}));
  if (all == *returned) return std::string();
  return absl::StrCat(all - *returned, " of ", all, " rows moved from ",
                      move.from.table.name,
                      " were changed since and are left where they are");
}

absl::StatusOr<std::string> RevertMove(pg::SpiSession& spi,
                                       const Collection& collection,
                                       const Act& act) {
  int64_t returned = 0;
  return ReturnOf(spi, collection, act, &returned);
}

absl::StatusOr<ActStatement> DescribeMove(pg::SpiSession& spi,
                                          const Collection& collection,
                                          const Act& act) {
  RV_ASSIGN_OR_RETURN(const Move move, FindMove(spi, collection, act.deed));
  RV_ASSIGN_OR_RETURN(const std::string statement,
                      MoveStatement(spi, move, act.deed));
  ActStatement shown;
  shown.statement = statement + ";";
  shown.undo_statement = absl::StrCat(
      "UPDATE ", move.from.parent, " SET ", move.from.column,
      " = <former key> WHERE ", move.from.column, " = ", move.to.keys[0],
      " AND <primary key of a moved row that is unchanged>;");
  shown.lock = LockLevel::kRowExclusive;
  shown.rows = static_cast<double>(RowsWanted(act.deed));
  return shown;
}

// The moves of this collection from `to` to `object` that still stand.
absl::StatusOr<std::vector<Act>> StandingMoves(pg::SpiSession& spi,
                                               const Act& act) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT DISTINCT action_id FROM ruvector.healing_acts WHERE"
                " kind = 'move_rows' AND state = 'done' AND changed AND"
                " collection = $1",
                {pg::SqlText(act.collection)}));
  std::vector<Act> moves;
  for (size_t i = 0; i < rows.size(); ++i) {
    RV_ASSIGN_OR_RETURN(std::vector<Act> acts,
                        LoadActs(spi, rows.Int(i, 0).value_or(0), "{done}"));
    for (Act& one : acts) {
      if (one.deed.kind == RUVECTOR_ACTION_MOVE_ROWS && one.changed &&
          one.collection == act.collection &&
          one.deed.object == act.deed.Text("to").value_or("") &&
          one.deed.Text("to").value_or("") == act.deed.object) {
        moves.push_back(std::move(one));
      }
    }
  }
  return moves;
}

absl::Status PrepareReturn(pg::SpiSession& spi, const Collection& collection,
                           Act& act) {
  return FindMove(spi, collection, act.deed).status();
}

absl::StatusOr<ActOutcome> ReturnRows(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Act& act) {
  RV_ASSIGN_OR_RETURN(const std::vector<Act> moves, StandingMoves(spi, act));
  ActOutcome outcome;
  outcome.rows = 0;
  for (const Act& move : moves) {
    int64_t returned = 0;
    RV_ASSIGN_OR_RETURN(const std::string left,
                        ReturnOf(spi, collection, move, &returned));
    RV_RETURN_IF_ERROR(SetState(spi, move.id, "undone", left));
    *outcome.rows += static_cast<double>(returned);
    outcome.changed = outcome.changed || returned > 0;
  }
  return outcome;
}

absl::StatusOr<ActStatement> DescribeReturn(pg::SpiSession& spi,
                                            const Collection& collection,
                                            const Act& act) {
  RV_ASSIGN_OR_RETURN(const Move move, FindMove(spi, collection, act.deed));
  ActStatement shown;
  shown.statement = absl::StrCat(
      "UPDATE ", move.from.parent, " SET ", move.from.column,
      " = <former key> WHERE ", move.from.column, " = ", move.from.keys[0],
      " AND <primary key of a moved row that is unchanged>;");
  shown.lock = LockLevel::kRowExclusive;
  return shown;
}

}  // namespace

const ActKind kRowKinds[2] = {
    {RUVECTOR_ACTION_MOVE_ROWS, PrepareMove, MoveRows, nullptr, RevertMove,
     nullptr, nullptr, DescribeMove},
    {RUVECTOR_ACTION_RETURN_ROWS, PrepareReturn, ReturnRows, nullptr, nullptr,
     nullptr, nullptr, DescribeReturn},
};

}  // namespace ruvector::healing
