// The weighted Laplacian L = D - A of a graph. (internal)
#ifndef RUVECTOR_CORE_CUT_LAPLACIAN_H_
#define RUVECTOR_CORE_CUT_LAPLACIAN_H_

#include <cstdint>
#include <vector>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/algebraic_connectivity.h"

namespace ruvector::cut {

// [any-thread] once built.
class Laplacian {
 public:
  // Valid edges. Self loops and weights of 0 are left out; parallel edges stay
  // apart.
  Laplacian(int n, absl::Span<const WeightedEdge> edges);

  int size() const { return static_cast<int>(degree_.size()); }
  size_t arcs() const { return to_.size(); }
  const Eigen::VectorXd& degree() const { return degree_; }
  // Neighbours of x, and the weights to them.
  absl::Span<const uint32_t> neighbours(uint32_t x) const {
    return {to_.data() + start_[x], start_[x + 1] - start_[x]};
  }
  absl::Span<const double> weights(uint32_t x) const {
    return {weight_.data() + start_[x], start_[x + 1] - start_[x]};
  }

  // y = L x; both of size(), not the same memory.
  void Apply(const double* x, double* y) const;

  bool IsConnected() const;

 private:
  std::vector<size_t> start_;  // size() + 1
  std::vector<uint32_t> to_;
  std::vector<double> weight_;
  Eigen::VectorXd degree_;
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_LAPLACIAN_H_
