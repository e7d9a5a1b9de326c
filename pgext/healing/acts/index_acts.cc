// REBUILD_INDEX, RESTORE_INDEX, REINDEX, DROP_INVALID_INDEX.
#include "pgext/healing/acts/index_acts.h"

#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

absl::Status PrepareRebuild(pg::SpiSession& spi, const Collection& collection,
                            Act& act) {
  if (!act.undo.has_value()) {
    return absl::InvalidArgumentError("its undo is missing");
  }
  RV_ASSIGN_OR_RETURN(const Object index,
                      FindIndex(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(const std::vector<IndexNode> tree,
                      LoadIndexTree(spi, index.oid));
  RV_RETURN_IF_ERROR(CheckLists(tree[0], act));
  RV_RETURN_IF_ERROR(NoteTree(spi, tree, act));
  act.facts["beside"] = IsBeside(act);
  return IsBeside(act) ? PrepareBeside(spi, tree, act)
                       : CheckFormerLists(tree, act);
}

absl::Status PrepareReindex(pg::SpiSession& spi, const Collection& collection,
                            Act& act) {
  RV_ASSIGN_OR_RETURN(const Object index,
                      FindIndex(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(const std::vector<IndexNode> tree,
                      LoadIndexTree(spi, index.oid));
  return NoteTree(spi, tree, act);
}

absl::StatusOr<ActOutcome> PerformRebuild(const Collection&, Act& act) {
  return IsBeside(act) ? BuildBeside(act, false) : RebuildInPlace(act);
}

absl::Status SettleRebuild(Act& act) {
  // What was swapped was done in the same transaction.
  if (!IsBeside(act)) return SettleInPlace(act);
  bool open = false;
  RV_RETURN_IF_ERROR(
      InAct("healing: settling", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            const pg::SpiRows rows,
            spi.Query("SELECT FROM ruvector.healing_acts WHERE id ="
                      " $1::pg_catalog.int8 AND state = 'intended'",
                      {pg::SqlInt(act.id)}));
        open = !rows.empty();
        return absl::OkStatus();
      }));
  if (!open) return absl::OkStatus();
  RV_RETURN_IF_ERROR(DropBuilt(act));
  return InAct("healing: settling", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "not_done",
                    "it ended before the new index was put to use");
  });
}

// The old index is gone: one like it is built beside the present one.
absl::StatusOr<std::string> UndoByRebuild(const Collection& collection,
                                          Act& act) {
  RV_RETURN_IF_ERROR(CheckPresentLists(act));
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undoing");
  }));
  RV_FAILPOINT("healing.acts.undo_rebuild.start");
  RV_RETURN_IF_ERROR(DropBuilt(act));  // of an earlier try
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const Object index,
                            FindIndex(spi, collection, act.deed.object));
        RV_ASSIGN_OR_RETURN(const std::vector<IndexNode> tree,
                            LoadIndexTree(spi, index.oid));
        return PrepareBeside(spi, tree, act);
      }));
  RV_RETURN_IF_ERROR(BuildBeside(act, true).status());
  DropReplacedIfPossible(act);
  return std::string();
}

absl::StatusOr<std::string> UndoRebuild(const Collection& collection,
                                        Act& act) {
  if (WasBeside(act) && !IsBeside(act)) return UndoByRebuild(collection, act);
  if (!IsBeside(act)) return UndoInPlace(act);
  RV_RETURN_IF_ERROR(
      WithShortLocks("healing: swapping indexes back",
                     [&](pg::SpiSession& spi) { return SwapBack(spi, act); }));
  DropReplacedIfPossible(act);
  return std::string();
}

