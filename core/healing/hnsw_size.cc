#include "core/healing/hnsw_size.h"

#include <algorithm>
#include <cmath>

namespace ruvector::healing {

std::optional<double> HnswBytesNeeded(const graph::HnswIndexObservation& index,
                                      std::optional<double> rows) {
  if (!rows.has_value() || !index.m.has_value() || *index.m < 2 ||
      !index.dimensions.has_value() || *rows < 1) {
    return std::nullopt;
  }
  const auto m = static_cast<double>(*index.m);
  const double element = 72 + 8 + 4 * static_cast<double>(*index.dimensions);
  const double neighbours = 4 + 6 * m * (2 + 1 / std::log(m));
  const double per_row = element + neighbours + 2 * 4 + 8;
  const double rows_per_page = std::max(1.0, std::floor(8152 / per_row));
  return std::ceil(*rows / rows_per_page) * 8192;
}

}  // namespace ruvector::healing
