// An internal subtransaction, so that a failure can be survived. [backend-main]
//
//   PgSubXact attempt;
//   RV_RETURN_IF_ERROR(attempt.Begin());
//   absl::Status status = Sense();         // PgCall inside
//   if (status.ok()) return attempt.Commit();
//   // the destructor rolls back: locks, pins, SPI and the resource owner
#ifndef RUVECTOR_PGEXT_BRIDGE_SUB_TRANSACTION_H_
#define RUVECTOR_PGEXT_BRIDGE_SUB_TRANSACTION_H_

#include "absl/status/status.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "utils/resowner.h"
}

namespace ruvector::pg {

class PgSubXact {
 public:
  PgSubXact() = default;
  // Rolls back what was begun and not committed; failures of the rollback
  // itself are logged.
  ~PgSubXact();
  PgSubXact(const PgSubXact&) = delete;
  PgSubXact& operator=(const PgSubXact&) = delete;

  absl::Status Begin();
  absl::Status Commit();
  absl::Status Rollback();

 private:
  void RestoreOuter();

  bool open_ = false;
  MemoryContext context_ = nullptr;
  ResourceOwner owner_ = nullptr;
};

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_SUB_TRANSACTION_H_
