#include "core/healing/verification.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

Expectations RecallUpLatencyKept() {
  return {{"recall", "i", true, 0.1}, {{"latency", "", false, 0.2}}};
}
Verdict Of(std::vector<Measured> before, std::vector<Measured> after) {
  return Judge(RecallUpLatencyKept(), before, after);
}

TEST(VerificationTest, TargetAndGuardsAtTheirMargins) {
  EXPECT_TRUE(Of({0.5, 10.0}, {0.55, 12.0}).met);
  EXPECT_FALSE(Of({0.5, 10.0}, {0.549, 10.0}).met);
  EXPECT_FALSE(Of({0.5, 10.0}, {0.9, 12.01}).met);
  EXPECT_NEAR(Of({0.5, 10.0}, {0.75, 10.0}).improvement, 0.5, 1e-12);
  EXPECT_EQ(Of({0.5, 10.0}, {0.9, 10.0}).reason,
            "recall of i went from 0.5 to 0.9");
  EXPECT_EQ(Of({0.5, 10.0}, {0.5, 10.0}).reason,
            "recall of i went from 0.5 to 0.5, expected to rise by 10 percent");
  EXPECT_EQ(Of({0.5, 10.0}, {0.9, 20.0}).reason,
            "latency went from 10 to 20, expected not to rise by more than 20 "
            "percent");
}

TEST(VerificationTest, FallingTargetsAndRisingGuards) {
  const Expectations e{{"load", "", false, 0.5}, {{"lambda", "", true, 0.1}}};
  EXPECT_TRUE(Judge(e, {4.0, 1.0}, {2.0, 0.9}).met);
  EXPECT_FALSE(Judge(e, {4.0, 1.0}, {2.1, 1.0}).met);
  EXPECT_FALSE(Judge(e, {4.0, 1.0}, {1.0, 0.89}).met);
  EXPECT_NEAR(Judge(e, {4.0, 1.0}, {1.0, 1.0}).improvement, 0.75, 1e-12);
  // Negative values: the margin is of the size.
  EXPECT_TRUE(Judge(e, {-4.0, 1.0}, {-6.0, 1.0}).met);
  EXPECT_FALSE(Judge(e, {-4.0, 1.0}, {-5.9, 1.0}).met);
}

TEST(VerificationTest, UnknownIsNotMet) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(Of({0.5, 10.0}, {std::nullopt, 10.0}).met);
  EXPECT_FALSE(Of({0.5, 10.0}, {0.9, std::nullopt}).met);
  EXPECT_FALSE(Of({0.5, std::nullopt}, {0.9, 10.0}).met);
  EXPECT_FALSE(Of({nan, 10.0}, {0.9, 10.0}).met);
  EXPECT_FALSE(Of({0.5, 10.0}, {}).met);
  EXPECT_TRUE(std::isnan(Of({0.0, 1.0}, {1.0, 1.0}).improvement));
  EXPECT_EQ(UnknownMetric(RecallUpLatencyKept(), {0.5}), "latency");
  EXPECT_FALSE(UnknownMetric(RecallUpLatencyKept(), {0.5, 1.0}).has_value());
}

}  // namespace
}  // namespace ruvector::healing
