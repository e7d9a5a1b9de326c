// What the engine wants written, in the order in which it wants it.
// [backend-main]
//
// engine_io.h's promise: the writes of one step and the memory after it are one
// transaction; none is tried before the earlier ones are committed; one that
// fails is tried again without its intents, which are answered. What a step
// wants started is handed out when its transaction is committed.
#ifndef RUVECTOR_PGEXT_HEALING_JOURNAL_LINE_H_
#define RUVECTOR_PGEXT_HEALING_JOURNAL_LINE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/healing/engine.h"
#include "core/healing/engine_io.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/healing_tables.h"

namespace ruvector::healing {

class JournalLine {
 public:
  // `effects` of one step: those that write, and `memory` after it.
  void Append(std::vector<Effect> effects, const EngineMemory& memory);

  bool empty() const { return line_.empty(); }
  // Until when there is nothing to try; InfiniteFuture for an empty line.
  absl::Time next_try() const;

  // What came of one try.
  struct Outcome {
    bool tried = false;
    absl::Status status;                // of the transaction
    std::vector<IntentResult> intents;  // to be told to the engine
    std::vector<Effect> started;        // AskPlan, RunExecution, RunUndos
  };
  // Tries the first in line if its time has come. Opens a transaction.
  Outcome TryFirst(absl::Time now);

  // Takes a run that has not been handed out back; false: there is none.
  bool Withdraw(int64_t action);

  // The plan of an action, written with its row.
  void SetPlan(int64_t action, PlanColumns plan);
  const PlanColumns* PlanOf(int64_t action) const;

 private:
  struct Batch {
    std::vector<Effect> writes;
    std::vector<Effect> starts;
    std::string memory;
  };
  absl::Status Write(pg::SpiSession& spi, const Batch& batch);
  absl::Status WriteRow(pg::SpiSession& spi, const Action& action);

  std::deque<Batch> line_;
  std::map<int64_t, PlanColumns> plans_;
  absl::Time retry_at_ = absl::InfinitePast();
  int failures_ = 0;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_JOURNAL_LINE_H_
