#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(causal_cone, {})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_causal_cone); }

AttentionRequest Request(const Case& c, double decay, double horizon) {
  AttentionRequest request = c.Request();
  request.hops = c.hops;
  request.parameters = {{"decay_rate", decay}, {"max_depth", horizon}};
  return request;
}

RC_GTEST_PROP(CausalConeTest, MatchesTheFormula, ()) {
  const Case c = AnyCase();
  const double decay = AnyNumber(0, 2);
  const int horizon = *rc::gen::inRange(0, 9);
  Numbers weights = Similarity(c);
  bool any = false;
  for (size_t i = 0; i < c.count; ++i) {
    const bool inside = c.hops[i] <= horizon;
    any |= inside;
    weights[i] = inside
                     ? std::exp(weights[i]) *
                           std::pow(std::exp(-static_cast<long double>(decay)),
                                    c.hops[i])
                     : 0;
  }
  if (!any) weights.assign(c.count, 1);
  RC_ASSERT(Difference(Built().Attend(Request(c, decay, horizon)),
                       Normalise(weights)) == "");
}

RC_GTEST_PROP(CausalConeTest, WithoutDecayItIsTopological, ()) {
  const Case c = AnyCase();
  RC_ASSERT(DifferenceFromTopological(Built().Attend(Request(c, 0, 10)), c) ==
            "");
}

RC_GTEST_PROP(CausalConeTest, AnotherHopForAllChangesNothing, ()) {
  Case c = AnyCase();
  const auto before = Built().Attend(Request(c, 0.7, 100));
  for (int32_t& hops : c.hops) ++hops;
  RC_ASSERT(before.ok());
  RC_ASSERT(Difference(Built().Attend(Request(c, 0.7, 100)),
                       {before->weights.begin(), before->weights.end()}) == "");
}

// exp(-decay * hops) as a factor of the score would raise these two.
TEST(CausalConeTest, DistanceLowersANegativeSimilarityToo) {
  Case c;
  c.query = {3};
  c.keys = {-2, -2};
  c.hops = {1, 4};
  const auto result = Built().Attend(Request(c, 0.5, 10));
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[0] / result->weights[1], std::exp(1.5), 1e-5);
}

TEST(CausalConeTest, BeyondTheHorizonIsExcluded) {
  Case c;
  c.query = {1};
  c.keys = {1, 1, 9};
  c.hops = {2, 2, 3};
  const auto result = Built().Attend(Request(c, 0.1, 2));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->weights, (std::vector<float>{0.5, 0.5, 0}));
}

}  // namespace
}  // namespace ruvector::attention
