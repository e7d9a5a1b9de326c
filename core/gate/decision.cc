#include "core/gate/decision.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ruvector::gate {
namespace {

// In the order of Permission.
constexpr bool Actions::*kGrants[] = {
    &Actions::allow_reads,          &Actions::allow_single_insert,
    &Actions::allow_bulk_insert,    &Actions::allow_delete,
    &Actions::allow_update,         &Actions::allow_index_rewire,
    &Actions::allow_compression,    &Actions::allow_replication,
    &Actions::allow_backup,         &Actions::pause_gnn_training,
    &Actions::pause_tier_management};
static_assert(std::size(kGrants) == kNumPermissions);

bool Granted(const Actions& actions, Permission permission) {
  const bool value = actions.*kGrants[static_cast<size_t>(permission)];
  const bool is_pause = permission >= Permission::kGnnTraining;
  return value != is_pause;
}

uint32_t Narrow(std::optional<int64_t> limit) {
  if (!limit.has_value()) return kUnlimited;
  return static_cast<uint32_t>(
      std::clamp<int64_t>(*limit, 0, std::numeric_limits<uint32_t>::max()));
}

// A verdict of one rule. The entry is the severest of them.
struct Verdict {
  Response response = Response::kAllow;
  int64_t throttle_pct = 0;
  int64_t defer_secs = 0;
  Rule rule = Rule::kNothing;
  Permission permission = Permission::kReads;
};

bool Severer(const Verdict& a, const Verdict& b) {
  if (a.response != b.response) return a.response > b.response;
  return a.throttle_pct > b.throttle_pct;
}

bool AsSevere(const Verdict& a, const Verdict& b) {
  return a.response == b.response && (a.response != Response::kThrottle ||
                                      a.throttle_pct == b.throttle_pct);
}

Verdict Throttled(int64_t pct, Rule rule) {
  if (pct <= 0) return {};
  return {pct >= 100 ? Response::kReject : Response::kThrottle, pct, 0, rule};
}

Verdict Deferred(int64_t secs, Rule rule) {
  if (secs <= 0) return {Response::kReject, 0, 0, rule};
  return {Response::kDefer, 0, secs, rule};
}

Verdict FromMatrix(const RiskMatrix& matrix, Risk risk, State state) {
  if (state == State::kNormal || risk == Risk::kNone) return {};
  const bool critical = state == State::kCritical;
  switch (risk) {
    case Risk::kNone:
      break;
    case Risk::kLow:
      return critical ? Throttled(matrix.low_critical_throttle_pct,
                                  Rule::kRiskMatrix)
                      : Verdict{};
    case Risk::kMedium:
      return critical ? Deferred(matrix.medium_critical_defer_secs,
                                 Rule::kRiskMatrix)
                      : Throttled(matrix.medium_stress_throttle_pct,
                                  Rule::kRiskMatrix);
    case Risk::kHigh:
      return critical
                 ? Verdict{Response::kReject, 0, 0, Rule::kRiskMatrix}
                 : Deferred(matrix.high_stress_defer_secs, Rule::kRiskMatrix);
  }
  return {};
}

int64_t PolicyThrottle(const Actions& actions, ThrottleKey key) {
  switch (key) {
    case ThrottleKey::kInserts:
      return actions.throttle_inserts_pct;
    case ThrottleKey::kSearches:
      return actions.throttle_searches_pct;
    case ThrottleKey::kNone:
      break;
  }
  return 0;
}

Verdict FromActions(const Actions& actions, const OperationInfo& info) {
  const int64_t pct = PolicyThrottle(actions, info.throttle);
  // Backwards, to name the more particular of several: bulk before single.
  for (int i = kNumPermissions - 1; i >= 0; --i) {
    const auto permission = static_cast<Permission>(i);
    if ((info.needs >> i & 1) != 0 && !Granted(actions, permission)) {
      return {Response::kReject, pct, 0, Rule::kPermission, permission};
    }
  }
  return Throttled(pct, Rule::kPolicyThrottle);
}

using EffectiveSets = std::array<Actions, kNumStates>;

// The best state whose effective actions are already as severe as `state`'s:
// its set decides, whatever the sets of worse states say besides.
State FirstStateOf(const EffectiveSets& sets, const OperationInfo& info,
                   State state) {
  const Verdict verdict = FromActions(sets[static_cast<size_t>(state)], info);
  for (State better : kAllStates) {
    const Actions& actions = sets[static_cast<size_t>(better)];
    if (AsSevere(verdict, FromActions(actions, info))) return better;
  }
  return state;
}

// The best state whose effective limit of searches is already that of `state`.
State FirstStateOfLimit(const EffectiveSets& sets, State state) {
  const auto limit = [&](State of) {
    return Narrow(sets[static_cast<size_t>(of)].max_concurrent_searches);
  };
  for (State better : kAllStates) {
    if (limit(better) == limit(state)) return better;
  }
  return state;
}

GateEntry CompileEntry(const Policy& policy, const EffectiveSets& sets,
                       State state, const OperationInfo& info) {
  const Actions& actions = sets[static_cast<size_t>(state)];
  GateEntry entry{};
  entry.max_concurrent = info.throttle == ThrottleKey::kSearches
                             ? Narrow(actions.max_concurrent_searches)
                             : kUnlimited;
  const Verdict by_actions = FromActions(actions, info);
  const Verdict by_matrix = FromMatrix(policy.risk_matrix, info.risk, state);
  const bool matrix_decides = Severer(by_matrix, by_actions);
  entry.rule_state = matrix_decides || by_actions.rule == Rule::kNothing
                         ? state
                         : FirstStateOf(sets, info, state);
  entry.limit_state = FirstStateOfLimit(sets, state);
  const Verdict verdict =
      matrix_decides
          ? by_matrix
          : FromActions(sets[static_cast<size_t>(entry.rule_state)], info);
  entry.response = verdict.response;
  entry.throttle_pct = static_cast<uint8_t>(
      std::max(by_matrix.throttle_pct, by_actions.throttle_pct));
  entry.rule = verdict.rule;
  entry.permission = verdict.permission;
  if (verdict.response == Response::kDefer) {
    entry.retry_after_secs = Narrow(verdict.defer_secs);
  } else if (verdict.response == Response::kReject &&
             entry.rule_state != State::kNormal) {
    entry.retry_after_secs = Narrow(policy.hysteresis.restore_hold_seconds);
  }
  return entry;
}

std::string_view Verb(Response response) {
  constexpr std::string_view kVerbs[] = {"allowed", "throttled", "deferred",
                                         "rejected"};
  return kVerbs[static_cast<size_t>(response)];
}

// "stress_actions.allow_deletes is false", and that it still holds if the state
// is worse.
std::string KeyText(const Decision& decision, std::string_view key,
                    std::string_view value) {
  std::string text = absl::StrFormat(
      "%s_actions.%s is %s", StateName(decision.rule_state), key, value);
  if (decision.rule_state != decision.state) {
    absl::StrAppendFormat(&text, ", which holds in state %s too",
                          StateName(decision.state));
  }
  return text;
}

std::string RuleText(const Decision& decision) {
  switch (decision.rule) {
    case Rule::kNothing:
    case Rule::kModeOff:
      break;
    case Rule::kPermission: {
      const bool is_pause = decision.permission >= Permission::kGnnTraining;
      return KeyText(decision, PermissionKey(decision.permission),
                     is_pause ? "true" : "false");
    }
    case Rule::kPolicyThrottle: {
      const bool search =
          InfoOf(decision.operation).throttle == ThrottleKey::kSearches;
      return KeyText(decision,
                     search ? "throttle_searches_pct" : "throttle_inserts_pct",
                     std::to_string(decision.throttle_pct));
    }
    case Rule::kRiskMatrix:
      return absl::StrFormat("it is a %s-risk operation",
                             RiskName(decision.risk()));
    case Rule::kConcurrency:
      return absl::StrCat(KeyText(decision, "max_concurrent_searches",
                                  std::to_string(decision.max_concurrent)),
                          ", and as many are running");
    case Rule::kHealing:
      return absl::StrFormat("healing holds it back by %d percent",
                             decision.throttle_pct);
  }
  return "";
}

}  // namespace

