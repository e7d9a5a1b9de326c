#include "core/cut/lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ruvector::cut {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

void RemoveConstant(Eigen::VectorXd& x) { x.array() -= x.mean(); }

}  // namespace

void Tridiagonal::Append(double diagonal, double off) {
  if (!diagonal_.empty()) off_.push_back(off);
  diagonal_.push_back(diagonal);
}

bool Tridiagonal::HasEigenvalueBelow(double x) const {
  double pivot = diagonal_[0] - x;
  for (size_t i = 1; i < diagonal_.size(); ++i) {
    if (pivot <= 0) return true;
    pivot = diagonal_[i] - x - off_[i - 1] * off_[i - 1] / pivot;
  }
  return pivot <= 0;
}

double Tridiagonal::LeastEigenvalue() const {
  double low = diagonal_[0], high = diagonal_[0];
  for (size_t i = 0; i < diagonal_.size(); ++i) {
    low = std::min(low, diagonal_[i] - Reach(i));
    high = std::min(high, diagonal_[i]);
  }
  const double finest = kEpsilon * kEpsilon * Scale();
  while (high - low > kEpsilon * (std::abs(low) + std::abs(high)) + finest) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (HasEigenvalueBelow(middle) ? high : low) = middle;
  }
  return high;
}

// Inverse iteration: the shift lies just below the least eigenvalue, so the
// shifted matrix is positive definite and factors without pivoting.
double Tridiagonal::LastComponent(double eigenvalue) const {
  const size_t n = diagonal_.size();
  const double scale = Scale();
  const double shift = eigenvalue - 64 * kEpsilon * scale;
  std::vector<double> pivot(n), x(n, 1.0);
  for (size_t i = 0; i < n; ++i) {
    pivot[i] = diagonal_[i] - shift;
    if (i > 0) pivot[i] -= off_[i - 1] * off_[i - 1] / pivot[i - 1];
    pivot[i] = std::max(pivot[i], kEpsilon * scale);
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 1; i < n; ++i)
      x[i] -= off_[i - 1] / pivot[i - 1] * x[i - 1];
    x[n - 1] /= pivot[n - 1];
    for (size_t i = n - 1; i-- > 0;) {
      x[i] = (x[i] - off_[i] * x[i + 1]) / pivot[i];
    }
    double norm = 0;
    for (double v : x) norm += v * v;
    for (double& v : x) v /= std::sqrt(norm);
  }
  return std::abs(x[n - 1]);
}

double Tridiagonal::Reach(size_t i) const {
  return (i > 0 ? off_[i - 1] : 0) + (i < off_.size() ? off_[i] : 0);
}

double Tridiagonal::Scale() const {
  double scale = 0;
  for (size_t i = 0; i < diagonal_.size(); ++i) {
    scale = std::max(scale, std::abs(diagonal_[i]) + Reach(i));
  }
  return scale;
}

std::optional<double> LeastEigenvalue(const Operator& apply,
                                      Eigen::VectorXd start, double tolerance,
                                      int max_steps) {
  RemoveConstant(start);
  Eigen::VectorXd v = start.normalized();
  Eigen::VectorXd before = Eigen::VectorXd::Zero(v.size());
  Eigen::VectorXd w(v.size());
  Tridiagonal ritz;
  double off = 0, scale = 0;
  int next_check = 4;
  for (int step = 1; step <= max_steps; ++step) {
    apply(v, w);
    const double diagonal = v.dot(w);
    w -= diagonal * v + off * before;
    RemoveConstant(w);
    ritz.Append(diagonal, off);
    off = w.norm();
    scale = std::max(scale, std::abs(diagonal) + off);
    const bool exhausted = off <= 64 * kEpsilon * scale;
    if (exhausted || step == next_check || step == max_steps) {
      const double theta = ritz.LeastEigenvalue();
      const double residual = off * ritz.LastComponent(theta);
      if (exhausted || residual <= tolerance * std::abs(theta)) return theta;
      next_check = step + std::max(4, step / 10);
    }
    before.swap(v);
    v = w / off;
  }
  return std::nullopt;
}

}  // namespace ruvector::cut
