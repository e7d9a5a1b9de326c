// From sampled pages of an IVFFlat index to rows per list: arithmetic only.
// [any-thread]
//
// The pages of a list are three strata (ivfflat_page.h): the body of its build
// run, full unless VACUUM took entries; the tail of the run; the chain of
// appended pages. Body and tail are addressed directly, so any of their pages
// can be sampled. The chain can only be walked; where the budget ends it, its
// length is extrapolated from the density of its pages among the blocks it
// spans. Every appended block belongs to exactly one list, so the lengths are
// then scaled to the number of blocks that are unaccounted for: one unfinished
// chain is exact, several keep their sum.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_ESTIMATE_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_ESTIMATE_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace ruvector::sensors::ivfflat {

struct Stratum {
  int64_t pages_read = 0;
  int64_t rows_read = 0;
  // Entries whose distance to the center was measured, and the sum of it.
  int64_t measured = 0;
  double distance_sum = 0;
};

struct ListSample {
  int64_t id = 0;
  bool visited = false;    // the tail was read
  int64_t body_pages = 0;  // known from the list pages
  // Where the run ends is certain. The end of the last list's run is only
  // inferred (ivfflat_walk.cc).
  bool run_known = true;
  Stratum body;
  Stratum tail;
  Stratum appended;
  bool chain_finished = false;
  // Blocks of the walked part of the chain; -1: nothing appended.
  int64_t first_appended = -1;
  int64_t last_appended = -1;
  // The block where the next insert goes: the chain reaches at least there.
  int64_t insert_block = -1;
};

struct IndexShape {
  int64_t blocks = 0;     // of the index now
  int64_t build_end = 0;  // first appended block
  // Entries that fit a page; 0 where entries differ in size.
  int64_t page_capacity = 0;
  // Every list of the index is in the samples and was visited.
  bool complete = false;
};

struct ListEstimate {
  int64_t id = 0;
  std::optional<double> rows;
  bool estimated = false;
  std::optional<double> mean_distance;  // strata weighted by their rows
  int64_t measured = 0;
  // From the geometry of the run: right within half a page (of the last list
  // within the few pages that it was appended before any other was), and given
  // only where half a page is at most an eighth of it (four pages).
  std::optional<double> rows_at_build;
  // Untouched since the build, as far as pages can tell: nothing appended and
  // every body page read and full; for a list of a single page, nothing
  // appended to the whole index. `rows` is then what the build wrote, but for
  // entries that still fitted the tail.
  bool pristine = false;
};

// One estimate per visited list, in the order of the samples.
std::vector<ListEstimate> EstimateLists(const IndexShape& shape,
                                        const std::vector<ListSample>& samples);

}  // namespace ruvector::sensors::ivfflat

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_IVFFLAT_ESTIMATE_H_
