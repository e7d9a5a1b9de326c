// Solving L x = b for a connected graph: the operator of inverse iteration.
// (internal)
//
// L is singular; one node is grounded (its x is 0), which leaves a positive
// definite system, and the mean of x is taken off afterwards: x = L^+ b for
// every b with sum 0.
#ifndef RUVECTOR_CORE_CUT_LAPLACIAN_SOLVER_H_
#define RUVECTOR_CORE_CUT_LAPLACIAN_SOLVER_H_

#include <memory>

#include "Eigen/Core"
#include "core/base/no_postgres.h"
#include "core/cut/laplacian.h"

namespace ruvector::cut {

// [single-thread]
class LaplacianSolver {
 public:
  virtual ~LaplacianSolver() = default;
  // b and x of the graph's size, not the same memory.
  virtual void Solve(const Eigen::VectorXd& b, Eigen::VectorXd& x) = 0;
};

// Eigen's sparse LDL^T: for graphs that stay sparse under elimination. nullptr
// if rounding made the factorisation fail.
std::unique_ptr<LaplacianSolver> MakeSparseSolver(const Laplacian& graph);

// For graphs of few hubs with many leaves. Leaves here are nodes no two of
// which are neighbours: eliminating them all is one sweep over their arcs, and
// what is left, the core, is solved as a dense matrix. nullptr if the core
// would have more than `max_core` nodes, or on rounding as above. `graph` must
// outlive the solver.
std::unique_ptr<LaplacianSolver> MakeHubSolver(const Laplacian& graph,
                                               int max_core);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_LAPLACIAN_SOLVER_H_
