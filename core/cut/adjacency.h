// The graph as rows of arcs, and its contraction. (internal)
//
// Purpose: what a maximum-adjacency pass scans. Both directions of every edge;
// self loops dropped, parallel edges kept, except those to the largest class of
// a contraction, which are most of them.
//
// Weight is int32_t where the total of all weights is below 2^31 (then every
// sum of this package over the graph fits), else int64_t.
#ifndef RUVECTOR_CORE_CUT_ADJACENCY_H_
#define RUVECTOR_CORE_CUT_ADJACENCY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/degrees.h"
#include "core/cut/dense_graph.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

template <typename Weight>
struct Arc {
  uint32_t to;
  Weight weight;
};

// [any-thread] once built.
template <typename Weight>
class Adjacency {
 public:
  // `degrees` belongs to `edges`, which are valid.
  Adjacency(absl::Span<const Edge> edges, const Degrees& degrees);

  // One node per label; label[x] < labels. Arcs inside a label vanish.
  Adjacency Contract(absl::Span<const uint32_t> label, int labels) const;
  // The same as a matrix, parallel edges added up.
  DenseGraph<Weight> ContractToDense(absl::Span<const uint32_t> label,
                                     int labels) const;

  int size() const { return static_cast<int>(degree_.size()); }
  int ids() const { return size(); }
  size_t arcs() const { return arc_count_; }
  absl::Span<const Arc<Weight>> row(uint32_t x) const {
    return {arcs_.get() + rows_[x].begin, rows_[x].end - rows_[x].begin};
  }
  Weight degree(uint32_t x) const { return degree_[x]; }
  int64_t total_degree() const { return total_degree_; }
  uint32_t HeaviestNode() const;
  uint32_t LightestNode() const;

 private:
  Adjacency() = default;
  struct Row {
    size_t begin;
    size_t end;
  };
  std::vector<Row> rows_;  // into arcs_
  std::unique_ptr<Arc<Weight>[]> arcs_;
  size_t arc_count_ = 0;
  std::vector<Weight> degree_;
  int64_t total_degree_ = 0;
};

extern template class Adjacency<int32_t>;
extern template class Adjacency<int64_t>;

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_ADJACENCY_H_
