// REBUILD_INDEX, RESTORE_INDEX, REINDEX, DROP_INVALID_INDEX.
//
// A rebuild takes one of two forms, and its undo says which. With RESTORE_INDEX
// the new index is built beside the old one, takes its name in one transaction,
// and the old one is kept. With REBUILD_INDEX there is room for one only: each
// leaf gets its new lists and is reindexed, and the undo does the same back.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/acts/index_tree.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;

constexpr absl::Duration kGrace = absl::Seconds(10);

std::optional<std::string> ListsOf(const Deed& deed) {
  const std::optional<double> lists = deed.Number("lists");
  if (!lists.has_value()) return std::nullopt;
  return absl::StrCat(static_cast<int64_t>(*lists));
}

bool IsBeside(const Act& act) {
  return act.undo.has_value() &&
         act.undo->kind == RUVECTOR_ACTION_RESTORE_INDEX;
}

// It was built beside, and what it replaced has been dropped since.
bool WasBeside(const Act& act) { return act.facts.value("beside", false); }

std::string Qualified(const std::string& schema, const std::string& name) {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(name));
}

// ---- What is there before ----------------------------------------------

// The tree as facts: what a reindex left is recognised by them.
absl::Status NoteTree(pg::SpiSession& spi, const std::vector<IndexNode>& tree,
                      Act& act) {
  ordered_json leaves = ordered_json::array(), invalid = ordered_json::array();
  ordered_json lists = ordered_json::object();
  for (const IndexNode& node : tree) {
    lists[std::to_string(node.table_oid)] = node.lists;
    if (node.partitioned) continue;
    leaves.push_back({{"oid", node.oid},
                      {"schema", node.schema},
                      {"name", node.name},
                      {"table", node.table_oid},
                      {"lists", node.lists}});
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        spi.Query("SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid"
                  " = $1::pg_catalog.oid AND NOT indisvalid",
                  {pg::SqlInt(int64_t{node.table_oid})}));
    for (size_t i = 0; i < rows.size(); ++i) {
      invalid.push_back(rows.Int(i, 0).value_or(0));
    }
  }
  act.facts["lists"] = std::move(lists);  // by table
  act.facts["leaves"] = std::move(leaves);
  act.facts["invalid"] = std::move(invalid);
  return absl::OkStatus();
}

struct Leaf {
  uint32_t oid;
  std::string schema, name;
  uint32_t table;
  std::string lists;
};

std::vector<Leaf> LeavesOf(const Act& act) {
  std::vector<Leaf> leaves;
  if (!act.facts.contains("leaves")) return leaves;
  for (const ordered_json& leaf : act.facts["leaves"]) {
    leaves.push_back({leaf.value("oid", uint32_t{0}), leaf.value("schema", ""),
                      leaf.value("name", ""), leaf.value("table", uint32_t{0}),
                      leaf.value("lists", "")});
  }
  return leaves;
}

absl::Status CheckLists(const IndexNode& root, const Act& act) {
  const std::optional<double> lists = act.deed.Number("lists");
  if (!lists.has_value()) return absl::OkStatus();
  if (root.method != "ivfflat") {
    return absl::FailedPreconditionError(absl::StrCat(
        root.Qualified(), " is no IVFFlat index, it has no lists"));
  }
  if (!(*lists >= 1 && *lists <= 32768) ||
      *lists != static_cast<int64_t>(*lists)) {
    return absl::InvalidArgumentError(
        absl::StrCat("lists are a whole number from 1 to 32768, not ", *lists));
  }
  return absl::OkStatus();
}

absl::Status CheckFormerLists(const std::vector<IndexNode>& tree,
                              const Act& act) {
  const std::string former = ListsOf(*act.undo).value_or("");
  if (former.empty() || ListsOf(act.deed) == std::nullopt) {
    return absl::OkStatus();
  }
  for (const IndexNode& node : tree) {
    // pgvector's default where it is not set.
    const std::string present = node.lists.empty() ? "100" : node.lists;
    if (node.partitioned || present == former) continue;
    return ReadAgain(absl::StrCat("its undo would set lists ", former, ", ",
                                  node.Qualified(), " has ", present));
  }
  return absl::OkStatus();
}

absl::Status PrepareBeside(pg::SpiSession& spi,
                           const std::vector<IndexNode>& tree, Act& act) {
  if (tree[0].attached) {
    return absl::FailedPreconditionError(absl::StrCat(
        tree[0].Qualified(),
        " is attached to a partitioned index: that one can be built beside, "
        "this one in place"));
  }
  int number = 0;
  for (const IndexNode& node : tree) {
    if (!node.obstacle.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          node.Qualified(), " cannot be replaced: ", node.obstacle));
    }
    if (!node.valid) {
      return absl::FailedPreconditionError(
          absl::StrCat(node.Qualified(), " is not valid"));
    }
    IndexRow row;
    row.table_oid = node.table_oid;
    row.schema = node.schema;
    row.index_name = node.name;
    row.built_name = absl::StrCat("ruvector_new_", act.id, "_", number);
    row.kept_name = absl::StrCat("ruvector_old_", act.id, "_", number);
    row.old_oid = node.oid;
    row.partitioned = node.partitioned;
    RV_RETURN_IF_ERROR(InsertIndex(spi, act.id, row));
    ++number;
  }
  return absl::OkStatus();
}

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

