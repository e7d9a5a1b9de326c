#include "pgext/bridge/sub_transaction.h"

#include <string>

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"

namespace ruvector::pg {

absl::Status PgSubXact::Begin() {
  context_ = CurrentMemoryContext;
  owner_ = CurrentResourceOwner;
  RV_RETURN_IF_ERROR(PgCall([] { BeginInternalSubTransaction(nullptr); }));
  open_ = true;
  MemoryContextSwitchTo(context_);
  return absl::OkStatus();
}

void PgSubXact::RestoreOuter() {
  open_ = false;
  MemoryContextSwitchTo(context_);
  CurrentResourceOwner = owner_;
}

absl::Status PgSubXact::Commit() {
  RV_RETURN_IF_ERROR(PgCall([] { ReleaseCurrentSubTransaction(); }));
  RestoreOuter();
  return absl::OkStatus();
}

absl::Status PgSubXact::Rollback() {
  absl::Status status =
      PgCall([] { RollbackAndReleaseCurrentSubTransaction(); });
  RestoreOuter();
  return status;
}

PgSubXact::~PgSubXact() {
  if (!open_) return;
  const absl::Status status = Rollback();
  if (!status.ok()) {
    ereport(WARNING, (errmsg("could not roll back a subtransaction: %s",
                             std::string(status.message()).c_str())));
  }
}

}  // namespace ruvector::pg
