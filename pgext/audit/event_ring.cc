#include "pgext/audit/event_ring.h"

#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
extern "C" {
#include "storage/shmem.h"
}

namespace ruvector::audit {
namespace {

// A slot is free while its ticket is 0; tickets grow, so that the order of
// arrival survives holes.
struct Slot {
  uint64_t ticket;
  RingEvent event;
};

struct Overflow {
  Oid database;
  uint64_t count;
};

struct Ring {
  // Immutable after startup.
  LWLock* lock;
  int size;
  // Guarded by lock.
  uint64_t next_ticket;
  Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

Ring* ring = nullptr;  // scope: backend, into shared memory
// Guarded by ring->lock; an entry is free while its database is invalid.
Overflow* overflows = nullptr;
int overflow_count = 0;

Overflow* FindOverflowLocked(Oid database) {
  for (int i = 0; i < overflow_count; ++i) {
    if (overflows[i].database == database) return &overflows[i];
  }
  return nullptr;
}

void CountOverflowLocked(Oid database) {
  Overflow* entry = FindOverflowLocked(database);
  if (entry == nullptr) entry = FindOverflowLocked(InvalidOid);
  if (entry == nullptr) return;
  entry->database = database;
  ++entry->count;
}

size_t SlotsSize() {
  return add_size(offsetof(Ring, slots),
                  mul_size(settings::audit_ring_size, sizeof(Slot)));
}

// The database's slot of the lowest ticket above `after`; nullptr for none.
Slot* OldestLocked(Oid database, uint64_t after) {
  Slot* oldest = nullptr;
  for (int i = 0; i < ring->size; ++i) {
    Slot& slot = ring->slots[i];
    if (slot.ticket <= after || slot.event.database != database) continue;
    if (oldest == nullptr || slot.ticket < oldest->ticket) oldest = &slot;
  }
  return oldest;
}

}  // namespace

size_t EventRingSize() {
  return add_size(MAXALIGN(SlotsSize()),
                  mul_size(settings::max_databases, sizeof(Overflow)));
}

void InitEventRing(LWLock* lock) {
  bool found = false;
  ring = static_cast<Ring*>(
      ShmemInitStruct("ruvector event ring", EventRingSize(), &found));
  overflows = reinterpret_cast<Overflow*>(reinterpret_cast<char*>(ring) +
                                          MAXALIGN(SlotsSize()));
  overflow_count = settings::max_databases;
  if (found) return;
  memset(ring, 0, EventRingSize());
  ring->lock = lock;
  ring->size = settings::audit_ring_size;
  ring->next_ticket = 1;
}

bool PushRingEvent(const RingEvent& event) {
  if (ring == nullptr) return false;
  bool stored = false;
  // What nobody would take out must not keep the others' events out.
  const bool served = boot::HasDatabaseEntry(event.database);
  LWLockAcquire(ring->lock, LW_EXCLUSIVE);
  for (int i = 0; i < ring->size && served && !stored; ++i) {
    Slot& slot = ring->slots[i];
    if (slot.ticket != 0) continue;
    slot.event = event;
    slot.ticket = ring->next_ticket++;
    stored = true;
  }
  if (!stored) CountOverflowLocked(event.database);
  LWLockRelease(ring->lock);
  boot::WakeWorker(event.database);
  return stored;
}

bool PeekRingEvent(Oid database, uint64_t after, RingEvent& event,
                   uint64_t& ticket) {
  if (ring == nullptr) return false;
  LWLockAcquire(ring->lock, LW_SHARED);
  const Slot* slot = OldestLocked(database, after);
  if (slot != nullptr) {
    event = slot->event;
    ticket = slot->ticket;
  }
  LWLockRelease(ring->lock);
  return slot != nullptr;
}

void RemoveRingEvents(Oid database, uint64_t ticket) {
  if (ring == nullptr) return;
  LWLockAcquire(ring->lock, LW_EXCLUSIVE);
  for (int i = 0; i < ring->size; ++i) {
    Slot& slot = ring->slots[i];
    if (slot.event.database == database && slot.ticket <= ticket) {
      slot.ticket = 0;
    }
  }
  LWLockRelease(ring->lock);
}

void ForgetRingOfDatabase(Oid database) {
  if (ring == nullptr) return;
  LWLockAcquire(ring->lock, LW_EXCLUSIVE);
  for (int i = 0; i < ring->size; ++i) {
    if (ring->slots[i].event.database == database) ring->slots[i].ticket = 0;
  }
  if (Overflow* entry = FindOverflowLocked(database)) *entry = {};
  LWLockRelease(ring->lock);
}

RingStatus GetRingStatus(Oid database) {
  RingStatus status{0, 0, 0};
  if (ring == nullptr) return status;
  LWLockAcquire(ring->lock, LW_SHARED);
  for (int i = 0; i < ring->size; ++i) {
    const Slot& slot = ring->slots[i];
    if (slot.ticket == 0 || slot.event.database != database) continue;
    ++status.waiting;
    if (status.oldest == 0 || slot.event.at < status.oldest) {
      status.oldest = slot.event.at;
    }
  }
  if (const Overflow* entry = FindOverflowLocked(database)) {
    status.overflowed = entry->count;
  }
  LWLockRelease(ring->lock);
  return status;
}

}  // namespace ruvector::audit
