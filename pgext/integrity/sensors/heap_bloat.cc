#include "pgext/integrity/sensors/sense.h"

extern "C" {
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_am_d.h"
#include "storage/bufpage.h"
#include "storage/itemid.h"
#include "storage/procarray.h"
}

namespace ruvector::sensors {
namespace {

bool Committed(TransactionId xid) {
  return !TransactionIdIsCurrentTransactionId(xid) &&
         !TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid);
}

// Whether somebody can see or may yet see the tuple, without leaving a hint
// bit behind: inserted and not aborted, not deleted by a committed
// transaction.
bool IsLive(HeapTupleHeader tuple) {
  if (!HeapTupleHeaderXminCommitted(tuple)) {
    if (HeapTupleHeaderXminInvalid(tuple)) return false;
    const TransactionId xmin = HeapTupleHeaderGetRawXmin(tuple);
    if (TransactionIdIsCurrentTransactionId(xmin) ||
        TransactionIdIsInProgress(xmin)) {
      return true;
    }
    if (!TransactionIdDidCommit(xmin)) return false;
  }
  if ((tuple->t_infomask & HEAP_XMAX_INVALID) != 0) return true;
  if (HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask)) return true;
  if ((tuple->t_infomask & HEAP_XMAX_COMMITTED) != 0) return false;
  const TransactionId updater = HeapTupleHeaderGetUpdateXid(tuple);
  return !TransactionIdIsValid(updater) || !Committed(updater);
}

// A damaged line pointer may lead anywhere.
bool LiesOnPage(ItemId item) {
  return ItemIdGetLength(item) >= SizeofHeapTupleHeader &&
         ItemIdGetOffset(item) + ItemIdGetLength(item) <= BLCKSZ;
}

// Free space plus the bytes of dead tuples.
Size UnusedBytes(Page page) {
  if (PageIsNew(page)) return BLCKSZ - SizeOfPageHeaderData;
  Size unused = PageGetExactFreeSpace(page);
  const OffsetNumber last = PageGetMaxOffsetNumber(page);
  for (OffsetNumber at = FirstOffsetNumber; at <= last; ++at) {
    const ItemId item = PageGetItemId(page, at);
    if (!ItemIdIsNormal(item) || !LiesOnPage(item)) continue;
    if (!IsLive(reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item)))) {
      unused += ItemIdGetLength(item);
    }
  }
  return unused;
}

struct Sampled {
  int64_t pages = 0;
  double unused_share = 0;
};

Sampled SamplePages(PageReader& reader, Relation relation, int64_t blocks,
                    int64_t wanted) {
  Sampled sampled;
  const int64_t count = Min(wanted, blocks);
  PGAlignedBlock page;
  double unused = 0;
  for (int64_t i = 0; i < count; ++i) {
    // Evenly spread, the same ones in every pass.
    const auto block =
        static_cast<BlockNumber>((2 * i + 1) * blocks / (2 * count));
    if (!ReadPage(reader, relation, block, page.data)) break;
    unused += static_cast<double>(UnusedBytes(page.data));
    ++sampled.pages;
  }
  if (sampled.pages > 0) {
    sampled.unused_share =
        unused / (static_cast<double>(sampled.pages) * BLCKSZ);
  }
  return sampled;
}

}  // namespace

HeapSample SampleHeap(PageReader& reader, Relation table, int64_t page_limit) {
  HeapSample result;
  // The pages of another access method would not be understood.
  if (table->rd_rel->relam != HEAP_TABLE_AM_OID) return result;
  bool locked = false;
  const Oid toast_oid = table->rd_rel->reltoastrelid;
  Relation toast =
      OidIsValid(toast_oid) ? OpenIfFree(toast_oid, locked) : nullptr;
  result.heap_pages = RelationGetNumberOfBlocks(table);
  result.toast_pages = toast != nullptr ? RelationGetNumberOfBlocks(toast) : 0;
  const int64_t all = result.heap_pages + result.toast_pages;
  int64_t toast_wanted = all > 0 ? page_limit * result.toast_pages / all : 0;
  // One page of the table itself shows that it can be read.
  if (result.heap_pages > 0 && toast_wanted == page_limit && page_limit > 0) {
    --toast_wanted;
  }
  const Sampled heap =
      SamplePages(reader, table, result.heap_pages, page_limit - toast_wanted);
  Sampled toasted;
  if (toast != nullptr) {
    toasted = SamplePages(reader, toast, result.toast_pages, toast_wanted);
    CloseAndUnlock(toast);
  }
  result.heap_pages_sampled = heap.pages;
  result.toast_pages_sampled = toasted.pages;
  // A part that was not sampled is left out of the weight.
  const double heap_weight = heap.pages > 0 ? result.heap_pages : 0;
  const double toast_weight = toasted.pages > 0 ? result.toast_pages : 0;
  if (heap_weight + toast_weight > 0) {
    result.unused_share = (heap.unused_share * heap_weight +
                           toasted.unused_share * toast_weight) /
                          (heap_weight + toast_weight);
  }
  return result;
}

}  // namespace ruvector::sensors
