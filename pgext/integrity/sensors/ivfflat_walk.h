// Reads a sample of the pages of one IVFFlat index. [backend-main]
//
// Everything here is plain data and runs inside PgCall: it may raise, and a
// longjmp skips no destructor. Results that grow are palloc'd in the context
// of the caller.
//
// Order of reading, so that a small budget still says the most:
//   1. meta page, list pages (at most half of the limit)
//   2. the tail of every list's run; it tells whether the list was appended to
//   3. with equal shares of what is left, the chains and the bodies
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_WALK_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_WALK_H_

#include "pgext/integrity/sensors/ivfflat_estimate.h"
#include "pgext/integrity/sensors/pass.h"

extern "C" {
#include "fmgr.h"
}

namespace ruvector::sensors::ivfflat {

// Why the pages could not be understood; nullptr when they could.
struct Fault {
  const char* what = nullptr;
  BlockNumber block = 0;
  // True: not damage, but a format that this sensor does not know.
  bool unknown_format = false;
};

struct WalkedList {
  BlockNumber start = InvalidBlockNumber;
  BlockNumber insert = InvalidBlockNumber;
  // First block of the chain that was not read yet.
  BlockNumber next = InvalidBlockNumber;
  char* center = nullptr;  // palloc'd varlena
  double center_norm = 0;  // where the metric needs it
  ListSample sample;
};

struct Walk {
  Fault fault;
  int64_t declared_lists = 0;
  int64_t dimensions = 0;
  IndexShape shape;
  WalkedList* lists = nullptr;  // palloc'd, those whose list page was read
  int64_t list_count = 0;
};

// Reads at most `page_limit` pages of `index`, which is open and locked.
Walk WalkIndex(PageReader& reader, Relation index, int64_t page_limit);

}  // namespace ruvector::sensors::ivfflat

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_WALK_H_
