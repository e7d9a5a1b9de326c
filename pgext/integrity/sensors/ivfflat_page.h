// pgvector's IVFFlat index on disk, as far as the sensor reads it. Layout of
// pgvector 0.8.0 (src/ivfflat.h, ivfbuild.c, ivfinsert.c):
//
//   block 0       meta page
//   block 1 ..    list pages, one item a list: ListHeader, then the center
//   then          for each list in turn, one run of consecutive entry pages,
//                 each filled to capacity but the last (the tail), as the
//                 build wrote them; the runs touch each other
//   build_end ..  pages that later inserts appended, each linked to the end
//                 of its list's chain, lists mixed in the order of time
//
// An entry is an ordinary index tuple. VACUUM removes entries and keeps pages.
// The runs are what this sensor lives by: since list i + 1 starts where the
// run of list i ended, a few list pages tell how many pages, and within one
// page how many rows, every list had when the index was built.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_PAGE_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_PAGE_H_

#include <cstddef>
#include <cstdint>

#include "pgext/integrity/sensors/vector_page.h"

namespace ruvector::sensors::ivfflat {

inline constexpr uint32_t kMagic = 0x14FF1A7;
inline constexpr uint32_t kVersion = 1;
inline constexpr uint16_t kPageId = 0xFF84;
inline constexpr BlockNumber kMetaBlock = 0;
inline constexpr BlockNumber kFirstListBlock = 1;

struct MetaPage {
  uint32_t magic;
  uint32_t version;
  uint16_t dimensions;
  uint16_t lists;
};
static_assert(sizeof(MetaPage) == 12);

// The center follows: a varlena with a four-byte header.
struct ListHeader {
  BlockNumber start_page;
  BlockNumber insert_page;
};
static_assert(sizeof(ListHeader) == 8);

}  // namespace ruvector::sensors::ivfflat

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_PAGE_H_
