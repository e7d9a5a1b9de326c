// What detectors share. Internal to core/healing.
//
// A detector is one function of a Context: it appends at most one problem per
// cause and says nothing where an input is missing. To add one: a cause in
// problem.h, a function below, its place in kDetectors of classifier.cc, its
// constants in healing_limits.h. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_DETECTOR_H_
#define RUVECTOR_CORE_HEALING_DETECTOR_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/graph/delta.h"
#include "core/graph/health.h"
#include "core/healing/healing_limits.h"
#include "core/healing/problem.h"
#include "core/healing/situation.h"

namespace ruvector::healing {

using Known = std::optional<double>;

// A situation and what every detector would otherwise work out again.
// References must outlive it; situation.now is not null.
class Context {
 public:
  Context(const Situation& situation, const HealingLimits& limits);

  const graph::TableObservation* Table(uint32_t oid) const;
  // The table has more dead tuples than the normal band allows, and vacuum
  // came and left them since `blocker` began, which holds the rows of tables. A
  // last vacuum that is not known does not speak against it.
  bool StuckBehind(const VacuumBlocker& blocker, size_t table) const;

  const Situation& in;
  const HealingLimits& limits;
  const graph::Observation& now;
  const graph::Delta delta;
  const std::vector<graph::TrafficShare> traffic;  // per table
  // Per table: judged by core/graph; empty for one that was not read.
  std::vector<std::optional<graph::Health>> tables;
};

// How far beyond its threshold: 0 at it, 1 at the worst; nullopt: not reached.
Known Degree(Known value, const Scale& scale);
// The same on a logarithmic scale, for what spans orders of magnitude.
Known LogDegree(Known value, const Scale& scale);
// For a health of core/graph: reached below band.high; at `worst` it is 1.
Known HealthDegree(Known health, double worst, const graph::Band& band);
Known Larger(Known a, Known b);
Known ToDouble(std::optional<int64_t> value);
Known ToSeconds(std::optional<absl::Duration> value);

const graph::Aspect* FindAspect(const graph::Health& health,
                                absl::string_view name);

// Gathers one problem: what is to blame, by how much, on what evidence.
class Finding {
 public:
  Finding(Cause cause, const HealingLimits& limits) : limits_(limits) {
    problem_.cause = cause;
  }

  // The problem is as severe as its worst subject; weight >= 0 is this
  // subject's part of the blame before it is divided by the sum.
  void Blame(Subject subject, double degree, double weight);
  // `threshold`: of the limits, where this value was compared with one.
  void Note(std::string key, std::string subject, Known value,
            std::string source, Known threshold = std::nullopt);
  void Note(std::string key, std::string subject, std::string text,
            std::string source);
  // All known numbers of an aspect of core/graph, with its source.
  void Note(const graph::Aspect& aspect, const std::string& subject);
  // Nothing found here is surer than this.
  void Limit(double confidence) { quality_ = std::min(quality_, confidence); }

  // Appends the problem if anything was blamed.
  void AddTo(std::vector<Problem>* problems) &&;

 private:
  const HealingLimits& limits_;
  Problem problem_;
  double quality_ = 1;
  double degree_ = 0;
};

// "partition", with its node in the graph.
Subject PartitionSubject(const graph::TableObservation& table);
// "index"; an HNSW index shows in the graph through its table.
Subject IndexSubject(std::string name, uint32_t oid, uint32_t table_oid);
// "replica" and "slot" by the names that core/graph gives their nodes.
Subject ReplicaSubject(const std::string& name);
Subject SlotSubject(const std::string& name);
Subject DependencySubject(const char* kind, std::string name, int64_t id);

// All autovacuum workers are busy and work waits: how badly.
Known QueueDegree(const Context& context);

using Detector = void (*)(const Context& context,
                          std::vector<Problem>* problems);
// detect_vector_index.cc
void DetectIvfflat(const Context& context, std::vector<Problem>* problems);
void DetectHnsw(const Context& context, std::vector<Problem>* problems);
void DetectRecall(const Context& context, std::vector<Problem>* problems);
void DetectInvalidIndexes(const Context& context,
                          std::vector<Problem>* problems);
// detect_tables.cc
void DetectHotPartitions(const Context& context,
                         std::vector<Problem>* problems);
void DetectDeadTuples(const Context& context, std::vector<Problem>* problems);
void DetectHeapBloat(const Context& context, std::vector<Problem>* problems);
void DetectUnreadable(const Context& context, std::vector<Problem>* problems);
void DetectStaleStatistics(const Context& context,
                           std::vector<Problem>* problems);
// detect_vacuum.cc
void DetectVacuumBlockers(const Context& context,
                          std::vector<Problem>* problems);
void DetectXidAge(const Context& context, std::vector<Problem>* problems);
// detect_replication.cc
void DetectReplicas(const Context& context, std::vector<Problem>* problems);
void DetectSlots(const Context& context, std::vector<Problem>* problems);
// detect_maintenance.cc
void DetectCollision(const Context& context, std::vector<Problem>* problems);
void DetectLockPileup(const Context& context, std::vector<Problem>* problems);
void DetectDependencies(const Context& context, std::vector<Problem>* problems);
// detect_resources.cc
void DetectMemory(const Context& context, std::vector<Problem>* problems);
void DetectDisks(const Context& context, std::vector<Problem>* problems);
void DetectConnections(const Context& context, std::vector<Problem>* problems);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_DETECTOR_H_
