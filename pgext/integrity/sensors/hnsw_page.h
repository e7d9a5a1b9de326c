// pgvector's HNSW index on disk, as far as the sensor reads it. Layout of
// pgvector 0.8.0 (src/hnsw.h, hnswutils.c, hnswvacuum.c):
//
//   block 0     meta page
//   block 1 ..  element tuples and neighbour tuples, mixed. An element names
//               its neighbour tuple, which lies on the same page if it fits.
//
// A neighbour tuple holds (level + 2) * m slots, upper levels first; the last
// 2 * m are those of level 0. Unused slots are invalid item pointers. VACUUM
// clears the heap pointers of a dead element first, repairs the graph around
// it, then marks it deleted and clears its slots; an insert may reuse it.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_HNSW_PAGE_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_HNSW_PAGE_H_

#include <cstddef>
#include <cstdint>

#include "pgext/integrity/sensors/vector_page.h"
extern "C" {
#include "storage/itemptr.h"
}

namespace ruvector::sensors::hnsw {

inline constexpr uint32_t kMagic = 0xA953A953;
inline constexpr uint32_t kVersion = 1;
inline constexpr uint16_t kPageId = 0xFF90;
inline constexpr BlockNumber kMetaBlock = 0;
inline constexpr BlockNumber kFirstElementBlock = 1;
inline constexpr uint8_t kElement = 1;
inline constexpr uint8_t kNeighbours = 2;
inline constexpr int kHeapPointers = 10;

struct MetaPage {
  uint32_t magic;
  uint32_t version;
  uint32_t dimensions;
  uint16_t m;
  uint16_t ef_construction;
};
static_assert(sizeof(MetaPage) == 16);

struct Element {
  uint8_t type;
  uint8_t level;
  uint8_t deleted;
  uint8_t version;
  ItemPointerData heap_pointers[kHeapPointers];
  ItemPointerData neighbours;
  uint16_t unused;
};
static_assert(sizeof(Element) == 72);

struct NeighbourHeader {
  uint8_t type;
  uint8_t version;
  uint16_t count;
};
static_assert(sizeof(NeighbourHeader) == 4);

inline const ItemPointerData* SlotsOf(const NeighbourHeader* header) {
  return reinterpret_cast<const ItemPointerData*>(header + 1);
}

}  // namespace ruvector::sensors::hnsw

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_HNSW_PAGE_H_
