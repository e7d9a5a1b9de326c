// SCALE_REPLICAS, by the Kubernetes API. What it sets is outside the server
// and not in one transaction with the journal: a number is replaced only by
// the API server itself, and only the one that the undo holds, so reading it
// tells what became of an act.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/kubernetes/kubernetes.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/top_level.h"
#include "pgext/healing/workloads/workloads.h"

namespace ruvector::healing {
namespace {

// Left of the deadline to journal what came of it.
constexpr absl::Duration kForTheJournal = absl::Seconds(3);
constexpr absl::Duration kReadPatience = absl::Seconds(30);

absl::StatusOr<int64_t> Replicas(const kubernetes::ObjectRef& object,
                                 const Deed& deed) {
  const double number = deed.Number("replicas").value_or(-1);
  const int64_t whole = number >= 0 && number <= kubernetes::kMostReplicas
                            ? std::llround(number)
                            : -1;
  if (static_cast<double>(whole) != number) {
    return absl::InvalidArgumentError(
        absl::StrCat("replicas must be a whole number, not ", number));
  }
  RV_RETURN_IF_ERROR(kubernetes::CheckReplicas(object.kind, whole));
  return whole;
}

// From the number that the undo holds to the deed's.
absl::StatusOr<kubernetes::ScaleRequest> Request(const Act& act) {
  if (!act.undo.has_value()) {
    return absl::InvalidArgumentError(
        "an action 'scale_replicas' needs an undo with the present number");
  }
  kubernetes::ScaleRequest request;
  RV_ASSIGN_OR_RETURN(request.object,
                      kubernetes::ParseObjectRef(act.deed.object));
  RV_ASSIGN_OR_RETURN(request.expected, Replicas(request.object, *act.undo));
  RV_ASSIGN_OR_RETURN(request.requested, Replicas(request.object, act.deed));
  return request;
}

absl::Status CheckCap(const kubernetes::ScaleRequest& request) {
  const int64_t cap = settings::kubernetes_max_replicas;
  if (request.requested <= cap || request.requested <= request.expected) {
    return absl::OkStatus();
  }
  return pg::WithHint(
      absl::FailedPreconditionError(absl::StrCat(
          request.requested, " replicas of ",
          kubernetes::ToText(request.object),
          " are more than ruvector.kubernetes_max_replicas, which is ", cap)),
      "Raise the setting, or the strategy's max_replicas is too high.");
}

absl::Status PrepareScale(pg::SpiSession&, const Collection&, Act& act) {
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleRequest request, Request(act));
  RV_RETURN_IF_ERROR(CheckCap(request));
  return KubernetesCall().status();
}

absl::Time HelperDeadline() {
  const absl::Duration left = ActDeadline() - absl::Now();
  return ActDeadline() - std::min(kForTheJournal, left / 5);
}

// Somebody else's number is read again, as any value that has changed.
absl::Status ErrorOf(const kubernetes::ScaleOutcome& outcome) {
  if (absl::IsAborted(outcome.status)) {
    return ReadAgain(std::string(outcome.status.message()));
  }
  return outcome.status;
}

absl::StatusOr<kubernetes::ScaleOutcome> Scale(
    const kubernetes::ScaleRequest& request) {
  RV_ASSIGN_OR_RETURN(const kubernetes::CallOptions call, KubernetesCall());
  return kubernetes::Scale(request, call, HelperDeadline(), nullptr, nullptr);
}

absl::StatusOr<ActOutcome> PerformScale(const Collection&, Act& act) {
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleRequest request, Request(act));
  RV_FAILPOINT("healing.acts.replicas.before");
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleOutcome scaled, Scale(request));
  RV_FAILPOINT("healing.acts.replicas.after");
  if (!scaled.status.ok()) {
    const absl::Status why = ErrorOf(scaled);
    if (scaled.effect == kubernetes::Effect::kNone) {
      act.state = "not_done";
      return why;
    }
    // The number may be ours by now: the undo looks, and takes it back.
    const absl::Status noted =
        InAct("healing: noting a part of an act", [&](pg::SpiSession& spi) {
          return SetState(
              spi, act.id, "partial",
              std::string_view(why.message().data(), why.message().size()));
        });
    if (noted.ok()) act.state = "partial";
    return why;
  }
  ActOutcome outcome;
  outcome.changed = scaled.effect == kubernetes::Effect::kDone;
  RV_RETURN_IF_ERROR(InAct(
      "healing: noting what was done",
      [&](pg::SpiSession& spi) { return SetDone(spi, act.id, outcome); }));
  return outcome;
}

