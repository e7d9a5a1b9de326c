#include "core/gate/policy.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "absl/strings/str_format.h"
#include "core/gate/policy_keys.h"

namespace ruvector::gate {
namespace {

Actions StressDefaults() {
  Actions actions;
  actions.allow_bulk_insert = false;
  actions.throttle_inserts_pct = 50;
  actions.max_insert_batch_size = 100;
  actions.pause_gnn_training = true;
  return actions;
}

Actions CriticalDefaults() {
  Actions actions;
  actions.allow_single_insert = false;
  actions.allow_bulk_insert = false;
  actions.allow_delete = false;
  actions.allow_update = false;
  actions.allow_index_rewire = false;
  actions.allow_compression = false;
  actions.throttle_inserts_pct = 100;
  actions.throttle_searches_pct = 20;
  actions.max_concurrent_searches = 10;
  actions.pause_gnn_training = true;
  actions.pause_tier_management = true;
  actions.emergency_compact = true;
  return actions;
}

// Makes `value` at least as strict as `bound`; true if it was milder.
template <typename T>
bool Tighten(Stricter stricter, const T& bound, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    const bool strict = stricter == Stricter::kTrue;
    if (bound != strict || value == strict) return false;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (stricter != Stricter::kLarger || bound <= value) return false;
  } else if constexpr (std::is_same_v<T, std::optional<int64_t>>) {
    if (!bound.has_value() || (value.has_value() && *value <= *bound)) {
      return false;
    }
  } else {
    return false;
  }
  value = bound;
  return true;
}

// Lays the strictness of all better states over the action set of `state`.
// Calls on_overruled(key, better) for each value that had to be changed.
template <typename F>
Actions Cumulate(const Policy& policy, State state, F on_overruled) {
  Policy result = policy;
  for (State better : kAllStates) {
    if (better >= state) break;
    for (const PolicyKey& key : PolicyKeys()) {
      if (key.stricter == Stricter::kNone) continue;
      const bool changed = std::visit(
          [&](auto field) {
            return Tighten(key.stricter, field(result, better),
                           field(result, state));
          },
          key.field);
      if (changed) on_overruled(key, better);
    }
  }
  return result.actions_in(state);
}

}  // namespace

Policy::Policy() : actions{Actions(), StressDefaults(), CriticalDefaults()} {}

Actions EffectiveActions(const Policy& policy, State state) {
  return Cumulate(policy, state, [](const PolicyKey&, State) {});
}

std::vector<std::string> PolicyWarnings(const Policy& policy) {
  std::vector<std::string> warnings;
  for (State state : {State::kStress, State::kCritical}) {
    Cumulate(policy, state, [&](const PolicyKey& key, State better) {
      // Null limits are how a set leaves a limit to better states.
      const std::string value = ValueJson(key, policy, state);
      if (value == "null") return;
      warnings.push_back(absl::StrFormat(
          "%s is %s, which permits more than %s (%s): the latter applies in "
          "state %s too",
          FullPath(key, state), value, FullPath(key, better),
          ValueJson(key, policy, better), StateName(state)));
    });
  }
  return warnings;
}

double RestoreThreshold(const Policy& policy, State state) {
  const double threshold =
      state == State::kCritical ? policy.threshold_low : policy.threshold_high;
  return std::min(threshold + policy.hysteresis.restore_threshold_offset,
                  (threshold + 1.0) / 2);
}

graph::BuildOptions BuildOptionsOf(const Policy& policy) {
  graph::BuildOptions options;
  options.limits = policy.health;
  options.limits.band.high = policy.threshold_high;
  options.limits.band.low = policy.threshold_low;
  options.importance_gain = policy.capacity.leaf_share_factor;
  options.dependency_floor = policy.capacity.dependency_floor;
  options.replica_floor = policy.capacity.async_replica_floor;
  return options;
}

}  // namespace ruvector::gate
