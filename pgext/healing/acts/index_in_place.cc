#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/healing/acts/index_acts.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

absl::StatusOr<uint32_t> OidOf(const IndexLeaf& leaf) {
  uint32_t oid = 0;
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at an index", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(
            oid, FindIndexByName(spi, leaf.table, leaf.schema, leaf.name));
        return absl::OkStatus();
      }));
  return oid;
}

absl::Status SetLists(const IndexLeaf& leaf, const std::string& lists) {
  const std::string set =
      absl::StrCat("ALTER INDEX ", Qualified(leaf.schema, leaf.name),
                   lists.empty() ? " RESET (lists)"
                                 : absl::StrCat(" SET (lists = ", lists, ")"));
  return WithShortLocks(set.c_str(), [&](pg::SpiSession& spi) {
    return spi.Execute(set.c_str()).status();
  });
}

absl::Status ReindexLeaf(const IndexLeaf& leaf) {
  return RunTopLevel(absl::StrCat("REINDEX INDEX CONCURRENTLY ",
                                  Qualified(leaf.schema, leaf.name)));
}

}  // namespace

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

absl::StatusOr<ActOutcome> NoteBuilt(const Act& act) {
  ActOutcome outcome;
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) -> absl::Status {
        double bytes = 0;
        for (const IndexLeaf& leaf : LeavesOf(act)) {
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
  for (const IndexLeaf& leaf : LeavesOf(act)) {
    if (lists.has_value()) RV_RETURN_IF_ERROR(SetLists(leaf, *lists));
    RV_FAILPOINT("healing.acts.in_place.before_reindex");
    RV_RETURN_IF_ERROR(ReindexLeaf(leaf));
  }
  return NoteBuilt(act);
}

absl::Status SettleInPlace(Act& act) {
  RV_RETURN_IF_ERROR(DropReindexLeftovers(act));
  size_t rebuilt = 0;
  const std::vector<IndexLeaf> leaves = LeavesOf(act);
  for (const IndexLeaf& leaf : leaves) {
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

absl::StatusOr<std::string> UndoInPlace(Act& act) {
  RV_RETURN_IF_ERROR(CheckPresentLists(act));
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undoing");
  }));
  RV_FAILPOINT("healing.acts.undo_in_place.start");
  RV_RETURN_IF_ERROR(DropReindexLeftovers(act));
  for (const IndexLeaf& leaf : LeavesOf(act)) {
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

}  // namespace ruvector::healing
