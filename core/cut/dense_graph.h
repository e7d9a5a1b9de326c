// A small graph as a symmetric matrix, and the pass over it. (internal)
//
// Purpose: what contraction leaves is small and full; there a row addition in
// vector registers beats any list. Rows are padded for key_scan.h, and never
// a multiple of 1 KiB apart (aliasing in the cache cost a factor of 4).
//
// Contraction happens in place: of every class one node stays, with its id, and
// the others die. The columns of dead nodes keep stale weights, which nobody
// reads: their keys never count, their rows are never scanned, and degrees are
// kept apart.
#ifndef RUVECTOR_CORE_CUT_DENSE_GRAPH_H_
#define RUVECTOR_CORE_CUT_DENSE_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/ordering.h"

namespace ruvector::cut {

// The sum of all weights fits Weight. [single-thread]
template <typename Weight>
class DenseGraph {
 public:
  explicit DenseGraph(int n);

  // Adds to the weight between u and v, u != v, both alive.
  void Add(uint32_t u, uint32_t v, Weight weight) {
    row(u)[v] += weight;
    row(v)[u] += weight;
    degree_[u] += weight;
    degree_[v] += weight;
  }

  // Merges live nodes with equal labels, label[x] < labels. Returns the node
  // that now stands for each live one.
  std::vector<uint32_t> Merge(absl::Span<const uint32_t> label, int labels);

  int size() const { return static_cast<int>(alive_.size()); }
  int ids() const { return static_cast<int>(degree_.size()); }
  absl::Span<const uint32_t> alive() const { return alive_; }
  Weight degree(uint32_t x) const { return degree_[x]; }
  Weight weight(uint32_t x, uint32_t y) const { return row(x)[y]; }
  // `stride()` weights; meaningful where the column is alive.
  const Weight* row(uint32_t x) const { return weights_.data() + x * stride_; }
  size_t stride() const { return stride_; }
  uint32_t HeaviestNode() const;
  uint32_t LightestNode() const;

 private:
  Weight* row(uint32_t x) { return weights_.data() + x * stride_; }
  void Absorb(uint32_t into, uint32_t x);

  size_t stride_;
  std::vector<Weight> weights_;
  std::vector<Weight> degree_;
  std::vector<uint32_t> alive_;
};

extern template class DenseGraph<int32_t>;
extern template class DenseGraph<int64_t>;

// As in sparse_pass.h; O(size() * ids()). [any-thread]
Ordering<int32_t> MaximumAdjacencyPass(const DenseGraph<int32_t>& graph,
                                       int32_t cap, bool lower_cap);
Ordering<int64_t> MaximumAdjacencyPass(const DenseGraph<int64_t>& graph,
                                       int64_t cap, bool lower_cap);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_DENSE_GRAPH_H_
