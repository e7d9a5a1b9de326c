// What the sensors of one pass share: the request, the result, the page budget
// and the way to survive a failure. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_PASS_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_PASS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/graph/observation.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/sub_transaction.h"
#include "pgext/integrity/sensors/sensors.h"
extern "C" {
#include "storage/block.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
}

namespace ruvector::sensors {

// The pages of a pass: counted, read through a ring. Plain data, so that it
// may sit in frames that a longjmp crosses.
struct PageReader {
  BufferAccessStrategy ring = nullptr;
  int64_t left = 0;
  int64_t read = 0;
};

// An index on the enrolled column, found by the tables sensor.
enum class IndexKind { kIvfflat, kHnsw };
struct VectorIndex {
  Oid oid = InvalidOid;
  Oid table = InvalidOid;
  IndexKind kind = IndexKind::kIvfflat;
};

struct Pass {
  const ObserveRequest& request;
  Observed& out;
  PageReader pages;
  // Found by the tables sensor, used by those after it.
  std::vector<VectorIndex> indexes;
  int64_t indexes_waiting = 0;   // for their shares of the page budget
  std::vector<Oid> tablespaces;  // unique, never InvalidOid
  struct ForeignLeaf {
    size_t table;  // position in out.observation.tables
    Oid server;
  };
  std::vector<ForeignLeaf> foreign_leaves;

  graph::Observation& observation() { return out.observation; }
};

// Everything palloc'd while senses work, and lock_timeout as they want it. Both
// are undone at the end of its life, or by the transaction's abort.
class SenseSurroundings {
 public:
  SenseSurroundings() = default;
  ~SenseSurroundings();
  SenseSurroundings(const SenseSurroundings&) = delete;
  SenseSurroundings& operator=(const SenseSurroundings&) = delete;

  absl::Status Begin(int lock_timeout_ms);

 private:
  MemoryContext outer_ = nullptr;
  MemoryContext context_ = nullptr;
  int guc_level_ = 0;
};

// Runs `f`, which returns absl::Status, in a subtransaction: a failure is
// rolled back and returned.
template <class F>
absl::Status Attempt(F&& f) {
  pg::PgSubXact attempt;
  RV_RETURN_IF_ERROR(attempt.Begin());
  RV_RETURN_IF_ERROR(f());
  return attempt.Commit();
}

// The query was cancelled or the session is told to go: no sensor's failure,
// the pass ends.
bool EndsPass(const absl::Status& status);

// What a failed read of a data-bearing object says about it: files, blocks and
// checksums are its fault, anything else (a lock, a concurrent drop) is not.
graph::Access AccessAfter(const absl::Status& status);

absl::Time ToTime(TimestampTz timestamp);
// 0 means never in the server's statistics.
std::optional<absl::Time> ToTimeIfSet(TimestampTz timestamp);

// One line about a file that DiskUseOf could not look at.
struct DiskUse;
std::string FileFault(const DiskUse& use);

// "schema.name" as SQL wants it; the oid as text where it is gone.
absl::StatusOr<std::string> RelationName(Oid oid);

// -- inside PgCall only: these raise ---------------------------------------

// Opens under AccessShareLock if nobody is in the way. nullptr: `locked` says
// whether it is locked or gone.
Relation OpenIfFree(Oid oid, bool& locked);
void CloseAndUnlock(Relation relation);

// Copies one block of the main fork, under a share lock, into `page` (BLCKSZ,
// max-aligned). False when the budget is used up.
bool ReadPage(PageReader& reader, Relation relation, BlockNumber block,
              char* page);

// Bytes on disk of all forks of a relation, from the directory. Raises
// nothing: `error` is the errno of the first file that could not be looked at
// (ENOENT: no main fork), and `path` names that file.
struct DiskUse {
  int64_t bytes = 0;
  int error = 0;
  char path[MAXPGPATH] = "";
};
DiskUse DiskUseOf(Relation relation);

// The tablespace that holds it.
Oid TablespaceOf(Relation relation);

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_PASS_H_
