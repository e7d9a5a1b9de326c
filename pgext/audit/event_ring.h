// Events that cannot be rows yet: of transactions that roll back (a refusal),
// and of read-only and standby sessions. [backend-main]
//
// A ring in shared memory; the database's integrity worker takes them out,
// seals and signs them. What does not fit is counted per database and
// reported by ruvector_verify_chain(). A crash restart empties the ring: the
// resume event that follows says so.
#ifndef RUVECTOR_PGEXT_AUDIT_EVENT_RING_H_
#define RUVECTOR_PGEXT_AUDIT_EVENT_RING_H_

#include <cstddef>
#include <cstdint>

#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::audit {

// Plain data: it is written in frames that a longjmp may cross. Texts are
// NUL-terminated UTF-8; JSON that does not fit is left out, never cut.
struct RingEvent {
  Oid database;
  int32_t collection_id;  // 0: none
  TimestampTz at;
  float lambda_norm;  // NaN: unknown
  char collection_name[256];
  char event_type[64];
  char state[16];
  char metadata[1536];  // JSON object
};

size_t EventRingSize();
void InitEventRing(LWLock* lock);

// Puts an event in and wakes the worker. False (and counted) when the ring is
// full or no worker will come for the database (RequireDatabaseEntry), or when
// the library was not preloaded. Never raises.
bool PushRingEvent(const RingEvent& event);

// Copies this database's oldest event that is not older than `after` in ring
// order, without removing it. Returns false when there is none. `ticket`
// names it for RemoveRingEvents.
bool PeekRingEvent(Oid database, uint64_t after, RingEvent& event,
                   uint64_t& ticket);
// Removes this database's events up to and including `ticket`; after the
// transaction that sealed them has committed.
void RemoveRingEvents(Oid database, uint64_t ticket);
// What is here of a database that was dropped: its events and its count.
void ForgetRingOfDatabase(Oid database);

struct RingStatus {
  uint64_t waiting;
  TimestampTz oldest;  // 0: none
  uint64_t overflowed;
};
RingStatus GetRingStatus(Oid database);

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_EVENT_RING_H_
