#include "core/kubernetes/scaler.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::kubernetes {
namespace {

// Of one exchange; a slow server gets another.
constexpr absl::Duration kAttempt = absl::Seconds(10);
constexpr absl::Duration kFirstPause = absl::Milliseconds(250);
constexpr absl::Duration kLongestPause = absl::Seconds(8);
constexpr int kDoublings = 5;
constexpr absl::Duration kPoll = absl::Seconds(1);

bool IsTransient(int status) {
  return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

absl::StatusCode CodeOf(int status) {
  switch (status) {
    case 400:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    default:
      return IsTransient(status) || status == 409
                 ? absl::StatusCode::kUnavailable
                 : absl::StatusCode::kFailedPrecondition;
  }
}

absl::Status Refusal(const HttpAnswer& answer) {
  const std::string reason = DecodeRefusal(answer.body);
  return absl::Status(CodeOf(answer.status),
                      absl::StrCat("the API server answered ", answer.status,
                                   reason.empty() ? "" : ": ", reason));
}

}  // namespace

struct Scaler::Run {
  const ScaleRequest& request;
  absl::Time deadline;
  ScaleOutcome outcome = {};
  // Of a write whose answer never came; it can land as long as this is the
  // object's version.
  std::optional<std::string> lost_version = std::nullopt;
  absl::Duration retry_after = absl::ZeroDuration();  // of the last write
};

void Scaler::Tell(const Run& run, Progress::Phase phase) {
  if (!on_progress_) return;
  Progress progress;
  progress.phase = phase;
  progress.effect = phase == Progress::Phase::kWriting ? Effect::kUnknown
                                                       : run.outcome.effect;
  progress.previous = run.outcome.previous;
  if (run.outcome.replicas.has_value()) {
    progress.ready = run.outcome.replicas->ready;
  }
  on_progress_(progress);
}

// The token may have been renewed since it was read: 401 is tried again, with
// what the file holds then.
absl::StatusOr<HttpAnswer> Scaler::Attempt(const HttpRequest& request,
                                           absl::Time deadline) {
  for (int tries = 1;; ++tries) {
    absl::StatusOr<HttpAnswer> answer =
        api_.Send(request, std::min(deadline, api_.Now() + kAttempt));
    if (!answer.ok() || answer->status != 401 || tries == 2) return answer;
  }
}

absl::Status Scaler::Pause(int attempt, absl::Duration asked,
                           absl::Time deadline, const absl::Status& because) {
  const int doublings = std::clamp(attempt - 1, 0, kDoublings);
  const absl::Duration full =
      std::min(kFirstPause * (1 << doublings), kLongestPause);
  const absl::Duration pause =
      std::max(full * (1.0 - 0.5 * rng_.Uniform()), asked);
  const absl::Time now = api_.Now();
  if (now + pause < deadline) return api_.Sleep(pause);
  const bool no_time_to_wait = asked > full && now < deadline;
  return absl::UnavailableError(absl::StrCat(
      because.message(),
      no_time_to_wait
          ? absl::StrCat(" (it asked to wait ", absl::FormatDuration(asked),
                         ", which is past the deadline)")
          : absl::StrCat(" (until the deadline, ", attempt,
                         attempt == 1 ? " attempt)" : " attempts)")));
}

absl::StatusOr<HttpAnswer> Scaler::Get(const std::string& path,
                                       absl::Time deadline) {
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<HttpAnswer> answer = Attempt({path, ""}, deadline);
    if (answer.ok() && answer->status == 200) return answer;
    const absl::Status why = answer.ok() ? Refusal(*answer) : answer.status();
    if (!absl::IsUnavailable(why)) return why;
    RV_RETURN_IF_ERROR(
        Pause(attempt, answer.ok() ? answer->retry_after : absl::ZeroDuration(),
              deadline, why));
  }
}

absl::StatusOr<ReplicaStatus> Scaler::Read(const ObjectRef& object,
                                           absl::Time deadline) {
  RV_ASSIGN_OR_RETURN(const HttpAnswer answer,
                      Get(ObjectPath(object), deadline));
  return DecodeObject(object, answer.body);
}

