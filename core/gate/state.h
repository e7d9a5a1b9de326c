// The three integrity states of a collection, from best to worst.
//
// The order is part of the contract: a larger value is a worse state, and a
// worse state never grants more (see decision.h). The numbers are stored in
// shared memory and compared, the names are stored in tables and events: do
// not renumber, do not rename. [any-thread]
//
// Source: design.md 7.5; spec/integrity-control-plane.md (IntegrityState).
#ifndef RUVECTOR_CORE_GATE_STATE_H_
#define RUVECTOR_CORE_GATE_STATE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/no_postgres.h"

namespace ruvector::gate {

enum class State : uint8_t { kNormal = 0, kStress = 1, kCritical = 2 };

inline constexpr int kNumStates = 3;
inline constexpr std::array<State, kNumStates> kAllStates = {
    State::kNormal, State::kStress, State::kCritical};

// "normal", "stress", "critical". `state` must be one of the three.
constexpr std::string_view StateName(State state) {
  constexpr std::array<std::string_view, kNumStates> kNames = {
      "normal", "stress", "critical"};
  return kNames[static_cast<size_t>(state)];
}

// nullopt for any other text. Case matters, as in SQL's CHECK.
constexpr std::optional<State> ParseState(std::string_view name) {
  for (State state : kAllStates) {
    if (StateName(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_STATE_H_
