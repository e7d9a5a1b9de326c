#include "pgext/integrity/sensors/ivfflat_estimate.h"

#include <algorithm>

namespace ruvector::sensors::ivfflat {
namespace {

// Pages of a run from which half a page is at most an eighth.
constexpr int64_t kPagesForBuildRows = 4;

double MeanRows(const Stratum& stratum) {
  return static_cast<double>(stratum.rows_read) / stratum.pages_read;
}

// Expected pages beyond the walked part of an unfinished chain.
double Extrapolate(const ListSample& list, const IndexShape& shape) {
  if (list.chain_finished) return 0;
  if (list.last_appended < 0) {
    // Known to exist, not one page read.
    return 1;
  }
  const double span = list.last_appended - list.first_appended + 1.0;
  const double density = list.appended.pages_read / span;
  const int64_t reach = list.insert_block > list.last_appended
                            ? list.insert_block
                            : shape.blocks - 1;
  return std::max(1.0, density * (reach - list.last_appended));
}

// One factor for all extrapolations; 1 where the sum is not known.
double ScaleToBlocks(const IndexShape& shape,
                     const std::vector<ListSample>& samples) {
  if (!shape.complete) return 1;
  double unaccounted = static_cast<double>(shape.blocks - shape.build_end);
  double expected = 0;
  for (const ListSample& list : samples) {
    unaccounted -= static_cast<double>(list.appended.pages_read);
    expected += Extrapolate(list, shape);
  }
  return expected > 0 ? std::max(0.0, unaccounted) / expected : 1;
}

// Mean rows of a page of an appended chain: of this list's own walked pages,
// else a full page.
double AppendedRowsPerPage(const ListSample& list, const IndexShape& shape) {
  if (list.appended.pages_read > 0) return MeanRows(list.appended);
  return static_cast<double>(shape.page_capacity);
}

struct Weighted {
  double weight = 0;
  double sum = 0;

  void Add(const Stratum& stratum, double rows) {
    if (stratum.measured == 0) return;
    weight += rows;
    sum += rows * stratum.distance_sum / stratum.measured;
  }
};

ListEstimate Estimate(const ListSample& list, const IndexShape& shape,
                      double scale) {
  ListEstimate result;
  result.id = list.id;
  double body_rows = list.body.rows_read;
  bool known = true;
  if (list.body.pages_read < list.body_pages) {
    result.estimated = true;
    known = list.body.pages_read > 0 || shape.page_capacity > 0;
    const double per_page = list.body.pages_read > 0
                                ? MeanRows(list.body)
                                : static_cast<double>(shape.page_capacity);
    body_rows = per_page * list.body_pages;
  }
  double appended_rows = list.appended.rows_read;
  if (!list.chain_finished) {
    result.estimated = true;
    const double per_page = AppendedRowsPerPage(list, shape);
    known = known && per_page > 0;
    appended_rows += per_page * scale * Extrapolate(list, shape);
  }
  if (known) result.rows = body_rows + list.tail.rows_read + appended_rows;

  Weighted mean;
  mean.Add(list.body, body_rows);
  mean.Add(list.tail, list.tail.rows_read);
  mean.Add(list.appended, appended_rows);
  if (mean.weight > 0) result.mean_distance = mean.sum / mean.weight;
  result.measured =
      list.body.measured + list.tail.measured + list.appended.measured;

  const int64_t run_pages = list.body_pages + 1;
  if (list.run_known && shape.page_capacity > 0 &&
      run_pages >= kPagesForBuildRows) {
    result.rows_at_build = (run_pages - 0.5) * shape.page_capacity;
  }
  result.pristine =
      list.run_known && list.chain_finished && list.appended.pages_read == 0 &&
      list.body.pages_read == list.body_pages &&
      (list.body_pages == 0
           ? shape.blocks == shape.build_end
           : shape.page_capacity > 0 &&
                 list.body.rows_read == list.body_pages * shape.page_capacity);
  return result;
}

}  // namespace

std::vector<ListEstimate> EstimateLists(
    const IndexShape& shape, const std::vector<ListSample>& samples) {
  const double scale = ScaleToBlocks(shape, samples);
  std::vector<ListEstimate> estimates;
  for (const ListSample& list : samples) {
    if (list.visited) estimates.push_back(Estimate(list, shape, scale));
  }
  return estimates;
}

}  // namespace ruvector::sensors::ivfflat