// ---- Cleaning up -------------------------------------------------------

// Drops an index of this oid and name without locking users out, if it still
// is there. `only_invalid`: and if it is no use to anybody.
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

// Drops what an act has built and not put to use, or what its undo has
// replaced. What is attached to a partitioned index goes with that.
absl::Status DropBuilt(const Act& act, bool and_kept = false) {
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

// The leftovers of REINDEX CONCURRENTLY on the act's leaves: invalid, named
// after one of them, and not there before the act.
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

// ---- Beside ------------------------------------------------------------

absl::Status CreateOnlyParent(const IndexNode& node, const IndexRow& row,
                              const Act& act) {
  const std::string create = CreateStatement(node, row.built_name);
  return WithShortLocks(
      create.c_str(), [&](pg::SpiSession& spi) -> absl::Status {
        RV_RETURN_IF_ERROR(spi.Execute(create.c_str()).status());
        RV_ASSIGN_OR_RETURN(
            const uint32_t oid,
            FindIndexByName(spi, row.table_oid, row.schema, row.built_name));
        return SetNewIndex(spi, act.id, row.table_oid, oid);
      });
}

absl::Status CreateLeaf(const IndexNode& node, const IndexRow& row,
                        const Act& act) {
  RV_RETURN_IF_ERROR(RunTopLevel(CreateStatement(node, row.built_name)));
  return InAct(
      "healing: noting an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            const uint32_t oid,
            FindIndexByName(spi, row.table_oid, row.schema, row.built_name));
        return SetNewIndex(spi, act.id, row.table_oid, oid);
      });
}

absl::Status Attach(const std::vector<IndexNode>& tree,
                    const std::vector<IndexRow>& rows) {
  const auto row_of = [&](uint32_t old_oid) -> const IndexRow* {
    for (const IndexRow& row : rows) {
      if (row.old_oid == old_oid) return &row;
    }
    return nullptr;
  };
  // Children first: a parent is valid once all of its own are.
  for (size_t i = tree.size(); i-- > 1;) {
    const IndexRow* child = row_of(tree[i].oid);
    const IndexRow* parent = row_of(tree[i].parent);
    if (child == nullptr || parent == nullptr) {
      return absl::AbortedError("the partitions have changed meanwhile");
    }
    const std::string attach = absl::StrCat(
        "ALTER INDEX ", Qualified(parent->schema, parent->built_name),
        " ATTACH PARTITION ", Qualified(child->schema, child->built_name));
    RV_RETURN_IF_ERROR(WithShortLocks(attach.c_str(), [&](pg::SpiSession& spi) {
      return spi.Execute(attach.c_str()).status();
    }));
  }
  return absl::OkStatus();
}

absl::Status Rename(pg::SpiSession& spi, const std::string& schema,
                    const std::string& from, const std::string& to) {
  return spi
      .Execute(absl::StrCat("ALTER INDEX ", Qualified(schema, from),
                            " RENAME TO ", QuoteName(to))
                   .c_str())
      .status();
}

// That an index of this oid is valid and bears this name.
absl::Status Expect(pg::SpiSession& spi, const IndexRow& row, uint32_t oid,
                    const std::string& name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT i.indisvalid FROM pg_catalog.pg_class c JOIN"
                " pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN"
                " pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE c.oid ="
                " $1::pg_catalog.oid AND n.nspname = $2 AND c.relname = $3",
                {pg::SqlInt(int64_t{oid}), pg::SqlText(row.schema),
                 pg::SqlText(name)}));
  if (rows.empty()) {
    return ReadAgain(absl::StrCat("index ", Qualified(row.schema, name),
                                  " is not the one that it was: somebody has "
                                  "dropped, renamed or replaced it"));
  }
  if (rows.Bool(0, 0).value_or(false)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("index ", Qualified(row.schema, name), " is not valid"));
}

