// Hierarchical Lorentz attention: entries on a hyperboloid, deeper ones further
// out, seen from the point at infinity that the query points to.
//
// Space: -x_0^2 + |x|^2 = 1/K with curvature K < 0, distances in units of
// R = 1/sqrt(-K). An entry of depth h goes to
//
//   x_i = exp_0(R ln(h_i + 1) k_i/|k_i|) = R (cosh p, sinh p k_i/|k_i|),
//         p = ln(h_i + 1)
//
// and the query to the light-like u = (1, q/|q|). The score is the negative
// Busemann function of u, which grows towards u:
//
//   s_i = -B_u(x_i) / temperature,   B_u(x) = R ln(-<x, u>_L / R)
//       = -R ln( (a (1 - c) + (1 + c)/a) / 2 ) / temperature
//         with a = h_i + 1 and c the cosine of q and k_i
//   w   = softmax(s)
//
// so an entry straight ahead gains R ln(a) with its depth, one straight behind
// loses as much, and one at depth 0, in the origin, has score 0. A query or an
// entry of length zero points nowhere: it lies in the origin as well.
//
// The aggregate is the Einstein midpoint of the entries, pulled back to the
// tangent space of the origin: with S = sum w_i sinh(p_i) k_i/|k_i| and
// C = sum w_i cosh(p_i) its length is R asinh(|S| / sqrt(C^2 - |S|^2)) and its
// direction that of S. (The Lorentz factor of an entry is cosh p.)
//
// Shapes: query d, keys n x d, depths n (longest path to a leaf), weights n,
// aggregate d. Defaults: curvature -1, temperature 1. Only the keys' directions
// count, not their lengths.
//
// Source: ruvector-upstream.md B2 (5), which leaves the Busemann score open;
// Bridson and Haefliger, Metric Spaces of Non-Positive Curvature, II.8, for its
// form; Ungar for the midpoint.
#include <algorithm>
#include <cmath>

#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AddScaled;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::Dot;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

double Length(const float* v, uint32_t dim) {
  return std::sqrt(Dot(v, v, dim));
}

struct HierarchicalLorentz : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "hierarchical_lorentz";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Hyperbolic closeness to the query's direction, with depth as distance "
      "from the origin.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"deep"};
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_DEPTHS;
  static constexpr uint32_t kScratchPerEntry = 1;  // the key's length

  enum { kCurvature, kTemperature };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("curvature", "Curvature of the space, negative.", -1e3,
                      -1e-3, -1),
      NumberParameter("temperature",
                      "Above 1 spreads attention, below 1 sharpens it.", 1e-3,
                      1e3, 1),
  };

  static Status Score(const AttentionCall& call, double* scores) {
    const uint32_t dim = call.dim();
    const double query = Length(call.query(), dim);
    double* const lengths = call.scratch();  // for Aggregate too
    const double factor = Radius(call) / call.parameter(kTemperature);
    for (uint32_t i = 0; i < call.count(); ++i) {
      const auto [dot, square] =
          ruvector::sdk::DotWithSquare(call.query(), call.key(i), dim);
      lengths[i] = std::sqrt(square);
      const double length = query * lengths[i];
      const double a = 1 + static_cast<double>(call.depths()[i]);
      if (length == 0 || a == 1) {
        scores[i] = 1;
        continue;
      }
      const double c = std::clamp(dot / length, -1.0, 1.0);
      const double behind = c > 0.9 && a > 1000 ? FromChord(call, i) : 1 - c;
      scores[i] = (a * behind + (1 + c) / a) / 2;
    }
    Scores logarithms(scores, call.count());
    logarithms = -factor * logarithms.log();
    return Status();
  }

  static Status Aggregate(const AttentionCall& call, const double* weights,
                          double* sums, float* out) {
    const uint32_t dim = call.dim();
    std::fill_n(sums, dim, 0.0);
    double c = 0;
    for (uint32_t i = 0; i < call.count(); ++i) {
      const double a = 1 + static_cast<double>(call.depths()[i]);
      const double length = call.scratch()[i];
      if (length == 0) {
        c += weights[i];
        continue;
      }
      c += weights[i] * (a + 1 / a) / 2;
      AddScaled(weights[i] * (a - 1 / a) / 2 / length, call.key(i), dim, sums);
    }
    const auto sum = Column(sums, dim);
    const double s = std::sqrt(sum.square().sum());
    // C^2 - |S|^2 is the sum of w_i w_j cosh(distance) and so at least 1.
    const double norm = std::sqrt(std::max((c - s) * (c + s), 1.0));
    const double length = Radius(call) * std::asinh(s / norm);
    for (uint32_t j = 0; j < dim; ++j) {
      out[j] = s == 0 ? 0 : static_cast<float>(sums[j] / s * length);
    }
    return Status();
  }

 private:
  static double Radius(const AttentionCall& call) {
    return 1 / std::sqrt(-call.parameter(kCurvature));
  }

  // 1 - cosine as half the squared chord, where the difference would cancel
  // and a large a would show it.
  static double FromChord(const AttentionCall& call, uint32_t i) {
    const uint32_t dim = call.dim();
    const auto q = Column(call.query(), dim).cast<double>();
    const auto k = Column(call.key(i), dim).cast<double>();
    return (q / Length(call.query(), dim) - k / Length(call.key(i), dim))
               .square()
               .sum() /
           2;
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(HierarchicalLorentz)