// Tries to write over the version that was read. OK: written, outcome.effect
// says so; kAborted: not, or nobody knows; read again.
absl::Status Scaler::WriteOnce(Run& run, const kubernetes::Scale& scale) {
  const ScaleRequest& request = run.request;
  Tell(run, Progress::Phase::kWriting);
  const absl::StatusOr<HttpAnswer> answer = Attempt(
      {ScalePath(request.object), EncodePatch(scale, request.requested)},
      run.deadline);
  if (absl::IsFailedPrecondition(answer.status())) return answer.status();
  run.retry_after = answer.ok() ? answer->retry_after : absl::ZeroDuration();
  bool lost = !answer.ok();
  if (answer.ok() && answer->status == 200) {
    const absl::StatusOr<kubernetes::Scale> written =
        DecodeScale(request.object, answer->body);
    lost = !written.ok() || written->replicas != request.requested;
    if (!lost) {
      run.outcome.effect = Effect::kDone;
      run.lost_version.reset();
      return absl::OkStatus();
    }
  } else if (answer.ok()) {
    lost = answer->status != 429 && IsTransient(answer->status);
  }
  if (lost) {
    run.outcome.effect = Effect::kUnknown;
    run.lost_version = scale.resource_version;
  }
  if (absl::IsCancelled(answer.status())) return answer.status();
  if (!answer.ok()) return absl::AbortedError(answer.status().message());
  const absl::Status refusal =
      answer->status == 200
          ? absl::AbortedError("the answer to the write was of no use")
          : Refusal(*answer);
  return absl::IsUnavailable(refusal) ? absl::AbortedError(refusal.message())
                                      : refusal;
}

absl::Status Scaler::Write(Run& run) {
  const ScaleRequest& request = run.request;
  ScaleOutcome& outcome = run.outcome;
  for (int attempt = 1;; ++attempt) {
    RV_ASSIGN_OR_RETURN(const HttpAnswer answer,
                        Get(ScalePath(request.object), run.deadline));
    RV_ASSIGN_OR_RETURN(const kubernetes::Scale scale,
                        DecodeScale(request.object, answer.body));
    if (!outcome.previous.has_value()) outcome.previous = scale.replicas;
    if (scale.replicas == request.requested) {
      outcome.effect =
          run.lost_version.has_value() ? Effect::kDone : Effect::kNone;
      return absl::OkStatus();
    }
    if (run.lost_version.has_value() &&
        *run.lost_version != scale.resource_version) {
      run.lost_version.reset();
      outcome.effect = Effect::kNone;
    }
    if (scale.replicas != request.expected) {
      return absl::AbortedError(
          absl::StrCat(ToText(request.object), " is to have ", scale.replicas,
                       " replicas, not ", request.expected,
                       ": somebody else has changed it"));
    }
    if (api_.Now() >= run.deadline) {
      return absl::UnavailableError("no time was left to write");
    }
    const absl::Status written = WriteOnce(run, scale);
    if (!absl::IsAborted(written)) return written;
    Tell(run, Progress::Phase::kReading);
    RV_RETURN_IF_ERROR(Pause(attempt, run.retry_after, run.deadline,
                             absl::UnavailableError(written.message())));
  }
}

absl::Status Scaler::AwaitReady(Run& run) {
  const ScaleRequest& request = run.request;
  for (;;) {
    Tell(run, Progress::Phase::kWaiting);
    RV_ASSIGN_OR_RETURN(const ReplicaStatus status,
                        Read(request.object, run.deadline));
    run.outcome.replicas = status;
    if (status.desired != request.requested) {
      return absl::AbortedError(
          absl::StrCat("somebody else has set the replicas of ",
                       ToText(request.object), " to ", status.desired,
                       " while ", request.requested, " were waited for"));
    }
    if (status.Settled(request.requested)) return absl::OkStatus();
    if (api_.Now() + kPoll >= run.deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(status.ready, " of ", request.requested, " replicas of ",
                       ToText(request.object), " were ready at the deadline, ",
                       status.current, " were there"));
    }
    RV_RETURN_IF_ERROR(api_.Sleep(kPoll));
  }
}

ScaleOutcome Scaler::Scale(const ScaleRequest& request, absl::Time deadline) {
  Run run{request, deadline};
  run.outcome.requested = request.requested;
  const absl::Status status = [&]() -> absl::Status {
    RV_RETURN_IF_ERROR(CheckReplicas(request.object.kind, request.expected));
    RV_RETURN_IF_ERROR(CheckReplicas(request.object.kind, request.requested));
    Tell(run, Progress::Phase::kReading);
    // First, so that nothing is scaled that cannot be watched.
    RV_ASSIGN_OR_RETURN(run.outcome.replicas, Read(request.object, deadline));
    RV_RETURN_IF_ERROR(Write(run));
    return request.wait_ready ? AwaitReady(run) : absl::OkStatus();
  }();
  run.outcome.status = status;
  return std::move(run.outcome);
}

}  // namespace ruvector::kubernetes