absl::StatusOr<ActOutcome> Swap(const std::vector<IndexNode>& tree,
                                const Act& act, bool undoing) {
  ActOutcome outcome;
  RV_RETURN_IF_ERROR(WithShortLocks(
      "healing: swapping indexes", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const std::vector<IndexRow> rows,
                            LoadIndexes(spi, act.id));
        double bytes = 0;
        for (const IndexRow& row : rows) {
          RV_RETURN_IF_ERROR(Expect(spi, row, row.old_oid, row.index_name));
          RV_RETURN_IF_ERROR(Expect(spi, row, row.new_oid, row.built_name));
          RV_RETURN_IF_ERROR(
              Rename(spi, row.schema, row.index_name, row.kept_name));
          RV_RETURN_IF_ERROR(
              Rename(spi, row.schema, row.built_name, row.index_name));
          for (const IndexNode& node : tree) {
            if (node.oid != row.old_oid || node.comment.empty()) continue;
            RV_RETURN_IF_ERROR(
                spi.Execute(absl::StrCat("COMMENT ON INDEX ", node.Qualified(),
                                         " IS ", node.comment)
                                .c_str())
                    .status());
          }
          if (row.partitioned) continue;
          RV_ASSIGN_OR_RETURN(
              const pg::SpiRows size,
              spi.Query("SELECT pg_catalog.pg_relation_size("
                        "$1::pg_catalog.oid::pg_catalog.regclass)",
                        {pg::SqlInt(int64_t{row.new_oid})}));
          bytes += size.Real(0, 0).value_or(0);
        }
        outcome = {true, std::nullopt, bytes};
        RV_RETURN_IF_ERROR(undoing ? SetState(spi, act.id, "undone")
                                   : SetDone(spi, act.id, outcome));
        RV_FAILPOINT("healing.acts.swap.before_commit");
        return absl::OkStatus();
      }));
  return outcome;
}

// Gives the nodes the lists that they are to have.
void GiveLists(const Act& act, bool undoing, std::vector<IndexNode>& tree) {
  const std::optional<std::string> wanted = ListsOf(act.deed);
  for (IndexNode& node : tree) {
    if (undoing) {
      const ordered_json& former = act.facts["lists"];
      node.lists = former.value(std::to_string(node.table_oid), node.lists);
    } else if (wanted.has_value()) {
      node.lists = *wanted;
    }
  }
}

absl::StatusOr<ActOutcome> BuildBeside(const Act& act, bool undoing) {
  std::vector<IndexNode> tree;
  std::vector<IndexRow> rows;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at indexes", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(rows, LoadIndexes(spi, act.id));
        if (rows.empty()) return absl::InternalError("no index is journaled");
        RV_ASSIGN_OR_RETURN(tree, LoadIndexTree(spi, rows[0].old_oid));
        return absl::OkStatus();
      }));
  GiveLists(act, undoing, tree);
  for (const IndexNode& node : tree) {
    for (const IndexRow& row : rows) {
      if (row.old_oid != node.oid) continue;
      RV_RETURN_IF_ERROR(node.partitioned ? CreateOnlyParent(node, row, act)
                                          : CreateLeaf(node, row, act));
      RV_FAILPOINT("healing.acts.build.after_one");
    }
  }
  RV_RETURN_IF_ERROR(Attach(tree, rows));
  RV_FAILPOINT("healing.acts.swap.start");
  return Swap(tree, act, undoing);
}

// The old indexes get their names back; the new ones are dropped as soon as
// that is possible.
absl::Status SwapBack(pg::SpiSession& spi, const Act& act) {
  RV_ASSIGN_OR_RETURN(const std::vector<IndexRow> rows,
                      LoadIndexes(spi, act.id));
  if (rows.empty()) {
    return absl::FailedPreconditionError("the old index is not kept any more");
  }
  for (const IndexRow& row : rows) {
    RV_RETURN_IF_ERROR(Expect(spi, row, row.old_oid, row.kept_name));
    RV_RETURN_IF_ERROR(Expect(spi, row, row.new_oid, row.index_name));
    RV_RETURN_IF_ERROR(Rename(spi, row.schema, row.index_name, row.built_name));
    RV_RETURN_IF_ERROR(Rename(spi, row.schema, row.kept_name, row.index_name));
  }
  RV_RETURN_IF_ERROR(SetState(spi, act.id, "undone"));
  RV_FAILPOINT("healing.acts.swap_back.before_commit");
  return absl::OkStatus();
}

void DropReplacedIfPossible(const Act& act) {
  const ActBounds grace(absl::Now() + kGrace);
  pg::RunOrLog(LOG, [&] { return DropBuilt(act, true); });
}

// ---- In place ----------------------------------------------------------

absl::StatusOr<uint32_t> OidOf(const Leaf& leaf) {
  uint32_t oid = 0;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            oid, FindIndexByName(spi, leaf.table, leaf.schema, leaf.name));
        return absl::OkStatus();
      }));
  return oid;
}

absl::Status SetLists(const Leaf& leaf, const std::string& lists) {
  const std::string set =
      absl::StrCat("ALTER INDEX ", Qualified(leaf.schema, leaf.name),
                   lists.empty() ? " RESET (lists)"
                                 : absl::StrCat(" SET (lists = ", lists, ")"));
  return WithShortLocks(set.c_str(), [&](pg::SpiSession& spi) {
    return spi.Execute(set.c_str()).status();
  });
}

