#include "core/kubernetes/kubernetes.h"

#include <stdlib.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/notify/helper_process.h"
#include "core/notify/webhook_protocol.h"
#include "core/process/spawn.h"

namespace ruvector::kubernetes {
namespace {

// The helper ends by itself at the deadline; this much later it is killed.
constexpr absl::Duration kGrace = absl::Seconds(2);
constexpr absl::Duration kTimeToDie = absl::Seconds(1);
constexpr absl::Duration kTick = absl::Milliseconds(1);
// How soon `stop` is asked again where nothing wakes the wait.
constexpr absl::Duration kLook = absl::Seconds(1);
constexpr size_t kMaxLine = 64 * 1024;

// One request and all that comes of it.
class Call {
 public:
  Call(const CallOptions& options, absl::Time deadline,
       const std::function<bool()>& stop,
       const std::function<void(const Progress&)>& on_progress)
      : options_(options),
        deadline_(deadline),
        stop_(stop),
        on_progress_(on_progress) {}

  // The helper's own outcome, or ours of what became of it.
  ScaleOutcome Run(Request request) {
    absl::StatusOr<ScaleOutcome> outcome = Converse(std::move(request));
    if (!outcome.ok()) outcome = Interrupt(outcome.status());
    End();
    return *std::move(outcome);
  }

 private:
  absl::StatusOr<ScaleOutcome> Converse(Request request) {
    RV_RETURN_IF_ERROR(CheckAccess(options_.access));
    request.access = options_.access;
    request.timeout = deadline_ - absl::Now();
    if (request.timeout < absl::Milliseconds(1)) {
      return absl::DeadlineExceededError("no time was left to ask Kubernetes");
    }
    request.timeout = std::min(request.timeout, absl::Hours(24));
    RV_RETURN_IF_ERROR(helper_.Start(options_.program, {}));
    std::string out = EncodeRequest(request);
    for (;;) {
      bool alive = helper_.Write(out);
      std::string bytes;
      alive = helper_.Read(bytes) && alive;
      in_.Append(bytes);
      while (const std::optional<std::string> line = in_.Next()) {
        RV_ASSIGN_OR_RETURN(std::optional<ScaleOutcome> outcome, Hear(*line));
        if (outcome.has_value()) return *std::move(outcome);
      }
      if (!alive) {
        return absl::InternalError(
            "ruvector-kubernetes ended without an outcome; the server's log "
            "may say why");
      }
      if (in_.waiting() > kMaxLine) {
        return absl::InternalError("ruvector-kubernetes does not end its line");
      }
      RV_RETURN_IF_ERROR(Wait(!out.empty()));
    }
  }

  // Kills the helper; what it had said until then is the truth.
  ScaleOutcome Interrupt(const absl::Status& why) {
    ScaleOutcome outcome;
    outcome.status = why;
    if (helper_.running()) {
      process::KillGroup(helper_.pid());
      std::string bytes;
      const absl::Time patience = absl::Now() + kTimeToDie;
      while (helper_.Read(bytes) && absl::Now() < patience) {
        absl::SleepFor(kTick);
      }
      in_.Append(bytes);
      while (const std::optional<std::string> line = in_.Next()) {
        absl::StatusOr<std::optional<ScaleOutcome>> heard = Hear(*line);
        if (heard.ok() && heard->has_value()) return **std::move(heard);
      }
    }
    outcome.effect = last_.effect;
    outcome.previous = last_.previous;
    return outcome;
  }

  absl::StatusOr<std::optional<ScaleOutcome>> Hear(const std::string& line) {
    absl::StatusOr<Reply> reply = DecodeReply(line);
    if (!reply.ok()) {
      return absl::InternalError(
          absl::StrCat("ruvector-kubernetes said what is no reply: ",
                       reply.status().message()));
    }
    if (reply->outcome.has_value()) return std::move(reply->outcome);
    last_ = *reply->progress;
    if (on_progress_) on_progress_(last_);
    return std::optional<ScaleOutcome>();
  }

  absl::Status Wait(bool for_writing) {
    if (stop_ && stop_()) {
      return absl::CancelledError("stopped while Kubernetes was asked");
    }
    const absl::Time now = absl::Now();
    if (now >= deadline_ + kGrace) {
      return absl::DeadlineExceededError(
          "ruvector-kubernetes was killed: it did not end at its deadline");
    }
    return options_.wait(helper_.socket(), for_writing,
                         std::min(now + kLook, deadline_ + kGrace));
  }

  void End() {
    helper_.End();
    const absl::Time patience = absl::Now() + kTimeToDie;
    while (!helper_.Reap() && absl::Now() < patience) absl::SleepFor(kTick);
  }

  const CallOptions& options_;
  const absl::Time deadline_;
  const std::function<bool()>& stop_;
  const std::function<void(const Progress&)>& on_progress_;
  notify::HelperProcess helper_;
  notify::LineBuffer in_;
  Progress last_;
};

}  // namespace

absl::StatusOr<std::string> InClusterServer() {
  const char* host = getenv("KUBERNETES_SERVICE_HOST");
  const char* port = getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || *host == '\0') {
    return absl::FailedPreconditionError(
        "the server does not run in a Kubernetes pod: KUBERNETES_SERVICE_HOST "
        "is not in its environment");
  }
  const bool v6 = std::string_view(host).find(':') != std::string_view::npos;
  return absl::StrCat("https://", v6 ? "[" : "", host, v6 ? "]:" : ":",
                      port == nullptr || *port == '\0' ? "443" : port);
}

ScaleOutcome Scale(const ScaleRequest& request, const CallOptions& options,
                   absl::Time deadline, const std::function<bool()>& stop,
                   const std::function<void(const Progress&)>& on_progress) {
  Request line;
  line.object = request.object;
  line.scale = request;
  ScaleOutcome outcome;
  for (const int64_t count : {request.expected, request.requested}) {
    outcome.status.Update(CheckReplicas(request.object.kind, count));
  }
  if (outcome.status.ok()) {
    outcome = Call(options, deadline, stop, on_progress).Run(std::move(line));
  }
  outcome.requested = request.requested;
  return outcome;
}

absl::StatusOr<ReplicaStatus> Read(const ObjectRef& object,
                                   const CallOptions& options,
                                   absl::Time deadline,
                                   const std::function<bool()>& stop) {
  Request line;
  line.object = object;
  ScaleOutcome outcome =
      Call(options, deadline, stop, nullptr).Run(std::move(line));
  RV_RETURN_IF_ERROR(outcome.status);
  if (outcome.replicas.has_value()) return *outcome.replicas;
  return absl::InternalError("ruvector-kubernetes read nothing");
}

}  // namespace ruvector::kubernetes
