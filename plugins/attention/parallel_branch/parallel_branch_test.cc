#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(parallel_branch, {})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_parallel_branch); }

AttentionRequest Request(const Case& c, double cross, double boost) {
  AttentionRequest request = c.Request();
  request.is_parallel = c.parallel;
  request.is_common_ancestor = c.common;
  request.parameters = {{"cross_weight", cross}, {"common_boost", boost}};
  return request;
}

RC_GTEST_PROP(ParallelBranchTest, MatchesTheFormula, ()) {
  const Case c = AnyCase();
  const double cross = AnyNumber(0.01, 2), boost = AnyNumber(0, 4);
  Numbers weights = Similarity(c);
  for (size_t i = 0; i < c.count; ++i) {
    weights[i] = std::exp(weights[i]);
    if (c.parallel[i] != 0) {
      weights[i] *= cross;
    } else if (c.common[i] != 0) {
      weights[i] *= std::exp(static_cast<long double>(boost));
    }
  }
  RC_ASSERT(Difference(Built().Attend(Request(c, cross, boost)),
                       Normalise(weights)) == "");
}

RC_GTEST_PROP(ParallelBranchTest, WithoutWeightAndBoostItIsTopological, ()) {
  const Case c = AnyCase();
  RC_ASSERT(DifferenceFromTopological(Built().Attend(Request(c, 1, 0)), c) ==
            "");
}

RC_GTEST_PROP(ParallelBranchTest, ANodesCommonFlagSaysNothing, ()) {
  Case c = AnyCase();
  const auto before = Built().Attend(Request(c, 0.5, 2));
  for (size_t i = 0; i < c.count; ++i) {
    if (c.parallel[i] != 0) c.common[i] = 1 - c.common[i];
  }
  const auto after = Built().Attend(Request(c, 0.5, 2));
  RC_ASSERT(before.ok() && after.ok());
  RC_ASSERT(before->weights == after->weights);
}

TEST(ParallelBranchTest, CrossWeightZeroExcludesParallelNodes) {
  Case c;
  c.query = {1};
  c.keys = {1, 1, 1};
  c.parallel = {0, 0, 1};
  c.common = {0, 0, 0};
  const auto result = Built().Attend(Request(c, 0, 2));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->weights, (std::vector<float>{0.5, 0.5, 0}));
}

// As a factor of the score, 0.5 would favour the parallel node here.
TEST(ParallelBranchTest, AParallelNodeWeighsLessAlsoWhereItIsUnlike) {
  Case c;
  c.query = {-4};
  c.keys = {1, 1};
  c.parallel = {0, 1};
  c.common = {0, 0};
  const auto result = Built().Attend(Request(c, 0.5, 2));
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[0], 2.0 / 3, 1e-6);
}

}  // namespace
}  // namespace ruvector::attention