absl::Status ReindexLeaf(const Leaf& leaf) {
  return RunTopLevel(absl::StrCat("REINDEX INDEX CONCURRENTLY ",
                                  Qualified(leaf.schema, leaf.name)));
}

absl::StatusOr<ActOutcome> Finish(const Act& act) {
  ActOutcome outcome;
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) -> absl::Status {
        double bytes = 0;
        for (const Leaf& leaf : LeavesOf(act)) {
          RV_ASSIGN_OR_RETURN(
              const pg::SpiRows size,
              spi.Query("SELECT pg_catalog.pg_relation_size("
                        "pg_catalog.to_regclass($1))",
                        {pg::SqlText(Qualified(leaf.schema, leaf.name))}));
          bytes += size.Real(0, 0).value_or(0);
        }
        outcome = {true, std::nullopt, bytes};
        return SetDone(spi, act.id, outcome);
      }));
  return outcome;
}

absl::StatusOr<ActOutcome> RebuildInPlace(const Act& act) {
  const std::optional<std::string> lists = ListsOf(act.deed);
  for (const Leaf& leaf : LeavesOf(act)) {
    if (lists.has_value()) RV_RETURN_IF_ERROR(SetLists(leaf, *lists));
    RV_FAILPOINT("healing.acts.in_place.before_reindex");
    RV_RETURN_IF_ERROR(ReindexLeaf(leaf));
  }
  return Finish(act);
}

// What of it was rebuilt stays until its undo; the rest is as it was.
absl::Status SettleInPlace(Act& act) {
  RV_RETURN_IF_ERROR(DropReindexLeftovers(act));
  size_t rebuilt = 0;
  const std::vector<Leaf> leaves = LeavesOf(act);
  for (const Leaf& leaf : leaves) {
    RV_ASSIGN_OR_RETURN(const uint32_t oid, OidOf(leaf));
    if (oid != leaf.oid) {
      rebuilt += oid != 0;
      continue;
    }
    if (act.deed.kind == RUVECTOR_ACTION_REBUILD_INDEX &&
        ListsOf(act.deed).has_value()) {
      RV_RETURN_IF_ERROR(SetLists(leaf, leaf.lists));
    }
  }
  const bool all = rebuilt == leaves.size() && rebuilt > 0;
  return InAct("healing: settling", [&](pg::SpiSession& spi) {
    return all ? SetDone(spi, act.id, {true, std::nullopt, std::nullopt})
               : SetState(spi, act.id, rebuilt > 0 ? "partial" : "not_done",
                          "it ended before all was built");
  });
}

absl::Status CheckPresentLists(const Act& act) {
  const std::optional<std::string> set = ListsOf(act.deed);
  if (!set.has_value() || act.state != "done") return absl::OkStatus();
  return InAct(
      "healing: looking at indexes", [&](pg::SpiSession& spi) -> absl::Status {
        for (const Leaf& leaf : LeavesOf(act)) {
          RV_ASSIGN_OR_RETURN(
              const uint32_t oid,
              FindIndexByName(spi, leaf.table, leaf.schema, leaf.name));
          if (oid == 0) {
            return absl::NotFoundError(absl::StrCat(
                Qualified(leaf.schema, leaf.name), " does not exist any more"));
          }
          RV_ASSIGN_OR_RETURN(const std::vector<IndexNode> tree,
                              LoadIndexTree(spi, oid));
          if (tree[0].lists == *set) continue;
          return ReadAgain(absl::StrCat(Qualified(leaf.schema, leaf.name),
                                        " was given ", *set, " lists, it has '",
                                        tree[0].lists,
                                        "': somebody has changed them since"));
        }
        return absl::OkStatus();
      });
}

absl::StatusOr<std::string> UndoInPlace(Act& act) {
  RV_RETURN_IF_ERROR(CheckPresentLists(act));
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undoing");
  }));
  RV_FAILPOINT("healing.acts.undo_in_place.start");
  RV_RETURN_IF_ERROR(DropReindexLeftovers(act));
  for (const Leaf& leaf : LeavesOf(act)) {
    RV_ASSIGN_OR_RETURN(const uint32_t oid, OidOf(leaf));
    if (oid == 0) continue;  // dropped since
    if (ListsOf(act.deed).has_value()) {
      RV_RETURN_IF_ERROR(SetLists(leaf, leaf.lists));
    }
    if (oid != leaf.oid) RV_RETURN_IF_ERROR(ReindexLeaf(leaf));
  }
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undone");
  }));
  return std::string();
}

// ---- Kinds -------------------------------------------------------------

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
  return Finish(act);
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
  const std::vector<Leaf> leaves = LeavesOf(act);
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
