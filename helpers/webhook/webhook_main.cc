// ruvector-webhook: HTTP for the integrity worker, in a process of its own.
//
// Reads requests from the socket on descriptor 3 and writes outcomes to it
// (core/notify/webhook_protocol.h). Ends, with whatever it has not delivered,
// when the socket closes, and dies with its parent. Standard error is the
// server's log: it tells of faults of this program, never of a URL.
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/notify/webhook_protocol.h"
#include "helpers/webhook/courier.h"

namespace ruvector::notify {
namespace {

constexpr int kChannel = 3;
constexpr size_t kMaxLine = 4 << 20;

absl::Status SystemError(const char* what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::Status Confine() {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return SystemError("prctl");
  }
  const rlimit none = {0, 0};  // a core would hold URLs
  if (setrlimit(RLIMIT_CORE, &none) != 0) return SystemError("setrlimit");
  signal(SIGPIPE, SIG_IGN);
  int kind = 0;
  socklen_t size = sizeof(kind);
  if (getsockopt(kChannel, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 ||
      kind != SOCK_STREAM) {
    return absl::FailedPreconditionError(
        "descriptor 3 is no stream socket: the integrity worker of ruvector "
        "starts this program");
  }
  return absl::OkStatus();
}

// False at the end of the conversation.
bool Read(LineBuffer& in) {
  char block[65536];
  for (;;) {
    const ssize_t n = recv(kChannel, block, sizeof(block), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && errno == EAGAIN;
    in.Append(std::string_view(block, static_cast<size_t>(n)));
  }
}

bool Write(std::string& out) {
  while (!out.empty()) {
    const ssize_t n = send(kChannel, out.data(), out.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    out.erase(0, static_cast<size_t>(n));
  }
  return true;
}

absl::Status Converse() {
  Courier courier(static_cast<uint64_t>(absl::GetCurrentTimeNanos()) ^
                  static_cast<uint64_t>(getpid()));
  LineBuffer in;
  std::string out;
  for (;;) {
    if (!Read(in)) return absl::OkStatus();
    while (const std::optional<std::string> line = in.Next()) {
      RV_ASSIGN_OR_RETURN(WebhookRequest request, DecodeRequest(*line));
      courier.Add(std::move(request));
    }
    if (in.waiting() > kMaxLine) {
      return absl::InvalidArgumentError("a request is longer than 4 MiB");
    }
    const short wanted = static_cast<short>(
        CURL_WAIT_POLLIN | (out.empty() ? 0 : CURL_WAIT_POLLOUT));
    RV_RETURN_IF_ERROR(courier.Step(kChannel, wanted));
    for (const WebhookOutcome& outcome : courier.TakeOutcomes()) {
      out += EncodeOutcome(outcome);
    }
    if (!Write(out)) return absl::OkStatus();
  }
}

absl::Status Run() {
  RV_RETURN_IF_ERROR(Confine());
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return absl::InternalError("libcurl could not be initialised");
  }
  return Converse();
}

}  // namespace
}  // namespace ruvector::notify

int main() {
  const absl::Status status = ruvector::notify::Run();
  if (!status.ok()) {
    fprintf(stderr, "ruvector-webhook: %.*s\n",
            static_cast<int>(status.message().size()), status.message().data());
  }
  // Not exit: transfers under way and the resolver's threads have no say.
  fflush(stderr);
  _exit(status.ok() ? 0 : 1);
}
