// Indexes as acts see them: an index, or the tree of a partitioned one, and the
// statements that build it anew. [backend-main] In the caller's transaction.
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_INDEX_TREE_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_INDEX_TREE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

struct IndexNode {
  uint32_t oid = 0;
  uint32_t parent = 0;  // index that it is attached to; 0: none
  uint32_t table_oid = 0;
  std::string table;   // quoted, qualified
  std::string schema;  // not quoted
  std::string name;    // not quoted
  bool partitioned = false;
  bool valid = false;
  bool attached = false;  // to an index outside of the tree
  std::string lists;      // storage parameter; "" if not set
  std::string options;    // the others, as WITH has them
  // Why it cannot be built beside and swapped; empty: it can.
  std::string obstacle;
  std::string method;
  // Its definition in parts, as CREATE INDEX has them: "USING ... (...)",
  // " TABLESPACE x", " WHERE ...".
  std::string body;
  std::string tablespace;
  std::string predicate;
  std::string comment;  // quoted; "" for none
  int64_t bytes = 0;

  std::string Qualified() const;
};

// The index and, if it is partitioned, all below it, parents first.
absl::StatusOr<std::vector<IndexNode>> LoadIndexTree(pg::SpiSession& spi,
                                                     uint32_t oid);

// "CREATE INDEX [CONCURRENTLY] name ON [ONLY] ..." of one like the node.
std::string CreateStatement(const IndexNode& node, const std::string& name);

// The oid of "schema"."name" if it is an index of the table; else 0.
absl::StatusOr<uint32_t> FindIndexByName(pg::SpiSession& spi,
                                         uint32_t table_oid,
                                         const std::string& schema,
                                         const std::string& name);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_INDEX_TREE_H_
