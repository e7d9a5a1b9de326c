#include "core/healing/classifier.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/healing/detector.h"
#include "core/healing/explain.h"
#include "core/healing/witness_support.h"

namespace ruvector::healing {
namespace {

constexpr Detector kDetectors[] = {
    DetectHotPartitions, DetectIvfflat,         DetectRecall,
    DetectReplicas,      DetectSlots,           DetectCollision,
    DetectLockPileup,    DetectVacuumBlockers,  DetectDependencies,
    DetectHnsw,          DetectInvalidIndexes,  DetectDeadTuples,
    DetectHeapBloat,     DetectStaleStatistics, DetectXidAge,
    DetectMemory,        DetectDisks,           DetectConnections,
    DetectUnreadable,
};

absl::Status Check(const Situation& situation) {
  if (situation.now == nullptr) {
    return absl::InvalidArgumentError("situation without an observation");
  }
  if ((situation.graph == nullptr) != (situation.assessment == nullptr)) {
    return absl::InvalidArgumentError(
        "a graph and its assessment are given both or not at all");
  }
  if (situation.graph == nullptr) return absl::OkStatus();
  const size_t edges = situation.graph->edges.size();
  for (uint32_t edge : situation.assessment->witness) {
    if (edge >= edges) {
      return absl::InvalidArgumentError(absl::StrCat(
          "witness edge ", edge, " of a graph with ", edges, " edges"));
    }
  }
  return absl::OkStatus();
}

// result[i] = problems[order[i]]; explained_by follows. What it points to and
// `order` leaves out is not explained any more.
std::vector<Problem> Reorder(const std::vector<Problem>& problems,
                             const std::vector<size_t>& order) {
  std::vector<std::optional<size_t>> position(problems.size());
  for (size_t i = 0; i < order.size(); ++i) position[order[i]] = i;
  std::vector<Problem> result;
  for (size_t from : order) {
    result.push_back(problems[from]);
    std::optional<size_t>& by = result.back().explained_by;
    if (by.has_value()) by = position[*by];
  }
  return result;
}

std::vector<Problem> Rank(const std::vector<Problem>& problems) {
  std::vector<size_t> order(problems.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const Problem& left = problems[a];
    const Problem& right = problems[b];
    if (left.explained_by.has_value() != right.explained_by.has_value()) {
      return right.explained_by.has_value();
    }
    return left.score() > right.score();
  });
  return Reorder(problems, order);
}

// What a row and a plan can hold; subjects_found tells of the rest.
void Shorten(size_t most, Problem* problem) {
  if (problem->subjects.size() <= most) return;
  std::set<std::string> dropped;
  for (size_t i = most; i < problem->subjects.size(); ++i) {
    dropped.insert(problem->subjects[i].name);
  }
  problem->subjects.resize(most);
  for (const Subject& kept : problem->subjects) dropped.erase(kept.name);
  auto& evidence = problem->evidence;
  evidence.erase(std::remove_if(evidence.begin(), evidence.end(),
                                [&](const Evidence& one) {
                                  return dropped.count(one.subject) > 0;
                                }),
                 evidence.end());
}

}  // namespace

absl::StatusOr<std::vector<Problem>> Classify(const Situation& situation,
                                              const HealingLimits& limits) {
  RV_RETURN_IF_ERROR(Check(situation));
  const Context context(situation, limits);
  std::vector<Problem> problems;
  for (Detector detect : kDetectors) detect(context, &problems);
  SupportByWitness(situation, limits, &problems);
  AddUnknown(situation, limits, &problems);
  Explain(context, &problems);
  problems = Rank(problems);
  for (Problem& problem : problems) Shorten(limits.max_subjects, &problem);
  return problems;
}

std::vector<Problem> Confirm(const std::vector<Problem>& problems, int passes,
                             Persistence* memory) {
  std::map<Cause, Persistence::Seen> seen;
  for (const Problem& problem : problems) {
    Persistence::Seen& now = seen[problem.cause];
    for (const Subject& subject : problem.subjects) {
      now.subjects.insert(subject.name);
    }
    now.passes = 1;
    const auto before = memory->causes.find(problem.cause);
    if (before == memory->causes.end()) continue;
    for (const std::string& name : now.subjects) {
      if (before->second.subjects.count(name) > 0) {
        now.passes = before->second.passes + 1;
        break;
      }
    }
  }
  memory->causes = std::move(seen);

  const auto lasted = [&](const Problem& problem) {
    return memory->causes[problem.cause].passes >= passes;
  };
  std::vector<size_t> order;
  for (size_t i = 0; i < problems.size(); ++i) {
    const std::optional<size_t> by = problems[i].explained_by;
    if (lasted(problems[i]) && (!by.has_value() || lasted(problems[*by]))) {
      order.push_back(i);
    }
  }
  return Reorder(problems, order);
}

}  // namespace ruvector::healing
