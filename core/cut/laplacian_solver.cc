#include "core/cut/laplacian_solver.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "Eigen/Cholesky"
#include "Eigen/SparseCholesky"
#include "Eigen/SparseCore"

namespace ruvector::cut {
namespace {

class SparseSolver final : public LaplacianSolver {
 public:
  explicit SparseSolver(const Laplacian& graph) {
    const int n = graph.size();
    graph.degree().maxCoeff(&ground_);
    const auto row = [this](int x) { return x - (x > ground_); };
    std::vector<Eigen::Triplet<double>> entries;
    entries.reserve(graph.arcs() / 2 + n);
    for (int x = 0; x < n; ++x) {
      if (x == ground_) continue;
      entries.emplace_back(row(x), row(x), graph.degree()[x]);
      const auto to = graph.neighbours(x);
      const auto weight = graph.weights(x);
      for (size_t i = 0; i < to.size(); ++i) {
        const int y = static_cast<int>(to[i]);
        if (y >= x || y == ground_) continue;
        entries.emplace_back(row(x), row(y), -weight[i]);
      }
    }
    Eigen::SparseMatrix<double> matrix(n - 1, n - 1);
    matrix.setFromTriplets(entries.begin(), entries.end());
    factor_.compute(matrix);
    right_.resize(n - 1);
  }

  bool ok() const { return factor_.info() == Eigen::Success; }

  void Solve(const Eigen::VectorXd& b, Eigen::VectorXd& x) override {
    const int after = static_cast<int>(right_.size()) - ground_;
    right_.head(ground_) = b.head(ground_);
    right_.tail(after) = b.tail(after);
    solution_ = factor_.solve(right_);
    x.head(ground_) = solution_.head(ground_);
    x[ground_] = 0;
    x.tail(after) = solution_.tail(after);
    x.array() -= x.mean();
  }

 private:
  int ground_ = 0;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> factor_;
  Eigen::VectorXd right_, solution_;
};

constexpr int kLeaf = -1;

// Per node its place in the core, or kLeaf. Leaves are chosen greedily, those
// with the fewest arcs first.
std::vector<int> ChooseCore(const Laplacian& graph, int* core_size) {
  std::vector<uint32_t> order(graph.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return graph.neighbours(a).size() < graph.neighbours(b).size();
  });
  std::vector<int> place(graph.size(), kLeaf);
  *core_size = 0;
  for (uint32_t x : order) {
    if (place[x] != kLeaf) continue;
    for (uint32_t y : graph.neighbours(x)) {
      if (place[y] == kLeaf) place[y] = (*core_size)++;
    }
  }
  return place;
}

class HubSolver final : public LaplacianSolver {
 public:
  // The core's last node is grounded: its row is not factored.
  HubSolver(const Laplacian& graph, std::vector<int> place, int core_size)
      : graph_(graph), place_(std::move(place)), core_(core_size) {
    Eigen::MatrixXd schur = Eigen::MatrixXd::Zero(core_size, core_size);
    for (int x = 0; x < graph.size(); ++x) {
      const auto to = graph.neighbours(x);
      const auto weight = graph.weights(x);
      if (place_[x] != kLeaf) {
        schur(place_[x], place_[x]) += graph.degree()[x];
        for (size_t i = 0; i < to.size(); ++i) {
          if (place_[to[i]] == kLeaf) continue;
          schur(place_[to[i]], place_[x]) -= weight[i];
        }
        continue;
      }
      for (size_t i = 0; i < to.size(); ++i) {
        const double share = weight[i] / graph.degree()[x];
        double* const column = &schur(0, place_[to[i]]);
        for (size_t k = 0; k < to.size(); ++k) {
          column[place_[to[k]]] -= share * weight[k];
        }
      }
    }
    factor_.compute(schur.topLeftCorner(core_size - 1, core_size - 1));
  }

  bool ok() const { return factor_.info() == Eigen::Success; }

  void Solve(const Eigen::VectorXd& b, Eigen::VectorXd& x) override {
    core_.setZero();
    for (int i = 0; i < graph_.size(); ++i) {
      if (place_[i] != kLeaf) {
        core_[place_[i]] += b[i];
        continue;
      }
      const double share = b[i] / graph_.degree()[i];
      const auto to = graph_.neighbours(i);
      const auto weight = graph_.weights(i);
      for (size_t k = 0; k < to.size(); ++k) {
        core_[place_[to[k]]] += share * weight[k];
      }
    }
    auto free = core_.head(core_.size() - 1);
    factor_.solveInPlace(free);
    core_[core_.size() - 1] = 0;
    for (int i = 0; i < graph_.size(); ++i) {
      if (place_[i] != kLeaf) {
        x[i] = core_[place_[i]];
        continue;
      }
      const auto to = graph_.neighbours(i);
      const auto weight = graph_.weights(i);
      double sum = b[i];
      for (size_t k = 0; k < to.size(); ++k) {
        sum += weight[k] * core_[place_[to[k]]];
      }
      x[i] = sum / graph_.degree()[i];
    }
    x.array() -= x.mean();
  }

 private:
  const Laplacian& graph_;
  const std::vector<int> place_;
  Eigen::VectorXd core_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
};

}  // namespace

std::unique_ptr<LaplacianSolver> MakeSparseSolver(const Laplacian& graph) {
  auto solver = std::make_unique<SparseSolver>(graph);
  if (!solver->ok()) return nullptr;
  return solver;
}

std::unique_ptr<LaplacianSolver> MakeHubSolver(const Laplacian& graph,
                                               int max_core) {
  int core_size = 0;
  std::vector<int> place = ChooseCore(graph, &core_size);
  if (core_size < 2 || core_size > max_core) return nullptr;
  auto solver = std::make_unique<HubSolver>(graph, std::move(place), core_size);
  if (!solver->ok()) return nullptr;
  return solver;
}

}  // namespace ruvector::cut
