// What is asked of Kubernetes, what comes of it, and both as the lines that a
// worker and ruvector-kubernetes exchange: one JSON object per line over a
// socket, one request one way, then progress and one outcome the other.
//
//   {"operation":"scale","server":"https://10.0.0.1:443",
//    "credentials":"/var/run/secrets/kubernetes.io/serviceaccount",
//    "object":"db/StatefulSet/reader","expected":2,"requested":3,
//    "wait_ready":true,"timeout_ms":300000}
//   {"phase":"writing","effect":"unknown","previous":2,"ready":2}
//   {"phase":"waiting","effect":"done","previous":2,"ready":2}
//   {"code":0,"message":"","effect":"done","previous":2,"requested":3,
//    "desired":3,"current":3,"ready":3,"observed":true}
//
// The token is in neither: the helper reads it itself. What does not decode is
// a bug and ends the conversation. [any-thread]
#ifndef RUVECTOR_CORE_KUBERNETES_REQUEST_H_
#define RUVECTOR_CORE_KUBERNETES_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/kubernetes/answer.h"
#include "core/kubernetes/object_ref.h"

namespace ruvector::kubernetes {

// Where the API server is and who we are to it.
struct Access {
  // https://host[:port][/path].
  std::string server;
  // Holds the files "token", read for every request, and "ca.crt", the only
  // authority that is trusted.
  std::string credentials;
};

// The number of replicas from `expected` to `requested`, and only from there.
struct ScaleRequest {
  ObjectRef object;
  int64_t expected = 0;
  int64_t requested = 0;
  // Wait until the requested number is ready; else end once it is asked for.
  bool wait_ready = true;
};

// What became of the number that the object is to have.
enum class Effect {
  // Nothing was written: it is as it was, or was as requested already.
  kNone,
  // Ours was written. Also where the answer to the write was lost and the
  // requested number is there afterwards.
  kDone,
  // A write was sent and nobody knows what became of it.
  kUnknown,
};

// The end of a scaling.
//   OK                    the requested number is wanted, and ready if it was
//                         to be waited for
//   kAborted              somebody else's number is there
//   kDeadlineExceeded     not all were ready in time; effect kDone or kNone
//   kUnavailable          the API server did not answer, or not usefully
//   kUnauthenticated      401, also with the token read again
//   kPermissionDenied     403; kNotFound: 404
//   kInvalidArgument      400, 422; out of range; not a usable server
//   kFailedPrecondition   no token, no authority, a certificate that does not
//                         hold, any other refusal
//   kDataLoss             an answer that says nothing about replicas
//   kResourceExhausted    an answer that is too large
//   kCancelled            stopped by the caller
//   kInternal             a defect of ruvector-kubernetes
struct ScaleOutcome {
  absl::Status status;
  Effect effect = Effect::kNone;
  std::optional<int64_t> previous;  // the number before; nullopt: never read
  int64_t requested = 0;
  std::optional<ReplicaStatus> replicas;  // as last seen
};

// Where a scaling is. Told before the step is taken, so that it also says what
// is known where the helper ends in the middle of it.
struct Progress {
  enum class Phase { kReading, kWriting, kWaiting };
  Phase phase = Phase::kReading;
  Effect effect = Effect::kNone;  // so far; kWriting: kUnknown
  std::optional<int64_t> previous;
  std::optional<int64_t> ready;
};

std::string_view EffectName(Effect effect);         // "none", "done", ...
std::string_view PhaseName(Progress::Phase phase);  // "reading", ...

// kInvalidArgument unless `access.server` is an https URL without user, query
// and fragment, and `access.credentials` not empty.
absl::Status CheckAccess(const Access& access);

// A request on the socket: a scaling, or a reading if `scale` is empty.
struct Request {
  Access access;
  ObjectRef object;
  std::optional<ScaleRequest> scale;
  absl::Duration timeout;
};

// One line each, with the newline.
std::string EncodeRequest(const Request& request);
std::string EncodeProgress(const Progress& progress);
std::string EncodeOutcome(const ScaleOutcome& outcome);

// Of one line without the newline. kInvalidArgument, quoting nothing of it.
absl::StatusOr<Request> DecodeRequest(std::string_view line);
// What the helper says: exactly one of the two.
struct Reply {
  std::optional<Progress> progress;
  std::optional<ScaleOutcome> outcome;
};
absl::StatusOr<Reply> DecodeReply(std::string_view line);

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_CORE_KUBERNETES_REQUEST_H_
