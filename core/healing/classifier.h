// What is wrong with a collection: all problems that one pass shows, ranked.
//
// Every detector runs on every pass, whatever lambda and the state are: most
// faults never move the cut. Classes come from causes, never from the size or
// the shape of the cut; the witness only raises the confidence in a problem
// whose subjects its weak edges touch.
//
// Rank: problems that stand for themselves before symptoms (explained_by), and
// within both severity times confidence, highest first. So an old snapshot
// comes before the dead tuples that it keeps, however many they are.
//
// Unknown is the answer only where the state is not normal, the cut is weak,
// and no detector's subjects touch a weak edge of it.
//
// One pass has no memory. Noise is the caller's: Confirm() lets through what
// lasted, and its memory is a value that the caller keeps.
// Source: design.md 7; spec/self-healing.md; operations-anchors.md 0.2 no. 5.
#ifndef RUVECTOR_CORE_HEALING_CLASSIFIER_H_
#define RUVECTOR_CORE_HEALING_CLASSIFIER_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/healing/healing_limits.h"
#include "core/healing/problem.h"
#include "core/healing/situation.h"

namespace ruvector::healing {

// At most one problem per cause. Empty: nothing is wrong that anyone can see.
// The same situation gives the same result. InvalidArgument: no observation,
// only one of graph and assessment, or a witness edge that the graph does not
// have. Cost: linear in observed objects. [any-thread]
absl::StatusOr<std::vector<Problem>> Classify(const Situation& situation,
                                              const HealingLimits& limits);

// How long which problem has been there. A value: copy, store, drop.
struct Persistence {
  struct Seen {
    int passes = 0;
    std::set<std::string> subjects;
  };
  std::map<Cause, Seen> causes;
};

// The problems that were there in `passes` consecutive calls, this one
// included, with at least one subject in common from call to call. A symptom
// waits until what explains it is confirmed. Order and explained_by are kept
// up. passes >= 1. [any-thread]
std::vector<Problem> Confirm(const std::vector<Problem>& problems, int passes,
                             Persistence* memory);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_CLASSIFIER_H_
