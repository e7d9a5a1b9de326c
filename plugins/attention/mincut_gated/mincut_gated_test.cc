#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(mincut_gated, {})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_mincut_gated); }

AttentionRequest Request(const Case& c, double threshold) {
  AttentionRequest request = c.Request();
  request.criticalities = c.criticalities;
  request.parameters = {{"threshold", threshold}};
  return request;
}

RC_GTEST_PROP(MincutGatedTest, MatchesTheFormula, ()) {
  const Case c = AnyCase();
  const double threshold = AnyNumber(0.01, 1);
  Numbers weights = Softmax(Similarity(c));
  long double open = 0;
  for (size_t i = 0; i < c.count; ++i) {
    const long double criticality = c.criticalities[i];
    weights[i] *= std::min(1.0L, criticality / threshold);
    open += weights[i];
  }
  if (open < 1e-8L) weights.assign(c.count, 1);
  RC_ASSERT(Difference(Built().Attend(Request(c, threshold)),
                       Normalise(weights)) == "");
}

RC_GTEST_PROP(MincutGatedTest, ThresholdZeroOpensEveryGate, ()) {
  const Case c = AnyCase();
  RC_ASSERT(Difference(Built().Attend(Request(c, 0)), Softmax(Similarity(c))) ==
            "");
}

RC_GTEST_PROP(MincutGatedTest, EquallyHalfOpenGatesAreOpenOnes, ()) {
  Case c = AnyCase();
  c.criticalities.assign(c.count, 0.25f);
  RC_ASSERT(Difference(Built().Attend(Request(c, 0.5)),
                       Softmax(Similarity(c))) == "");
}

// As a factor of the score, the closed gate would win here.
TEST(MincutGatedTest, AClosedGateIsClosedWhateverTheSimilarity) {
  Case c;
  c.query = {5};
  c.keys = {-1, -2, -3};
  c.criticalities = {0, 1, 1};
  const auto result = Built().Attend(Request(c, 0.5));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->weights[0], 0);
  EXPECT_NEAR(result->weights[1] / result->weights[2], std::exp(5), 1e-3);
}

TEST(MincutGatedTest, AllClosedIsUniform) {
  Case c;
  c.query = {5};
  c.keys = {-1, 2};
  c.criticalities = {0, 0};
  const auto result = Built().Attend(Request(c, 0.5));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->weights, (std::vector<float>{0.5, 0.5}));
}

}  // namespace
}  // namespace ruvector::attention
