#include "core/cut/degrees.h"

#include <algorithm>
#include <numeric>

#include "core/base/status_macros.h"

namespace ruvector::cut {
namespace {

// Count in the upper bits, weight in the lower: one addition does both.
constexpr int kCountShift = 40;
constexpr uint64_t kWeightMask = (uint64_t{1} << kCountShift) - 1;
constexpr size_t kMaxPackedEdges = size_t{1} << (64 - kCountShift);

void Unpack(const std::vector<uint64_t>& sums, Degrees& degrees) {
  const size_t n = sums.size();
  for (size_t x = 0; x < n; ++x) {
    degrees.weight[x] = static_cast<int64_t>(sums[x] & kWeightMask);
    degrees.arcs[x] = static_cast<uint32_t>(sums[x] >> kCountShift);
  }
}

void SumSeparately(absl::Span<const Edge> edges, Degrees& degrees) {
  for (const Edge& e : edges) {
    if (e.u == e.v) continue;
    degrees.weight[e.u] += e.weight;
    degrees.weight[e.v] += e.weight;
    ++degrees.arcs[e.u];
    ++degrees.arcs[e.v];
  }
}

}  // namespace

absl::StatusOr<Degrees> SumDegrees(int n, absl::Span<const Edge> edges) {
  Degrees degrees;
  std::vector<uint64_t> sums(std::max(n, 0));
  int32_t heaviest = 0;
  const auto packed = [&](const Edge& e) {
    heaviest = std::max(heaviest, e.weight);
    return (uint64_t{1} << kCountShift) | static_cast<uint64_t>(e.weight);
  };
  if (n < 1 || !SumPerNode(n, edges, packed, sums.data())) {
    RV_RETURN_IF_ERROR(ValidateGraph(n, edges, 1));
  }
  degrees.heaviest = heaviest;
  degrees.weight.resize(n);
  degrees.arcs.resize(n);
  const bool fits =
      edges.size() < kMaxPackedEdges &&
      edges.size() * static_cast<uint64_t>(heaviest) <= kWeightMask;
  fits ? Unpack(sums, degrees) : SumSeparately(edges, degrees);
  degrees.total = std::accumulate(degrees.weight.begin(), degrees.weight.end(),
                                  int64_t{0}) /
                  2;
  return degrees;
}

}  // namespace ruvector::cut
