// A backend asks a worker of its database to do something now, and waits for
// the answer. [backend-main]
//
// The integrity worker is the only writer of states and of the sealed log, and
// holds the signing key; so samples, checkpoints, key changes and pruning are
// asked of it. The healing supervisor alone decides what is healed. Each worker
// of each database has a desk in shared memory with room for one request at a
// time; it is not part of the caller's transaction.
#ifndef RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_
#define RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::boot {

enum class RequestKind : uint8_t {
  kNone,
  // Of the integrity worker.
  kSample,       // text: collection; answer: empty
  kRebuild,      // text: collection; answer: JSON of what was built
  kCheckpoint,   // answer: the checkpoint's id
  kRotateKey,    // answer: the new key's id
  kRevokeKey,    // text: key id, newline, reason; answer: empty
  kPrune,        // number: microseconds since 2000; answer: events pruned
  kProbeRecall,  // text: collection; answer: empty
  // Of the healing supervisor. `user` is the person. Answer: the action's id,
  // or empty where the request is about none.
  kTrigger,          // text: collection
  kExecute,          // text: strategy, parameters, collection, as lines
  kApprove,          // number: action
  kReject,           // number: action
  kAbort,            // number: action
  kRollback,         // text: collection
  kResetBreaker,     // text: collection
  kReleaseStrategy,  // text: strategy
  kResetLearning,    // text: strategy, empty for all
};
constexpr WorkerRole RoleOf(RequestKind kind) {
  return kind >= RequestKind::kTrigger ? WorkerRole::kHealing
                                       : WorkerRole::kIntegrity;
}

struct WorkerRequest {
  RequestKind kind;
  int64_t number;
  char text[4096];
  // The user who asked, for the event.
  char user[NAMEDATALEN];
};

size_t WorkerRequestsSize();
void InitWorkerRequests(LWLock* lock);

// Posts the request to this database's worker for it and waits, interruptibly,
// at most ruvector.sample_timeout. The worker's error comes back with its
// SQLSTATE, DETAIL and HINT. FailedPrecondition (55000, with HINT) without
// preloading or when no worker answers in time; 53400 at once where none will
// come because the database has no entry; 54000 for a text that is too long.
absl::StatusOr<std::string> AskWorker(RequestKind kind, std::string_view text,
                                      int64_t number, std::string_view user);

// Worker: takes the request at its desk, if there is one.
bool TakeRequest(Oid database, WorkerRole role, WorkerRequest& request);
// Worker: answers the request it took.
void AnswerRequest(Oid database, WorkerRole role,
                   const absl::StatusOr<std::string>& answer);

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_
