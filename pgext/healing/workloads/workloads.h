// Kubernetes workloads as the settings of this server reach them.
//
// Every call starts ruvector-kubernetes and waits for it on the latch: at top
// level of a worker rather than in a transaction, whose snapshot would be held
// meanwhile. SIGINT ends it (Cancelled).
// [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_WORKLOADS_WORKLOADS_H_
#define RUVECTOR_PGEXT_HEALING_WORKLOADS_WORKLOADS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/kubernetes/kubernetes.h"
#include "core/plugin/strategy_plugin.h"

namespace ruvector::healing {

// What ruvector.kubernetes_api_server and ruvector.kubernetes_credentials say;
// where they are empty, what the pod gives. FailedPrecondition where the server
// is in no pod and no API server is named; InvalidArgument names the setting.
absl::StatusOr<kubernetes::CallOptions> KubernetesCall();

// The numbers of "namespace/kind/name".
absl::StatusOr<kubernetes::ReplicaStatus> ReadWorkload(
    const std::string& workload, absl::Duration patience);

// The catalog's metrics whose subject is a workload: "workload_replicas",
// "workload_ready_replicas".
bool IsWorkloadMetric(std::string_view name);

// One of them, now, within five seconds. Null where it could not be read, or no
// Kubernetes is configured; an error only when the worker is to stop.
// REQUIRES: IsWorkloadMetric(name).
absl::StatusOr<sdk::Value> ReadWorkloadMetric(std::string_view name,
                                              const std::string& workload);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_WORKLOADS_WORKLOADS_H_
