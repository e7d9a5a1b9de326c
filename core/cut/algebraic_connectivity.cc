#include "core/cut/algebraic_connectivity.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "Eigen/Core"
#include "absl/strings/str_cat.h"
#include "core/base/rng.h"
#include "core/cut/lanczos.h"
#include "core/cut/laplacian.h"
#include "core/cut/laplacian_solver.h"

namespace ruvector::cut {
namespace {

// Residual of the eigenvector, relative to its eigenvalue: the eigenvalue is
// at least as near.
constexpr double kTolerance = 2e-9;

// Elimination pays where hubs are few; up to this size whatever the graph.
int MaxCore(int n) { return std::clamp(n / 6, 40, 400); }
// Graphs with fewer arcs a node than this stay sparse under elimination.
constexpr size_t kSparseArcs = 6;

absl::Status Validate(int n, absl::Span<const WeightedEdge> edges) {
  if (n < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph has ", n, " nodes, expected at least 2"));
  }
  const uint32_t nodes = static_cast<uint32_t>(n);
  for (size_t i = 0; i < edges.size(); ++i) {
    const WeightedEdge& e = edges[i];
    if (e.u >= nodes || e.v >= nodes) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge ", i, " joins nodes ", e.u, " and ", e.v,
                       ", expected both below ", n));
    }
    if (!(e.weight >= 0) || std::isinf(e.weight)) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge ", i, " has weight ", e.weight,
                       ", expected 0 or more, and finite"));
    }
  }
  return absl::OkStatus();
}

// Random, so that no eigenvector is missing, and large on light nodes, where
// the eigenvector of lambda2 lives in graphs without a seam.
Eigen::VectorXd StartVector(const Laplacian& graph) {
  Rng rng(1);
  const double least = graph.degree().minCoeff();
  Eigen::VectorXd start(graph.size());
  for (int x = 0; x < graph.size(); ++x) {
    start[x] = (rng.Uniform() - 0.5) / (graph.degree()[x] - 0.9 * least);
  }
  return start;
}

// lambda2 as the reciprocal of the greatest eigenvalue of the pseudo-inverse.
std::optional<double> ByInverse(const Laplacian& graph,
                                LaplacianSolver* solver) {
  if (solver == nullptr) return std::nullopt;
  const auto apply = [&](const Eigen::VectorXd& x, Eigen::VectorXd& y) {
    solver->Solve(x, y);
    y = -y;
  };
  const std::optional<double> least = LeastEigenvalue(
      apply, StartVector(graph), kTolerance, 4 * graph.size() + 40);
  if (!least.has_value()) return std::nullopt;
  return -1 / *least;
}

std::optional<double> Directly(const Laplacian& graph) {
  const auto apply = [&](const Eigen::VectorXd& x, Eigen::VectorXd& y) {
    graph.Apply(x.data(), y.data());
  };
  return LeastEigenvalue(apply, StartVector(graph), kTolerance, 500);
}

}  // namespace

absl::StatusOr<double> AlgebraicConnectivity(
    int n, absl::Span<const WeightedEdge> edges) {
  if (absl::Status status = Validate(n, edges); !status.ok()) return status;
  const Laplacian graph(n, edges);
  if (!graph.IsConnected()) return 0.0;
  std::optional<double> lambda2 =
      ByInverse(graph, MakeHubSolver(graph, MaxCore(n)).get());
  if (!lambda2.has_value() && graph.arcs() > kSparseArcs * graph.size()) {
    lambda2 = Directly(graph);
  }
  if (!lambda2.has_value()) {
    lambda2 = ByInverse(graph, MakeSparseSolver(graph).get());
  }
  if (!lambda2.has_value()) {
    return absl::InternalError(absl::StrCat(
        "no eigenvalue of the laplacian of ", n, " nodes within ", kTolerance));
  }
  return *lambda2;
}

}  // namespace ruvector::cut
