// Real queries for the recall probe: a uniform sample of the searches on each
// collection since its last probe, taken as they pass the gate.
// [backend-main]
//
// Which search is taken is decided by Vitter's reservoir sampling in Li's form
// (Algorithm L): the next one to take is known beforehand, so all others cost
// one atomic increment and one compare. A taken query goes into a small box in
// shared memory; the integrity worker empties the box into the table
// ruvector.recall_queries, where `index` is its row. One collection alone never
// fills the box; what finds it full is lost.
//
// Memory: fixed at startup; a query longer than kMaxQueryBytes is not taken.
// Privacy: what is taken is data of the users. It is readable by
// ruvector_admin only, in the table; nothing is logged.
// Source: J. S. Vitter, ACM TOMS 11 (1985); K.-H. Li, ACM TOMS 20 (1994).
#ifndef RUVECTOR_PGEXT_HEALING_RECALL_QUERY_RESERVOIR_H_
#define RUVECTOR_PGEXT_HEALING_RECALL_QUERY_RESERVOIR_H_

#include <cstddef>
#include <cstdint>

#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/lwlock.h"
}

namespace ruvector::healing {

constexpr int kReservoirSize = 32;       // queries of one collection
constexpr int kBoxSize = 64;             // of all, not yet in the tables
constexpr size_t kMaxQueryBytes = 8208;  // a vector of 2,050 dimensions

struct TakenQuery {
  Oid database;
  int32_t collection_id;
  int32_t index;  // 0 .. kReservoirSize - 1
  Oid type;
  int32_t k;          // its LIMIT, at most 100; 10 without one
  int32_t ef_search;  // as set in its session; -1: pgvector was not loaded
  int32_t probes;
  TimestampTz at;
  uint32_t bytes;
  alignas(8) char data[kMaxQueryBytes];  // a varlena, not compressed
};

size_t QueryReservoirSize();
// `lock` comes from the extension's tranche. From the startup hook.
void InitQueryReservoir(LWLock* lock);

// Counts a search at a gate slot and says whether it is one to take. False for
// ever without preloading or with ruvector.recall_capture off.
bool CountSearch(int slot);

// Puts the query into the box if it still is the one to take; fills in `index`.
// Never waits: when others are at the box, the next search is taken instead.
void OfferQuery(int slot, TakenQuery& query);

// Worker: takes one query of this database out of the box.
bool TakeFromBox(Oid database, TakenQuery& out);
// Worker: whether there is one.
bool QueriesWait(Oid database);
// Worker: the collection was probed; the sample begins anew. The rows stay
// until others take their places.
void BeginSample(int slot);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_RECALL_QUERY_RESERVOIR_H_
