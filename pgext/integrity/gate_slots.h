// The gate in shared memory: one slot per enrolled collection of any
// database. [backend-main]
//
// The integrity worker of the collection's database writes a slot, after the
// transaction that decided has committed; every backend reads it without a
// lock. What is read is either the published whole or tried again (a sequence
// lock); counters and buckets are atomics. A crash restart empties all slots;
// the workers fill them again from the tables, and until then the tables
// answer (stored_gate.h).
#ifndef RUVECTOR_PGEXT_INTEGRITY_GATE_SLOTS_H_
#define RUVECTOR_PGEXT_INTEGRITY_GATE_SLOTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/gate/decision.h"
#include "core/gate/token_bucket.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
}

namespace ruvector::integrity {

// What became of a request at the gate.
enum class Outcome : uint8_t {
  kAllowed,
  kThrottled,  // allowed after a wait for its token
  kDeferred,   // had to wait for improvement, whatever came of it
  kRejected,
  kShadowed,  // would have been held or refused, mode shadow
  kBypassed,  // ruvector.bypass
};
inline constexpr int kNumOutcomes = 6;
const char* OutcomeName(Outcome outcome);

// What an error or a status names beside the decision.
struct GateFacts {
  float norm;         // the smaller of both cuts, normalised; NaN: unknown
  float lambda_norm;  // the global one; NaN: unknown
  bool stale;
  uint32_t retry_secs;  // soonest improvement; 0: unknown
  TimestampTz published;
  char policy[64];
  char forced[128];    // the reason of an override in force; else empty
  char witness[1536];  // text, UTF-8
};

// Refusals of one operation that no event tells of yet.
struct PendingRefusals {
  std::atomic<uint64_t> count;
  std::atomic<int64_t> told_at;  // when the last event was made, microseconds
};

struct GateSlot {
  // Identity. Guarded by GateShared::lock; `database` invalid: free.
  Oid database;
  int32_t collection_id;
  Oid table;
  AttrNumber column;  // of `table`; its partitions may number it otherwise
  char name[256];
  // Grows when the slot changes hands, so that late releases miss it.
  std::atomic<uint32_t> epoch;

  // Published by the worker under the sequence lock (odd: being written).
  std::atomic<uint32_t> sequence;
  gate::GateTable table_of_answers;
  GateFacts facts;

  // Any backend, any time.
  std::array<std::atomic<uint32_t>, gate::kNumOperations> in_flight;
  std::array<std::array<std::atomic<uint64_t>, kNumOutcomes>,
             gate::kNumOperations>
      counts;
  std::array<gate::TokenBucket, gate::kNumOperations> buckets;
  std::array<PendingRefusals, gate::kNumOperations> refused;
  std::array<PendingRefusals, gate::kNumOperations> shadowed;
  // How many healing acts must not wait behind deferred statements now.
  std::atomic<int32_t> no_defer;
  // Broadcast at every publication, signalled when a place gets free.
  ConditionVariable changed;
};
static_assert(std::is_trivially_destructible_v<GateSlot>);

size_t GateSlotsSize();
void InitGateSlots(LWLock* lock);

// 0 without preloading.
int GateSlotsTotal();
// -1 without preloading: unknown, and nothing to run out of.
int GateSlotsFree();

GateSlot* GateSlotAt(int index);

// Grows whenever a slot gets or loses a collection; a backend's own map of
// its database's slots is good while it stands still.
uint64_t GateGeneration();

// The collections of one database as the worker wants them.
struct SlotIdentity {
  int32_t collection_id;
  Oid table;
  AttrNumber column;
  const char* name;
};
// Gives each identity a slot, keeps those that have one, frees the rest of
// this database. `slots[i]` becomes the slot index of identities[i], or -1
// when none was free. Worker only.
void AssignGateSlots(Oid database, const SlotIdentity* identities, int count,
                     int* slots);
void FreeGateSlots(Oid database);
// Lets every backend look anew at who has a slot. Worker only.
void TurnGateGeneration();

// Worker only.
void PublishGate(GateSlot& slot, const gate::GateTable& table,
                 const GateFacts& facts);

// A decision on the published table, without a lock.
inline gate::Decision DecideAtSlot(const GateSlot& slot,
                                   gate::Operation operation,
                                   const gate::Load& load) {
  for (;;) {
    const uint32_t before = slot.sequence.load(std::memory_order_acquire);
    const gate::Decision decision =
        gate::Decide(slot.table_of_answers, operation, load);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 &&
        slot.sequence.load(std::memory_order_relaxed) == before) {
      return decision;
    }
  }
}

GateFacts ReadGateFacts(const GateSlot& slot);

inline void CountOutcome(GateSlot& slot, gate::Operation operation,
                         Outcome outcome) {
  slot.counts[static_cast<size_t>(operation)][static_cast<size_t>(outcome)]
      .fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_GATE_SLOTS_H_
