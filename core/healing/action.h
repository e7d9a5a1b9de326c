// One remediation, from the proposal to its end: a row of the journal.
// Plain values. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_ACTION_H_
#define RUVECTOR_CORE_HEALING_ACTION_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/healing/action_state.h"
#include "core/healing/healing_config.h"
#include "core/healing/incident.h"
#include "core/healing/verification.h"

namespace ruvector::healing {

// What the engine has to know of a plan; the plan itself, with its statements,
// stays with the host under the action's id.
struct PlanSummary {
  int64_t steps = 0;                 // 0: nothing is to be done
  std::vector<std::string> objects;  // all that it changes, as unique names
  double rows = std::numeric_limits<double>::quiet_NaN();  // NaN: unknown
  double bytes = std::numeric_limits<double>::quiet_NaN();
  double seconds = std::numeric_limits<double>::quiet_NaN();
  LockLevel lock_level = LockLevel::kNone;  // strongest
  // Every step is an ANALYZE: it changes what the planner knows of the rows.
  bool statistics_only = false;
  std::string note;  // the plugin's: why so, or why nothing
};

// What the host's journal of acts and undos says of an action.
struct ActsDone {
  bool changed = false;       // an act has taken effect, or may have
  bool irreversible = false;  // one of those has no undo
  int64_t undos = 0;          // undos that have not run yet
};

// Why a running action was told to stop.
enum class StopReason : uint8_t { kNone, kAborted, kTimedOut, kDisabled };
inline constexpr std::array<std::string_view, 4> kStopReasonNames = {
    "none", "aborted", "timed_out", "disabled"};

struct Action {
  int64_t id = 0;
  ActionState state = ActionState::kProposed;
  absl::Time created;
  absl::Time since;    // in this state
  std::string reason;  // why it is in this state, or what it waits for

  Incident incident;
  std::string strategy;
  double impact = 0;
  bool asks_first = false;
  Expectations expectations;  // margins overridden as configured
  std::string initiated_by;   // a person; "": the engine
  bool named = false;         // that person named the strategy
  bool known_problem = true;  // false: nothing to learn from it
  std::string parameters;     // of the person's request, opaque to the engine

  PlanSummary plan;
  std::vector<std::string> approved_by;
  bool intent_committed = false;
  std::vector<Measured> before;
  std::vector<Measured> after;
  std::optional<absl::Time> started;
  std::optional<absl::Time> completed;  // execution ended
  ActsDone acts;
  double improvement = std::numeric_limits<double>::quiet_NaN();
  StopReason stop = StopReason::kNone;
  std::string stop_by;  // who aborted
  int64_t undo_tries = 0;
};

// The same persons and approvals; see Approval::second_person.
bool HasApproval(const Action& action, const Approval& rules);

// For the host's column: Decode(Encode(x)) encodes the same; Decode refuses
// what is not such a text with kDataLoss.
std::string EncodeAction(const Action& action);
absl::StatusOr<Action> DecodeAction(std::string_view json);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_ACTION_H_
