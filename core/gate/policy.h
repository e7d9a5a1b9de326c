// A collection's integrity policy: thresholds, hysteresis, what each state
// permits, and the constants of the capacity model.
//
// A stored policy is always complete: a partial JSON document is merged over
// a base (the defaults, or the policy it replaces) when it is written, so that
// "key absent" never means "NULL, hence allowed" at decision time. One table
// (policy_keys.h) drives parsing, merging, printing and the reference page.
//
// Plain values, all owned. [any-thread]
// Sources: reference/ruvector-upstream.md A3-A5 (keys and defaults),
// design.md 7.3, 7.5, 7.6, 7.7.
#ifndef RUVECTOR_CORE_GATE_POLICY_H_
#define RUVECTOR_CORE_GATE_POLICY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/gate/operation.h"
#include "core/gate/state.h"
#include "core/graph/build.h"
#include "core/graph/health.h"

namespace ruvector::gate {

// off: nothing is gated. shadow: decisions are made and recorded, never
// enforced. enforce: decisions bind.
enum class Mode : uint8_t { kOff = 0, kShadow = 1, kEnforce = 2 };
inline constexpr std::array<std::string_view, 3> kModeNames = {"off", "shadow",
                                                               "enforce"};
constexpr std::string_view ModeName(Mode mode) {
  return kModeNames[static_cast<size_t>(mode)];
}

// Something that whoever listens is asked to do on entering a state: it goes
// with the event and its notifications. The server never executes it.
struct CustomAction {
  std::string name;
  std::string command;
  std::vector<std::string> args;
};

// What one state permits (normal_actions, stress_actions, critical_actions).
struct Actions {
  bool allow_reads = true;
  bool allow_single_insert = true;
  bool allow_bulk_insert = true;
  bool allow_delete = true;
  bool allow_update = true;
  bool allow_index_rewire = true;
  bool allow_compression = true;
  bool allow_replication = true;
  bool allow_backup = true;
  // Percent by which the rate of accepted operations is cut below that of the
  // last normal period. 100 refuses.
  int64_t throttle_inserts_pct = 0;
  int64_t throttle_searches_pct = 0;
  // nullopt: unlimited.
  std::optional<int64_t> max_concurrent_searches;
  // Rows above which an INSERT or DELETE counts as bulk. nullopt: never.
  std::optional<int64_t> max_insert_batch_size;
  bool pause_gnn_training = false;
  bool pause_tier_management = false;
  bool emergency_compact = false;
  std::vector<CustomAction> custom_actions;
};

// Design 7.5; the controller's rules are in controller.h.
struct Hysteresis {
  int64_t degrade_samples = 3;
  int64_t critical_samples = 2;
  double restore_threshold_offset = 0.1;
  int64_t restore_hold_seconds = 300;
  int64_t cooldown_after_transition_seconds = 60;
  // A norm below this fraction of threshold_low is critical at once. 0: off.
  double immediate_critical_fraction = 0.5;
};

// The four cells of the risk matrix that carry a number (reference A5).
struct RiskMatrix {
  int64_t low_critical_throttle_pct = 20;   // upstream's factor 0.8
  int64_t medium_stress_throttle_pct = 50;  // upstream's factor 0.5
  int64_t medium_critical_defer_secs = 60;
  int64_t high_stress_defer_secs = 300;
};

struct Throttle {
  // Longest delay that a throttled operation is asked to take, and so the
  // longest queue; beyond it the operation is refused with a retry time.
  int64_t max_wait_secs = 30;
  // Time constant of the moving average of accepted operations.
  int64_t rate_window_secs = 300;
  // How long an operation waits for a place under a concurrency limit.
  int64_t concurrency_wait_secs = 5;
};

// Constants of core/graph's capacity model that design 7.3 leaves to policy;
// those of its health models are graph::HealthLimits.
struct Capacity {
  // A leaf that carries share s of rows or traffic cannot lower its capacity
  // below 1 - min(1, leaf_share_factor * s) of its baseline.
  double leaf_share_factor = 5.0;
  // Floors of dependency and of asynchronous-replica edges as a fraction of
  // their baseline; strictly inside (threshold_low, threshold_high), so that
  // their loss is stress and no more. nullopt: the middle of that band.
  std::optional<double> dependency_floor;
  std::optional<double> async_replica_floor;
};

struct Channel {
  enum class Type : uint8_t { kPgNotify, kWebhook };
  Type type = Type::kPgNotify;
  // pg_notify: the channel name, 1 to 63 bytes. webhook: a URL that
  // notify::UrlObjection (core/notify/webhook_url.h) has nothing against.
  std::string target;
};

struct Notifications {
  bool state_change_enabled = true;
  std::vector<Channel> channels;
  bool include_witness_edges = false;
  bool threshold_approach_enabled = true;
  // Percent above threshold_high at which a falling norm is announced.
  double warning_threshold_pct = 10.0;
  bool recovery_enabled = true;
};

struct Policy {
  // The defaults of reference A3.
  Policy();

