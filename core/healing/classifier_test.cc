// What the classifier makes of what the detectors found: witness, unknown,
// cause over symptom, rank, persistence, and the form it leaves in.
#include "core/healing/classifier.h"

#include <memory>
#include <string>
#include <vector>

#include "core/healing/fault_world.h"
#include "core/healing/problem_abi.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ruvector::healing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class ClassifierTest : public ::testing::Test {
 protected:
  std::vector<Problem> Run() {
    world->Finish();
    return Now();
  }
  std::vector<Problem> Now() {
    return Classify(world->situation, limits).value();
  }
  graph::Observation& now() { return world->world.now; }
  Situation& in() { return world->situation; }

  HealingLimits limits;
  std::unique_ptr<FaultWorld> world = Quiet({8, 20, 1, 2, 0, true, true, true});
};

std::vector<Cause> Causes(const std::vector<Problem>& problems) {
  std::vector<Cause> causes;
  for (const Problem& problem : problems) causes.push_back(problem.cause);
  return causes;
}

TEST_F(ClassifierTest, RefusesWhatIsNoSituation) {
  Situation nothing;
  EXPECT_EQ(Classify(nothing, limits).status().code(),
            absl::StatusCode::kInvalidArgument);
  in().assessment = nullptr;
  EXPECT_FALSE(Classify(in(), limits).ok());
  world->Finish();
  world->assessment.witness = {999999};
  EXPECT_FALSE(Classify(in(), limits).ok());
}

TEST_F(ClassifierTest, NamesAreInTheOrderOfTheEnumAndComeBack) {
  for (int i = 0; i < kNumCauses; ++i) {
    const auto cause = static_cast<Cause>(i);
    EXPECT_EQ(ParseCause(ToString(cause)), cause);
  }
  EXPECT_EQ(ParseCause("nonsense"), std::nullopt);
  EXPECT_EQ(ToString(ProblemClass::kHotspotCongestion), "hotspot_congestion");
  EXPECT_EQ(ToString(ProblemClass::kUnknown), "unknown");
  EXPECT_EQ(ClassOf(Cause::kUnexplained), ProblemClass::kUnknown);
  EXPECT_EQ(ClassOf(Cause::kInvalidIndex), ProblemClass::kIndexFragmentation);
}

// operations-anchors 0.2 no. 5: a cut through many partition links says nothing
// about a hotspot.
TEST_F(ClassifierTest, TheSizeOfTheCutIsNoCause) {
  for (int64_t i = 0; i < 6; ++i) graph::Saturate(&world->world, i);
  const std::vector<Problem> problems = Run();
  EXPECT_GT(world->assessment.witness.size(), 3u);
  EXPECT_THAT(Causes(problems), ElementsAre(Cause::kDeadTuples));
}

TEST_F(ClassifierTest, DetectorsRunWithoutAGraphAndWhateverTheState) {
  graph::Saturate(&world->world, 0);
  Run();
  in().graph = nullptr;
  in().assessment = nullptr;
  in().state = gate::State::kNormal;
  EXPECT_THAT(Causes(Now()), ElementsAre(Cause::kDeadTuples));
}

TEST_F(ClassifierTest, AWitnessRaisesTheConfidenceOfWhatItTouches) {
  now().tables[3].dead_tuples = 5 * 2050 + 3000;  // 6.5 times
  in().memory->used_bytes = *in().memory->limit_bytes * 87 / 100;
  const std::vector<Problem> with = Run();
  in().graph = nullptr;
  in().assessment = nullptr;
  const std::vector<Problem> without = Now();
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 2; ++j) {
      if (with[i].cause != without[j].cause) continue;
      if (with[i].cause == Cause::kDeadTuples) {
        EXPECT_THAT(with[i].witness, Not(IsEmpty()));
        EXPECT_GT(with[i].confidence, without[j].confidence);
        EXPECT_LT(with[i].confidence, 1);
      } else {
        EXPECT_THAT(with[i].witness, IsEmpty());
        EXPECT_EQ(with[i].confidence, without[j].confidence);
      }
    }
  }
}

