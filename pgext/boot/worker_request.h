// A backend asks its database's integrity worker to do something now, and
// waits for the answer. [backend-main]
//
// The worker is the only writer of states and of the sealed log, and holds
// the signing key; so samples, checkpoints, key changes and pruning are asked
// of it. One request at a time and database, in shared memory; it is not part
// of the caller's transaction.
#ifndef RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_
#define RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::boot {

enum class RequestKind : uint8_t {
  kNone,
  kSample,      // text: collection; answer: empty
  kRebuild,     // text: collection; answer: JSON of what was built
  kCheckpoint,  // answer: the checkpoint's id
  kRotateKey,   // answer: the new key's id
  kRevokeKey,   // text: key id, newline, reason; answer: empty
  kPrune,       // number: microseconds since 2000; answer: events pruned
};

struct WorkerRequest {
  RequestKind kind;
  int64_t number;
  char text[1152];  // a key id and a reason fit
  // The user who asked, for the event.
  char user[NAMEDATALEN];
};

size_t WorkerRequestsSize();
void InitWorkerRequests(LWLock* lock);

// Posts the request to this database's worker and waits, interruptibly, at
// most ruvector.sample_timeout. The worker's error comes back with its
// SQLSTATE, DETAIL and HINT. FailedPrecondition (55000, with HINT) without
// preloading or when no worker answers in time.
absl::StatusOr<std::string> AskWorker(RequestKind kind, std::string_view text,
                                      int64_t number, std::string_view user);

// Worker: takes the pending request of its database, if any.
bool TakeRequest(Oid database, WorkerRequest& request);
// Worker: answers the request it took.
void AnswerRequest(Oid database, const absl::StatusOr<std::string>& answer);

}  // namespace ruvector::boot

#endif  // RUVECTOR_PGEXT_BOOT_WORKER_REQUEST_H_
