#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/acts/index_acts.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(10);

// The old index goes; a rebuild with its lists is what can still be done.
absl::Status DropKept(const Act& act) {
  std::vector<IndexRow> rows;
  RV_RETURN_IF_ERROR(InAct("healing: looking at kept indexes",
                           [&](pg::SpiSession& spi) -> absl::Status {
                             RV_ASSIGN_OR_RETURN(rows,
                                                 LoadIndexes(spi, act.id));
                             return absl::OkStatus();
                           }));
  for (const IndexRow& row : rows) {
    RV_RETURN_IF_ERROR(DropIndex(row.old_oid, row.table_oid, row.schema,
                                 row.kept_name, row.partitioned, false));
    RV_FAILPOINT("healing.acts.finish.after_drop");
  }
  Deed undo = act.deed;
  const std::vector<IndexLeaf> leaves = LeavesOf(act);
  double lists = 0;
  undo.arguments["lists"] =
      !leaves.empty() && absl::SimpleAtod(leaves[0].lists, &lists)
          ? sdk::Value(lists)
          : sdk::Value();
  return InAct("healing: clearing the journal",
               [&](pg::SpiSession& spi) -> absl::Status {
                 RV_RETURN_IF_ERROR(SetUndo(spi, act.id, undo));
                 return spi
                     .Execute(
                         "DELETE FROM ruvector.healing_indexes WHERE"
                         " act_id = $1::pg_catalog.int8",
                         {pg::SqlInt(act.id)})
                     .status();
               });
}

}  // namespace

absl::Status DropIndex(uint32_t oid, uint32_t table, const std::string& schema,
                       const std::string& name, bool partitioned,
                       bool only_invalid) {
  SessionTableLock lock;
  bool there = false;
  RV_RETURN_IF_ERROR(WithShortLocks(
      "healing: looking for an index",
      [&](pg::SpiSession& spi) -> absl::Status {
        // Nobody builds it while we hold this.
        if (only_invalid) RV_RETURN_IF_ERROR(lock.Take(table));
        RV_ASSIGN_OR_RETURN(
            const pg::SpiRows rows,
            spi.Query("SELECT FROM pg_catalog.pg_class c JOIN"
                      " pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                      " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
                      " WHERE c.oid = $1::pg_catalog.oid AND n.nspname = $2"
                      " AND c.relname = $3 AND NOT (i.indisvalid AND"
                      " $4::pg_catalog.bool)",
                      {pg::SqlInt(int64_t{oid}), pg::SqlText(schema),
                       pg::SqlText(name), pg::SqlBool(only_invalid)}));
        there = !rows.empty();
        return absl::OkStatus();
      }));
  if (!there) return absl::OkStatus();
  RV_FAILPOINT("healing.acts.drop.start");
  if (!partitioned) {
    return RunTopLevel(absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ",
                                    Qualified(schema, name)));
  }
  const std::string drop =
      absl::StrCat("DROP INDEX IF EXISTS ", Qualified(schema, name));
  return WithShortLocks("healing: dropping an index", [&](pg::SpiSession& spi) {
    return spi.Execute(drop.c_str()).status();
  });
}

absl::Status DropBuilt(const Act& act, bool and_kept) {
  std::vector<std::pair<IndexRow, uint32_t>> built;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking for half-built indexes",
      [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const std::vector<IndexRow> rows,
                            LoadIndexes(spi, act.id));
        for (const IndexRow& row : rows) {
          RV_ASSIGN_OR_RETURN(
              const uint32_t oid,
              FindIndexByName(spi, row.table_oid, row.schema, row.built_name));
          if (oid != 0 || and_kept) built.emplace_back(row, oid);
        }
        return absl::OkStatus();
      }));
  for (const auto& [row, oid] : built) {
    RV_RETURN_IF_ERROR(DropIndex(oid, row.table_oid, row.schema, row.built_name,
                                 row.partitioned, false));
    if (!and_kept) continue;
    RV_RETURN_IF_ERROR(DropIndex(row.old_oid, row.table_oid, row.schema,
                                 row.kept_name, row.partitioned, false));
  }
  return InAct("healing: clearing the journal", [&](pg::SpiSession& spi) {
    return spi
        .Execute(
            "DELETE FROM ruvector.healing_indexes WHERE act_id ="
            " $1::pg_catalog.int8",
            {pg::SqlInt(act.id)})
        .status();
  });
}

absl::Status DropReindexLeftovers(const Act& act) {
  struct Found {
    uint32_t oid, table;
    std::string schema, name;
  };
  std::vector<Found> found;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking for leftovers",
      [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            const pg::SpiRows rows,
            spi.Query("SELECT index_oid, table_oid, schema_name, index_name"
                      " FROM ruvector.healing_leftovers WHERE act_id ="
                      " $1::pg_catalog.int8 AND NOT built",
                      {pg::SqlInt(act.id)}));
        for (size_t i = 0; i < rows.size(); ++i) {
          found.push_back({static_cast<uint32_t>(rows.Int(i, 0).value_or(0)),
                           static_cast<uint32_t>(rows.Int(i, 1).value_or(0)),
                           rows.TextOr(i, 2, ""), rows.TextOr(i, 3, "")});
        }
        return absl::OkStatus();
      }));
  for (const Found& one : found) {
    RV_RETURN_IF_ERROR(
        DropIndex(one.oid, one.table, one.schema, one.name, false, true));
  }
  return absl::OkStatus();
}

void DropReplacedIfPossible(const Act& act) {
  const ActBounds grace(absl::Now() + kGrace);
  pg::RunOrLog(LOG, [&] { return DropBuilt(act, true); });
}

absl::Status FinishIndexes(int64_t action_id, bool kept) {
  std::vector<Act> acts;
  RV_RETURN_IF_ERROR(InAct(
      "healing: reading the journal", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(acts,
                            LoadActs(spi, action_id, "{done,undone,not_done}"));
        return absl::OkStatus();
      }));
  for (const Act& act : acts) {
    if (act.deed.kind != RUVECTOR_ACTION_REBUILD_INDEX || !WasBeside(act)) {
      continue;
    }
    if (act.state != "done") {
      RV_RETURN_IF_ERROR(DropBuilt(act, true));
    } else if (kept && IsBeside(act)) {
      RV_RETURN_IF_ERROR(DropKept(act));
    }
  }
  return absl::OkStatus();
}

}  // namespace ruvector::healing
