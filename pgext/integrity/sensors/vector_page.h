// What pgvector's two index methods have in common on disk: every page ends in
// a trailer that links to the next page of its chain and says which method
// wrote it. Layout of pgvector 0.8.0, src/ivfflat.h and src/hnsw.h; the version
// field of the meta page did not change since 0.4.0 (IVFFlat) and 0.5.0 (HNSW),
// and another version is refused by the readers. [backend-main] Raises nothing.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_VECTOR_PAGE_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_VECTOR_PAGE_H_

#include <cstdint>

#include "pgext/bridge/pg.h"
extern "C" {
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemid.h"
}

namespace ruvector::sensors {

struct PageTrailer {
  BlockNumber next;
  uint16_t unused;
  uint16_t page_id;
};
static_assert(sizeof(PageTrailer) == 8);

inline constexpr int kTrailerOffset = BLCKSZ - MAXALIGN(sizeof(PageTrailer));

inline const PageTrailer& TrailerOf(const char* page) {
  return *reinterpret_cast<const PageTrailer*>(page + kTrailerOffset);
}

// Extended and not written yet: an insert at work, or one cut off by a crash.
inline bool IsNewPage(const char* page) {
  return PageIsNew(const_cast<char*>(page));
}

// A page of this method whose line pointers lie where they must.
inline bool IsVectorPage(const char* page, uint16_t page_id) {
  const auto* header = reinterpret_cast<const PageHeaderData*>(page);
  return header->pd_special == kTrailerOffset &&
         header->pd_lower >= SizeOfPageHeaderData &&
         header->pd_lower <= header->pd_upper &&
         header->pd_upper <= header->pd_special &&
         TrailerOf(page).page_id == page_id;
}

// The item at `offset`, or nullptr if it is unused or does not lie on the page
// with at least `least` bytes. `page` passed IsVectorPage.
inline const char* ItemAt(const char* page, OffsetNumber offset, Size least,
                          Size* length) {
  const auto* item = PageGetItemId(const_cast<char*>(page), offset);
  if (!ItemIdIsUsed(item)) return nullptr;
  const unsigned at = ItemIdGetOffset(item);
  *length = ItemIdGetLength(item);
  if (*length < least || at < SizeOfPageHeaderData ||
      at + *length > static_cast<Size>(kTrailerOffset)) {
    return nullptr;
  }
  return page + at;
}

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_VECTOR_PAGE_H_
