// What persons ask for.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/healing/stepper.h"

namespace ruvector::healing {
namespace {

constexpr char kManualCause[] = "manual";

std::string Describe(const Action& a) {
  return absl::StrCat("action ", a.id, " (", a.strategy, ") is in state ",
                      std::string(ActionStateName(a.state)));
}

}  // namespace

void Stepper::Answer(int64_t request, absl::Status status, int64_t action) {
  effects_.push_back(Reply{request, std::move(status), action});
}

bool Stepper::Refuse(int64_t request) {
  if (active()) return false;
  Answer(request,
         absl::FailedPreconditionError(s_.recovered ? "healing is disabled"
                                                    : "healing is starting"));
  return true;
}

OpenAction* Stepper::FindFor(int64_t request, int64_t action) {
  OpenAction* open = Find(action);
  if (open == nullptr) {
    Answer(request,
           absl::NotFoundError(absl::StrCat("action ", action, " is not open")),
           action);
  }
  return open;
}

const OpenAction* Stepper::OpenOf(const std::string& collection) const {
  for (const auto& [id, open] : s_.open) {
    if (open.action.incident.collection == collection) return &open;
  }
  return nullptr;
}

const Incident* Stepper::ProblemFor(const std::string& collection,
                                    const StrategyProfile* strategy) const {
  for (const Incident& incident : s_.problems) {
    if (incident.collection == collection &&
        (strategy == nullptr || strategy->Handles(incident.problem_class))) {
      return &incident;
    }
  }
  return nullptr;
}

void Stepper::Take(const Trigger& input) {
  if (Refuse(input.request)) return;
  if (const OpenAction* open = OpenOf(input.collection)) {
    Answer(input.request, absl::AlreadyExistsError(Describe(open->action)),
           open->action.id);
    return;
  }
  const Incident* problem = ProblemFor(input.collection, nullptr);
  if (problem == nullptr) {
    Answer(input.request,
           absl::NotFoundError(absl::StrCat("the latest pass found no problem "
                                            "in collection '",
                                            input.collection, "'")));
    return;
  }
  const StrategyProfile* strategy = Choose(*problem);
  if (strategy == nullptr) {
    Answer(input.request, absl::FailedPreconditionError(absl::StrCat(
                              "no strategy that may be used handles ",
                              problem->problem_class)));
    return;
  }
  Answer(input.request, absl::OkStatus(),
         Propose(*problem, *strategy, input.by, false, "", true));
}

void Stepper::Take(const Execute& input) {
  if (Refuse(input.request)) return;
  const auto found = s_.strategies.find(input.strategy);
  if (found == s_.strategies.end()) {
    Answer(input.request,
           absl::NotFoundError(absl::StrCat(
               "unknown strategy '", input.strategy, "', known are: ",
               absl::StrJoin(s_.strategies, ", ",
                             [](std::string* out, const auto& entry) {
                               out->append(entry.first);
                             }))));
    return;
  }
  const StrategyProfile& strategy = found->second;
  if (const OpenAction* open = OpenOf(input.collection)) {
    Answer(input.request, absl::AlreadyExistsError(Describe(open->action)),
           open->action.id);
    return;
  }
  const auto memory = s_.memory.strategies.find(input.strategy);
  if (memory != s_.memory.strategies.end() && memory->second.quarantined) {
    Answer(input.request,
           absl::FailedPreconditionError(
               absl::StrCat("strategy '", input.strategy, "' is quarantined")));
    return;
  }
  Incident manual{input.collection,
                  strategy.handles.empty() ? "" : strategy.handles.front(),
                  kManualCause,
                  0,
                  0,
                  1,
                  {}};
  const Incident* known = ProblemFor(input.collection, &strategy);
  Answer(input.request, absl::OkStatus(),
         Propose(known == nullptr ? manual : *known, strategy, input.by, true,
                 input.parameters, known != nullptr));
}

void Stepper::Take(const Approve& input) {
  if (Refuse(input.request)) return;
  OpenAction* open = FindFor(input.request, input.action);
  if (open == nullptr) return;
  Action& a = open->action;
  if (a.state != ActionState::kAwaitingApproval) {
    Answer(input.request, absl::FailedPreconditionError(Describe(a)), a.id);
    return;
  }
  if (now_ >= a.since + Seconds(s_.config.approval.expiry_seconds)) {
    Answer(input.request,
           absl::FailedPreconditionError(
               absl::StrCat("the approval of action ", a.id, " has expired")),
           a.id);
    return;
  }
  if (std::find(a.approved_by.begin(), a.approved_by.end(), input.by) ==
      a.approved_by.end()) {
    a.approved_by.push_back(input.by);
  }
  Emit("approved", &a, a.incident.collection, absl::StrCat("by ", input.by));
  effects_.push_back(RecordState{a});
  Answer(input.request,
         HasApproval(a, s_.config.approval)
             ? absl::OkStatus()
             : absl::UnavailableError("a second person has to approve"),
         a.id);
}

void Stepper::Take(const Reject& input) {
  if (Refuse(input.request)) return;
  OpenAction* open = FindFor(input.request, input.action);
  if (open == nullptr) return;
  Action& a = open->action;
  if (a.state != ActionState::kAwaitingApproval) {
    Answer(input.request, absl::FailedPreconditionError(Describe(a)), a.id);
    return;
  }
  Move(*open, ActionEvent::kRefused, absl::StrCat("rejected by ", input.by));
  Answer(input.request, absl::OkStatus(), a.id);
}

void Stepper::Take(const Abort& input) {
  if (Refuse(input.request)) return;
  OpenAction* open = FindFor(input.request, input.action);
  if (open == nullptr) return;
  Action& a = open->action;
  if (a.state == ActionState::kRollingBack) {
    Answer(input.request,
           absl::FailedPreconditionError(
               absl::StrCat(Describe(a), ": it is being undone already")),
           a.id);
    return;
  }
  Emit("abort_requested", &a, a.incident.collection,
       absl::StrCat("by ", input.by));
  if (a.stop == StopReason::kNone) {
    a.stop = StopReason::kAborted;
    a.stop_by = input.by;
  }
  StopWorker(*open, StopReason::kAborted);
  Answer(input.request, absl::OkStatus(), a.id);
}

void Stepper::Take(const Rollback& input) {
  if (Refuse(input.request)) return;
  const Action& row = input.row;
  const auto refuse = [&](std::string why) {
    Answer(input.request, absl::FailedPreconditionError(std::move(why)),
           row.id);
  };
  if (s_.open.count(row.id) != 0) {
    refuse(Describe(s_.open.at(row.id).action));
    return;
  }
  if (row.state != ActionState::kDone) {
    refuse(Describe(row));
    return;
  }
  if (input.acts.irreversible || input.acts.undos == 0) {
    refuse(absl::StrCat("action ", row.id, " (", row.strategy,
                        ") cannot be undone"));
    return;
  }
  OpenAction undone;
  undone.action = row;
  undone.action.initiated_by = input.by;  // a person's: no hours, no pause
  // The same exclusions as for an act; the number of attempts is none of them.
  double in_flight = row.impact;
  for (const auto& [id, other] : s_.open) {
    if (!IsInFlight(other.action.state)) continue;
    in_flight += other.action.impact;
    const auto& taken = other.action.plan.objects;
    const bool same =
        other.action.incident.collection == row.incident.collection ||
        std::any_of(row.plan.objects.begin(), row.plan.objects.end(),
                    [&](const std::string& object) {
                      return std::find(taken.begin(), taken.end(), object) !=
                             taken.end();
                    });
    if (same) {
      refuse(absl::StrCat(Describe(other.action), " on the same object"));
      return;
    }
  }
  if (in_flight > s_.config.max_impact_in_flight) {
    refuse("the impact of the actions in flight leaves no room");
    return;
  }
  OpenAction& open = s_.open[row.id];
  open.action = row;
  open.action.acts = input.acts;
  open.action.undo_tries = 0;
  open.action.stop = StopReason::kNone;
  Learn(open.action, /*verified=*/false);
  Move(open, ActionEvent::kRollbackRequested,
       absl::StrCat("asked for by ", input.by));
  Answer(input.request, absl::OkStatus(), row.id);
}

void Stepper::Take(const ResetBreaker& input) {
  if (Refuse(input.request)) return;
  for (auto& [key, memory] : s_.memory.incidents) {
    if (key.collection != input.collection) continue;
    memory = {};
  }
  Emit("breaker_reset", nullptr, input.collection,
       absl::StrCat("by ", input.by));
  Save();
  Answer(input.request, absl::OkStatus());
}

void Stepper::Take(const ReleaseStrategy& input) {
  if (Refuse(input.request)) return;
  const auto found = s_.memory.strategies.find(input.strategy);
  if (found == s_.memory.strategies.end()) {
    Answer(input.request, absl::NotFoundError(absl::StrCat(
                              "unknown strategy '", input.strategy, "'")));
    return;
  }
  found->second.faults = 0;
  found->second.quarantined = false;
  Emit("released", nullptr, "",
       absl::StrCat("strategy '", input.strategy, "' by ", input.by));
  Save();
  Answer(input.request, absl::OkStatus());
}

void Stepper::Take(const ResetLearning& input) {
  if (Refuse(input.request)) return;
  if (input.strategy.empty()) {
    s_.memory.learner.Reset();
  } else {
    s_.memory.learner.Forget(input.strategy);
  }
  Emit("learning_reset", nullptr, "",
       absl::StrCat(input.strategy.empty() ? "all" : input.strategy, " by ",
                    input.by));
  Save();
  Answer(input.request, absl::OkStatus());
}

}  // namespace ruvector::healing
