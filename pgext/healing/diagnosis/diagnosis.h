// What the integrity worker knows of one collection's problems between two
// passes: reads what the classifier needs, classifies, confirms, writes.
//
// A problem has a row from the pass that first shows it. It is confirmed when
// it lasted (HealingLimits::confirm_passes, Confirm() of core/healing), and
// stays so while it lasts. It is resolved when as many passes in a row do not
// show it; one pass in which something was locked or could not be read does not
// end it. The same cause with other subjects is another problem.
//
// All of it is in the tables: another worker, after a crash or a restart, goes
// on where this one was. Worker only. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_DIAGNOSIS_DIAGNOSIS_H_
#define RUVECTOR_PGEXT_HEALING_DIAGNOSIS_DIAGNOSIS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/gate/state.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"
#include "core/graph/health.h"
#include "core/graph/observation.h"
#include "core/healing/healing_limits.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/diagnosis/problem_store.h"
#include "pgext/healing/sensors/server_sense.h"

namespace ruvector::healing {

// What the pass has at hand. Pointers outlive the call.
struct Examination {
  int32_t collection_id = 0;
  std::string collection;
  uint32_t table_oid = 0;
  gate::State state = gate::State::kNormal;
  const graph::Observation* now = nullptr;
  const graph::Observation* previous = nullptr;  // nullptr: the first pass
  const graph::ContractedGraph* graph = nullptr;
  const graph::Assessment* assessment = nullptr;
  graph::HealthLimits health;  // of the policy in force
  int lock_timeout_ms = 100;
  absl::Time at;
};

class Diagnosis {
 public:
  // One classification, in the caller's transaction but as a part that can
  // fail alone: the gate must not go blind because a problem could not be
  // written. An error ends the whole pass; everything else is complained of.
  absl::Status Pass(const Examination& examination, ServerSense& server);
  void Committed();
  void RolledBack();

  // Why the last pass could not diagnose, when that is news; else "".
  std::string TakeComplaint();

 private:
  absl::Status Examine(pg::SpiSession& spi, const Examination& examination,
                       ServerSense& server);
  absl::Status Write(pg::SpiSession& spi, const Examination& examination,
                     const HealingLimits& limits,
                     const std::vector<Problem>& problems);

  bool loaded_ = false;  // open_ is what the tables say
  OpenProblems open_;    // as committed
  OpenProblems pending_;
  std::string failure_;    // of the last pass; "": none
  std::string complaint_;  // not told yet
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_DIAGNOSIS_DIAGNOSIS_H_
