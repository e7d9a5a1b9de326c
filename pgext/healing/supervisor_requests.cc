// What persons ask of the supervisor, and its answers.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/acts.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/in_session.h"
#include "pgext/healing/supervisor.h"

namespace ruvector::healing {
namespace {

// The engine's refusals as persons know them from PostgreSQL.
absl::Status ForPersons(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
      return pg::PgError(
          ERRCODE_OBJECT_IN_USE,
          absl::StrCat("the collection is being healed: ", message), "",
          "SELECT * FROM ruvector.stat_progress_healing shows "
          "it; ruvector_healing_abort() stops it.");
    case absl::StatusCode::kNotFound:
      return pg::PgError(ERRCODE_UNDEFINED_OBJECT, message, "",
                         "SELECT * FROM ruvector_healing_history() lists "
                         "actions, ruvector.problems what is wrong.");
    case absl::StatusCode::kFailedPrecondition:
      return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, "",
                         "SELECT ruvector_healing_status() says more.");
    default:
      return status;
  }
}

}  // namespace

void Supervisor::ServeRequest() {
  boot::WorkerRequest request;
  const boot::WorkerRole role = boot::WorkerRole::kHealing;
  while (boot::TakeRequest(MyDatabaseId, role, request)) {
    boot::AnswerRequest(MyDatabaseId, role, Serve(request));
  }
}

absl::StatusOr<Supervisor::What> Supervisor::InputFor(
    const boot::WorkerRequest& request) {
  using boot::RequestKind;
  const int64_t id = ++request_;
  const std::string text = request.text;
  const std::string by = request.user;
  switch (request.kind) {
    case RequestKind::kTrigger:
      return What(Trigger{id, text, by});
    case RequestKind::kExecute: {
      const std::vector<std::string> lines =
          absl::StrSplit(text, absl::MaxSplits('\n', 2));
      if (lines.size() != 3) return absl::InternalError("malformed request");
      return What(Execute{id, lines[2], lines[0], lines[1], by});
    }
    case RequestKind::kApprove:
      return What(Approve{id, request.number, by});
    case RequestKind::kReject:
      return What(Reject{id, request.number, by});
    case RequestKind::kAbort:
      return What(Abort{id, request.number, by});
    case RequestKind::kResetBreaker:
      return What(ResetBreaker{id, text, by});
    case RequestKind::kReleaseStrategy:
      return What(ReleaseStrategy{id, text, by});
    case RequestKind::kResetLearning:
      return What(ResetLearning{id, text, by});
    case RequestKind::kRollback: {
      std::optional<Action> row;
      ActsDone acts;
      RV_RETURN_IF_ERROR(
          WithSpi("looking for what to roll back",
                  [&](pg::SpiSession& spi) -> absl::Status {
                    RV_ASSIGN_OR_RETURN(row, ReadLastDone(spi, text));
                    if (!row.has_value()) return absl::OkStatus();
                    RV_ASSIGN_OR_RETURN(acts, ReadActsDone(spi, row->id));
                    return absl::OkStatus();
                  }));
      if (!row.has_value()) {
        return absl::NotFoundError(
            absl::StrCat("no action of collection '", text, "' was done"));
      }
      return What(Rollback{id, *std::move(row), acts, by});
    }
    default:
      return absl::InternalError("unknown request");
  }
}

absl::StatusOr<std::string> Supervisor::Serve(
    const boot::WorkerRequest& request) {
  RV_FAILPOINT("healing.request.start");
  const int64_t newest = state_.memory.next_action;
  if (request.kind == boot::RequestKind::kTrigger) TakeProblems();
  if (request.kind == boot::RequestKind::kExecute ||
      request.kind == boot::RequestKind::kReleaseStrategy) {
    TakeStrategies();
  }
  absl::StatusOr<What> input = InputFor(request);
  if (!input.ok()) return ForPersons(input.status());
  reply_.reset();
  Feed(*std::move(input));
  if (!reply_.has_value()) return absl::InternalError("no answer");
  const Reply reply = *std::exchange(reply_, std::nullopt);
  // The pass that was asked for has begun it already.
  const bool begun = request.kind == boot::RequestKind::kTrigger &&
                     absl::IsAlreadyExists(reply.status) &&
                     reply.action >= newest;
  if (absl::IsUnavailable(reply.status)) {
    return std::string("second person needed");
  }
  if (!reply.status.ok() && !begun) return ForPersons(reply.status);
  if (request.kind == boot::RequestKind::kApprove) {
    return std::string("approved");
  }
  return std::to_string(reply.action);
}

}  // namespace ruvector::healing
