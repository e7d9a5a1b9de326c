// How large an HNSW index of pgvector has to be. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_HNSW_SIZE_H_
#define RUVECTOR_CORE_HEALING_HNSW_SIZE_H_

#include <optional>

#include "core/base/no_postgres.h"
#include "core/graph/observation.h"

namespace ruvector::healing {

// Bytes that the live rows need: pages of 8 kB with an element tuple (72 bytes
// and the vector) and a neighbour tuple (2m slots on level 0 and m on each of
// 1/ln(m) levels above on average, 6 bytes each) per row. nullopt where m or
// the dimensions are not known.
std::optional<double> HnswBytesNeeded(const graph::HnswIndexObservation& index,
                                      std::optional<double> rows);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_HNSW_SIZE_H_
