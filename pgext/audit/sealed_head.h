// Where this database's log stood when the worker last sealed an event, in
// shared memory for the server's life. [backend-main]
#ifndef RUVECTOR_PGEXT_AUDIT_SEALED_HEAD_H_
#define RUVECTOR_PGEXT_AUDIT_SEALED_HEAD_H_

#include <cstdint>
#include <optional>

#include "core/audit/types.h"
#include "pgext/bridge/pg.h"

namespace ruvector::audit {

struct SealedHead {
  Oid table;       // ruvector.integrity_events of that time
  uint64_t size;   // events
  Hash head;       // leaf hash of the last
  TimestampTz at;  // after its commit
};

// Worker: after the commit.
void NoteSealedHead(Oid table, uint64_t size, const Hash& head);

// nullopt: none sealed since the server started, or not preloaded.
std::optional<SealedHead> LastSealedHead();

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_SEALED_HEAD_H_
