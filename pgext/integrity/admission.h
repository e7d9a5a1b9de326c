// A statement asks the gate, and waits or is refused. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_ADMISSION_H_
#define RUVECTOR_PGEXT_INTEGRITY_ADMISSION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "core/gate/operation.h"
#include "pgext/integrity/gate_slots.h"
extern "C" {
#include "nodes/plannodes.h"
}

namespace ruvector::integrity {

// SQLSTATEs of the gate, class 53 (insufficient resources): all of them may
// succeed when tried again later.
inline constexpr char kSqlStateRejected[] = "53RV1";     // refused
inline constexpr char kSqlStateDeferred[] = "53RV2";     // waited in vain
inline constexpr char kSqlStateThrottled[] = "53RV3";    // the line is full
inline constexpr char kSqlStateConcurrency[] = "53RV4";  // too many at once

inline int SqlState(const char (&code)[6]) {
  return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

struct Request {
  gate::Operation operation;
  int64_t rows = 0;  // 0: unknown
  // Locks or a snapshot are held already: a defer waits only while nobody
  // who heals the collection could be waiting for us.
  bool holds_locks = false;
  // Its privileges are checked before anything but "allow" is answered: who may
  // not run it learns nothing, and takes no place in a line. nullptr: checked.
  const PlannedStmt* statement = nullptr;
  // False: holds a lock that nobody may be made to wait for. Refused instead.
  bool may_wait = true;
};

// OK when the statement may run now: after its wait for a token, after the
// state improved, or because the mode is off or shadow. Otherwise a class-53
// Status with DETAIL (state, norm, policy, witness edges) and HINT (what to
// do, when to retry). Waits are interruptible and show as wait events.
absl::Status Admit(int slot, const Request& request);

// Whether a running statement that has touched `rows` rows would still be let
// in; never waits. For bulk loads that show their size as they go.
absl::Status Readmit(int slot, const Request& request);

// Counts one operation in flight until `context` is deleted, however the
// statement ends. Refuses (53RV4) when others entered since Admit and the
// limit is reached.
absl::Status EnterInFlight(int slot, gate::Operation operation,
                           MemoryContext context);

// When asking again can make sense, in seconds: when the line has room, when
// the state can have improved or its override ends. 0: no time helps.
uint32_t SecondsUntilRetry(const GateSlot& slot,
                           const gate::Decision& decision);

// Whose gate refused, or would have: what its event tells beside the decision.
struct Refuser {
  int32_t collection_id;
  std::string collection;
  float lambda_norm;  // NaN: unknown
  std::string policy;
};

// Puts an event of `count` refusals into the event ring.
void PushRefusalEvent(const Refuser& by, const gate::Decision& decision,
                      Outcome outcome, uint64_t count);

// Puts refusals that no event has told of yet into the event ring. From the
// worker's round, before it publishes another table: what is published still
// is what refused them.
void FlushRefusals(GateSlot& slot);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_ADMISSION_H_
