// Rows of ruvector.problems and ruvector.diagnoses. Worker only.
// [backend-main] In the caller's transaction.
#ifndef RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_STORE_H_
#define RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_STORE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/gate/state.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"
#include "core/healing/problem.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// A row that is not resolved, as far as the next pass needs it.
struct OpenProblem {
  int64_t id = 0;
  int passes = 0;
  int missed = 0;
  bool confirmed = false;
  absl::Time first_seen;
  std::set<std::string> subjects;
};
using OpenProblems = std::map<Cause, OpenProblem>;

// Rows of causes that this version does not know are left alone.
absl::StatusOr<OpenProblems> LoadOpenProblems(pg::SpiSession& spi,
                                              const std::string& collection);

// What the row shows of a problem beside what OpenProblem has.
struct ShownProblem {
  const Problem& problem;
  int rank = 0;              // from 1
  const Problem* explained;  // the problem that explains it, or nullptr
  gate::State state;
  const graph::ContractedGraph* graph;  // both or neither
  const graph::Assessment* assessment;
  absl::Time at;
};

// A row of its own for a problem seen for the first time; its id.
absl::StatusOr<int64_t> InsertProblem(pg::SpiSession& spi,
                                      const std::string& collection,
                                      const OpenProblem& row,
                                      const ShownProblem& shown);
// Seen again. False: someone deleted the row.
absl::StatusOr<bool> UpdateProblem(pg::SpiSession& spi, const OpenProblem& row,
                                   const ShownProblem& shown);
// Not seen this time.
absl::Status MissProblem(pg::SpiSession& spi, const OpenProblem& row);
// Gone. One that was never confirmed leaves no trace; for a confirmed one the
// row stays, and rows older than ruvector.problem_retention go.
absl::Status CloseProblem(pg::SpiSession& spi, const std::string& collection,
                          const OpenProblem& row, absl::Time at);

// Notes the pass; its number.
absl::StatusOr<int64_t> NotePass(
    pg::SpiSession& spi, int32_t collection_id, absl::Time at,
    double milliseconds, const std::map<std::string, std::string>& unread);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_STORE_H_
