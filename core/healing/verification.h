// Did it help, and did it hurt? The rule of ruvector_expectation. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_VERIFICATION_H_
#define RUVECTOR_CORE_HEALING_VERIFICATION_H_

#include <optional>
#include <string>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/plugin/description.h"

namespace ruvector::healing {

// What a strategy's result is held against, and in which order its metrics
// are sampled: the target, then the guards.
struct Expectations {
  plugin::ExpectationDescription target;
  std::vector<plugin::ExpectationDescription> guards;

  size_t size() const { return 1 + guards.size(); }
  const plugin::ExpectationDescription& at(size_t i) const {
    return i == 0 ? target : guards[i - 1];
  }
};

// A sampled value; nullopt: it could not be read.
using Measured = std::optional<double>;

// What is left to judge when all that is done is ANALYZE. Of the metrics of the
// catalog it moves none that the cuts are made of: no row, page or lock that
// anybody waits for. Where lambda_norm or service_norm falls meanwhile another
// fault does it, and an act without an undo must not be blamed for that.
Expectations ForStatisticsOnly(Expectations expectations);

// What is unknown among `values`, for people; nullopt if all is known. A value
// that is missing from the vector or not finite is unknown.
std::optional<std::string> UnknownMetric(const Expectations& expectations,
                                         const std::vector<Measured>& values);

struct Verdict {
  bool met = false;
  std::string reason;      // "recall 0.71 to 0.95", or what was not met
  double improvement = 0;  // of the target, relative to before; NaN unknown
};

// plugin_abi.h's definition; unknown is not met.
Verdict Judge(const Expectations& expectations,
              const std::vector<Measured>& before,
              const std::vector<Measured>& after);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_VERIFICATION_H_
