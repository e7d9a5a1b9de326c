// MOVE_SHARD, by Citus's own function where Citus is.
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

struct Shard {
  int64_t id = 0;
  std::string node;  // that has it now, "name:port"
  double bytes = 0;
};

// "public.items_102008": a shard's name ends in its number.
absl::StatusOr<int64_t> ShardNumber(const std::string& name) {
  int64_t id = 0;
  if (absl::SimpleAtoi(name.substr(name.rfind('_') + 1), &id)) return id;
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is not the name of a shard"));
}

absl::StatusOr<Shard> FindShard(pg::SpiSession& spi,
                                const Collection& collection,
                                const std::string& name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows citus,
      spi.Query("SELECT pg_catalog.to_regproc("
                "'pg_catalog.citus_move_shard_placement') IS NOT NULL AND"
                " EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname ="
                " 'citus')"));
  if (!citus.Bool(0, 0).value_or(false)) {
    return absl::FailedPreconditionError(
        "extension citus is not installed in this database");
  }
  Shard shard;
  RV_ASSIGN_OR_RETURN(shard.id, ShardNumber(name));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT n.nodename || ':' || n.nodeport, p.shardlength FROM"
          " pg_catalog.pg_dist_shard s JOIN"
          " pg_catalog.pg_dist_placement p ON p.shardid = s.shardid JOIN"
          " pg_catalog.pg_dist_node n ON n.groupid = p.groupid AND"
          " n.noderole = 'primary' WHERE s.shardid ="
          " $1::pg_catalog.int8 AND s.logicalrelid::pg_catalog.oid ="
          " $2::pg_catalog.oid ORDER BY p.placementid",
          {pg::SqlInt(shard.id), pg::SqlInt(int64_t{collection.table_oid})}));
  if (rows.empty()) {
    return absl::NotFoundError(absl::StrCat("shard ", name, " of collection \"",
                                            collection.name,
                                            "\" does not exist"));
  }
  if (rows.size() > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("shard ", name, " has several placements"));
  }
  shard.node = rows.TextOr(0, 0, "");
  shard.bytes = rows.Real(0, 1).value_or(0);
  return shard;
}

absl::StatusOr<std::string> MoveStatement(int64_t id, const std::string& from,
                                          const std::string& to) {
  const std::vector<std::string> a = absl::StrSplit(from, ':');
  const std::vector<std::string> b = absl::StrSplit(to, ':');
  int port = 0;
  for (const std::vector<std::string>* node : {&a, &b}) {
    if (node->size() != 2 || !absl::SimpleAtoi((*node)[1], &port)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a node is named 'name:port', not '", to, "'"));
    }
  }
  return absl::StrCat("SELECT pg_catalog.citus_move_shard_placement(", id, ", ",
                      QuoteText(a[0]), ", ", a[1], ", ", QuoteText(b[0]), ", ",
                      b[1], ");");
}

absl::Status PrepareMove(pg::SpiSession& spi, const Collection& collection,
                         Act& act) {
  RV_ASSIGN_OR_RETURN(const Shard shard,
                      FindShard(spi, collection, act.deed.object));
  if (!act.undo.has_value() ||
      act.undo->Text("node").value_or("") != shard.node) {
    return ReadAgain(
        absl::StrCat("shard ", act.deed.object, " is on ", shard.node));
  }
  return MoveStatement(shard.id, shard.node, act.deed.Text("node").value_or(""))
      .status();
}

// The nodes are told by Citus itself: not in one transaction with the journal.
absl::Status MoveTo(const Collection& collection, const Act& act,
                    const std::string& node, bool* moved) {
  return InAct(
      "healing: moving a shard", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const Shard shard,
                            FindShard(spi, collection, act.deed.object));
        *moved = shard.node != node;
        if (!*moved) return absl::OkStatus();
        RV_ASSIGN_OR_RETURN(const std::string statement,
                            MoveStatement(shard.id, shard.node, node));
        return spi.Execute(statement.c_str()).status();
      });
}

absl::StatusOr<ActOutcome> PerformMove(const Collection& collection, Act& act) {
  ActOutcome outcome;
  RV_RETURN_IF_ERROR(MoveTo(collection, act, act.deed.Text("node").value_or(""),
                            &outcome.changed));
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) { return SetDone(spi, act.id, outcome); }));
  return outcome;
}

absl::StatusOr<std::string> TakeBack(const Collection& collection, Act& act) {
  RV_RETURN_IF_ERROR(InAct(
      "healing: looking at a shard", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(const Shard shard,
                            FindShard(spi, collection, act.deed.object));
        if (shard.node == act.deed.Text("node").value_or("") ||
            shard.node == act.undo->Text("node").value_or("")) {
          return absl::OkStatus();
        }
        return ReadAgain(absl::StrCat("shard ", act.deed.object, " is on ",
                                      shard.node,
                                      ": somebody has moved it since"));
      }));
  bool moved = false;
  RV_RETURN_IF_ERROR(
      MoveTo(collection, act, act.undo->Text("node").value_or(""), &moved));
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undone");
  }));
  return std::string();
}

absl::Status Settle(Act& act) {
  return InAct("healing: settling", [&](pg::SpiSession& spi) -> absl::Status {
    RV_ASSIGN_OR_RETURN(const Collection collection,
                        integrity::FindCollection(spi, act.collection));
    RV_ASSIGN_OR_RETURN(const Shard shard,
                        FindShard(spi, collection, act.deed.object));
    return shard.node == act.deed.Text("node").value_or("")
               ? SetDone(spi, act.id, {true, std::nullopt, shard.bytes})
               : SetState(spi, act.id, "not_done", "the shard did not move");
  });
}

absl::StatusOr<ActStatement> Describe(pg::SpiSession& spi,
                                      const Collection& collection,
                                      const Act& act) {
  RV_ASSIGN_OR_RETURN(const Shard shard,
                      FindShard(spi, collection, act.deed.object));
  const std::string node = act.deed.Text("node").value_or("");
  ActStatement shown;
  RV_ASSIGN_OR_RETURN(shown.statement,
                      MoveStatement(shard.id, shard.node, node));
  RV_ASSIGN_OR_RETURN(shown.undo_statement,
                      MoveStatement(shard.id, node, shard.node));
  // Citus stops writes to the shard for the last part of the move.
  shown.lock = LockLevel::kExclusive;
  shown.bytes = shard.bytes;
  return shown;
}

}  // namespace

const ActKind kShardKinds[1] = {{RUVECTOR_ACTION_MOVE_SHARD, PrepareMove,
                                 nullptr, PerformMove, nullptr, TakeBack,
                                 Settle, Describe}};

}  // namespace ruvector::healing
