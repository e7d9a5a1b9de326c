#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(temporal_btsp, {})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_temporal_btsp); }

AttentionRequest Request(const Case& c, double window, double boost) {
  AttentionRequest request = c.Request();
  request.timestamps_ms = c.times;
  request.parameters = {{"window_ms", window}, {"boost", boost}};
  return request;
}

Numbers Expected(const Case& c, double now, double window, double boost) {
  Numbers scores = Similarity(c);
  for (size_t i = 0; i < c.count; ++i) {
    if (std::abs(c.times[i] - now) < window) scores[i] += boost;
  }
  return Softmax(scores);
}

RC_GTEST_PROP(TemporalBtspTest, MatchesTheFormula, ()) {
  const Case c = AnyCase();
  const double window = AnyNumber(0, 300), boost = AnyNumber(0, 4);
  AttentionRequest request = Request(c, window, boost);
  // Without a time of its own the query is as late as the latest entry.
  double now = *std::max_element(c.times.begin(), c.times.end());
  RC_ASSERT(Difference(Built().Attend(request),
                       Expected(c, now, window, boost)) == "");
  now = 1e6 + AnyNumber(-50, 350);
  request.query_timestamp_ms = now;
  RC_ASSERT(Difference(Built().Attend(request),
                       Expected(c, now, window, boost)) == "");
}

RC_GTEST_PROP(TemporalBtspTest, WithoutBoostOrWindowItIsTopological, ()) {
  const Case c = AnyCase();
  RC_ASSERT(DifferenceFromTopological(Built().Attend(Request(c, 50, 0)), c) ==
            "");
  RC_ASSERT(DifferenceFromTopological(Built().Attend(Request(c, 0, 3)), c) ==
            "");
}

RC_GTEST_PROP(TemporalBtspTest, ShiftingAllTimesChangesNothing, ()) {
  Case c = AnyCase();
  for (double& time : c.times) time = std::round(time);
  const auto before = Built().Attend(Request(c, 50, 1.5));
  for (double& time : c.times) time += 12345;
  RC_ASSERT(before.ok());
  RC_ASSERT(Difference(Built().Attend(Request(c, 50, 1.5)),
                       {before->weights.begin(), before->weights.end()}) == "");
}

TEST(TemporalBtspTest, TheBoostRaisesANegativeSimilarityToo) {
  Case c;
  c.query = {2};
  c.keys = {-3, -3};
  c.times = {0, 1000};
  const auto result = Built().Attend(Request(c, 50, 1.5));
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[1] / result->weights[0], std::exp(1.5), 1e-5);
}

}  // namespace
}  // namespace ruvector::attention
