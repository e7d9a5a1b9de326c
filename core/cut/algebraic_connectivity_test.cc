#include "core/cut/algebraic_connectivity.h"

#include <cmath>
#include <limits>
#include <string>

#include "Eigen/Dense"
#include "core/base/rng.h"
#include "core/cut/lanczos.h"
#include "core/cut/oracle.h"
#include "core/cut/workload.h"
#include "gtest/gtest.h"

namespace ruvector::cut {
namespace {

std::vector<WeightedEdge> Capacities(const std::vector<Edge>& edges) {
  std::vector<WeightedEdge> result;
  for (const Edge& e : edges) {
    result.push_back({e.u, e.v, FromFixed(e.weight)});
  }
  return result;
}

double DenseLambda2(int n, const std::vector<WeightedEdge>& edges) {
  Eigen::MatrixXd laplacian = Eigen::MatrixXd::Zero(n, n);
  for (const WeightedEdge& e : edges) {
    if (e.u == e.v) continue;
    laplacian(e.u, e.u) += e.weight;
    laplacian(e.v, e.v) += e.weight;
    laplacian(e.u, e.v) -= e.weight;
    laplacian(e.v, e.u) -= e.weight;
  }
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(laplacian,
                                                        Eigen::EigenvaluesOnly)
      .eigenvalues()[1];
}

double Lambda2(int n, const std::vector<WeightedEdge>& edges) {
  const absl::StatusOr<double> lambda2 = AlgebraicConnectivity(n, edges);
  EXPECT_TRUE(lambda2.ok()) << lambda2.status();
  return lambda2.value_or(-1);
}

void ExpectNearlyEqual(double got, double expected, const std::string& what) {
  EXPECT_LE(std::abs(got - expected), 1e-8 * expected)
      << what << ": got " << got << ", expected " << expected;
}

TEST(AlgebraicConnectivity, EqualsClosedForms) {
  for (uint32_t n : {2u, 3u, 5u, 17u, 64u, 250u, 1000u}) {
    std::vector<WeightedEdge> path, cycle, star, complete;
    for (uint32_t x = 0; x < n; ++x) {
      if (x + 1 < n) path.push_back({x, x + 1, 1});
      cycle.push_back({x, (x + 1) % n, 1});
      if (x > 0) star.push_back({0, x, 1});
      for (uint32_t y = 0; y < x && n <= 250; ++y)
        complete.push_back({y, x, 1});
    }
    const std::string size = std::to_string(n);
    const int nodes = static_cast<int>(n);
    ExpectNearlyEqual(Lambda2(nodes, path), 2 - 2 * std::cos(M_PI / n),
                      "path " + size);
    if (n > 2) {
      ExpectNearlyEqual(Lambda2(nodes, cycle), 2 - 2 * std::cos(2 * M_PI / n),
                        "cycle " + size);
      ExpectNearlyEqual(Lambda2(nodes, star), 1, "star " + size);
    }
    if (n <= 250) ExpectNearlyEqual(Lambda2(nodes, complete), n, "K" + size);
  }
  std::vector<WeightedEdge> cube;
  for (uint32_t x = 0; x < 512; ++x) {
    for (uint32_t bit = 1; bit < 512; bit *= 2) {
      if (x < (x ^ bit)) cube.push_back({x, x ^ bit, 3});
    }
  }
  ExpectNearlyEqual(Lambda2(512, cube), 6, "hypercube");
}

TEST(AlgebraicConnectivity, EqualsDenseSolverOnTheFamilies) {
  for (const std::string name : {"G1conn", "G2_0.05", "G2_0.3", "G3_2", "G3_8",
                                 "G4_5k", "G4_20k", "G4_clq"}) {
    const Workload w = MakeWorkload(name, 1);
    const std::vector<WeightedEdge> edges = Capacities(w.edges);
    ExpectNearlyEqual(Lambda2(w.n, edges), DenseLambda2(w.n, edges), name);
  }
}

TEST(AlgebraicConnectivity, EqualsDenseSolverOnRandomGraphs) {
  Rng rng(41);
  int connected = 0;
  for (int i = 0; i < 600; ++i) {
    const int n = 2 + static_cast<int>(rng.Below(i % 10 == 0 ? 150 : 25));
    std::vector<WeightedEdge> edges;
    for (uint32_t x = 1; x < static_cast<uint32_t>(n); ++x) {
      edges.push_back(
          {static_cast<uint32_t>(rng.Below(x)), x, 0.01 + rng.Uniform()});
    }
    for (const Edge& e : RandomEdges(n, rng)) {
      if (rng.Below(2) == 0) continue;
      edges.push_back({e.u, e.v, rng.Below(5) == 0 ? 0 : rng.Uniform()});
    }
    const double expected = DenseLambda2(n, edges);
    ExpectNearlyEqual(Lambda2(n, edges), expected,
                      "graph " + std::to_string(i));
    ++connected;
  }
  EXPECT_EQ(connected, 600);
}

TEST(AlgebraicConnectivity, IsZeroExactlyWhenDisconnected) {
  EXPECT_EQ(Lambda2(2, {}), 0);
  EXPECT_EQ(Lambda2(4, {{0, 1, 1}, {2, 3, 1}}), 0);
  EXPECT_EQ(Lambda2(3, {{0, 1, 1}, {1, 2, 0}}), 0);
  EXPECT_EQ(Lambda2(3, {{0, 1, 1}, {2, 2, 5}}), 0);
  const Workload lit = MakeWorkload("G1lit", 1);
  EXPECT_EQ(Lambda2(lit.n, Capacities(lit.edges)), 0);
  EXPECT_GT(Lambda2(3, {{0, 1, 1}, {1, 2, 1e-12}}), 0);
}

TEST(AlgebraicConnectivity, ScalesWithTheWeights) {
  const Workload w = MakeWorkload("G4_5k", 2);
  std::vector<WeightedEdge> edges = Capacities(w.edges);
  const double lambda2 = Lambda2(w.n, edges);
  for (WeightedEdge& e : edges) e.weight *= 1e6;
  ExpectNearlyEqual(Lambda2(w.n, edges), 1e6 * lambda2, "scaled");
}

TEST(AlgebraicConnectivity, RefusesBadGraphs) {
  EXPECT_EQ(AlgebraicConnectivity(1, {}).status().message(),
            "graph has 1 nodes, expected at least 2");
  for (double bad :
       {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const std::vector<WeightedEdge> edges = {{0, 1, bad}};
    EXPECT_EQ(AlgebraicConnectivity(2, edges).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  const std::vector<WeightedEdge> edges = {{0, 1, 1}, {0, 2, 1}};
  EXPECT_EQ(AlgebraicConnectivity(2, edges).status().message(),
            "edge 1 joins nodes 0 and 2, expected both below 2");
}

TEST(Tridiagonal, EqualsDenseSolver) {
  Rng rng(42);
  for (int i = 0; i < 200; ++i) {
    const int n = 1 + static_cast<int>(rng.Below(30));
    Tridiagonal matrix;
    Eigen::MatrixXd dense = Eigen::MatrixXd::Zero(n, n);
    for (int x = 0; x < n; ++x) {
      const double diagonal = rng.Uniform() - 0.5;
      const double off = rng.Uniform();
      matrix.Append(diagonal, off);
      dense(x, x) = diagonal;
      if (x > 0) dense(x, x - 1) = dense(x - 1, x) = off;
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(dense);
    const double least = matrix.LeastEigenvalue();
    EXPECT_NEAR(least, solver.eigenvalues()[0], 1e-12);
    EXPECT_NEAR(matrix.LastComponent(least),
                std::abs(solver.eigenvectors()(n - 1, 0)), 1e-8);
  }
}

}  // namespace
}  // namespace ruvector::cut
