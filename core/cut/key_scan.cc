#include "core/cut/key_scan.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define RV_CUT_AVX2 __attribute__((target("avx2")))
#endif

namespace ruvector::cut {
namespace {

#define RV_CUT_INLINE inline __attribute__((always_inline))

// The greatest value of each of kKeyBlock lanes, then the first place that
// holds the greatest of all.
template <typename Weight>
RV_CUT_INLINE size_t ArgMaxLoop(const Weight* key, size_t padded) {
  Weight lane[kKeyBlock];
  std::copy(key, key + kKeyBlock, lane);
  for (size_t i = kKeyBlock; i < padded; i += kKeyBlock) {
    for (size_t j = 0; j < kKeyBlock; ++j) {
      lane[j] = lane[j] < key[i + j] ? key[i + j] : lane[j];
    }
  }
  const Weight greatest = *std::max_element(lane, lane + kKeyBlock);
  for (size_t i = 0;; i += kKeyBlock) {
    bool here = false;
    for (size_t j = 0; j < kKeyBlock; ++j) here |= key[i + j] == greatest;
    if (here) return std::find(key + i, key + padded, greatest) - key;
  }
}

template <typename Weight>
RV_CUT_INLINE size_t AddRowLoop(Weight* key, const Weight* row, size_t padded,
                                Weight bound) {
  Weight below[kKeyBlock] = {};
  for (size_t i = 0; i < padded; i += kKeyBlock) {
    for (size_t j = 0; j < kKeyBlock; ++j) {
      key[i + j] += row[i + j];
      below[j] += key[i + j] < bound;
    }
  }
  size_t count = 0;
  for (Weight b : below) count += static_cast<size_t>(b);
  return count;
}

template <typename Weight>
RV_CUT_INLINE void AddIntoLoop(Weight* __restrict__ to,
                               const Weight* __restrict__ from, size_t padded) {
  for (size_t i = 0; i < padded; ++i) to[i] += from[i];
}

#ifdef RV_CUT_AVX2
RV_CUT_AVX2 size_t ArgMaxAvx2(const int32_t* key, size_t padded) {
  return ArgMaxLoop(key, padded);
}
RV_CUT_AVX2 size_t AddRowAvx2(int32_t* key, const int32_t* row, size_t padded,
                              int32_t bound) {
  return AddRowLoop(key, row, padded, bound);
}
RV_CUT_AVX2 void AddIntoAvx2(int32_t* to, const int32_t* from, size_t padded) {
  AddIntoLoop(to, from, padded);
}
bool HasAvx2() { return __builtin_cpu_supports("avx2"); }
#define RV_CUT_DISPATCH(call) \
  if (HasAvx2()) return call
#else
#define RV_CUT_DISPATCH(call)
#endif

}  // namespace

size_t ArgMax(const int32_t* key, size_t padded) {
  RV_CUT_DISPATCH(ArgMaxAvx2(key, padded));
  return ArgMaxLoop(key, padded);
}
size_t ArgMax(const int64_t* key, size_t padded) {
  return ArgMaxLoop(key, padded);
}
size_t AddRow(int32_t* key, const int32_t* row, size_t padded, int32_t bound) {
  RV_CUT_DISPATCH(AddRowAvx2(key, row, padded, bound));
  return AddRowLoop(key, row, padded, bound);
}
size_t AddRow(int64_t* key, const int64_t* row, size_t padded, int64_t bound) {
  return AddRowLoop(key, row, padded, bound);
}
void AddInto(int32_t* to, const int32_t* from, size_t padded) {
  RV_CUT_DISPATCH(AddIntoAvx2(to, from, padded));
  AddIntoLoop(to, from, padded);
}
void AddInto(int64_t* to, const int64_t* from, size_t padded) {
  AddIntoLoop(to, from, padded);
}

}  // namespace ruvector::cut
