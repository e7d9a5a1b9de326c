// What acts on indexes are made of. Private to pgext/healing/acts; as there,
// every function runs its own transactions unless it is given a session.
// [backend-main]
//
// A rebuild takes one of two forms, and its undo says which. With RESTORE_INDEX
// the new index is built beside the old one, takes its name in one transaction,
// and the old one is kept (index_beside.cc). With REBUILD_INDEX there is room
// for one only: each leaf gets its new lists and is reindexed, and the undo
// does the same back (index_in_place.cc).
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_INDEX_ACTS_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_INDEX_ACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/acts/index_tree.h"
#include "pgext/healing/acts/kinds.h"

namespace ruvector::healing {

// ---- What is there before (index_facts.cc) ----------------------------------

// The lists that the deed names, as a storage parameter.
std::optional<std::string> ListsOf(const Deed& deed);
bool IsBeside(const Act& act);
// It was built beside, and what it replaced may have been dropped since.
bool WasBeside(const Act& act);
std::string Qualified(const std::string& schema, const std::string& name);

// A leaf of the index as it was before the act.
struct IndexLeaf {
  uint32_t oid;
  std::string schema, name;
  uint32_t table;
  std::string lists;  // "": not set
};
std::vector<IndexLeaf> LeavesOf(const Act& act);

// The tree as facts: what a reindex left is recognised by them.
absl::Status NoteTree(pg::SpiSession& spi, const std::vector<IndexNode>& tree,
                      Act& act);
// The deed's lists are possible, and the index has such.
absl::Status CheckLists(const IndexNode& root, const Act& act);
// No one has set other lists since the act did.
absl::Status CheckPresentLists(const Act& act);

// ---- Cleaning up (index_cleanup.cc) -----------------------------------------

// Drops an index of this oid and name without locking users out, if it still
// is there. `only_invalid`: and if it is no use to anybody.
absl::Status DropIndex(uint32_t oid, uint32_t table, const std::string& schema,
                       const std::string& name, bool partitioned,
                       bool only_invalid);
// Drops what an act has built and not put to use, or, `and_kept`, what its undo
// has replaced. What is attached to a partitioned index goes with that.
absl::Status DropBuilt(const Act& act, bool and_kept = false);
// The same where it can be done soon; else FinishIndexes does it.
void DropReplacedIfPossible(const Act& act);
// The leftovers of REINDEX CONCURRENTLY on the act's leaves: invalid, named
// after one of them, and not there before the act.
absl::Status DropReindexLeftovers(const Act& act);

// ---- Built beside (index_beside.cc) -----------------------------------------

// Journals each index that is to be built, if all can be replaced.
absl::Status PrepareBeside(pg::SpiSession& spi,
                           const std::vector<IndexNode>& tree, Act& act);
absl::StatusOr<ActOutcome> BuildBeside(const Act& act, bool undoing);
// The old indexes get their names back; the new ones are to be dropped.
absl::Status SwapBack(pg::SpiSession& spi, const Act& act);

// ---- In place (index_in_place.cc) -------------------------------------------

// The undo holds the lists that there are.
absl::Status CheckFormerLists(const std::vector<IndexNode>& tree,
                              const Act& act);
absl::StatusOr<ActOutcome> RebuildInPlace(const Act& act);
// What of it was rebuilt stays until its undo; the rest is as it was.
absl::Status SettleInPlace(Act& act);
absl::StatusOr<std::string> UndoInPlace(Act& act);
// Notes the act as done, with the bytes of its leaves.
absl::StatusOr<ActOutcome> NoteBuilt(const Act& act);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_INDEX_ACTS_H_