absl::StatusOr<ActStatement> DescribeRebuild(pg::SpiSession& spi,
                                             const Collection& collection,
                                             const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object index,
                      FindIndex(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(const std::vector<IndexNode> tree,
                      LoadIndexTree(spi, index.oid));
  RV_RETURN_IF_ERROR(CheckLists(tree[0], act));
  ActStatement shown;
  shown.bytes = 0;
  std::string swap, attach, back, drop;
  int number = 0;
  const std::optional<std::string> lists = ListsOf(act.deed);
  for (IndexNode node : tree) {
    *shown.bytes += static_cast<double>(node.bytes);
    const std::string name = absl::StrCat("ruvector_new_", number);
    const std::string old = absl::StrCat("ruvector_old_", number);
    if (IsBeside(act)) {
      if (lists.has_value()) node.lists = *lists;
      absl::StrAppend(&shown.statement, CreateStatement(node, name), ";\n");
      for (size_t parent = 0; parent < tree.size(); ++parent) {
        if (node.parent != tree[parent].oid) continue;
        absl::StrAppend(&attach, "ALTER INDEX ",
                        Qualified(tree[parent].schema,
                                  absl::StrCat("ruvector_new_", parent)),
                        " ATTACH PARTITION ", Qualified(node.schema, name),
                        ";\n");
      }
      absl::StrAppend(&swap, "ALTER INDEX ", node.Qualified(), " RENAME TO ",
                      old, ";\nALTER INDEX ", Qualified(node.schema, name),
                      " RENAME TO ", QuoteName(node.name), ";\n");
      absl::StrAppend(&back, "ALTER INDEX ", node.Qualified(), " RENAME TO ",
                      name, ";\nALTER INDEX ", Qualified(node.schema, old),
                      " RENAME TO ", QuoteName(node.name), ";\n");
      if (number == 0) {
        drop =
            absl::StrCat("DROP INDEX ", node.partitioned ? "" : "CONCURRENTLY ",
                         Qualified(node.schema, name), ";");
      }
      ++number;
      continue;
    }
    if (node.partitioned) continue;
    const auto both = [&](std::string* out, const std::string& wanted) {
      if (lists.has_value()) {
        absl::StrAppend(out, "ALTER INDEX ", node.Qualified(),
                        wanted.empty()
                            ? " RESET (lists);\n"
                            : absl::StrCat(" SET (lists = ", wanted, ");\n"));
      }
      absl::StrAppend(out, "REINDEX INDEX CONCURRENTLY ", node.Qualified(),
                      ";\n");
    };
    both(&shown.statement, lists.value_or(""));
    both(&shown.undo_statement, node.lists);
  }
  if (IsBeside(act)) {
    absl::StrAppend(&shown.statement, attach, "BEGIN;\n", swap, "COMMIT;");
    shown.undo_statement = absl::StrCat("BEGIN;\n", back, "COMMIT;\n", drop);
  }
  // SHARE on a partitioned parent while its empty index is made; ACCESS
  // EXCLUSIVE where the old one is dropped or lists are set.
  shown.lock = tree[0].partitioned || lists.has_value()
                   ? LockLevel::kAccessExclusive
                   : LockLevel::kShareUpdateExclusive;
  if (index.rows >= 0) shown.rows = index.rows;
  return shown;
}

absl::StatusOr<ActOutcome> PerformReindex(const Collection& collection,
                                          Act& act) {
  std::string name;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const Object index,
                            FindIndex(spi, collection, act.deed.object));
        name = index.name;
        return absl::OkStatus();
      }));
  RV_RETURN_IF_ERROR(
      RunTopLevel(absl::StrCat("REINDEX INDEX CONCURRENTLY ", name)));
  return NoteBuilt(act);
}

absl::StatusOr<ActStatement> DescribeReindex(pg::SpiSession& spi,
                                             const Collection& collection,
                                             const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object index,
                      FindIndex(spi, collection, act.deed.object));
  ActStatement shown;
  shown.statement =
      absl::StrCat("REINDEX INDEX CONCURRENTLY ", index.name, ";");
  shown.lock = LockLevel::kShareUpdateExclusive;
  if (index.kind == 'i') shown.bytes = static_cast<double>(index.bytes);
  if (index.rows >= 0) shown.rows = index.rows;
  return shown;
}

// The rebuild of this index that still keeps the old one.
absl::StatusOr<Act> KeptRebuild(pg::SpiSession& spi, const Act& act) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT a.action_id, a.id FROM ruvector.healing_acts a JOIN"
                " ruvector.healing_indexes i ON i.act_id = a.id WHERE"
                " a.kind = 'rebuild_index' AND a.state = 'done' AND"
                " a.collection = $1 AND i.new_oid = pg_catalog.to_regclass($2)"
                " ORDER BY a.id DESC LIMIT 1",
                {pg::SqlText(act.collection), pg::SqlText(act.deed.object)}));
  if (rows.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nothing is kept of what ", act.deed.object, " has replaced"));
  }
  RV_ASSIGN_OR_RETURN(std::vector<Act> acts,
                      LoadActs(spi, rows.Int(0, 0).value_or(0), "{done}"));
  for (Act& one : acts) {
    if (one.id == rows.Int(0, 1)) return one;
  }
  return absl::InternalError("the journal contradicts itself");
}

absl::Status PrepareRestore(pg::SpiSession& spi, const Collection& collection,
                            Act& act) {
  RV_RETURN_IF_ERROR(FindIndex(spi, collection, act.deed.object).status());
  return KeptRebuild(spi, act).status();
}

absl::StatusOr<ActOutcome> Restore(pg::SpiSession& spi, const Collection&,
                                   const Act& act) {
  RV_ASSIGN_OR_RETURN(const Act rebuild, KeptRebuild(spi, act));
  RV_RETURN_IF_ERROR(SwapBack(spi, rebuild));
  return ActOutcome{true, 0, 0};
}

