// What the built-in mechanisms have in common: scores and context arrays as
// Eigen columns, so that a mechanism reads like its formula.
//
//   Scores s = Similarities(call, scores);
//   s += boost * Column(call.on_critical_path(), call.count()).cast<double>();
//
// Header-only, for plugins of this tree; it allocates nothing as long as only
// coefficient-wise expressions are used. [any-thread]
#ifndef RUVECTOR_CORE_ATTENTION_VECTORISED_H_
#define RUVECTOR_CORE_ATTENTION_VECTORISED_H_

#include <cmath>
#include <cstdint>

#include "Eigen/Core"
#include "core/plugin/attention_plugin.h"

namespace ruvector::attention {

using Scores = Eigen::Map<Eigen::ArrayXd>;

// n values that somebody else owns.
template <class T>
Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>> Column(const T* values,
                                                            uint32_t n) {
  return {values, static_cast<Eigen::Index>(n)};
}

// scores = K q / sqrt(d), the start of every mechanism, with the scores as a
// column. Products and sums are in double precision, where no sum of finite
// floats overflows.
inline Scores Similarities(const sdk::AttentionCall& call, double* scores) {
  const double scale = 1 / std::sqrt(static_cast<double>(call.dim()));
  for (uint32_t i = 0; i < call.count(); ++i) {
    scores[i] = scale * sdk::Dot(call.query(), call.key(i), call.dim());
  }
  return {scores, static_cast<Eigen::Index>(call.count())};
}

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_VECTORISED_H_
