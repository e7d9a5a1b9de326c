// One step of the engine: the state that it changes and the effects that it
// collects. Inputs only note facts (stepper_inputs.cc, stepper_requests.cc);
// Advance then moves every action as far as the facts allow
// (stepper_advance.cc), and only while healing is active. Private to the
// engine.
#ifndef RUVECTOR_CORE_HEALING_STEPPER_H_
#define RUVECTOR_CORE_HEALING_STEPPER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/healing/engine.h"

namespace ruvector::healing {

class Stepper {
 public:
  Stepper(EngineState& state, absl::Time now) : s_(state), now_(now) {}

  void FollowClock();

  void Take(const Tick&) {}
  void Take(const Pass& input);
  void Take(const PlanMade& input);
  void Take(const PlanFailed& input);
  void Take(const IntentResult& input);
  void Take(const WorkerStarted& input);
  void Take(const NoWorker& input);
  void Take(const ExecutionEnded& input);
  void Take(const UndoEnded& input);
  void Take(const Sampled& input);
  void Take(const Trigger& input);
  void Take(const Execute& input);
  void Take(const Approve& input);
  void Take(const Reject& input);
  void Take(const Abort& input);
  void Take(const Rollback& input);
  void Take(const ResetBreaker& input);
  void Take(const ReleaseStrategy& input);
  void Take(const ResetLearning& input);
  void Take(const ConfigChanged& input);
  void Take(const KillSwitch& input);
  void Take(const StrategiesChanged& input);
  void Take(const Restarted& input);

  // Moves everything that can move; begins what the latest pass asks for.
  void Settle();

  std::vector<Effect> effects() && { return std::move(effects_); }

 private:
  using Memory = EngineMemory;

  // stepper.cc
  bool active() const { return IsActive(s_); }
  OpenAction* Find(int64_t action);
  void Emit(std::string_view type, const Action* action,
            const std::string& collection, const std::string& detail);
  void Save() { effects_.push_back(SaveMemory{}); }
  void Move(OpenAction& open, ActionEvent event, std::string reason);
  void Wait(OpenAction& open, const std::string& why);  // waiting: new reason
  void Conclude(OpenAction& open, bool had_acted);
  void Learn(const Action& action, bool verified);
  void CountFault(const std::string& strategy, const std::string& what);
  void RuleOut(const OpenAction& open);
  bool IsPresent(const IncidentKey& key) const;  // in the latest pass
  bool IsGone(const Action& action) const;  // the engine's own, and not there
  std::vector<absl::Time>& Attempts(const Action& action);
  void DropAttempt(const Action& action);
  absl::Duration Seconds(int64_t n) const { return absl::Seconds(n); }

  void Begun(OpenAction& open);  // stepper_inputs.cc

  // stepper_requests.cc
  bool Refuse(int64_t request);  // and true, while healing is not active
  void Answer(int64_t request, absl::Status status, int64_t action = 0);
  OpenAction* FindFor(int64_t request, int64_t action);
  const OpenAction* OpenOf(const std::string& collection) const;
  const Incident* ProblemFor(const std::string& collection,
                             const StrategyProfile* strategy) const;

  // stepper_choice.cc
  const StrategyProfile* Choose(const Incident& incident);
  std::string WhyNot(const Incident& incident);  // "": go ahead
  bool HasOpen(const IncidentKey& key) const;
  void ProposeFromPass();
  int64_t Propose(const Incident& incident, const StrategyProfile& strategy,
                  const std::string& by, bool named,
                  const std::string& parameters, bool known_problem);
  std::string WhyNotAdmitted(const OpenAction& open, absl::Time* retry) const;
  std::string WhyBeyond(const Action& action) const;  // limits; "": within

  // stepper_advance.cc
  void Watch(OpenAction& open);  // time-outs, also while not active
  void StopWorker(OpenAction& open, StopReason reason);
  void Advance(OpenAction& open);
  void AdvanceProposed(OpenAction& open);
  void AdvanceAwaiting(OpenAction& open);
  void AdvanceWaiting(OpenAction& open);
  void AdvanceSampling(OpenAction& open);
  void AdvanceCommitting(OpenAction& open);
  void AdvanceExecuting(OpenAction& open);
  void AdvanceVerifying(OpenAction& open);
  void AdvanceRollingBack(OpenAction& open);
  void TakePlan(OpenAction& open);
  void UndoOrAsk(OpenAction& open, std::string reason);
  void HoldWhileDisabled(OpenAction& open);

  EngineState& s_;
  absl::Time now_;
  std::vector<Effect> effects_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_STEPPER_H_
