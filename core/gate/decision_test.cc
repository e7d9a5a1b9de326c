#include "core/gate/decision.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/gate/random_policy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

using testing::HasSubstr;

Decision DecideNow(const Policy& policy, State state, Operation operation,
                   const Load& load = Load()) {
  return Decide(CompileGate(policy, state), operation, load);
}

// "allow", "throttle 50", "defer 60", "reject".
std::string Short(const Decision& decision) {
  std::string text(ResponseName(decision.response));
  if (decision.response == Response::kThrottle) {
    text += " " + std::to_string(decision.throttle_pct);
  }
  if (decision.response == Response::kDefer) {
    text += " " + std::to_string(decision.retry_after_secs);
  }
  return text;
}

// The defaults of reference A3 and the matrix of A5, combined by hand.
TEST(DecisionGoldenTest, DefaultPolicy) {
  struct Row {
    Operation operation;
    const char* stress;
    const char* critical;
  };
  constexpr Row kRows[] = {
      {Operation::kSearch, "allow", "throttle 20"},
      {Operation::kInsert, "throttle 50", "reject"},
      {Operation::kBulkInsert, "reject", "reject"},
      {Operation::kUpdate, "throttle 50", "reject"},
      {Operation::kDelete, "allow", "reject"},
      {Operation::kBulkDelete, "throttle 50", "reject"},
      {Operation::kMerge, "throttle 50", "reject"},
      {Operation::kTruncate, "throttle 50", "reject"},
      {Operation::kIndexBuild, "defer 300", "reject"},
      {Operation::kIndexRewire, "defer 300", "reject"},
      {Operation::kCompression, "defer 300", "reject"},
      {Operation::kTableRewrite, "defer 300", "reject"},
      {Operation::kCentroidUpdate, "throttle 50", "reject"},
      {Operation::kGraphEdgeAdd, "throttle 50", "reject"},
      {Operation::kGraphEdgeRemove, "throttle 50", "reject"},
      {Operation::kShardMove, "defer 300", "reject"},
      {Operation::kReplication, "allow", "allow"},
      {Operation::kReplicationReshuffle, "defer 300", "reject"},
      {Operation::kBackup, "allow", "allow"},
      {Operation::kGnnTrain, "reject", "reject"},
      {Operation::kTierManage, "defer 300", "reject"},
  };
  ASSERT_EQ(std::size(kRows), kNumOperations);
  const Policy policy;
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::string(OperationName(row.operation)));
    EXPECT_EQ(Short(DecideNow(policy, State::kNormal, row.operation)), "allow");
    EXPECT_EQ(Short(DecideNow(policy, State::kStress, row.operation)),
              row.stress);
    EXPECT_EQ(Short(DecideNow(policy, State::kCritical, row.operation)),
              row.critical);
  }
}

// A policy that permits everything in every state leaves the bare matrix.
TEST(DecisionGoldenTest, RiskMatrixAlone) {
  Policy policy;
  policy.actions = {Actions(), Actions(), Actions()};
  const std::map<Risk, std::vector<const char*>> matrix = {
      {Risk::kNone, {"allow", "allow", "allow"}},
      {Risk::kLow, {"allow", "allow", "throttle 20"}},
      {Risk::kMedium, {"allow", "throttle 50", "defer 60"}},
      {Risk::kHigh, {"allow", "defer 300", "reject"}},
  };
  for (int i = 0; i < kNumOperations; ++i) {
    const auto operation = static_cast<Operation>(i);
    for (State state : kAllStates) {
      EXPECT_EQ(Short(DecideNow(policy, state, operation)),
                matrix.at(InfoOf(operation).risk)[static_cast<size_t>(state)])
          << OperationName(operation) << " " << StateName(state);
    }
  }
}

TEST(DecisionTest, FieldsAreTheUnionOfBothGates) {
  const Decision insert =
      DecideNow(Policy(), State::kCritical, Operation::kInsert);
  EXPECT_FALSE(insert.allowed());
  EXPECT_EQ(insert.throttle_pct, 100);
  EXPECT_EQ(insert.throttle_factor(), 0.0);
  EXPECT_EQ(insert.retry_after_secs, 300);
  EXPECT_EQ(insert.risk(), Risk::kLow);
  EXPECT_EQ(insert.state, State::kCritical);
  const Decision search =
      DecideNow(Policy(), State::kCritical, Operation::kSearch);
  EXPECT_TRUE(search.allowed());
  EXPECT_DOUBLE_EQ(search.throttle_factor(), 0.8);
  EXPECT_EQ(search.max_concurrent, 10);
  EXPECT_EQ(
      DecideNow(Policy(), State::kNormal, Operation::kSearch).throttle_factor(),
      1.0);
}