// The cut is weak, nobody knows why: a node that no detector watches.
void WeakenBeyondExplanation(FaultWorld* world) {
  graph::ContractedGraph& graph = world->graph;
  for (uint32_t v = 0; v < graph.nodes.size(); ++v) {
    if (graph.nodes[v].id == graph::kCheckpointer &&
        graph.nodes[v].type == graph::NodeType::kMaintenanceDep) {
      graph.nodes[v].applied_health = 0.4;
      for (graph::Edge& edge : graph.edges) {
        if (edge.source == v || edge.target == v) edge.capacity = 0.4;
      }
    }
  }
  world->assessment = graph::Assess(graph, {}).value();
  world->situation.state = gate::State::kStress;
}

TEST_F(ClassifierTest, UnknownIsWhatNothingExplains) {
  WeakenBeyondExplanation(world.get());
  const std::vector<Problem> problems = Now();
  ASSERT_THAT(Causes(problems), ElementsAre(Cause::kUnexplained));
  EXPECT_EQ(problems[0].subjects[0].name, "checkpointer");
  in().state = gate::State::kNormal;
  EXPECT_THAT(Now(), IsEmpty());
}

TEST_F(ClassifierTest, UnknownBesideAProblemThatDoesNotTouchTheCut) {
  in().memory->used_bytes = in().memory->limit_bytes;
  WeakenBeyondExplanation(world.get());
  EXPECT_THAT(Causes(Now()),
              ElementsAre(Cause::kMemoryShort, Cause::kUnexplained));
}

TEST_F(ClassifierTest, NothingIsUnknownOnceTheCutHasRecovered) {
  in().state = gate::State::kStress;  // its hold has not run out yet
  EXPECT_THAT(Now(), IsEmpty());
}

TEST_F(ClassifierTest, WhatIsStaleIsNotUnknown) {
  WeakenBeyondExplanation(world.get());
  for (graph::Node& node : world->graph.nodes) node.stale = true;
  EXPECT_THAT(Now(), IsEmpty());
}

TEST_F(ClassifierTest, RanksBySeverityTimesConfidence) {
  in().connections->used = 97;
  in().memory->used_bytes = *in().memory->limit_bytes * 86 / 100;
  const std::vector<Problem> problems = Run();
  EXPECT_THAT(Causes(problems),
              ElementsAre(Cause::kConnectionSaturation, Cause::kMemoryShort));
  EXPECT_GT(problems[0].score(), problems[1].score());
}

TEST_F(ClassifierTest, ACauseComesBeforeAWorseSymptom) {
  in().vacuum_blockers = {
      {BlockerKind::kPrepared, "gid", 150000, absl::Hours(2), ""}};
  for (int64_t i = 0; i < 8; ++i) graph::Saturate(&world->world, i);
  const std::vector<Problem> problems = Run();
  ASSERT_THAT(Causes(problems),
              ElementsAre(Cause::kHeldByPrepared, Cause::kDeadTuples));
  EXPECT_GT(problems[1].severity, problems[0].severity);
  EXPECT_EQ(problems[1].explained_by, 0u);
  EXPECT_THAT(problems[1].explanation, Not(IsEmpty()));
}

TEST_F(ClassifierTest, ASymptomThatWasFoundFirstStillComesLast) {
  graph::Saturate(&world->world, 0);
  const auto& index = now().hnsw_indexes[0];
  in().recall_probes = {
      {index.oid, index.name, index.table_oid, false, 100, 1000, 0.95}};
  const std::vector<Problem> problems = Run();
  ASSERT_THAT(Causes(problems),
              ElementsAre(Cause::kDeadTuples, Cause::kHnswRecall));
  EXPECT_EQ(problems[1].explained_by, 0u);
}

TEST_F(ClassifierTest, OneTableThatIsNotStuckLeavesDeadTuplesUnexplained) {
  in().vacuum_blockers = {
      {BlockerKind::kSlot, "old", 10000000, std::nullopt, ""}};
  graph::Saturate(&world->world, 0);
  graph::Saturate(&world->world, 1);
  now().tables[1].last_vacuum = now().at - absl::Hours(7);
  for (const Problem& problem : Run()) {
    EXPECT_EQ(problem.explained_by, std::nullopt);
  }
}

