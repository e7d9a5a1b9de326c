// test_consume_xids(n): uses up transaction ids as n transactions would, in no
// time. Within a page of pg_subtrans ids are skipped as if they had been
// assigned (PostgreSQL 17's module xid_wraparound does the same); at its end
// one is assigned, so that pg_xact and pg_subtrans grow as they must.
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/sql_entry.h"
extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "storage/lwlock.h"
}

namespace {

// subtrans.c: the smallest of the pages that must grow with the ids.
constexpr uint32_t kXidsPerPage = BLCKSZ / sizeof(TransactionId);

// How many ids were skipped, at most `wanted`: never over a page's edge.
int64_t Skip(int64_t wanted) {
  LWLockAcquire(XidGenLock, LW_EXCLUSIVE);
  const uint32_t next = XidFromFullTransactionId(RV_NEXT_XID);
  int64_t left = 0;
  if (next > 100 && next % kXidsPerPage != 0) {
    left = kXidsPerPage - 1 - next % kXidsPerPage;
  }
  const int64_t skipped = left < wanted ? left : wanted;
  RV_NEXT_XID.value += static_cast<uint64_t>(skipped);
  LWLockRelease(XidGenLock);
  return skipped;
}

}  // namespace

RV_SQL_FUNCTION(ruvector_test_consume_xids) {
  int64_t wanted = PG_GETARG_INT64(0);
  (void)GetTopTransactionId();
  while (wanted > 0) {
    CHECK_FOR_INTERRUPTS();
    wanted -= Skip(wanted);
    if (wanted <= 0) break;
    (void)GetNewTransactionId(true);
    --wanted;
  }
  PG_RETURN_VOID();
}
