// What the classifier found, as the engine takes it: ruvector_problem
// (core/plugin/plugin_abi.h) with values that own their text. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_INCIDENT_H_
#define RUVECTOR_CORE_HEALING_INCIDENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/no_postgres.h"

namespace ruvector::healing {

// An object that the evidence points at.
struct IncidentSubject {
  std::string kind;  // "partition", "index", ...
  std::string name;
  double value = 0;  // its share of the blame, 0 .. 1; NaN unknown
};

struct Incident {
  std::string collection;     // as enrolled
  std::string problem_class;  // "hotspot_congestion", ...; "unknown"
  std::string cause;          // sub-cause, "" if none
  uint32_t gate_state = 0;    // ruvector_state of the collection
  double severity = 0;        // 0 .. 1
  double confidence = 0;      // 0 .. 1
  std::vector<IncidentSubject> subjects;
};

// What experience is about: the same sort of fault, wherever it happens.
struct ProblemKey {
  std::string problem_class;
  std::string cause;

  bool operator<(const ProblemKey& other) const {
    return problem_class != other.problem_class
               ? problem_class < other.problem_class
               : cause < other.cause;
  }
  bool operator==(const ProblemKey& other) const {
    return problem_class == other.problem_class && cause == other.cause;
  }
};

// One fault of one collection, from its first report until it is gone.
struct IncidentKey {
  std::string collection;
  ProblemKey problem;

  bool operator<(const IncidentKey& other) const {
    return collection != other.collection ? collection < other.collection
                                          : problem < other.problem;
  }
  bool operator==(const IncidentKey& other) const {
    return collection == other.collection && problem == other.problem;
  }
};

inline ProblemKey ProblemOf(const Incident& incident) {
  return {incident.problem_class, incident.cause};
}
inline IncidentKey KeyOf(const Incident& incident) {
  return {incident.collection, ProblemOf(incident)};
}

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_INCIDENT_H_