std::string_view ResponseName(Response response) {
  constexpr std::string_view kNames[] = {"allow", "throttle", "defer",
                                         "reject"};
  return kNames[static_cast<size_t>(response)];
}

std::string_view RuleName(Rule rule) {
  constexpr std::string_view kNames[] = {
      "nothing",     "mode_off",    "permission", "policy_throttle",
      "risk_matrix", "concurrency", "healing"};
  return kNames[static_cast<size_t>(rule)];
}

GateTable CompileGate(const Policy& policy, State state) {
  GateTable table{};
  table.mode = policy.mode;
  table.state = state;
  if (policy.mode == Mode::kOff) {
    for (GateEntry& entry : table.entries) {
      entry.rule = Rule::kModeOff;
      entry.rule_state = state;
      entry.max_concurrent = kUnlimited;
    }
    return table;
  }
  EffectiveSets sets;
  for (State each : kAllStates) {
    sets[static_cast<size_t>(each)] = EffectiveActions(policy, each);
  }
  const Actions& actions = sets[static_cast<size_t>(state)];
  table.batch_limit_rows = Narrow(actions.max_insert_batch_size);
  table.concurrency_wait_secs = Narrow(policy.throttle.concurrency_wait_secs);
  for (int i = 0; i < kNumOperations; ++i) {
    table.entries[i] =
        CompileEntry(policy, sets, state, InfoOf(static_cast<Operation>(i)));
  }
  return table;
}