  std::string description;
  int64_t priority = 0;  // of several enabled policies the highest applies
  Mode mode = Mode::kEnforce;
  // Of the normalised cut, design 7.2: stress below high, critical below low.
  double threshold_high = 0.8;
  double threshold_low = 0.3;
  Hysteresis hysteresis;
  RiskMatrix risk_matrix;
  Throttle throttle;
  Capacity capacity;
  // Without its band, which is that of the thresholds: see BuildOptionsOf.
  graph::HealthLimits health;
  int64_t sample_interval_secs = 60;
  // Pages that a pass may read. nullopt: the server's setting.
  std::optional<int64_t> sample_size;
  std::array<Actions, kNumStates> actions;  // indexed by State
  Notifications notifications;

  const Actions& actions_in(State state) const {
    return actions[static_cast<size_t>(state)];
  }
};

// Reads a JSON object and lays it over `base`. Objects merge key by key,
// arrays and scalars replace. Errors are kInvalidArgument, name the full path
// of the key ("stress_actions.throttle_inserts_pct"), what was expected and
// what came: not JSON (with the byte), not an object, unknown key (with the
// known ones in its hint), duplicate key, wrong type, out of range, not finite,
// and the rules between fields
//   threshold_low < threshold_high,
//   threshold_low < floors of `capacity` < threshold_high,
//   good < bad and calm < stress < critical in each of `health`,
//   no channel twice.
// `base` is not checked on its own; Policy() and every result of MergePolicy
// are valid.
absl::StatusOr<Policy> MergePolicy(const Policy& base, std::string_view json);

// The whole policy, every key, sorted, no white space. Stable: equal policies
// give equal text, and MergePolicy(any base, text) gives the policy back.
std::string PolicyToJson(const Policy& policy);

// Keys whose values differ, by path, each value as JSON.
struct PolicyChange {
  std::string path;
  std::string before;
  std::string after;
};
std::vector<PolicyChange> PolicyDiff(const Policy& before, const Policy& after);

// What the state really permits: the strictest of this state's action set and
// those of all better states. A worse state therefore never grants more, even
// if a policy's own action sets say so; PolicyWarnings tells.
Actions EffectiveActions(const Policy& policy, State state);

// For NOTICEs: one sentence for each key where an action set is milder than
// that of a better state and is overruled by it.
std::vector<std::string> PolicyWarnings(const Policy& policy);

// The norm must exceed this, for restore_hold_seconds, to leave `state` (stress
// or critical) for the next better one: threshold + offset, but never past the
// middle between the threshold and 1. The norm is at most 1, so an offset that
// is too large for its threshold cannot make recovery impossible.
double RestoreThreshold(const Policy& policy, State state);

// What core/graph builds with under this policy: its health limits, placed
// around this policy's thresholds, and its capacity constants. max_nodes is
// none of the policy's and keeps its default.
graph::BuildOptions BuildOptionsOf(const Policy& policy);

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_POLICY_H_