TEST_F(ClassifierTest, HotWritesExplainLagOfAllStandbysOnly) {
  graph::MakeHot(&world->world, 3);
  for (auto& replica : now().replication.replicas) {
    replica.replay_lag_us = 200000000;
  }
  std::vector<Problem> problems = Run();
  ASSERT_THAT(Causes(problems),
              ElementsAre(Cause::kHotPartition, Cause::kReplayLag));
  EXPECT_EQ(problems[1].explained_by, 0u);
  now().replication.replicas[0].replay_lag_us = 0;
  for (const Problem& problem : Run()) {
    EXPECT_EQ(problem.explained_by, std::nullopt);
  }
}

TEST_F(ClassifierTest, ALostStandbyExplainsItsSlotAndTheDisk) {
  graph::DiskObservation wal = now().disks[0];
  wal.name = "pg_wal";
  wal.device = 3;
  wal.free_bytes = *wal.total_bytes / 20;
  now().disks.push_back(wal);
  graph::ReplicationSlotObservation slot;
  slot.name = "s2";
  slot.replica = "standby2";
  slot.retained_bytes = *wal.total_bytes / 2;
  now().replication.slots = {slot};
  graph::LoseReplica(&world->world, 2);
  const std::vector<Problem> problems = Run();
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_EQ(problems[0].cause, Cause::kStandbyLost);
  for (size_t i = 1; i < 3; ++i) {
    ASSERT_TRUE(problems[i].explained_by.has_value());
    EXPECT_EQ(problems[*problems[i].explained_by].cause,
              problems[i].cause == Cause::kSlotRetainsWal
                  ? Cause::kStandbyLost
                  : Cause::kSlotRetainsWal);
  }
}

TEST_F(ClassifierTest, ABlockerExplainsConnectionsThatWaitForIt) {
  in().lock_queues = {
      {4711, "ALTER TABLE", "active", "", 60, absl::Seconds(30)}};
  in().connections->used = 95;
  EXPECT_EQ(Run()[1].explained_by, 0u);
  in().lock_queues->front().waiting = 20;
  for (const Problem& problem : Run()) {
    EXPECT_EQ(problem.explained_by, std::nullopt);
  }
}

TEST_F(ClassifierTest, ABadIndexExplainsItsOwnRecallOnly) {
  now().ivf_indexes[0].rows_at_build = 50;
  const auto& index = now().ivf_indexes[0];
  in().recall_probes = {
      {index.oid, index.name, index.table_oid, true, 300, 1000, 0.95}};
  EXPECT_EQ(Run()[1].explained_by, 0u);
  in().recall_probes[0].index_oid = now().ivf_indexes[1].oid;
  for (const Problem& problem : Run()) {
    EXPECT_EQ(problem.explained_by, std::nullopt);
  }
}

TEST_F(ClassifierTest, SubjectsAreCappedAndCounted) {
  limits.max_subjects = 3;
  for (int64_t i = 0; i < 8; ++i) graph::Saturate(&world->world, i);
  now().tables[5].dead_tuples = 50 * 2050;
  now().tables[5].autovacuum_threshold = 2050;
  const Problem problem = Run()[0];
  EXPECT_EQ(problem.subjects.size(), 3u);
  EXPECT_EQ(problem.subjects_found, 8);
  for (const Evidence& evidence : problem.evidence) {
    EXPECT_THAT(evidence.source, Not(IsEmpty()));
    bool kept = false;
    for (const Subject& subject : problem.subjects) {
      kept = kept || subject.name == evidence.subject;
    }
    EXPECT_TRUE(kept) << evidence.subject;
  }
}

Problem Of(Cause cause, const std::string& subject) {
  Problem problem;
  problem.cause = cause;
  problem.subjects.emplace_back();
  problem.subjects.back().name = subject;
  return problem;
}

