#include "pgext/integrity/sensors/ivfflat_walk.h"

#include <algorithm>
#include <cmath>

#include "pgext/integrity/sensors/ivfflat_page.h"
extern "C" {
#include "access/genam.h"
#include "access/itup.h"
#include "access/relation.h"
#include "utils/memutils.h"
}

namespace ruvector::sensors::ivfflat {
namespace {

// Distances measured per page, evenly spread: enough for a mean that is good
// to a tenth even where a list fits one page.
constexpr int kMeasuredPerPage = 32;

// Support functions of pgvector's operator classes for IVFFlat.
constexpr uint16_t kDistanceProc = 1;
constexpr uint16_t kKmeansDistanceProc = 3;
constexpr uint16_t kKmeansNormProc = 4;

// The distance that k-means minimised when it placed the centers: the operator
// class's own (L2, Hamming), or for spherical k-means (cosine, inner product)
// the angle over pi, from the negative inner product and the norm.
struct Metric {
  FmgrInfo* distance = nullptr;
  FmgrInfo* norm = nullptr;  // set: spherical
  Oid collation = InvalidOid;
};

struct Walker {
  PageReader& reader;
  Relation index;
  int64_t left;
  Walk walk;
  Metric metric;
  MemoryContext scratch;
  Size entry_size = 0;
  bool entries_differ = false;
  PGAlignedBlock page;