TEST(DecisionTest, ReasonNamesTheRule) {
  const Policy policy;
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kNormal, Operation::kBulkInsert)),
      "");
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kStress, Operation::kBulkInsert)),
      "operation \"bulk_insert\" rejected in state stress: "
      "stress_actions.allow_bulk_insert is false");
  // Forbidden by stress already: that is what must change to let it through.
  EXPECT_EQ(DecisionReason(
                DecideNow(policy, State::kCritical, Operation::kBulkInsert)),
            "operation \"bulk_insert\" rejected in state critical: "
            "stress_actions.allow_bulk_insert is false, which holds in state "
            "critical too");
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kStress, Operation::kGnnTrain)),
      "operation \"gnn_train\" rejected in state stress: "
      "stress_actions.pause_gnn_training is true");
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kStress, Operation::kInsert)),
      "operation \"insert\" throttled in state stress: "
      "stress_actions.throttle_inserts_pct is 50");
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kStress, Operation::kIndexBuild)),
      "operation \"index_build\" deferred in state stress: it is a high-risk "
      "operation");
  EXPECT_EQ(DecisionReason(DecideNow(policy, State::kCritical,
                                     Operation::kSearch, {10, 1})),
            "operation \"search\" deferred in state critical: "
            "critical_actions.max_concurrent_searches is 10, and as many are "
            "running");
}

// The stress set is enough to refuse: what the critical set says besides would
// not be of use to whoever reads the refusal.
TEST(DecisionTest, ReasonNamesTheSetThatDecidesInWorseStatesToo) {
  Actions none;  // permits all
  Policy policy;
  policy.actions = {none, none, none};
  policy.actions[1].throttle_inserts_pct = 100;
  policy.actions[2].allow_single_insert = false;
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kCritical, Operation::kInsert)),
      "operation \"insert\" rejected in state critical: "
      "stress_actions.throttle_inserts_pct is 100, which holds in state "
      "critical too");

  policy.actions = {none, none, none};
  policy.actions[1].allow_single_insert = false;
  policy.actions[2].allow_bulk_insert = false;
  EXPECT_EQ(DecisionReason(
                DecideNow(policy, State::kCritical, Operation::kBulkInsert)),
            "operation \"bulk_insert\" rejected in state critical: "
            "stress_actions.allow_single_insert is false, which holds in state "
            "critical too");

  // A severer set of the worse state decides itself.
  policy.actions = {none, none, none};
  policy.actions[1].throttle_inserts_pct = 60;
  policy.actions[2].throttle_inserts_pct = 90;
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kCritical, Operation::kInsert)),
      "operation \"insert\" throttled in state critical: "
      "critical_actions.throttle_inserts_pct is 90");
  policy.actions[2].throttle_inserts_pct = 10;
  EXPECT_EQ(
      DecisionReason(DecideNow(policy, State::kCritical, Operation::kInsert)),
      "operation \"insert\" throttled in state critical: "
      "stress_actions.throttle_inserts_pct is 60, which holds in state "
      "critical too");

  policy.actions = {none, none, none};
  policy.actions[1].max_concurrent_searches = 3;
  EXPECT_EQ(DecisionReason(DecideNow(policy, State::kCritical,
                                     Operation::kSearch, {3, 1})),
            "operation \"search\" deferred in state critical: "
            "stress_actions.max_concurrent_searches is 3, which holds in state "
            "critical too, and as many are running");
}

TEST(DecisionTest, ConcurrencyLimitCountsOthers) {
  const Policy policy;
  const GateTable table = CompileGate(policy, State::kCritical);
  EXPECT_EQ(Short(Decide(table, Operation::kSearch, {9, 1})), "throttle 20");
  const Decision full = Decide(table, Operation::kSearch, {10, 1});
  EXPECT_EQ(Short(full), "defer 5");
  EXPECT_EQ(full.rule, Rule::kConcurrency);
  // Other operations have no such limit, and normal has none.
  EXPECT_EQ(Short(Decide(table, Operation::kBackup, {1000000, 1})), "allow");
  EXPECT_EQ(
      Short(DecideNow(policy, State::kNormal, Operation::kSearch, {9999, 1})),
      "allow");
}

