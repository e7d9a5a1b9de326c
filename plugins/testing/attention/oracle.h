// What the tests of the mechanisms share: random calls and plain arithmetic in
// long double, written from the formulas and independent of the plugins' code.
//
//   RC_GTEST_PROP(CausalConeTest, MatchesTheFormula, ()) {
//     const Case c = AnyCase();
//     AttentionRequest request = c.Request();
//     ...
//     RC_ASSERT(Difference(mechanism.Attend(request), Softmax(scores)) == "");
//   }
#ifndef RUVECTOR_PLUGINS_TESTING_ATTENTION_ORACLE_H_
#define RUVECTOR_PLUGINS_TESTING_ATTENTION_ORACLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attention/registry.h"

namespace ruvector::attention {

using Numbers = std::vector<long double>;

struct Case {
  size_t count = 0, dim = 0;
  std::vector<float> query, keys, criticalities;
  std::vector<int32_t> hops, depths;
  std::vector<uint8_t> critical, parallel, common;
  std::vector<double> times;

  // Query and keys alone; context is the test's to add.
  AttentionRequest Request() const;
};

// A case of the running RapidCheck property: 1 to 40 entries of 1 to 24
// dimensions.
Case AnyCase();
// A number of the running property, in thousandths, from low to high.
double AnyNumber(double low, double high);

// q.k_i / sqrt(d).
Numbers Similarity(const Case& c);
Numbers Normalise(Numbers numbers);
// Without subtracting a maximum: long double has the range.
Numbers Softmax(Numbers scores);

// "" when the call succeeded and every weight is the expected one.
std::string Difference(const absl::StatusOr<AttentionResult>& result,
                       const Numbers& expected, long double tolerance = 1e-6L);
// "" when the result is, bit for bit in the weights, what the topological
// mechanism gives for query and keys.
std::string DifferenceFromTopological(
    const absl::StatusOr<AttentionResult>& result, const Case& c);

// The one mechanism of a plugin that is linked in.
Mechanism Linked(const ruvector_plugin_descriptor* (*entry)(void));

}  // namespace ruvector::attention

#endif  // RUVECTOR_PLUGINS_TESTING_ATTENTION_ORACLE_H_
