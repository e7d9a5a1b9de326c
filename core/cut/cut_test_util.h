// What must hold for every cut, whatever its value (testonly).
#ifndef RUVECTOR_CORE_CUT_CUT_TEST_UTIL_H_
#define RUVECTOR_CORE_CUT_CUT_TEST_UTIL_H_

#include <algorithm>

#include "absl/types/span.h"
#include "core/cut/minimum_cut.h"
#include "gtest/gtest.h"

namespace ruvector::cut {

// The value is the sum of the listed edges, these are exactly the crossing
// ones, in order, and both sides have at least `min_side` nodes.
inline void ExpectConsistent(const Cut& cut, int n,
                             absl::Span<const Edge> edges, int min_side) {
  ASSERT_EQ(cut.side.size(), static_cast<size_t>(n));
  const auto ones = std::count(cut.side.begin(), cut.side.end(), 1);
  ASSERT_EQ(ones + std::count(cut.side.begin(), cut.side.end(), 0), n);
  ASSERT_GE(ones, min_side);
  ASSERT_GE(n - ones, min_side);
  int64_t value = 0;
  std::vector<uint32_t> crossing;
  for (size_t i = 0; i < edges.size(); ++i) {
    if (cut.side[edges[i].u] == cut.side[edges[i].v]) continue;
    value += edges[i].weight;
    crossing.push_back(static_cast<uint32_t>(i));
  }
  ASSERT_EQ(cut.value, value);
  ASSERT_EQ(cut.edges, crossing);
}

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_CUT_TEST_UTIL_H_
