// ruvector-kubernetes: the Kubernetes API for one act of a worker, in a process
// of its own.
//
// Reads one request from the socket on descriptor 3 and writes progress and
// one outcome to it (core/kubernetes/request.h). Ends then, or when the socket
// closes, and dies with its parent. Standard error is the server's log: it
// tells of faults of this program. The token is read here, from its file, and
// goes to the API server only.
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/kubernetes/request.h"
#include "core/kubernetes/scaler.h"
#include "core/notify/webhook_protocol.h"
#include "helpers/kubernetes/api_client.h"

namespace ruvector::kubernetes {
namespace {

constexpr int kChannel = 3;
constexpr size_t kMaxLine = 64 * 1024;
// Room for libcurl, its resolver's thread and one answer, many times over.
[[maybe_unused]] constexpr rlim_t kMemoryBytes = rlim_t{512} << 20;

absl::Status SystemError(const char* what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::Status Limit(int resource, rlim_t bytes) {
  const rlimit limit = {bytes, bytes};
  return setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0
             ? absl::OkStatus()
             : SystemError("setrlimit");
}

absl::Status Confine() {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return SystemError("prctl");
  }
  RV_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0));  // it would hold the token
#ifndef RUVECTOR_SANITIZED
  RV_RETURN_IF_ERROR(Limit(RLIMIT_AS, kMemoryBytes));
#endif
  signal(SIGPIPE, SIG_IGN);
  int kind = 0;
  socklen_t size = sizeof(kind);
  if (getsockopt(kChannel, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 ||
      kind != SOCK_STREAM) {
    return absl::FailedPreconditionError(
        "descriptor 3 is no stream socket: a worker of ruvector starts this "
        "program");
  }
  return absl::OkStatus();
}

// nullopt: the socket closed first.
absl::StatusOr<std::optional<Request>> ReadRequest() {
  notify::LineBuffer in;
  char block[4096];
  for (;;) {
    const ssize_t n = recv(kChannel, block, sizeof(block), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::optional<Request>();
    in.Append(std::string_view(block, static_cast<size_t>(n)));
    if (const std::optional<std::string> line = in.Next()) {
      RV_ASSIGN_OR_RETURN(Request request, DecodeRequest(*line));
      return std::optional<Request>(std::move(request));
    }
    if (in.waiting() > kMaxLine) {
      return absl::InvalidArgumentError("the request is longer than 64 KiB");
    }
  }
}

// A caller that is gone is found out at the next wait.
void Write(const std::string& line) {
  for (size_t done = 0; done < line.size();) {
    const ssize_t n =
        send(kChannel, line.data() + done, line.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    done += static_cast<size_t>(n);
  }
}

absl::Status Serve() {
  RV_ASSIGN_OR_RETURN(const std::optional<Request> request, ReadRequest());
  if (!request.has_value()) return absl::OkStatus();
  ApiClient api(request->access, kChannel);
  const absl::Time deadline = api.Now() + request->timeout;
  Scaler scaler(
      api,
      static_cast<uint64_t>(absl::GetCurrentTimeNanos()) ^
          static_cast<uint64_t>(getpid()),
      [](const Progress& progress) { Write(EncodeProgress(progress)); });
  ScaleOutcome outcome;
  if (request->scale.has_value()) {
    outcome = scaler.Scale(*request->scale, deadline);
  } else {
    absl::StatusOr<ReplicaStatus> read = scaler.Read(request->object, deadline);
    outcome.status = read.status();
    if (read.ok()) outcome.replicas = *read;
  }
  Write(EncodeOutcome(outcome));
  return absl::OkStatus();
}

absl::Status Run() {
  RV_RETURN_IF_ERROR(Confine());
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return absl::InternalError("libcurl could not be initialised");
  }
  return Serve();
}

}  // namespace
}  // namespace ruvector::kubernetes

int main() {
  const absl::Status status = ruvector::kubernetes::Run();
  if (!status.ok()) {
    fprintf(stderr, "ruvector-kubernetes: %.*s\n",
            static_cast<int>(status.message().size()), status.message().data());
  }
  // Not exit: the resolver's threads have no say.
  fflush(stderr);
  _exit(status.ok() ? 0 : 1);
}
