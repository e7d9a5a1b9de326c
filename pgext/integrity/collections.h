// The enrolled collections as the tables have them. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_COLLECTIONS_H_
#define RUVECTOR_PGEXT_INTEGRITY_COLLECTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pgext/bridge/spi.h"

namespace ruvector::integrity {

struct Collection {
  int32_t id = 0;
  std::string name;
  uint32_t table_oid = 0;
  std::string table;  // quoted, qualified where the search_path needs it
  std::string column;
  int16_t column_number = 0;
  int64_t dimensions = 0;  // 0: the column does not fix them
  std::string metric;
  // Its row in integrity_state is there. A restore brings the enrolment first
  // and the rest of it a moment later.
  bool has_state = false;
};

// NotFound (SQLSTATE 42704, with a HINT) for a name that is not enrolled.
absl::StatusOr<Collection> FindCollection(pg::SpiSession& spi,
                                          std::string_view name);

// All of this database, by id.
absl::StatusOr<std::vector<Collection>> ListCollections(pg::SpiSession& spi);

// Makes the state row that a restored enrolment lacks.
absl::Status AddMissingState(pg::SpiSession& spi, const Collection& collection);

// The type of the enrolled column if it is no vector any more; else empty.
absl::StatusOr<std::string> OtherColumnType(pg::SpiSession& spi,
                                            const Collection& collection);

// Until the transaction ends nobody else changes what belongs to the
// collection: its policies, its override, its weights.
absl::Status LockCollection(pg::SpiSession& spi, int32_t id);

// OK for the table's owner, and for a table that is gone; else 42501.
absl::Status RequireTableOwner(uint32_t table);

// Somebody fills this database: a COPY FROM runs, or pg_restore is connected.
absl::StatusOr<bool> IsBeingFilled(pg::SpiSession& spi);

// A restore may give columns other numbers; their names are right then.
absl::Status RefreshColumnNumbers(pg::SpiSession& spi);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_COLLECTIONS_H_
