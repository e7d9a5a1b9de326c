// Reads and sets the number of replicas from a server's worker, by way of the
// program ruvector-kubernetes: TLS, the token and the API server's answers stay
// in a process of its own, which ends with the call.
//
//   kubernetes::CallOptions options;
//   options.program = directory + "/ruvector-kubernetes";
//   options.access = {"https://10.0.0.1:443", kubernetes::kServiceAccount};
//   options.wait = wait;                       // on the latch and a socket
//   kubernetes::ScaleOutcome outcome =
//       kubernetes::Scale({*object, 2, 3}, options, deadline, stop, nullptr);
//
// [single-thread] No threads, no signal handlers, no blocking but in `wait`,
// except that an ended helper is taken leave of: a millisecond as a rule, a
// second at the very most. SIGCHLD must not be ignored. Only this child is
// waited for.
#ifndef RUVECTOR_CORE_KUBERNETES_KUBERNETES_H_
#define RUVECTOR_CORE_KUBERNETES_KUBERNETES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/kubernetes/request.h"
#include "core/strategy_host/process_options.h"

namespace ruvector::kubernetes {

// Where a pod finds the token and the authority of its service account.
inline constexpr char kServiceAccount[] =
    "/var/run/secrets/kubernetes.io/serviceaccount";

// The API server as a pod's environment names it: KUBERNETES_SERVICE_HOST and
// KUBERNETES_SERVICE_PORT (443 where there is none). kFailedPrecondition
// outside a pod.
absl::StatusOr<std::string> InClusterServer();

struct CallOptions {
  std::string program;
  Access access;
  strategy_host::Wait wait;
};

// Sets the number of replicas. `stop` (nullable) is asked at every wake;
// `on_progress` (nullable) is told every phase. At the deadline, or when
// stopped, or when `wait` fails, the helper is killed; the outcome's effect
// then tells what is known of the write.
ScaleOutcome Scale(const ScaleRequest& request, const CallOptions& options,
                   absl::Time deadline, const std::function<bool()>& stop,
                   const std::function<void(const Progress&)>& on_progress);

// The present numbers. Errors as in ScaleOutcome.
absl::StatusOr<ReplicaStatus> Read(const ObjectRef& object,
                                   const CallOptions& options,
                                   absl::Time deadline,
                                   const std::function<bool()>& stop);

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_CORE_KUBERNETES_KUBERNETES_H_
