// Loops over the keys of a maximum-adjacency pass. (internal)
//
// Plain loops that the compiler vectorises; on x86-64 a second version for AVX2
// is chosen at run time by an ordinary branch (an ifunc resolver would run
// before the sanitizers are ready, and before a .so is relocated).
#ifndef RUVECTOR_CORE_CUT_KEY_SCAN_H_
#define RUVECTOR_CORE_CUT_KEY_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/no_postgres.h"

namespace ruvector::cut {

// The key of a node that has been taken: additions leave it negative, because
// the total of all weights fits Weight.
template <typename Weight>
inline constexpr Weight kTaken = std::numeric_limits<Weight>::min();

// Arrays of keys and matrix rows are padded to a multiple of this, keys with
// kTaken, rows with 0.
inline constexpr size_t kKeyBlock = 16;
constexpr size_t PaddedSize(size_t n) {
  return (n + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}

// Index of the first greatest key. `padded` > 0. [any-thread]
size_t ArgMax(const int32_t* key, size_t padded);
size_t ArgMax(const int64_t* key, size_t padded);

// key[i] += row[i]; the number of keys that are still below `bound`, among
// them all taken ones and the padding. [any-thread]
size_t AddRow(int32_t* key, const int32_t* row, size_t padded, int32_t bound);
size_t AddRow(int64_t* key, const int64_t* row, size_t padded, int64_t bound);

// to[i] += from[i]. [any-thread]
void AddInto(int32_t* to, const int32_t* from, size_t padded);
void AddInto(int64_t* to, const int64_t* from, size_t padded);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_KEY_SCAN_H_