void AddThrottle(GateTable& table, Operation operation, double percent) {
  if (table.mode == Mode::kOff || !(percent > 0)) return;
  GateEntry& entry = table.entries[static_cast<size_t>(operation)];
  const bool all = percent >= 100;
  // Whole percents, and what is less than all never becomes all.
  const auto pct = static_cast<uint8_t>(
      all ? 100 : std::clamp(std::floor(percent), 1.0, 99.0));
  const Response response = all ? Response::kReject : Response::kThrottle;
  const bool severer =
      response > entry.response ||
      (response == entry.response && pct > entry.throttle_pct && !all);
  entry.throttle_pct = std::max(entry.throttle_pct, pct);
  if (!severer) return;
  entry.response = response;
  entry.rule = Rule::kHealing;
  entry.rule_state = table.state;
  entry.retry_after_secs = 0;
}

Decision Decide(const GateTable& table, Operation operation, const Load& load) {
  if (table.batch_limit_rows != 0 && load.rows > table.batch_limit_rows) {
    operation = InfoOf(operation).bulk_form;
  }
  const GateEntry& entry = table.entries[static_cast<size_t>(operation)];
  Decision decision{
      operation,           entry.response,     entry.rule,
      entry.permission,    table.state,        entry.rule_state,
      table.mode,          entry.throttle_pct, entry.retry_after_secs,
      entry.max_concurrent};
  if (entry.max_concurrent != kUnlimited &&
      load.in_flight >= entry.max_concurrent && decision.allowed()) {
    decision.response =
        table.concurrency_wait_secs == 0 ? Response::kReject : Response::kDefer;
    decision.rule = Rule::kConcurrency;
    decision.rule_state = entry.limit_state;
    decision.retry_after_secs = table.concurrency_wait_secs;
  }
  return decision;
}

std::string DecisionReason(const Decision& decision) {
  const std::string why = RuleText(decision);
  if (why.empty()) return why;
  return absl::StrFormat(
      "operation \"%s\" %s in state %s: %s", OperationName(decision.operation),
      Verb(decision.response), StateName(decision.state), why);
}

}  // namespace ruvector::gate
