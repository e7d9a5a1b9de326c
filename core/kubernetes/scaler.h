// Reads and sets the number of replicas through the API server: which requests
// to make, in which order, when to repeat one and what to make of the answers.
// It speaks no HTTP: that is the Api's.
//
// A change is written over exactly the version that was read (a merge patch
// with metadata.resourceVersion): of a change by somebody else in between, the
// API server says 409, and all is read again. Thus a write that was lost on
// its way, or is late, does no harm: at most one of all that are sent for one
// version can land. An answer that is lost is made good by reading.
#ifndef RUVECTOR_CORE_KUBERNETES_SCALER_H_
#define RUVECTOR_CORE_KUBERNETES_SCALER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/kubernetes/request.h"

namespace ruvector::kubernetes {

struct HttpRequest {
  std::string path;
  std::string patch;  // a merge patch; empty: GET
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  absl::Duration retry_after;  // 0: not said
};

// One way to the API server. [single-thread]
class Api {
 public:
  virtual ~Api() = default;

  // One exchange, with the token as it is now, ended by `until` at the latest.
  //   kUnavailable         no answer, or no whole one; the next may do better
  //   kFailedPrecondition  the next would fare the same; nothing was sent
  //   kResourceExhausted   the answer is larger than what is read
  //   kCancelled           the caller wants no more
  virtual absl::StatusOr<HttpAnswer> Send(const HttpRequest& request,
                                          absl::Time until) = 0;
  // kCancelled, else OK, after the duration.
  virtual absl::Status Sleep(absl::Duration duration) = 0;
  virtual absl::Time Now() = 0;
};

// [single-thread]
class Scaler {
 public:
  using OnProgress = std::function<void(const Progress&)>;

  // All borrowed. `seed`: of the jitter between attempts.
  Scaler(Api& api, uint64_t seed, OnProgress on_progress)
      : api_(api), rng_(seed), on_progress_(std::move(on_progress)) {}

  // The object's replicas. Errors as in ScaleOutcome.
  absl::StatusOr<ReplicaStatus> Read(const ObjectRef& object,
                                     absl::Time deadline);

  ScaleOutcome Scale(const ScaleRequest& request, absl::Time deadline);

 private:
  struct Run;

  absl::StatusOr<HttpAnswer> Get(const std::string& path, absl::Time deadline);
  absl::StatusOr<HttpAnswer> Attempt(const HttpRequest& request,
                                     absl::Time deadline);
  absl::Status Pause(int attempt, absl::Duration asked, absl::Time deadline,
                     const absl::Status& because);
  absl::Status Write(Run& run);
  absl::Status WriteOnce(Run& run, const kubernetes::Scale& scale);
  absl::Status AwaitReady(Run& run);
  void Tell(const Run& run, Progress::Phase phase);

  Api& api_;
  Rng rng_;
  const OnProgress on_progress_;
};

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_CORE_KUBERNETES_SCALER_H_
