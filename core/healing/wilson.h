// Wilson's score interval of a proportion: what is known of a recall after so
// many trials. Unlike the plain interval it stays within [0, 1] and is honest
// at few trials and at 0 or all successes.
// Source: E. B. Wilson, JASA 22 (1927), 209-212.
#ifndef RUVECTOR_CORE_HEALING_WILSON_H_
#define RUVECTOR_CORE_HEALING_WILSON_H_

#include <algorithm>
#include <cmath>

#include "core/base/no_postgres.h"

namespace ruvector::healing {

struct Interval {
  double low = 0;
  double high = 1;
};

// z: quantile of the normal distribution, 1.96 for 95 %, 2.576 for 99 %.
// [0, 1] without trials. successes in [0, trials]; both may be fractions, as
// after a design effect. [any-thread]
inline Interval WilsonInterval(double successes, double trials, double z) {
  if (!(trials > 0)) return {};
  const double p = successes / trials;
  const double z2 = z * z / trials;
  const double center = (p + z2 / 2) / (1 + z2);
  const double half = std::sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2);
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_WILSON_H_
