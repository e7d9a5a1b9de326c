#include "pgext/integrity/gate_slots.h"

#include <limits>

#include "pgext/boot/settings.h"
extern "C" {
#include "storage/shmem.h"
}

namespace ruvector::integrity {
namespace {

struct GateShared {
  // Immutable after startup.
  LWLock* lock;
  int size;
  std::atomic<uint64_t> generation;
};

GateShared* shared = nullptr;  // scope: backend, into shared memory
GateSlot* slots = nullptr;

size_t HeaderSize() { return MAXALIGN(sizeof(GateShared)); }

GateSlot* FindLocked(Oid database, int32_t collection_id) {
  for (int i = 0; i < shared->size; ++i) {
    if (slots[i].database == database &&
        slots[i].collection_id == collection_id) {
      return &slots[i];
    }
  }
  return nullptr;
}

GateSlot* FindFreeLocked() {
  for (int i = 0; i < shared->size; ++i) {
    if (!OidIsValid(slots[i].database)) return &slots[i];
  }
  return nullptr;
}

void FreeLocked(GateSlot& slot) {
  slot.epoch.fetch_add(1, std::memory_order_acq_rel);
  slot.database = InvalidOid;
  slot.collection_id = 0;
  ConditionVariableBroadcast(&slot.changed);
}

// Everything but epoch and the condition variable starts from nothing.
void TakeLocked(GateSlot& slot, Oid database, const SlotIdentity& identity) {
  gate::GateTable nothing;
  memset(static_cast<void*>(&nothing), 0, sizeof(nothing));
  GateFacts unknown;
  memset(&unknown, 0, sizeof(unknown));
  unknown.norm = std::numeric_limits<float>::quiet_NaN();
  unknown.lambda_norm = unknown.norm;
  unknown.stale = true;
  PublishGate(slot, nothing, unknown);
  for (int op = 0; op < gate::kNumOperations; ++op) {
    slot.in_flight[op].store(0);
    for (PendingRefusals* p : {&slot.refused[op], &slot.shadowed[op]}) {
      p->count.store(0);
      p->told_at.store(0);
    }
    for (auto& count : slot.counts[op]) count.store(0);
    slot.buckets[op].Configure(0, 1, 0, 0);
  }
  slot.no_defer.store(0);
  slot.table = identity.table;
  slot.column = identity.column;
  slot.collection_id = identity.collection_id;
  strlcpy(slot.name, identity.name, sizeof(slot.name));
  slot.epoch.fetch_add(1, std::memory_order_acq_rel);
  slot.database = database;
}

}  // namespace

const char* OutcomeName(Outcome outcome) {
  constexpr std::array<const char*, kNumOutcomes> kNames = {
      "allowed", "throttled", "deferred", "rejected", "shadowed", "bypassed"};
  return kNames[static_cast<size_t>(outcome)];
}

size_t GateSlotsSize() {
  return add_size(HeaderSize(),
                  mul_size(settings::max_collections, sizeof(GateSlot)));
}

void InitGateSlots(LWLock* lock) {
  bool found = false;
  char* base = static_cast<char*>(
      ShmemInitStruct("ruvector gate slots", GateSlotsSize(), &found));
  shared = reinterpret_cast<GateShared*>(base);
  slots = reinterpret_cast<GateSlot*>(base + HeaderSize());
  if (found) return;
  memset(base, 0, GateSlotsSize());
  shared->lock = lock;
  shared->size = settings::max_collections;
  shared->generation.store(1);
  for (int i = 0; i < shared->size; ++i) {
    ConditionVariableInit(&slots[i].changed);
  }
}

int GateSlotsTotal() { return shared != nullptr ? shared->size : 0; }

int GateSlotsFree() {
  if (shared == nullptr) return -1;
  int free = 0;
  LWLockAcquire(shared->lock, LW_SHARED);
  for (int i = 0; i < shared->size; ++i) {
    free += !OidIsValid(slots[i].database);
  }
  LWLockRelease(shared->lock);
  return free;
}

GateSlot* GateSlotAt(int index) { return &slots[index]; }

uint64_t GateGeneration() {
  return shared != nullptr ? shared->generation.load(std::memory_order_acquire)
                           : 0;
}

void AssignGateSlots(Oid database, const SlotIdentity* identities, int count,
                     int* out) {
  bool changed = false;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  for (int i = 0; i < shared->size; ++i) {
    if (slots[i].database != database) continue;
    bool wanted = false;
    for (int k = 0; k < count && !wanted; ++k) {
      wanted = identities[k].collection_id == slots[i].collection_id;
    }
    if (!wanted) {
      FreeLocked(slots[i]);
      changed = true;
    }
  }
  for (int k = 0; k < count; ++k) {
    GateSlot* slot = FindLocked(database, identities[k].collection_id);
    if (slot == nullptr) {
      slot = FindFreeLocked();
      if (slot != nullptr) {
        TakeLocked(*slot, database, identities[k]);
        changed = true;
      }
    } else if (slot->table != identities[k].table ||
               slot->column != identities[k].column ||
               strcmp(slot->name, identities[k].name) != 0) {
      slot->table = identities[k].table;
      slot->column = identities[k].column;
      strlcpy(slot->name, identities[k].name, sizeof(slot->name));
      changed = true;
    }
    out[k] = slot != nullptr ? static_cast<int>(slot - slots) : -1;
  }
  if (changed) TurnGateGeneration();
  LWLockRelease(shared->lock);
}

void TurnGateGeneration() {
  shared->generation.fetch_add(1, std::memory_order_acq_rel);
}

void FreeGateSlots(Oid database) {
  AssignGateSlots(database, nullptr, 0, nullptr);
}

void PublishGate(GateSlot& slot, const gate::GateTable& table,
                 const GateFacts& facts) {
  slot.sequence.fetch_add(1, std::memory_order_acq_rel);
  std::atomic_thread_fence(std::memory_order_release);
  slot.table_of_answers = table;
  slot.facts = facts;
  slot.sequence.fetch_add(1, std::memory_order_release);
  ConditionVariableBroadcast(&slot.changed);
}

GateFacts ReadGateFacts(const GateSlot& slot) {
  GateFacts facts;
  for (;;) {
    const uint32_t before = slot.sequence.load(std::memory_order_acquire);
    facts = slot.facts;
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 &&
        slot.sequence.load(std::memory_order_relaxed) == before) {
      return facts;
    }
  }
}

}  // namespace ruvector::integrity