TEST(ConfirmTest, LetsThroughWhatLasts) {
  Persistence memory;
  const std::vector<Problem> problems = {Of(Cause::kLockPileup, "1")};
  EXPECT_THAT(Confirm(problems, 3, &memory), IsEmpty());
  EXPECT_THAT(Confirm(problems, 3, &memory), IsEmpty());
  EXPECT_EQ(Confirm(problems, 3, &memory).size(), 1u);
  EXPECT_THAT(Confirm({}, 3, &memory), IsEmpty());
  EXPECT_THAT(Confirm(problems, 3, &memory), IsEmpty());  // from the start
  EXPECT_EQ(Confirm(problems, 1, &memory).size(), 1u);
}

TEST(ConfirmTest, AnotherSubjectIsAnotherProblem) {
  Persistence memory;
  Confirm({Of(Cause::kLockPileup, "1")}, 2, &memory);
  EXPECT_THAT(Confirm({Of(Cause::kLockPileup, "2")}, 2, &memory), IsEmpty());
  EXPECT_EQ(Confirm({Of(Cause::kLockPileup, "2")}, 2, &memory).size(), 1u);
}

TEST(ConfirmTest, ASymptomWaitsForItsCause) {
  Persistence memory;
  std::vector<Problem> problems = {Of(Cause::kMemoryShort, "m"),
                                   Of(Cause::kHeldBySlot, "s"),
                                   Of(Cause::kDeadTuples, "t")};
  Confirm({problems[2]}, 2, &memory);
  problems[2].explained_by = 1;
  EXPECT_THAT(Confirm(problems, 2, &memory), IsEmpty());
  problems.erase(problems.begin());
  problems[1].explained_by = 0;
  const std::vector<Problem> confirmed = Confirm(problems, 2, &memory);
  EXPECT_THAT(Causes(confirmed),
              ElementsAre(Cause::kHeldBySlot, Cause::kDeadTuples));
  EXPECT_EQ(confirmed[1].explained_by, 0u);
}

TEST(AbiProblemTest, SaysTheSameInC) {
  Problem problem = Of(Cause::kHotPartition, "public.p7");
  problem.subjects[0].kind = "partition";
  problem.severity = 0.5;
  problem.confidence = 0.9;
  const AbiProblem abi(problem, "public.items", gate::State::kCritical);
  const ruvector_problem& c = abi.get();
  EXPECT_EQ(c.struct_size, sizeof(ruvector_problem));
  EXPECT_STREQ(c.problem_class, "hotspot_congestion");
  EXPECT_STREQ(c.cause, "hot_partition");
  EXPECT_STREQ(c.collection, "public.items");
  EXPECT_EQ(c.state, RUVECTOR_STATE_CRITICAL);
  EXPECT_EQ(c.severity, 0.5);
  EXPECT_EQ(c.confidence, 0.9);
  ASSERT_EQ(c.subject_count, 1u);
  EXPECT_STREQ(c.subjects[0].kind, "partition");
  EXPECT_STREQ(c.subjects[0].name, "public.p7");
  EXPECT_EQ(c.subjects[0].value, 1);
  const AbiProblem none(Problem(), "c", gate::State::kNormal);
  EXPECT_EQ(none.get().subjects, nullptr);
}

TEST(ProblemJsonTest, HoldsTheEvidence) {
  Problem problem = Of(Cause::kHeldBySlot, "old\xff");  // not UTF-8
  problem.evidence = {{"age_xids", "old", 5e6, "pg_replication_slots"},
                      {"detail", "", std::string("x"), "y"}};
  problem.explained_by = 2;
  const auto json = nlohmann::json::parse(ProblemJson(problem));
  EXPECT_EQ(json["class"], "maintenance_contention");
  EXPECT_EQ(json["cause"], "vacuum_held_by_slot");
  EXPECT_EQ(json["evidence"][0]["value"], 5e6);
  EXPECT_EQ(json["evidence"][1]["value"], "x");
  EXPECT_EQ(json["explained_by"], 2);
}

}  // namespace
}  // namespace ruvector::healing