absl::StatusOr<ActStatement> DescribeRestore(pg::SpiSession& spi,
                                             const Collection&,
                                             const Act& act) {
  RV_ASSIGN_OR_RETURN(const Act rebuild, KeptRebuild(spi, act));
  RV_ASSIGN_OR_RETURN(const std::vector<IndexRow> rows,
                      LoadIndexes(spi, rebuild.id));
  ActStatement shown;
  shown.statement = "BEGIN;\n";
  for (const IndexRow& row : rows) {
    absl::StrAppend(&shown.statement, "ALTER INDEX ",
                    Qualified(row.schema, row.index_name), " RENAME TO ",
                    QuoteName(row.built_name), ";\nALTER INDEX ",
                    Qualified(row.schema, row.kept_name), " RENAME TO ",
                    QuoteName(row.index_name), ";\n");
  }
  absl::StrAppend(&shown.statement, "COMMIT;");
  shown.lock = LockLevel::kShareUpdateExclusive;
  shown.rows = 0;
  shown.bytes = 0;
  shown.seconds = 0;
  return shown;
}

// The leftover that an action names: (oid, table, schema, name).
absl::StatusOr<IndexRow> FindLeftover(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Act& act) {
  RV_ASSIGN_OR_RETURN(const Object index,
                      FindIndex(spi, collection, act.deed.object));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT l.table_oid, l.schema_name, l.index_name,"
                " i.indisvalid FROM pg_catalog.pg_index i LEFT JOIN"
                " ruvector.healing_leftovers l ON l.index_oid = i.indexrelid"
                " WHERE i.indexrelid = $1::pg_catalog.oid LIMIT 1",
                {pg::SqlInt(int64_t{index.oid})}));
  if (rows.empty()) return absl::NotFoundError("the index is gone");
  if (rows.Bool(0, 3).value_or(true)) {
    return absl::FailedPreconditionError(
        absl::StrCat("index ", index.name, " is valid"));
  }
  if (!rows.Text(0, 0).has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "index ", index.name, " is invalid, and it was not us who began it"));
  }
  IndexRow row;
  row.old_oid = index.oid;
  row.table_oid = static_cast<uint32_t>(rows.Int(0, 0).value_or(0));
  row.schema = rows.TextOr(0, 1, "");
  row.index_name = rows.TextOr(0, 2, "");
  row.partitioned = index.kind == 'I';
  return row;
}

absl::Status PrepareDrop(pg::SpiSession& spi, const Collection& collection,
                         Act& act) {
  RV_ASSIGN_OR_RETURN(const IndexRow row, FindLeftover(spi, collection, act));
  act.facts["oid"] = row.old_oid;
  return absl::OkStatus();
}

absl::StatusOr<ActOutcome> PerformDrop(const Collection& collection, Act& act) {
  IndexRow row;
  double bytes = 0;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(row, FindLeftover(spi, collection, act));
        RV_ASSIGN_OR_RETURN(const Object index,
                            FindIndex(spi, collection, act.deed.object));
        bytes = static_cast<double>(index.bytes);
        return absl::OkStatus();
      }));
  RV_RETURN_IF_ERROR(DropIndex(row.old_oid, row.table_oid, row.schema,
                               row.index_name, row.partitioned, true));
  const ActOutcome outcome{true, 0, bytes};
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) { return SetDone(spi, act.id, outcome); }));
  return outcome;
}

absl::Status SettleDrop(Act& act) {
  return InAct("healing: settling", [&](pg::SpiSession& spi) -> absl::Status {
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        spi.Query("SELECT FROM pg_catalog.pg_class WHERE oid ="
                  " $1::pg_catalog.oid",
                  {pg::SqlInt(act.facts.value("oid", int64_t{0}))}));
    return rows.empty()
               ? SetDone(spi, act.id, {true, std::nullopt, std::nullopt})
               : SetState(spi, act.id, "not_done", "the index is still there");
  });
}

absl::StatusOr<ActStatement> DescribeDrop(pg::SpiSession& spi,
                                          const Collection& collection,
                                          const Act& act) {
  RV_ASSIGN_OR_RETURN(const IndexRow row, FindLeftover(spi, collection, act));
  ActStatement shown;
  shown.statement =
      absl::StrCat("DROP INDEX ", row.partitioned ? "" : "CONCURRENTLY ",
                   Qualified(row.schema, row.index_name), ";");
  shown.lock = row.partitioned ? LockLevel::kAccessExclusive
                               : LockLevel::kShareUpdateExclusive;
  shown.rows = 0;
  return shown;
}

}  // namespace

const ActKind kIndexKinds[4] = {
    {RUVECTOR_ACTION_REBUILD_INDEX, PrepareRebuild, nullptr, PerformRebuild,
     nullptr, UndoRebuild, SettleRebuild, DescribeRebuild},
    {RUVECTOR_ACTION_RESTORE_INDEX, PrepareRestore, Restore, nullptr, nullptr,
     nullptr, nullptr, DescribeRestore},
    {RUVECTOR_ACTION_REINDEX, PrepareReindex, nullptr, PerformReindex, nullptr,
     nullptr, SettleInPlace, DescribeReindex},
    {RUVECTOR_ACTION_DROP_INVALID_INDEX, PrepareDrop, nullptr, PerformDrop,
     nullptr, nullptr, SettleDrop, DescribeDrop},
};

}  // namespace ruvector::healing
