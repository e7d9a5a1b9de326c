#include "pgext/healing/workloads/workloads.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "pgext/audit/crypto.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "storage/latch.h"
}

namespace ruvector::healing {
namespace {

constexpr absl::Duration kMetricPatience = absl::Seconds(5);
constexpr std::string_view kReplicas = "workload_replicas";
constexpr std::string_view kReadyReplicas = "workload_ready_replicas";

absl::Status WaitOnLatch(int fd, bool for_writing, absl::Time until) {
  const int64_t left = std::clamp<int64_t>(
      absl::ToInt64Milliseconds(until - absl::Now()) + 1, 0, 60000);
  const absl::Status waited = pg::PgCall([&] {
    int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    if (fd >= 0) {
      events |= for_writing ? WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE;
    }
    (void)WaitLatchOrSocket(MyLatch, events, fd < 0 ? PGINVALID_SOCKET : fd,
                            static_cast<long>(left),
                            RV_WAIT_EVENT("HealingKubernetes"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
  // A timeout of the helper's has another code, and keeps it.
  if (pg::SqlStateOf(waited) != ERRCODE_QUERY_CANCELED) return waited;
  return absl::CancelledError("it was cancelled while Kubernetes was asked");
}

std::string Setting(const char* value) {
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

absl::StatusOr<kubernetes::CallOptions> KubernetesCall() {
  kubernetes::CallOptions call;
  call.program = audit::PrivateLibraryDirectory() + "/ruvector-kubernetes";
  call.wait = WaitOnLatch;
  call.access.credentials = Setting(settings::kubernetes_credentials);
  if (call.access.credentials.empty()) {
    call.access.credentials = kubernetes::kServiceAccount;
  }
  call.access.server = Setting(settings::kubernetes_api_server);
  const bool named = !call.access.server.empty();
  if (!named) {
    absl::StatusOr<std::string> server = kubernetes::InClusterServer();
    if (!server.ok()) {
      return pg::WithHint(
          server.status(),
          "Set ruvector.kubernetes_api_server and"
          " ruvector.kubernetes_credentials to reach a cluster from outside.");
    }
    call.access.server = *std::move(server);
  }
  absl::Status checked = kubernetes::CheckAccess(call.access);
  if (!checked.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        named ? "ruvector.kubernetes_api_server" : "KUBERNETES_SERVICE_HOST",
        ": ", checked.message()));
  }
  return call;
}

absl::StatusOr<kubernetes::ReplicaStatus> ReadWorkload(
    const std::string& workload, absl::Duration patience) {
  RV_ASSIGN_OR_RETURN(const kubernetes::ObjectRef object,
                      kubernetes::ParseObjectRef(workload));
  RV_ASSIGN_OR_RETURN(const kubernetes::CallOptions call, KubernetesCall());
  return kubernetes::Read(object, call, absl::Now() + patience, nullptr);
}

bool IsWorkloadMetric(std::string_view name) {
  return name == kReplicas || name == kReadyReplicas;
}

absl::StatusOr<sdk::Value> ReadWorkloadMetric(std::string_view name,
                                              const std::string& workload) {
  const absl::StatusOr<kubernetes::ReplicaStatus> status =
      ReadWorkload(workload, kMetricPatience);
  if (status.ok()) {
    return sdk::Value(static_cast<double>(name == kReplicas ? status->desired
                                                            : status->ready));
  }
  if (absl::IsCancelled(status.status())) return status.status();
  return sdk::Value();
}

}  // namespace ruvector::healing
