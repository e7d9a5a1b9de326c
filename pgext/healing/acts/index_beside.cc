#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/healing/acts/index_acts.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;

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

}  // namespace

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

}  // namespace ruvector::healing
