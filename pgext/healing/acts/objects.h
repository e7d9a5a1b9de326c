// From the names that actions use to the collection's own objects.
// [backend-main] In the caller's transaction.
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_OBJECTS_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_OBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/collections.h"

namespace ruvector::healing {

// A table, partition or index of the collection.
struct Object {
  uint32_t oid = 0;
  std::string name;  // quoted, qualified
  char kind = 'r';   // pg_class.relkind
  uint32_t owner = 0;
  uint32_t table_oid = 0;  // of an index: its table; else its own
  std::string table;       // quoted, qualified
  int64_t bytes = 0;       // all forks, for a table with TOAST
  double rows = -1;        // pg_class.reltuples of the table; -1 unknown

  bool is_index() const { return kind == 'i' || kind == 'I'; }
};

// NotFound when there is no such relation; FailedPrecondition when it does not
// belong to the collection: healing touches nothing else.
absl::StatusOr<Object> FindObject(pg::SpiSession& spi,
                                  const integrity::Collection& collection,
                                  const std::string& name);
absl::StatusOr<Object> FindTable(pg::SpiSession& spi,
                                 const integrity::Collection& collection,
                                 const std::string& name);
absl::StatusOr<Object> FindIndex(pg::SpiSession& spi,
                                 const integrity::Collection& collection,
                                 const std::string& name);

// A partition of a managed collection, which its routing column chooses.
struct RoutedPartition {
  Object table;
  uint32_t parent_oid = 0;
  std::string parent;  // quoted, qualified
  uint32_t parent_owner = 0;
  std::string column;             // routing column, quoted
  std::vector<std::string> keys;  // routing keys that it takes, decimal
};
// FailedPrecondition where rows are not routed by weight.
absl::StatusOr<RoutedPartition> FindRoutedPartition(
    pg::SpiSession& spi, const integrity::Collection& collection,
    const std::string& name);

// As SQL has them.
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_OBJECTS_H_
