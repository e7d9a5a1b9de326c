// The hysteresis controller: from a stream of normalised cut values to a
// state, as a pure function. [any-thread]
//
// No clock, no chance, no memory but ControllerState, so that a simulator, a
// replay of history and the integrity worker run the same code. Times are cut
// to microseconds on entry, which is what the tables can store: a state that
// was saved and loaded between two steps continues exactly as if it had not.
//
// Rules, with norm the smaller of lambda_norm and service_norm (design 7.3):
//   normal -> stress      degrade_samples consecutive norms < threshold_high
//   stress -> critical    critical_samples consecutive norms < threshold_low
//   any -> critical       one norm < immediate_critical_fraction *
//                         threshold_low, also during cooldown: the loss of
//                         everything does not wait, and since leaving critical
//                         takes a full hold this path cannot make it flap
//   critical -> stress,   norm > RestoreThreshold held for
//   stress -> normal      restore_hold_seconds, one level at a time
// Any transition clears the counters and the hold and starts a cooldown, in
// which samples move nothing but the immediate path.
//
// Not knowing: a norm of nullopt (or NaN) keeps state, counters and hold and
// sets `stale`. A stale sample with a norm rests on sensors some of which did
// not answer and were taken as healthy, so a low norm is evidence and may
// degrade, a high one is not: it restores nothing and breaks no run of low
// ones. A hold needs evidence: of the time between two fresh samples at most
// kMaxGapIntervals sample intervals count for it.
//
// Time going backwards (clock step, promotion of a standby): all stored times
// move with it, so holds, cooldowns and overrides keep what is left of them.
//
// Source: design.md 7.5; reference/ruvector-upstream.md A4 and its traps.
#ifndef RUVECTOR_CORE_GATE_CONTROLLER_H_
#define RUVECTOR_CORE_GATE_CONTROLLER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/gate/policy.h"
#include "core/gate/state.h"

namespace ruvector::gate {

inline constexpr int kMaxGapIntervals = 3;

// A person's decision, for a while. The controller goes on underneath.
struct Override {
  State state = State::kNormal;
  std::string reason;
  absl::Time until;
};

struct ControllerState {
  State state = State::kNormal;  // the controller's own, without override
  int64_t degrade_count = 0;     // consecutive norms < high, while normal
  int64_t critical_count = 0;    // consecutive norms < low, while stress
  std::optional<absl::Time> hold_since;  // norm above restore since
  std::optional<absl::Time> cooldown_until;
  std::optional<absl::Time> last_transition;
  std::optional<absl::Time> last_sample;  // of any kind
  std::optional<absl::Time> last_fresh;   // known and not stale
  bool stale = false;        // the last sample was unknown or stale
  bool approaching = false;  // announced: norm close above threshold_high
  std::optional<Override> manual;
};

struct Sample {
  std::optional<double> norm;  // normalised cut, nominally in [0, 1]
  bool stale = false;
  absl::Time at;
};

enum class Reason : uint8_t {
  kDegraded,         // normal -> stress by samples
  kCritical,         // stress -> critical by samples
  kImmediate,        // one norm far below
  kRestored,         // one level better
  kOverride,         // set by hand
  kOverrideCleared,  // taken back by hand
  kOverrideExpired,  // its time was over
};
std::string_view ReasonName(Reason reason);  // "degraded", ...

struct Transition {
  State from;
  State to;
  Reason reason;
};

struct StepResult {
  ControllerState next;
  // The state that the gate goes by (EffectiveState) changed.
  std::optional<Transition> transition;
  // The controller's own state changed under an override: worth an event, but
  // the gate stays as it is.
  std::optional<Transition> masked;
  // The norm came close to threshold_high from above
  // (notifications.on_threshold_approach); once per approach.
  bool threshold_approach = false;
};

// What the gate goes by: the override's state while there is one, else the
// controller's. An override ends in Step or Tick, not by itself.
State EffectiveState(const ControllerState& state);

// One sample. `policy` may differ from the one of the last step.
StepResult Step(const Policy& policy, const ControllerState& state,
                const Sample& sample);

// Ends an override whose time is over, between two samples. NextDeadline is
// when to call it; nullopt: no need.
StepResult Tick(const ControllerState& state, absl::Time now);
std::optional<absl::Time> NextDeadline(const ControllerState& state);

// Sets or replaces an override. kInvalidArgument if `manual.until` is not
// after `now` or the reason is empty: it goes into a signed event.
absl::StatusOr<StepResult> SetOverride(const ControllerState& state,
                                       const Override& manual, absl::Time now);
// Takes an override back; a state without one is returned as it is.
StepResult ClearOverride(const ControllerState& state, absl::Time now);

// Soonest time at which the effective state could be better than now if all
// were healthy from now on: what a refused client is told as retry time.
// Zero when normal.
absl::Duration SoonestImprovement(const Policy& policy,
                                  const ControllerState& state, absl::Time now);

// JSON for storage: times as microseconds since 1970, null where there is
// none. Decode(Encode(x)) is x, for every x that Step returns; Decode refuses
// what is not such a text with kDataLoss.
std::string EncodeControllerState(const ControllerState& state);
absl::StatusOr<ControllerState> DecodeControllerState(std::string_view json);

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_CONTROLLER_H_