  bool Fail(const char* what, BlockNumber block, bool unknown = false) {
    walk.fault = {what, block, unknown};
    return false;
  }
};

FmgrInfo* SupportProc(Relation index, uint16_t number) {
  if (!OidIsValid(index_getprocid(index, 1, number))) return nullptr;
  return index_getprocinfo(index, 1, number);
}

Metric MetricOf(Relation index) {
  Metric metric;
  metric.collation = index->rd_indcollation[0];
  metric.norm = SupportProc(index, kKmeansNormProc);
  metric.distance = SupportProc(
      index, metric.norm != nullptr ? kDistanceProc : kKmeansDistanceProc);
  return metric;
}

double Norm(const Metric& metric, Datum vector) {
  return DatumGetFloat8(
      FunctionCall1Coll(metric.norm, metric.collation, vector));
}

// NaN for a zero vector under a spherical metric.
double DistanceToCenter(const Metric& metric, Datum vector,
                        const WalkedList& list) {
  const double raw = DatumGetFloat8(FunctionCall2Coll(
      metric.distance, metric.collation, vector, PointerGetDatum(list.center)));
  if (metric.norm == nullptr) return raw;
  const double norms = Norm(metric, vector) * list.center_norm;
  if (norms <= 0) return std::nan("");
  return std::acos(std::clamp(-raw / norms, -1.0, 1.0)) / M_PI;
}

// Reads a block into walker.page; false when the budget is used up or at a
// fault.
bool Read(Walker& walker, BlockNumber block) {
  if (walker.left <= 0) return false;
  if (block >= walker.walk.shape.blocks) {
    // Appended since we looked?
    walker.walk.shape.blocks = RelationGetNumberOfBlocks(walker.index);
    if (block >= walker.walk.shape.blocks) {
      return walker.Fail("a link leads beyond the end of the index", block);
    }
  }
  if (!ReadPage(walker.reader, walker.index, block, walker.page.data)) {
    return false;
  }
  --walker.left;
  if (!IsVectorPage(walker.page.data, kPageId)) {
    return walker.Fail("not a page of an ivfflat index", block);
  }
  return true;
}

bool ReadMeta(Walker& walker) {
  if (walker.walk.shape.blocks == 0) {
    return walker.Fail("the index is empty", kMetaBlock);
  }
  if (!Read(walker, kMetaBlock)) return false;
  const auto& meta =
      *reinterpret_cast<const MetaPage*>(PageGetContents(walker.page.data));
  if (meta.magic != kMagic) {
    return walker.Fail("the meta page lacks ivfflat's magic number",
                       kMetaBlock);
  }
  if (meta.version != kVersion) {
    return walker.Fail("the ivfflat version is not 1", kMetaBlock, true);
  }
  walker.walk.declared_lists = meta.lists;
  walker.walk.dimensions = meta.dimensions;
  return true;
}

// Whether this is the payload of a vector, a halfvec or a bit string of so
// many dimensions. pgvector's functions believe what a value says of itself;
// a damaged one must not reach them.
bool HasShape(const char* payload, Size size, int64_t dimensions) {
  const Size fields = size - sizeof(int32_t);
  if (size < sizeof(int32_t)) return false;
  if (fields == dimensions * sizeof(float) ||
      fields == dimensions * sizeof(uint16_t)) {
    int16_t own = 0;
    memcpy(&own, payload, sizeof(own));
    return own == dimensions;
  }
  int32_t own = 0;
  memcpy(&own, payload, sizeof(own));
  return fields == static_cast<Size>((dimensions + 7) / 8) && own == dimensions;
}

// The varlena at `value`, which has `room` bytes; plain where it was
// compressed (bit strings may be), nullptr where it is no such value.
const char* SoundValue(const char* value, int64_t room, int64_t dimensions) {
  if (room < 1 || VARATT_IS_1B_E(value)) return nullptr;
  const bool is_short = VARATT_IS_1B(value);
  if (!is_short && room < static_cast<int64_t>(VARHDRSZ_COMPRESSED)) {
    return nullptr;
  }
  const int64_t size = is_short ? VARSIZE_1B(value) : VARSIZE_4B(value);
  if (size > room || (!is_short && size < VARHDRSZ)) return nullptr;
  if (VARATT_IS_COMPRESSED(value)) {
    value =
        reinterpret_cast<const char*>(PG_DETOAST_DATUM(PointerGetDatum(value)));
  }
  return HasShape(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), dimensions)
             ? value
             : nullptr;
}

// Copies the lists of the page in hand.
bool TakeLists(Walker& walker, BlockNumber block) {
  Walk& walk = walker.walk;
  const char* page = walker.page.data;
  const OffsetNumber last = PageGetMaxOffsetNumber(const_cast<char*>(page));
  for (OffsetNumber at = FirstOffsetNumber; at <= last; ++at) {
    if (walk.list_count == walk.declared_lists) break;
    Size length = 0;
    const char* item = ItemAt(page, at, sizeof(ListHeader) + VARHDRSZ, &length);
    if (item == nullptr) return walker.Fail("a list lies off its page", block);
    const auto& header = *reinterpret_cast<const ListHeader*>(item);
    const char* center = item + sizeof(ListHeader);
    if (!VARATT_IS_4B_U(center) ||
        SoundValue(center, length - sizeof(ListHeader), walk.dimensions) ==
            nullptr) {
      return walker.Fail("a list has no center", block);
    }
    WalkedList& list = walk.lists[walk.list_count];
    list = WalkedList();
    list.sample.id = walk.list_count++;
    list.start = header.start_page;
    list.insert = header.insert_page;
    list.sample.insert_block = header.insert_page;
    list.center = static_cast<char*>(palloc(VARSIZE(center)));
    memcpy(list.center, center, VARSIZE(center));
    if (walker.metric.norm != nullptr) {
      list.center_norm = Norm(walker.metric, PointerGetDatum(list.center));
    }
  }
  return true;
}

bool ReadListPages(Walker& walker, int64_t page_limit) {
  Walk& walk = walker.walk;
  walk.lists = static_cast<WalkedList*>(
      palloc(sizeof(WalkedList) * std::max<int64_t>(1, walk.declared_lists)));
  BlockNumber block = kFirstListBlock;
  for (int64_t read = 0; BlockNumberIsValid(block) && read < page_limit;
       ++read) {
    if (!Read(walker, block)) return walk.fault.what == nullptr;
    if (!TakeLists(walker, block)) return false;
    const BlockNumber next = TrailerOf(walker.page.data).next;
    if (next == block) return walker.Fail("a list page links to itself", block);
    block = next;
  }
  return true;
}

// Counts the entries of the page in hand and measures some of them.
void TakeEntries(Walker& walker, const WalkedList& list, Stratum& stratum) {
  char* page = walker.page.data;
  const int last = PageGetMaxOffsetNumber(page);
  const int stride = (last + kMeasuredPerPage - 1) / kMeasuredPerPage;
  ++stratum.pages_read;
  MemoryContext outer = MemoryContextSwitchTo(walker.scratch);
  for (int at = FirstOffsetNumber; at <= last; ++at) {
    Size length = 0;
    const char* item = ItemAt(page, at, sizeof(IndexTupleData), &length);
    if (item == nullptr) continue;
    auto* entry = reinterpret_cast<IndexTuple>(const_cast<char*>(item));
    if (IndexTupleSize(entry) > length) continue;
    ++stratum.rows_read;
    if (walker.entry_size == 0) walker.entry_size = length;
    if (walker.entry_size != length) walker.entries_differ = true;
    const bool measure = (at - FirstOffsetNumber) % stride == 0 &&
                         walker.metric.distance != nullptr;
    if (!measure) continue;
    const char* stored = item + IndexInfoFindDataOffset(entry->t_info);
    const char* value =
        SoundValue(stored, item + length - stored, walker.walk.dimensions);
    if (value == nullptr) continue;
    const double distance =
        DistanceToCenter(walker.metric, PointerGetDatum(value), list);
    if (!std::isfinite(distance)) continue;
    ++stratum.measured;
    stratum.distance_sum += distance;
  }
  MemoryContextSwitchTo(outer);
  MemoryContextReset(walker.scratch);
}

// The build runs touch each other: list i ends where list i + 1 starts. False
// if they do not, which no known build leaves behind.
bool RunsAreContiguous(const Walk& walk) {
  for (int64_t i = 0; i < walk.list_count; ++i) {
    const WalkedList& list = walk.lists[i];
    if (!BlockNumberIsValid(list.start)) return false;
    if (i + 1 < walk.list_count && walk.lists[i + 1].start <= list.start) {
      return false;
    }
  }
  return true;
}

bool ReadTail(Walker& walker, WalkedList& list, BlockNumber tail) {
  if (!Read(walker, tail)) return false;
  list.sample.visited = true;
  list.sample.body_pages = tail - list.start;
  TakeEntries(walker, list, list.sample.tail);
  list.next = TrailerOf(walker.page.data).next;
  list.sample.chain_finished = !BlockNumberIsValid(list.next);
  if (BlockNumberIsValid(list.next) && list.next <= tail) {
    return walker.Fail("a chain leads backwards", tail);
  }
  return true;
}

// The last list's run ends where the first other list was appended to, give
// or take the pages that it had appended itself by then. When no other was,
// its own appended pages cannot be told from built ones: believed only while
// the run is no longer than others make likely.
bool LastRunIsPlausible(const Walk& walk, int64_t run_pages) {
  if (walk.list_count < 2) return false;
  if (walk.shape.build_end < walk.shape.blocks) return true;
  int64_t longest = 0;
  for (int64_t i = 0; i + 1 < walk.list_count; ++i) {
    longest = std::max<int64_t>(longest,
                                walk.lists[i + 1].start - walk.lists[i].start);
  }
  return run_pages <= 2 * longest + 1;
}

// Pages at the end that a crash left behind empty belong to nobody. False when
// the budget is used up.
bool DropNewPages(Walker& walker, BlockNumber first_kept) {
  IndexShape& shape = walker.walk.shape;
  while (shape.build_end == shape.blocks && shape.blocks > first_kept + 1) {
    if (walker.left <= 0 || !ReadPage(walker.reader, walker.index,
                                      shape.blocks - 1, walker.page.data)) {
      return false;
    }
    --walker.left;
    if (!IsNewPage(walker.page.data)) break;
    --shape.blocks;
    --shape.build_end;
  }
  return true;
}

// The tails of all lists but the last whose list page was read: its run ends
// where something was first appended, which only the others can tell.
bool ReadTails(Walker& walker) {
  Walk& walk = walker.walk;
  const int64_t others = walk.list_count - 1;
  BlockNumber build_end = walk.shape.blocks;
  // With too small a budget, evenly spread lists instead of the first ones.
  const int64_t wanted = std::clamp<int64_t>(walker.left - 1, 0, others);
  for (int64_t k = 0; k < wanted; ++k) {
    const int64_t i = (2 * k + 1) * others / (2 * wanted);
    WalkedList& list = walk.lists[i];
    if (!ReadTail(walker, list, walk.lists[i + 1].start - 1)) {
      return walk.fault.what == nullptr;
    }
    if (BlockNumberIsValid(list.next)) {
      build_end = std::min(build_end, list.next);
    }
  }
  walk.shape.build_end = build_end;
  const bool all_lists = walk.list_count == walk.declared_lists;
  if (!all_lists || wanted < others) return true;
  WalkedList& last = walk.lists[others];
  if (build_end <= last.start) {
    return walker.Fail("a chain leads back into the built pages", build_end);
  }
  if (!DropNewPages(walker, last.start)) return walk.fault.what == nullptr;
  if (!ReadTail(walker, last, walk.shape.build_end - 1)) {
    return walk.fault.what == nullptr;
  }
  last.sample.run_known = LastRunIsPlausible(walk, last.sample.body_pages + 1);
  walk.shape.complete = true;
  return true;
}

bool WalkChain(Walker& walker, WalkedList& list, int64_t& share) {
  ListSample& sample = list.sample;
  while (BlockNumberIsValid(list.next) && share > 0) {
    const BlockNumber block = list.next;
    if (!Read(walker, block)) return walker.walk.fault.what == nullptr;
    --share;
    TakeEntries(walker, list, sample.appended);
    if (sample.first_appended < 0) sample.first_appended = block;
    sample.last_appended = block;
    list.next = TrailerOf(walker.page.data).next;
    // Inserts only ever link to a block that was new then.
    if (BlockNumberIsValid(list.next) && list.next <= block) {
      return walker.Fail("a chain leads backwards", block);
    }
  }
  sample.chain_finished = !BlockNumberIsValid(list.next);
  return true;
}

bool SampleBody(Walker& walker, WalkedList& list, int64_t share) {
  const int64_t pages = list.sample.body_pages;
  const int64_t count = std::min(share, pages);
  for (int64_t i = 0; i < count; ++i) {
    const auto block = static_cast<BlockNumber>(
        list.start + (2 * i + 1) * pages / (2 * count));
    if (!Read(walker, block)) return walker.walk.fault.what == nullptr;
    TakeEntries(walker, list, list.sample.body);
  }
  return true;
}

// What is left, in equal shares; what a list does not need goes to the next.
bool ReadShares(Walker& walker) {
  Walk& walk = walker.walk;
  int64_t waiting = 0;
  for (int64_t i = 0; i < walk.list_count; ++i) {
    waiting += walk.lists[i].sample.visited ? 1 : 0;
  }
  for (int64_t i = 0; i < walk.list_count; ++i) {
    WalkedList& list = walk.lists[i];
    if (!list.sample.visited) continue;
    const int64_t share = walker.left / waiting--;
    // The body gets half, the chain all that the body does not need.
    const int64_t body = std::min(list.sample.body_pages, (share + 1) / 2);
    int64_t chain = share - body;
    if (!WalkChain(walker, list, chain)) return false;
    if (!SampleBody(walker, list, body + chain)) return false;
  }
  return true;
}

void WalkPages(Walker& walker, int64_t page_limit) {
  if (!ReadMeta(walker)) return;
  if (!ReadListPages(walker, std::max<int64_t>(1, page_limit / 2))) return;
  Walk& walk = walker.walk;
  if (walk.list_count == 0) return;
  if (!RunsAreContiguous(walk)) {
    walker.Fail("the lists do not follow each other", kFirstListBlock, true);
    return;
  }
  if (!ReadTails(walker) || !ReadShares(walker)) return;
  if (!walker.entries_differ && walker.entry_size > 0) {
    // Room for entries, each with its line pointer.
    walk.shape.page_capacity =
        (kTrailerOffset - SizeOfPageHeaderData) /
        (MAXALIGN(walker.entry_size) + sizeof(ItemIdData));
  }
}

}  // namespace

Walk WalkIndex(PageReader& reader, Relation index, int64_t page_limit) {
  Walker walker{
      reader,
      index,
      page_limit,
      Walk(),
      MetricOf(index),
      AllocSetContextCreate(CurrentMemoryContext, "ruvector ivfflat entries",
                            ALLOCSET_DEFAULT_SIZES),
      0,
      false,
      {}};
  walker.walk.shape.blocks = RelationGetNumberOfBlocks(index);
  WalkPages(walker, page_limit);
  MemoryContextDelete(walker.scratch);
  return walker.walk;
}

}  // namespace ruvector::sensors::ivfflat