TEST(DecisionTest, ConcurrencyNeverSoftensARejection) {
  Policy policy;
  policy.actions[2].allow_reads = false;
  const Decision decision =
      DecideNow(policy, State::kCritical, Operation::kSearch, {10, 1});
  EXPECT_EQ(decision.response, Response::kReject);
  EXPECT_EQ(decision.rule, Rule::kPermission);
}

TEST(DecisionTest, ZeroWaitsReject) {
  Policy policy;
  policy.throttle.concurrency_wait_secs = 0;
  policy.risk_matrix.high_stress_defer_secs = 0;
  EXPECT_EQ(
      Short(DecideNow(policy, State::kCritical, Operation::kSearch, {10, 1})),
      "reject");
  EXPECT_EQ(Short(DecideNow(policy, State::kStress, Operation::kShardMove)),
            "reject");
}

TEST(DecisionTest, RowsOverTheBatchSizeMakeItBulk) {
  const Policy policy;
  const GateTable stress = CompileGate(policy, State::kStress);
  EXPECT_EQ(Short(Decide(stress, Operation::kInsert, {0, 100})), "throttle 50");
  const Decision bulk = Decide(stress, Operation::kInsert, {0, 101});
  EXPECT_EQ(Short(bulk), "reject");
  EXPECT_EQ(bulk.operation, Operation::kBulkInsert);
  EXPECT_EQ(Decide(stress, Operation::kDelete, {0, 101}).operation,
            Operation::kBulkDelete);
  EXPECT_EQ(Decide(stress, Operation::kUpdate, {0, 1000}).operation,
            Operation::kUpdate);
  EXPECT_EQ(Decide(stress, Operation::kInsert, {0, -5}).operation,
            Operation::kInsert);
  EXPECT_EQ(DecideNow(policy, State::kNormal, Operation::kInsert,
                      {0, int64_t{1} << 62})
                .operation,
            Operation::kInsert);
}

TEST(DecisionTest, RejectionInNormalHasNoRetryTime) {
  Policy policy;
  policy.actions[0].allow_bulk_insert = false;
  for (State state : kAllStates) {
    const Decision decision = DecideNow(policy, state, Operation::kBulkInsert);
    EXPECT_EQ(decision.response, Response::kReject);
    EXPECT_EQ(decision.rule_state, State::kNormal);
    EXPECT_EQ(decision.retry_after_secs, 0);
  }
}

TEST(DecisionTest, ModeOffAllowsAllAndShadowDecidesAsEnforce) {
  Policy policy;
  const GateTable enforced = CompileGate(policy, State::kCritical);
  policy.mode = Mode::kShadow;
  const GateTable shadow = CompileGate(policy, State::kCritical);
  policy.mode = Mode::kOff;
  const GateTable off = CompileGate(policy, State::kCritical);
  for (int i = 0; i < kNumOperations; ++i) {
    const auto operation = static_cast<Operation>(i);
    EXPECT_EQ(Short(Decide(shadow, operation, {})),
              Short(Decide(enforced, operation, {})));
    EXPECT_EQ(Decide(shadow, operation, {}).mode, Mode::kShadow);
    const Decision let_through = Decide(off, operation, {50, 1000});
    EXPECT_EQ(Short(let_through), "allow");
    EXPECT_EQ(let_through.rule, Rule::kModeOff);
    EXPECT_EQ(let_through.mode, Mode::kOff);
    EXPECT_EQ(DecisionReason(let_through), "");
  }
}

