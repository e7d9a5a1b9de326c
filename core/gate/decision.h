// The decision: may this operation run now, in this collection?
//
// In two steps, so that the hot one is small. CompileGate turns a policy and a
// state into a GateTable, a flat POD that the integrity worker publishes in
// shared memory; Decide looks one entry up, without allocation, lock or loop.
// [any-thread] (the caller keeps the table stable
// while it is read: a sequence lock in pgext.)
//
// The answer is the more restrictive of two gates that upstream has apart:
//   the permissions of the policy's action set (EffectiveActions), and
//   the risk matrix:       | normal | stress        | critical      |
//                   none   | allow  | allow         | allow         |
//                   low    | allow  | allow         | throttle 20 % |
//                   medium | allow  | throttle 50 % | defer 60 s    |
//                   high   | allow  | defer 300 s   | reject        |
// with its numbers in Policy::risk_matrix. A defer of 0 s is a reject.
// A denied permission, a pause and a throttle of 100 % are rejects.
//
// Guarantee: for any policy, operation and load, a worse state never answers
// with a milder response, with the same response at a smaller throttle, or
// with a larger concurrency limit.
//
// Source: design.md 7.6; reference/ruvector-upstream.md A5, F4.
#ifndef RUVECTOR_CORE_GATE_DECISION_H_
#define RUVECTOR_CORE_GATE_DECISION_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/base/no_postgres.h"
#include "core/gate/operation.h"
#include "core/gate/policy.h"
#include "core/gate/state.h"

namespace ruvector::gate {

// In order of severity.
enum class Response : uint8_t {
  kAllow = 0,
  kThrottle = 1,  // take a token (token_bucket.h), wait as it says, then run
  kDefer = 2,     // wait for improvement up to retry_after_secs, then refuse
  kReject = 3,    // refuse
};
std::string_view ResponseName(Response response);  // "allow", ...

// Which rule gave the answer.
enum class Rule : uint8_t {
  kNothing = 0,         // nothing stands against it
  kModeOff = 1,         // the policy's mode is off
  kPermission = 2,      // an allow_... key is false, or a pause_... key true
  kPolicyThrottle = 3,  // throttle_inserts_pct or throttle_searches_pct
  kRiskMatrix = 4,
  kConcurrency = 5,  // max_concurrent_searches
  kHealing = 6,      // a throttle that healing has set (AddThrottle)
};
std::string_view RuleName(Rule rule);

inline constexpr uint32_t kUnlimited = 0;  // of a limit

// One operation's answer. Shared memory layout; 16 bytes.
struct GateEntry {
  Response response;
  // 0 to 100, whatever the response; the rate is cut by it if that is
  // kThrottle.
  uint8_t throttle_pct;
  Rule rule;
  // rule == kPermission: the Permission that is missing.
  Permission permission;
  // The state whose action set or matrix column decided: of kRiskMatrix the
  // table's state, of a policy key that or a better one, namely the best whose
  // action set is enough for the answer.
  State rule_state;
  State limit_state;  // likewise, whose action set has max_concurrent
  uint8_t reserved[2];
  // kDefer: longest wait. kReject: when asking again makes sense at the
  // earliest; 0 if waiting alone will not help (state is normal).
  uint32_t retry_after_secs;
  uint32_t max_concurrent;  // kUnlimited if there is no limit
};

// All answers of one collection in one state. Trivially copyable; zeroed
// memory is a valid table that allows everything, with mode off.
struct GateTable {
  Mode mode;
  State state;
  uint8_t reserved[2];
  uint32_t batch_limit_rows;       // above it the bulk form's entry is used;
                                   // 0: no limit
  uint32_t concurrency_wait_secs;  // retry_after_secs of kConcurrency
  uint32_t reserved2;
  std::array<GateEntry, kNumOperations> entries;  // indexed by Operation
};
static_assert(sizeof(GateEntry) == 12 + 4);
static_assert(std::is_trivially_copyable_v<GateTable>);
static_assert(std::is_standard_layout_v<GateTable>);
static_assert(std::is_trivial_v<GateTable>);

// What the caller knows about the moment.
struct Load {
  // Operations of this kind running in the collection, without this one.
  uint32_t in_flight = 0;
  // Rows that this operation touches, or has touched so far; negative or 0:
  // unknown.
  int64_t rows = 1;
};

// The union of both upstream gates' fields.
struct Decision {
  Operation operation;  // the bulk form if the rows made it one
  Response response;
  Rule rule;
  Permission permission;  // see GateEntry
  State state;            // of the table
  State rule_state;       // see GateEntry
  Mode mode;              // kShadow: record it, let it pass
  uint8_t throttle_pct;
  uint32_t retry_after_secs;
  uint32_t max_concurrent;  // kUnlimited if there is no limit

  // Runs now, if perhaps slowly.
  bool allowed() const { return response <= Response::kThrottle; }
  // 1.0 no throttle, 0.0 full, as upstream's matrix gives it.
  double throttle_factor() const {
    return allowed() ? 1.0 - throttle_pct / 100.0 : 0.0;
  }
  Risk risk() const { return InfoOf(operation).risk; }
};

// `state` is the effective state (controller.h). With mode off every entry
// allows; shadow compiles as enforce does and is told apart by Decision::mode.
GateTable CompileGate(const Policy& policy, State state);

// Holds `operation` back by `percent` of its usual rate, on top of what the
// table says: a milder answer becomes this throttle, a severer one stays. Below
// 100 it never refuses, at 100 it always does; nothing with mode off, at 0 and
// for NaN. The same for every state, so the guarantee above holds.
void AddThrottle(GateTable& table, Operation operation, double percent);

// REQUIRES: `operation` is one of the enumerators. `table` need not come from
// CompileGate to be safe (zeroed, or half of another state), only to be right.
Decision Decide(const GateTable& table, Operation operation, const Load& load);

// One line for people, "" if nothing stands against the operation:
//   operation "bulk_insert" rejected in state stress:
//   stress_actions.allow_bulk_insert is false
// and in state critical, where the same key decides:
//   ... is false, which holds in state critical too
std::string DecisionReason(const Decision& decision);

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_DECISION_H_
