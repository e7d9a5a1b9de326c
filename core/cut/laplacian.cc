#include "core/cut/laplacian.h"

namespace ruvector::cut {
namespace {

bool Counts(const WeightedEdge& e) { return e.u != e.v && e.weight > 0; }

}  // namespace

Laplacian::Laplacian(int n, absl::Span<const WeightedEdge> edges)
    : start_(n + 1), degree_(Eigen::VectorXd::Zero(n)) {
  for (const WeightedEdge& e : edges) {
    if (!Counts(e)) continue;
    ++start_[e.u + 1];
    ++start_[e.v + 1];
    degree_[e.u] += e.weight;
    degree_[e.v] += e.weight;
  }
  for (int x = 0; x < n; ++x) start_[x + 1] += start_[x];
  to_.resize(start_[n]);
  weight_.resize(start_[n]);
  std::vector<size_t> next(start_.begin(), start_.end() - 1);
  for (const WeightedEdge& e : edges) {
    if (!Counts(e)) continue;
    const size_t there = next[e.u]++, back = next[e.v]++;
    to_[there] = e.v;
    to_[back] = e.u;
    weight_[there] = weight_[back] = e.weight;
  }
}

void Laplacian::Apply(const double* x, double* y) const {
  const uint32_t* const to = to_.data();
  const double* const weight = weight_.data();
  for (int i = 0; i < size(); ++i) {
    // Four sums, so that additions need not wait for each other.
    double sum[4] = {degree_[i] * x[i], 0, 0, 0};
    size_t a = start_[i];
    const size_t end = start_[i + 1];
    for (; a + 4 <= end; a += 4) {
      for (int k = 0; k < 4; ++k) sum[k] -= weight[a + k] * x[to[a + k]];
    }
    for (; a < end; ++a) sum[0] -= weight[a] * x[to[a]];
    y[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

bool Laplacian::IsConnected() const {
  std::vector<uint8_t> seen(size());
  std::vector<uint32_t> stack = {0};
  seen[0] = 1;
  int reached = 1;
  while (!stack.empty()) {
    const uint32_t x = stack.back();
    stack.pop_back();
    for (uint32_t y : neighbours(x)) {
      if (seen[y]) continue;
      seen[y] = 1;
      ++reached;
      stack.push_back(y);
    }
  }
  return reached == size();
}

}  // namespace ruvector::cut
