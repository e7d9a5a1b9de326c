#include "core/cut/adjacency.h"

#include <algorithm>
#include <numeric>

#include "core/cut/classes.h"

namespace ruvector::cut {
namespace {

std::vector<uint32_t> FirstN(int n) {
  std::vector<uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

template <typename Weight>
Adjacency<Weight>::Adjacency(absl::Span<const Edge> edges,
                             const Degrees& degrees)
    : degree_(degrees.weight.begin(), degrees.weight.end()),
      total_degree_(2 * degrees.total) {
  const size_t n = degree_.size();
  rows_.resize(n);
  for (size_t x = 0; x < n; ++x) {
    rows_[x] = {arc_count_, arc_count_ + degrees.arcs[x]};
    arc_count_ = rows_[x].end;
  }
  arcs_.reset(new Arc<Weight>[arc_count_]);
  std::vector<Arc<Weight>*> next(n);
  for (size_t x = 0; x < n; ++x) next[x] = arcs_.get() + rows_[x].begin;

  uint32_t run = 0;
  Arc<Weight>* slot = next[0];
  for (const Edge& e : edges) {
    if (e.u != run) {
      next[run] = slot;
      run = e.u;
      slot = next[run];
    }
    if (e.u == e.v) continue;
    *slot++ = {e.v, e.weight};
    *next[e.v]++ = {e.u, e.weight};
  }
}

// Rows of the largest class are not read: what it shares with the others is
// seen from their side.
template <typename Weight>
Adjacency<Weight> Adjacency<Weight>::Contract(absl::Span<const uint32_t> label,
                                              int labels) const {
  const Classes classes(FirstN(size()), label, labels);
  const uint32_t largest = classes.largest();
  size_t room = 2 * static_cast<size_t>(labels);
  for (uint32_t x = 0; x < label.size(); ++x) {
    if (label[x] != largest) room += row(x).size();
  }
  Adjacency result;
  result.rows_.resize(labels);
  result.degree_.resize(labels);
  result.arcs_.reset(new Arc<Weight>[room]);
  Arc<Weight>* const first = result.arcs_.get();
  Arc<Weight>* end = first;
  const auto add_row = [&](uint32_t l, Arc<Weight>* begin, Weight degree) {
    result.rows_[l] = {static_cast<size_t>(begin - first),
                       static_cast<size_t>(end - first)};
    result.degree_[l] = degree;
    result.total_degree_ += degree;
  };

  std::vector<Weight> to_largest(labels);
  for (uint32_t l = 0; l < static_cast<uint32_t>(labels); ++l) {
    if (l == largest) continue;
    Arc<Weight>* const begin = end;
    Weight among = 0, across = 0;
    for (uint32_t x : classes.members(l)) {
      for (const Arc<Weight>& arc : row(x)) {
        const uint32_t to = label[arc.to];
        const bool keep = to != l && to != largest;
        *end = {to, arc.weight};
        end += keep;
        among += keep ? arc.weight : 0;
        across += to == largest ? arc.weight : 0;
      }
    }
    if (across > 0) *end++ = {largest, across};
    to_largest[l] = across;
    add_row(l, begin, among + across);
  }

  Arc<Weight>* const begin = end;
  Weight degree = 0;
  for (uint32_t l = 0; l < static_cast<uint32_t>(labels); ++l) {
    if (to_largest[l] == 0) continue;
    *end++ = {l, to_largest[l]};
    degree += to_largest[l];
  }
  add_row(largest, begin, degree);
  result.arc_count_ = end - first;
  return result;
}

template <typename Weight>
DenseGraph<Weight> Adjacency<Weight>::ContractToDense(
    absl::Span<const uint32_t> label, int labels) const {
  const Classes classes(FirstN(size()), label, labels);
  const uint32_t largest = classes.largest();
  DenseGraph<Weight> dense(labels);
  for (uint32_t x = 0; x < label.size(); ++x) {
    const uint32_t l = label[x];
    if (l == largest) continue;
    for (const Arc<Weight>& arc : row(x)) {
      const uint32_t to = label[arc.to];
      // Seen from both sides, unless one of them is the largest class.
      if (to < l || to == largest) dense.Add(l, to, arc.weight);
    }
  }
  return dense;
}

template <typename Weight>
uint32_t Adjacency<Weight>::HeaviestNode() const {
  return static_cast<uint32_t>(
      std::max_element(degree_.begin(), degree_.end()) - degree_.begin());
}

template <typename Weight>
uint32_t Adjacency<Weight>::LightestNode() const {
  return static_cast<uint32_t>(
      std::min_element(degree_.begin(), degree_.end()) - degree_.begin());
}

template class Adjacency<int32_t>;
template class Adjacency<int64_t>;

}  // namespace ruvector::cut
