#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(critical_path, {})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_critical_path); }

AttentionRequest Request(const Case& c, double boost) {
  AttentionRequest request = c.Request();
  request.on_critical_path = c.critical;
  request.parameters = {{"boost", boost}};
  return request;
}

RC_GTEST_PROP(CriticalPathTest, MatchesTheFormula, ()) {
  const Case c = AnyCase();
  const double boost = AnyNumber(0, 5);
  Numbers scores = Similarity(c);
  for (size_t i = 0; i < c.count; ++i) {
    if (c.critical[i] != 0) scores[i] += boost;
  }
  RC_ASSERT(Difference(Built().Attend(Request(c, boost)), Softmax(scores)) ==
            "");
}

RC_GTEST_PROP(CriticalPathTest, WithoutBoostItIsTopological, ()) {
  const Case c = AnyCase();
  RC_ASSERT(DifferenceFromTopological(Built().Attend(Request(c, 0)), c) == "");
}

RC_GTEST_PROP(CriticalPathTest, AllOnThePathIsNoneOnThePath, ()) {
  Case c = AnyCase();
  c.critical.assign(c.count, 1);
  RC_ASSERT(Difference(Built().Attend(Request(c, 1.5)),
                       Softmax(Similarity(c))) == "");
}

TEST(CriticalPathTest, TheDefaultBoostIsTheSources) {
  Case c;
  c.query = {-1};
  c.keys = {2, 2};
  c.critical = {1, 0};
  AttentionRequest request = Request(c, 0);
  request.parameters.clear();
  const auto result = Built().Attend(request);
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[0] / result->weights[1], std::exp(1.5), 1e-5);
}

}  // namespace
}  // namespace ruvector::attention
