// Injects the faults of this field into a healthy, noisy world, with what they
// drag along, as all sensors together would report it. Test only.
//
// Magnitudes are those of incident reports, drawn per seed from mild to
// severe; they know nothing of the classifier's thresholds. Every sensor but
// those of the fault may be missing. Same seed and faults, same world.
#ifndef RUVECTOR_CORE_HEALING_FAULT_WORLD_H_
#define RUVECTOR_CORE_HEALING_FAULT_WORLD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/graph/test_world.h"
#include "core/healing/problem.h"
#include "core/healing/situation.h"

namespace ruvector::healing {

// Where a situation and what it points to live together. Not movable: the
// situation points into it.
struct FaultWorld {
  FaultWorld() = default;
  FaultWorld(const FaultWorld&) = delete;
  FaultWorld& operator=(const FaultWorld&) = delete;

  // Builds and assesses the graph of `world` and sets the pointers and the
  // state; call after every change.
  void Finish();

  graph::World world;
  graph::ContractedGraph graph;
  graph::Assessment assessment;
  Situation situation;
};

// Every sensor of healing present, quiet and exact; the world is as given.
std::unique_ptr<FaultWorld> Quiet(const graph::Shape& shape);

// The causes that can be injected.
const std::vector<Cause>& InjectableFaults();

std::unique_ptr<FaultWorld> Inject(uint64_t seed,
                                   const std::vector<Cause>& faults);

// A probe of `trials` neighbours at this true recall, target 0.95.
RecallProbe Probe(Rng* rng, const graph::Observation& now, size_t index,
                  bool ivfflat, double recall);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_FAULT_WORLD_H_