absl::StatusOr<std::string> TakeBackScale(const Collection&, Act& act) {
  RV_ASSIGN_OR_RETURN(kubernetes::ScaleRequest request, Request(act));
  std::swap(request.expected, request.requested);
  request.wait_ready = false;
  RV_FAILPOINT("healing.acts.replicas.undo");
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleOutcome scaled, Scale(request));
  if (!scaled.status.ok()) return ErrorOf(scaled);
  RV_FAILPOINT("healing.acts.replicas.undone");
  RV_RETURN_IF_ERROR(InAct("healing: undoing", [&](pg::SpiSession& spi) {
    return SetState(spi, act.id, "undone");
  }));
  return std::string();
}

absl::Status SettleScale(Act& act) {
  // PerformScale knew, and needs not ask.
  if (act.state == "not_done" || act.state == "partial") {
    return absl::OkStatus();
  }
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleRequest request, Request(act));
  const absl::StatusOr<kubernetes::ReplicaStatus> now =
      ReadWorkload(act.deed.object, kReadPatience);
  std::string why = "the replicas were not changed";
  if (absl::IsNotFound(now.status())) {
    why = absl::StrCat(act.deed.object, " is not there any more");
  } else if (!now.ok()) {
    return now.status();
  } else if (now->desired != request.requested &&
             now->desired != request.expected) {
    why = absl::StrCat("somebody else has set ", now->desired, " replicas");
  }
  const bool done = now.ok() && now->desired == request.requested;
  return InAct("healing: settling", [&](pg::SpiSession& spi) {
    if (!done) return SetState(spi, act.id, "not_done", why);
    ActOutcome outcome;
    outcome.changed = request.requested != request.expected;
    return SetDone(spi, act.id, outcome);
  });
}

// No SQL does this: a comment, which psql's \gexec runs as nothing.
std::string Command(const kubernetes::ObjectRef& object, int64_t from,
                    int64_t to) {
  const char* const resource = object.kind == kubernetes::Kind::kStatefulSet
                                   ? "statefulset"
                               : object.kind == kubernetes::Kind::kDeployment
                                   ? "deployment"
                                   : "cluster.postgresql.cnpg.io";
  return absl::StrCat("-- kubectl --namespace ", object.name_space, " scale ",
                      resource, "/", object.name, " --current-replicas=", from,
                      " --replicas=", to, ";");
}

absl::StatusOr<ActStatement> DescribeScale(pg::SpiSession&, const Collection&,
                                           const Act& act) {
  RV_ASSIGN_OR_RETURN(const kubernetes::ScaleRequest request, Request(act));
  RV_RETURN_IF_ERROR(CheckCap(request));
  ActStatement shown;
  shown.statement =
      Command(request.object, request.expected, request.requested);
  shown.undo_statement =
      Command(request.object, request.requested, request.expected);
  shown.rows = 0;
  shown.bytes = 0;
  return shown;
}

}  // namespace

const ActKind kReplicaKinds[1] = {{RUVECTOR_ACTION_SCALE_REPLICAS, PrepareScale,
                                   nullptr, PerformScale, nullptr,
                                   TakeBackScale, SettleScale, DescribeScale}};

}  // namespace ruvector::healing
