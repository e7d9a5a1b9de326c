#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/hnsw_page.h"
#include "pgext/integrity/sensors/index_visit.h"
#include "pgext/integrity/sensors/sense.h"

namespace ruvector::sensors {
namespace {

using graph::Access;
using graph::HnswIndexObservation;
using hnsw::Element;
using hnsw::MetaPage;
using hnsw::NeighbourHeader;
using pg::PgCall;

// What the sampled pages hold.
struct Counts {
  const char* fault = nullptr;
  BlockNumber fault_block = 0;
  bool unknown_format = false;
  MetaPage meta{};
  int64_t total_pages = 0;
  int64_t sampled_pages = 0;
  int64_t elements = 0;
  int64_t deleted = 0;
  int64_t dead = 0;
  int64_t slots = 0;
  int64_t used_slots = 0;
};

struct Walker {
  PageReader& reader;
  Relation index;
  int64_t left;
  Counts counts;
  // Where the neighbours of an element do not fit its page.
  BlockNumber other_block;
  PGAlignedBlock page;
  PGAlignedBlock other;

  bool Fail(const char* what, BlockNumber block, bool unknown = false) {
    counts.fault = what;
    counts.fault_block = block;
    counts.unknown_format = unknown;
    return false;
  }
};

bool Read(Walker& walker, BlockNumber block, char* page) {
  if (walker.left <= 0 || block >= walker.counts.total_pages) return false;
  if (!ReadPage(walker.reader, walker.index, block, page)) return false;
  --walker.left;
  if (!IsVectorPage(page, hnsw::kPageId) && !IsNewPage(page)) {
    return walker.Fail("not a page of an hnsw index", block);
  }
  return true;
}

bool ReadMeta(Walker& walker) {
  if (walker.counts.total_pages == 0) {
    return walker.Fail("the index is empty", hnsw::kMetaBlock);
  }
  if (!Read(walker, hnsw::kMetaBlock, walker.page.data)) return false;
  const auto& meta =
      *reinterpret_cast<const MetaPage*>(PageGetContents(walker.page.data));
  if (meta.magic != hnsw::kMagic) {
    return walker.Fail("the meta page lacks hnsw's magic number",
                       hnsw::kMetaBlock);
  }
  if (meta.version != hnsw::kVersion) {
    return walker.Fail("the hnsw version is not 1", hnsw::kMetaBlock, true);
  }
  walker.counts.meta = meta;
  return true;
}

// The neighbour tuple of an element on the page in hand; nullptr where it is
// elsewhere and the budget does not reach, or where it was replaced meanwhile.
const NeighbourHeader* FindNeighbours(Walker& walker, BlockNumber block,
                                      const Element& element) {
  const BlockNumber at = ItemPointerGetBlockNumberNoCheck(&element.neighbours);
  const OffsetNumber offset =
      ItemPointerGetOffsetNumberNoCheck(&element.neighbours);
  char* page = walker.page.data;
  if (at != block) {
    page = walker.other.data;
    if (at != walker.other_block) {
      walker.other_block = InvalidBlockNumber;
      if (!Read(walker, at, page)) return nullptr;
      walker.other_block = at;
    }
  }
  if (IsNewPage(page) || offset < FirstOffsetNumber ||
      offset > PageGetMaxOffsetNumber(page)) {
    return nullptr;
  }
  Size length = 0;
  const char* item = ItemAt(page, offset, sizeof(NeighbourHeader), &length);
  const auto* header = reinterpret_cast<const NeighbourHeader*>(item);
  const bool usable =
      header != nullptr && header->type == hnsw::kNeighbours &&
      header->version == element.version &&
      sizeof(NeighbourHeader) + header->count * sizeof(ItemPointerData) <=
          length;
  return usable ? header : nullptr;
}

void CountSlots(Walker& walker, BlockNumber block, const Element& element) {
  const NeighbourHeader* header = FindNeighbours(walker, block, element);
  if (header == nullptr) return;
  const int ground = 2 * walker.counts.meta.m;
  if (header->count < ground) return;
  const ItemPointerData* slots =
      hnsw::SlotsOf(header) + (header->count - ground);
  walker.counts.slots += ground;
  for (int i = 0; i < ground; ++i) {
    if (ItemPointerIsValid(&slots[i])) ++walker.counts.used_slots;
  }
}

void CountPage(Walker& walker, BlockNumber block) {
  ++walker.counts.sampled_pages;
  if (IsNewPage(walker.page.data)) return;
  const OffsetNumber last = PageGetMaxOffsetNumber(walker.page.data);
  for (OffsetNumber at = FirstOffsetNumber; at <= last; ++at) {
    Size length = 0;
    const char* item =
        ItemAt(walker.page.data, at, sizeof(NeighbourHeader), &length);
    if (item == nullptr ||
        *reinterpret_cast<const uint8_t*>(item) != hnsw::kElement ||
        length < sizeof(Element)) {
      continue;
    }
    const auto& element = *reinterpret_cast<const Element*>(item);
    ++walker.counts.elements;
    if (element.deleted != 0) {
      ++walker.counts.deleted;
    } else if (!ItemPointerIsValid(&element.heap_pointers[0])) {
      ++walker.counts.dead;
    } else {
      CountSlots(walker, block, element);
    }
  }
}

Counts CountIndex(PageReader& reader, Relation index, int64_t page_limit) {
  Walker walker{reader, index, page_limit, Counts(), InvalidBlockNumber,
                {},     {}};
  walker.counts.total_pages = RelationGetNumberOfBlocks(index);
  if (!ReadMeta(walker)) return walker.counts;
  const int64_t pages = walker.counts.total_pages - hnsw::kFirstElementBlock;
  // Where neighbours lie on another page (large vectors), each page costs two.
  const int64_t count = std::min(walker.left / 2, pages);
  for (int64_t i = 0; i < count; ++i) {
    const auto block = static_cast<BlockNumber>(
        hnsw::kFirstElementBlock + (2 * i + 1) * pages / (2 * count));
    if (!Read(walker, block, walker.page.data)) break;
    CountPage(walker, block);
  }
  return walker.counts;
}

void Fill(const Counts& counts, HnswIndexObservation& index) {
  if (counts.fault != nullptr) {
    // A format that we do not know is no fault and will not pass.
    index.access =
        counts.unknown_format ? Access::kReadable : Access::kUnreadable;
    index.access_reason =
        absl::StrCat(counts.fault, " (block ", counts.fault_block, ")");
    return;
  }
  index.total_pages = counts.total_pages;
  if (counts.meta.magic == 0) {
    index.access = Access::kNotSampled;
    index.access_reason = "no page budget left";
    return;
  }
  index.m = counts.meta.m;
  index.ef_construction = counts.meta.ef_construction;
  index.dimensions = counts.meta.dimensions;
  index.sampled_pages = counts.sampled_pages;
  index.elements = counts.elements;
  index.deleted_elements = counts.deleted;
  index.dead_elements = counts.dead;
  if (counts.slots > 0) {
    index.neighbour_fill =
        static_cast<double>(counts.used_slots) / counts.slots;
  }
}

}  // namespace

absl::Status SenseHnsw(Pass& pass, const VectorIndex& target,
                       int64_t page_limit) {
  HnswIndexObservation index;
  index.oid = target.oid;
  index.table_oid = target.table;
  RV_ASSIGN_OR_RETURN(index.name, RelationName(target.oid));
  const absl::Status status = Attempt([&]() -> absl::Status {
    IndexVisit visit;
    RV_RETURN_IF_ERROR(PgCall([&] { VisitIndex(target.oid, visit); }));
    if (FillVisit(visit, index)) {
      RV_ASSIGN_OR_RETURN(const Counts counts, PgCall([&] {
                            return CountIndex(pass.pages, visit.relation,
                                              page_limit);
                          }));
      Fill(counts, index);
    }
    return PgCall([&] { EndVisit(visit); });
  });
  if (EndsPass(status)) return status;
  FillFailure(status, index);
  pass.observation().hnsw_indexes.push_back(std::move(index));
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