TEST(DecisionTest, HealingThrottlesOnTopOfThePolicy) {
  const auto insert = static_cast<size_t>(Operation::kInsert);
  GateTable table = CompileGate(Policy(), State::kNormal);
  ASSERT_EQ(table.entries[insert].response, Response::kAllow);
  AddThrottle(table, Operation::kInsert, 0);
  AddThrottle(table, Operation::kInsert,
              std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(table.entries[insert].response, Response::kAllow);

  AddThrottle(table, Operation::kInsert, 99.9);
  Decision d = Decide(table, Operation::kInsert, {});
  EXPECT_EQ(d.response, Response::kThrottle);
  EXPECT_EQ(d.throttle_pct, 99);
  EXPECT_EQ(d.rule, Rule::kHealing);
  EXPECT_EQ(DecisionReason(d),
            "operation \"insert\" throttled in state normal: healing holds it "
            "back by 99 percent");
  EXPECT_EQ(Decide(table, Operation::kUpdate, {}).response, Response::kAllow);

  AddThrottle(table, Operation::kInsert, 20);
  EXPECT_EQ(Decide(table, Operation::kInsert, {}).throttle_pct, 99)
      << "a milder one takes nothing away";
  AddThrottle(table, Operation::kInsert, 100);
  EXPECT_EQ(Decide(table, Operation::kInsert, {}).response, Response::kReject);
}

TEST(DecisionTest, HealingTakesNothingAwayFromThePolicy) {
  for (const State state : kAllStates) {
    for (int op = 0; op < kNumOperations; ++op) {
      for (const double percent : {1.0, 50.0, 100.0}) {
        const GateTable plain = CompileGate(Policy(), state);
        GateTable table = plain;
        AddThrottle(table, static_cast<Operation>(op), percent);
        EXPECT_GE(table.entries[op].response, plain.entries[op].response);
        EXPECT_GE(table.entries[op].throttle_pct,
                  plain.entries[op].throttle_pct);
        EXPECT_GE(table.entries[op].throttle_pct, percent);
      }
    }
  }
  Policy off;
  off.mode = Mode::kOff;
  GateTable table = CompileGate(off, State::kCritical);
  AddThrottle(table, Operation::kInsert, 100);
  EXPECT_EQ(Decide(table, Operation::kInsert, {}).response, Response::kAllow);
}

TEST(DecisionTest, ZeroedMemoryAllowsEverything) {
  GateTable table;
  std::memset(&table, 0, sizeof table);
  for (int i = 0; i < kNumOperations; ++i) {
    const Decision decision =
        Decide(table, static_cast<Operation>(i), {1000, 1000000});
    EXPECT_EQ(Short(decision), "allow");
    EXPECT_EQ(decision.mode, Mode::kOff);
  }
}

// The oracle: both upstream gates as they are written down, each on its own,
// and the more restrictive answer. Knows nothing of GateTable.
struct Oracle {
  const Policy& policy;
  State state;

  static bool Permits(const Actions& a, const std::string& name) {
    if (name == "search") return a.allow_reads;
    if (name == "insert" || name == "graph_edge_add") {
      return a.allow_single_insert;
    }
    if (name == "bulk_insert") {
      return a.allow_bulk_insert && a.allow_single_insert;
    }
    if (name == "delete" || name == "bulk_delete" || name == "truncate" ||
        name == "graph_edge_remove") {
      return a.allow_delete;
    }
    if (name == "update") return a.allow_update;
    if (name == "merge") {
      return a.allow_single_insert && a.allow_update && a.allow_delete;
    }
    if (name == "index_build" || name == "index_rewire" ||
        name == "centroid_update") {
      return a.allow_index_rewire;
    }
    if (name == "compression") return a.allow_compression;
    if (name == "table_rewrite") {
      return a.allow_compression && a.allow_index_rewire;
    }
    if (name == "replication" || name == "replication_reshuffle") {
      return a.allow_replication;
    }
    if (name == "backup") return a.allow_backup;
    if (name == "gnn_train") return !a.pause_gnn_training;
    if (name == "tier_manage") return !a.pause_tier_management;
    return true;
  }

  std::string Answer(const OperationInfo& info) const {
    bool permitted = true;
    int64_t pct = 0;
    int64_t policy_pct = 0;
    // Every better state's action set binds, too.
    for (int s = 0; s <= static_cast<int>(state); ++s) {
      const Actions& a = policy.actions[static_cast<size_t>(s)];
      const std::string name(info.name);
      permitted = permitted && Permits(a, name);
      if (name == "search") pct = std::max(pct, a.throttle_searches_pct);
      if (name == "insert" || name == "bulk_insert" || name == "merge") {
        pct = std::max(pct, a.throttle_inserts_pct);
      }
    }
    policy_pct = pct;
    int64_t defer = -1;
    bool reject = !permitted || policy_pct >= 100;
    const RiskMatrix& m = policy.risk_matrix;
    if (info.risk == Risk::kLow && state == State::kCritical) {
      pct = std::max(pct, m.low_critical_throttle_pct);
    }
    if (info.risk == Risk::kMedium && state == State::kStress) {
      pct = std::max(pct, m.medium_stress_throttle_pct);
    }
    if (info.risk == Risk::kMedium && state == State::kCritical) {
      defer = m.medium_critical_defer_secs;
    }
    if (info.risk == Risk::kHigh && state == State::kStress) {
      defer = m.high_stress_defer_secs;
    }
    if (info.risk == Risk::kHigh && state == State::kCritical) reject = true;
    if (reject || defer == 0) return "reject";
    if (defer > 0) return "defer " + std::to_string(defer);
    return pct > 0 ? "throttle " + std::to_string(pct) : "allow";
  }
};

TEST(DecisionPropertyTest, AgreesWithTheOracleForAnyPolicy) {
  Rng rng(1);
  for (int i = 0; i < 500; ++i) {
    const Policy policy = RandomPolicy(rng, i % 2 == 0 ? 0.2 : 0.9);
    for (State state : kAllStates) {
      const GateTable table = CompileGate(policy, state);
      for (int o = 0; o < kNumOperations; ++o) {
        const OperationInfo& info = InfoOf(static_cast<Operation>(o));
        EXPECT_EQ(Short(Decide(table, info.operation, {0, 1})),
                  (Oracle{policy, state}.Answer(info)))
            << info.name << " " << StateName(state) << " "
            << PolicyToJson(policy);
      }
    }
  }
}

TEST(DecisionPropertyTest, MoreRowsNeverGrantMore) {
  Rng rng(6);
  for (int i = 0; i < 300; ++i) {
    const Policy policy = RandomPolicy(rng, 0.7);
    for (State state : kAllStates) {
      const GateTable table = CompileGate(policy, state);
      for (Operation operation : {Operation::kInsert, Operation::kDelete}) {
        EXPECT_LE(Decide(table, operation, {0, 1}).response,
                  Decide(table, operation, {0, int64_t{1} << 40}).response);
      }
    }
  }
}

// Operations 7.1: a worse state never grants more, for any policy, operation
// and load.
TEST(DecisionPropertyTest, WorseStatesNeverGrantMore) {
  Rng rng(2);
  for (int i = 0; i < 500; ++i) {
    const Policy policy = RandomPolicy(rng, i % 2 == 0 ? 0.2 : 0.9);
    for (int worse = 1; worse < kNumStates; ++worse) {
      const GateTable better_table = CompileGate(policy, kAllStates[worse - 1]);
      const GateTable worse_table = CompileGate(policy, kAllStates[worse]);
      for (int o = 0; o < kNumOperations; ++o) {
        const auto operation = static_cast<Operation>(o);
        const Load load{static_cast<uint32_t>(rng.Below(30)),
                        static_cast<int64_t>(rng.Below(300))};
        const Decision a = Decide(better_table, operation, load);
        const Decision b = Decide(worse_table, operation, load);
        EXPECT_LE(a.response, b.response)
            << OperationName(operation) << " " << PolicyToJson(policy);
        if (a.response == Response::kThrottle && b.response == a.response) {
          EXPECT_LE(a.throttle_pct, b.throttle_pct);
        }
        const auto limit = [](const Decision& decision) {
          return decision.max_concurrent == kUnlimited
                     ? UINT32_MAX
                     : decision.max_concurrent;
        };
        EXPECT_GE(limit(a), limit(b));
        EXPECT_LE(a.rule_state, a.state);
      }
    }
  }
}

TEST(DecisionPropertyTest, WhatIsNotAllowedHasAReason) {
  Rng rng(4);
  for (int i = 0; i < 100; ++i) {
    const Policy policy = RandomPolicy(rng, 0.9);
    for (State state : kAllStates) {
      const GateTable table = CompileGate(policy, state);
      for (int o = 0; o < kNumOperations; ++o) {
        const Decision decision = Decide(table, static_cast<Operation>(o),
                                         {rng.Below(2) ? 99u : 0u, 1});
        const std::string reason = DecisionReason(decision);
        EXPECT_EQ(reason.empty(), decision.response == Response::kAllow);
        if (decision.rule != Rule::kPermission) continue;
        // The named key in the named action set is really what it says.
        const Actions& set =
            policy.actions[static_cast<size_t>(decision.rule_state)];
        const OperationInfo& info = InfoOf(decision.operation);
        EXPECT_FALSE(Oracle::Permits(set, std::string(info.name))) << reason;
      }
    }
  }
}

}  // namespace
}  // namespace ruvector::gate
