// The least eigenvalue of an operator on the complement of the constant vector.
// (internal)
//
// Lanczos' three-term recurrence without reorthogonalisation: it repeats
// eigenvalues that have converged (Paige 1972), which does no harm to the least
// one. The constant vector, an eigenvector of both operators used here, would
// come back through rounding; it is projected out last in every step.
#ifndef RUVECTOR_CORE_CUT_LANCZOS_H_
#define RUVECTOR_CORE_CUT_LANCZOS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "Eigen/Core"
#include "core/base/no_postgres.h"

namespace ruvector::cut {

// y = A x for a symmetric A that maps constant vectors to constant vectors.
using Operator =
    std::function<void(const Eigen::VectorXd& x, Eigen::VectorXd& y)>;

// The least eigenvalue theta of A on vectors with sum 0, with a residual of at
// most tolerance * |theta|, or nullopt after max_steps. `start` is not
// constant. [any-thread]
std::optional<double> LeastEigenvalue(const Operator& apply,
                                      Eigen::VectorXd start, double tolerance,
                                      int max_steps);

// The symmetric tridiagonal matrix that the recurrence builds. [single-thread]
class Tridiagonal {
 public:
  // Adds a row; `off` >= 0 joins it to the row before (ignored for the first).
  void Append(double diagonal, double off);
  int size() const { return static_cast<int>(diagonal_.size()); }

  // To full precision, by bisection on Sturm counts. size() > 0.
  double LeastEigenvalue() const;
  // |last component| of the normalised eigenvector of `eigenvalue`, the least.
  double LastComponent(double eigenvalue) const;

 private:
  bool HasEigenvalueBelow(double x) const;
  double Reach(size_t i) const;  // Gershgorin radius of row i
  double Scale() const;          // a bound of the spectral norm

  std::vector<double> diagonal_;
  std::vector<double> off_;  // off_[i] joins rows i and i + 1
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_LANCZOS_H_
