#include "core/healing/verification.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ruvector::healing {
namespace {

Measured At(const std::vector<Measured>& values, size_t i) {
  if (i >= values.size() || !values[i].has_value() ||
      !std::isfinite(*values[i])) {
    return std::nullopt;
  }
  return values[i];
}

std::string Name(const plugin::ExpectationDescription& expectation) {
  return expectation.subject.empty()
             ? expectation.metric
             : absl::StrCat(expectation.metric, " of ", expectation.subject);
}

bool TargetMet(const plugin::ExpectationDescription& target, double before,
               double after) {
  const double margin = target.margin * std::abs(before);
  return target.must_rise ? after >= before + margin : after <= before - margin;
}

bool GuardMet(const plugin::ExpectationDescription& guard, double before,
              double after) {
  const double margin = guard.margin * std::abs(before);
  return guard.must_rise ? after >= before - margin : after <= before + margin;
}

}  // namespace

Expectations ForStatisticsOnly(Expectations expectations) {
  auto& guards = expectations.guards;
  guards.erase(std::remove_if(guards.begin(), guards.end(),
                              [](const auto& guard) {
                                return guard.metric == "lambda_norm" ||
                                       guard.metric == "service_norm";
                              }),
               guards.end());
  return expectations;
}

std::optional<std::string> UnknownMetric(const Expectations& expectations,
                                         const std::vector<Measured>& values) {
  for (size_t i = 0; i < expectations.size(); ++i) {
    if (!At(values, i).has_value()) return Name(expectations.at(i));
  }
  return std::nullopt;
}

Verdict Judge(const Expectations& expectations,
              const std::vector<Measured>& before,
              const std::vector<Measured>& after) {
  Verdict verdict;
  verdict.improvement = std::numeric_limits<double>::quiet_NaN();
  const Measured target_before = At(before, 0), target_after = At(after, 0);
  if (target_before && target_after && *target_before != 0) {
    const double change =
        (*target_after - *target_before) / std::abs(*target_before);
    verdict.improvement = expectations.target.must_rise ? change : -change;
  }
  for (size_t i = 0; i < expectations.size(); ++i) {
    const plugin::ExpectationDescription& expected = expectations.at(i);
    const Measured b = At(before, i), a = At(after, i);
    if (!b.has_value() || !a.has_value()) {
      verdict.reason = absl::StrFormat("%s is unknown %s", Name(expected),
                                       b.has_value() ? "after" : "before");
      return verdict;
    }
    const bool met =
        i == 0 ? TargetMet(expected, *b, *a) : GuardMet(expected, *b, *a);
    if (met) continue;
    verdict.reason = absl::StrFormat(
        i == 0 ? "%s went from %g to %g, expected to %s by %g percent"
               : "%s went from %g to %g, expected not to %s by more than %g "
                 "percent",
        Name(expected), *b, *a,
        expected.must_rise == (i == 0) ? "rise" : "fall",
        100 * expected.margin);
    return verdict;
  }
  verdict.met = true;
  verdict.reason =
      absl::StrFormat("%s went from %g to %g", Name(expectations.target),
                      *target_before, *target_after);
  return verdict;
}

}  // namespace ruvector::healing
