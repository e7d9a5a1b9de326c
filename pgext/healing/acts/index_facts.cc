#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/healing/acts/index_acts.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {

using nlohmann::ordered_json;

std::optional<std::string> ListsOf(const Deed& deed) {
  const std::optional<double> lists = deed.Number("lists");
  if (!lists.has_value()) return std::nullopt;
  return absl::StrCat(static_cast<int64_t>(*lists));
}

bool IsBeside(const Act& act) {
  return act.undo.has_value() &&
         act.undo->kind == RUVECTOR_ACTION_RESTORE_INDEX;
}

bool WasBeside(const Act& act) { return act.facts.value("beside", false); }

std::string Qualified(const std::string& schema, const std::string& name) {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(name));
}

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

std::vector<IndexLeaf> LeavesOf(const Act& act) {
  std::vector<IndexLeaf> leaves;
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

absl::Status CheckPresentLists(const Act& act) {
  const std::optional<std::string> set = ListsOf(act.deed);
  if (!set.has_value() || act.state != "done") return absl::OkStatus();
  return InAct(
      "healing: looking at indexes", [&](pg::SpiSession& spi) -> absl::Status {
        for (const IndexLeaf& leaf : LeavesOf(act)) {
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

}  // namespace ruvector::healing
