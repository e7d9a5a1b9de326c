#include "core/cut/near_complete.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "core/cut/degrees.h"

namespace ruvector::cut {
namespace {

// Below this share of all pairs the bound at k = n/2 has no chance.
constexpr double kMinDensity = 0.75;

int32_t SampledMedian(absl::Span<const Edge> edges) {
  std::array<int32_t, 255> sample;
  for (size_t i = 0; i < sample.size(); ++i) {
    sample[i] = edges[i * edges.size() / sample.size()].weight;
  }
  const auto middle = sample.begin() + sample.size() / 2;
  std::nth_element(sample.begin(), middle, sample.end());
  return *middle;
}

bool HasParallelEdges(int n, absl::Span<const Edge> edges) {
  std::vector<bool> seen(static_cast<size_t>(n) * n);
  for (const Edge& e : edges) {
    const size_t pair =
        static_cast<size_t>(std::min(e.u, e.v)) * n + std::max(e.u, e.v);
    if (seen[pair]) return true;
    seen[pair] = true;
  }
  return false;
}

}  // namespace

std::optional<NearComplete> NearComplete::Measure(
    int n, absl::Span<const Edge> edges) {
  const double pairs = 0.5 * n * (n - 1.0);
  const double density = static_cast<double>(edges.size()) / pairs;
  if (n < 8 || density < kMinDensity || density > 1) return std::nullopt;

  // Degree in the upper half, capped degree in the lower.
  const int32_t t = SampledMedian(edges);
  std::vector<uint64_t> sums(n);
  uint64_t last_pair = 0;
  int32_t heaviest = 0;
  bool sorted = true;
  const auto both = [&](const Edge& e) {
    const uint64_t pair = (uint64_t{e.u} << 32) | e.v;
    sorted &= (pair > last_pair) & (e.u < e.v);
    last_pair = pair;
    heaviest = std::max(heaviest, e.weight);
    return (static_cast<uint64_t>(e.weight) << 32) |
           static_cast<uint64_t>(std::min(e.weight, t));
  };
  if (!SumPerNode(n, edges, both, sums.data())) return std::nullopt;
  if (edges.size() * static_cast<uint64_t>(heaviest) >
      std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }

  if (!sorted && HasParallelEdges(n, edges)) return std::nullopt;

  const uint64_t capped = 0xffffffffu;
  uint64_t least_capped = capped;
  for (uint64_t sum : sums) least_capped = std::min(least_capped, sum & capped);
  const auto lightest = std::min_element(
      sums.begin(), sums.end(),
      [](uint64_t a, uint64_t b) { return a >> 32 < b >> 32; });
  NearComplete result;
  result.n_ = n;
  result.lightest_node_ = static_cast<uint32_t>(lightest - sums.begin());
  result.least_degree_ = static_cast<int64_t>(*lightest >> 32);
  result.cap_ = t;
  result.least_capped_degree_ = static_cast<int64_t>(least_capped);
  return result;
}

bool NearComplete::Proves(int64_t value, int from_size) const {
  for (int k : {from_size, n_ / 2}) {
    const int64_t each = least_capped_degree_ - (k - 1) * cap_;
    if (each < 0 || k * each < value) return false;
  }
  return true;
}

}  // namespace ruvector::cut
