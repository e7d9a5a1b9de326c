// The committed problems of this database, for whoever acts on them.
//
// Written by the integrity worker in the transaction of each pass (tables
// ruvector.diagnoses and ruvector.problems, pgext/sql/tables_problems.sql), so
// a reader sees a pass as a whole or not at all. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_READER_H_
#define RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/incident.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// What the last committed pass over one collection found.
struct CollectionDiagnosis {
  int32_t collection_id = 0;
  std::string collection;  // as enrolled
  // ruvector.diagnoses.pass: grows by one with each pass of this collection,
  // across restarts. A reader that remembers it knows what is new to it.
  int64_t pass = 0;
  absl::Time at;  // when that pass began
  // Confirmed and not resolved, those that stand for themselves: a symptom
  // (explained_by) is cured by curing its cause and is left out. Worst first.
  // A problem that one pass did not see is still here until as many passes as
  // confirm one have not seen it.
  std::vector<Incident> problems;
};

// Collections that had at least one pass, by id; one without a problem is
// listed with none. Two statements. Needs SELECT on both tables.
absl::StatusOr<std::vector<CollectionDiagnosis>> ReadProblems(
    pg::SpiSession& spi);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_DIAGNOSIS_PROBLEM_READER_H_
