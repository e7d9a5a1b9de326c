// What each kind of action does, behind one table. Private to
// pgext/healing/acts. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_KINDS_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_KINDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/strategy_host/host_callbacks.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/acts/acts.h"
#include "pgext/healing/acts/journal.h"
#include "pgext/integrity/collections.h"

namespace ruvector::healing {

using integrity::Collection;
using strategy_host::ActOutcome;

// An act is done in one transaction (`apply`, `revert`), together with its
// journal, or at top level in several (`perform`, `take_back`), which keep the
// journal themselves. nullptr: it has none of that.
struct ActKind {
  uint32_t kind;

  // In the transaction of the intent: that it applies, that its undo holds the
  // present value, and the facts by which it is settled and undone.
  absl::Status (*prepare)(pg::SpiSession&, const Collection&, Act&);

  absl::StatusOr<ActOutcome> (*apply)(pg::SpiSession&, const Collection&,
                                      const Act&);
  absl::StatusOr<ActOutcome> (*perform)(const Collection&, Act&);

  // The text says what was left as it is; empty: nothing.
  absl::StatusOr<std::string> (*revert)(pg::SpiSession&, const Collection&,
                                        const Act&);
  absl::StatusOr<std::string> (*take_back)(const Collection&, Act&);

  // Of `perform`: what became of an intended act whose process is gone.
  absl::Status (*settle)(Act&);

  absl::StatusOr<ActStatement> (*describe)(pg::SpiSession&, const Collection&,
                                           const Act&);
};

// nullptr: not implemented here.
const ActKind* FindActKind(uint32_t kind);

// By file.
extern const ActKind kSettingKinds[4];      // setting_acts.cc
extern const ActKind kRowKinds[2];          // row_acts.cc
extern const ActKind kIndexKinds[4];        // index_acts.cc
extern const ActKind kMaintenanceKinds[3];  // maintenance_acts.cc
extern const ActKind kJobKinds[2];          // job_acts.cc
extern const ActKind kShardKinds[1];        // shard_acts.cc
extern const ActKind kReplicaKinds[1];      // replica_acts.cc

// index_cleanup.cc: drops what acts of the action built or kept and nobody
// needs any more (FinishAction).
absl::Status FinishIndexes(int64_t action_id, bool kept);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_KINDS_H_
