#include <cmath>

#include "gtest/gtest.h"
#include "plugins/testing/attention/oracle.h"
#include "plugins/testing/attention_conformance.h"
#include "rapidcheck/gtest.h"

RUVECTOR_ATTENTION_CONFORMANCE(hierarchical_lorentz,
                               {/*aggregates_convexly=*/false})

namespace ruvector::attention {
namespace {

Mechanism Built() { return Linked(&ruvector_plugin_v1_hierarchical_lorentz); }

using Point = std::vector<long double>;  // time first

AttentionRequest Request(const Case& c, double curvature, double temperature) {
  AttentionRequest request = c.Request();
  request.depths = c.depths;
  request.parameters = {{"curvature", curvature}, {"temperature", temperature}};
  return request;
}

long double Lorentz(const Point& x, const Point& y) {
  long double sum = -x[0] * y[0];
  for (size_t j = 1; j < x.size(); ++j) sum += x[j] * y[j];
  return sum;
}

Point Direction(const float* v, size_t dim) {
  Point unit(v, v + dim);
  long double norm = 0;
  for (long double x : unit) norm += x * x;
  for (long double& x : unit) x /= std::sqrt(norm);
  return unit;
}

// exp_0 of a tangent vector of length r: the point at distance r.
Point Exponential(const Point& direction, long double r, long double radius) {
  Point x = {radius * std::cosh(r / radius)};
  for (long double d : direction) {
    x.push_back(radius * std::sinh(r / radius) * d);
  }
  return x;
}

Point Embed(const Case& c, size_t i, long double radius) {
  return Exponential(Direction(&c.keys[i * c.dim], c.dim),
                     radius * std::log(c.depths[i] + 1.0L), radius);
}

RC_GTEST_PROP(HierarchicalLorentzTest, MatchesTheGeometry, ()) {
  const Case c = AnyCase();
  const double curvature = -AnyNumber(0.05, 4), temperature = AnyNumber(0.2, 3);
  const long double radius =
      1 / std::sqrt(-static_cast<long double>(curvature));
  Point u = {1};
  for (long double d : Direction(c.query.data(), c.dim)) u.push_back(d);
  Numbers scores;
  for (size_t i = 0; i < c.count; ++i) {
    const Point x = Embed(c, i, radius);
    RC_ASSERT(std::abs(Lorentz(x, x) * -curvature + 1) < 1e-9L);
    scores.push_back(-radius * std::log(-Lorentz(x, u) / radius) / temperature);
  }
  RC_ASSERT(Difference(Built().Attend(Request(c, curvature, temperature)),
                       Softmax(scores), 2e-6L) == "");
}

// The Busemann function is the limit of distances to a point that goes to
// infinity: B_u(x) = lim d(x, y_t) - t.
TEST(HierarchicalLorentzTest, TheScoreIsALimitOfDistances) {
  Case c;
  c.count = 3;
  c.dim = 2;
  c.query = {1, 0};
  c.keys = {1, 0, 1, 1, -1, 0.5f};
  c.depths = {3, 7, 2};
  const long double t = 15;
  const Point y = Exponential({1, 0}, t, 1);
  Numbers scores;
  for (size_t i = 0; i < c.count; ++i) {
    scores.push_back(t - std::acosh(-Lorentz(Embed(c, i, 1), y)));
  }
  EXPECT_EQ(Difference(Built().Attend(Request(c, -1, 1)), Softmax(scores)), "");
}

// Straight ahead the score is R ln(h+1), straight behind its negative.
TEST(HierarchicalLorentzTest, AlongTheAxisTheWeightIsAPower) {
  Case c;
  c.query = {2, 0};
  c.keys = {5, 0, 0.1f, 0, -1, 0, 0, 0};
  c.depths = {0, 4, 4, 9};
  const auto result = Built().Attend(Request(c, -1, 1));
  ASSERT_TRUE(result.ok());
  const double sum = 1 + 5 + 1.0 / 5 + 1;
  EXPECT_NEAR(result->weights[0], 1 / sum, 1e-6);
  EXPECT_NEAR(result->weights[1], 5 / sum, 1e-6);
  EXPECT_NEAR(result->weights[2], 0.2 / sum, 1e-6);
  EXPECT_NEAR(result->weights[3], 1 / sum, 1e-6);  // of length zero: origin
}

// 1 - cosine cancels there, and a = 2^30 would show it.
TEST(HierarchicalLorentzTest, VeryDeepEntriesAlmostAhead) {
  Case c;
  c.count = 2;
  c.dim = 2;
  c.query = {1, 0};
  c.keys = {1, 1e-6f, 1, 3e-6f};
  c.depths = {(1 << 30) - 1, (1 << 30) - 1};
  Numbers weights;
  for (const long double angle : {1e-6L, 3e-6L}) {
    const long double a = 1 << 30, half = std::sin(std::atan(angle) / 2);
    weights.push_back(2 / (a * 2 * half * half + (2 - 2 * half * half) / a));
  }
  EXPECT_EQ(
      Difference(Built().Attend(Request(c, -1, 1)), Normalise(weights), 1e-5L),
      "");
}

TEST(HierarchicalLorentzTest, ThePullOfOneEntryIsItself) {
  Case c;
  c.query = {1, 1};
  c.keys = {3, 4};
  c.depths = {6};
  const auto result = Built().Attend(Request(c, -0.25, 1));
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->aggregated[0], 2 * std::log(7) * 0.6, 1e-5);
  EXPECT_NEAR(result->aggregated[1], 2 * std::log(7) * 0.8, 1e-5);
}

// The centre of two points of equal weight is the middle of the geodesic.
TEST(HierarchicalLorentzTest, TheMidpointIsEquallyFarFromBoth) {
  Case c;
  c.dim = 2;
  c.query = {0, 0};  // uniform weights
  c.keys = {1, 0, 0, 1};
  c.depths = {5, 2};
  const auto result = Built().Attend(Request(c, -1, 1));
  ASSERT_TRUE(result.ok());
  const long double length =
      std::hypot(result->aggregated[0], result->aggregated[1]);
  const Point middle = Exponential(
      {result->aggregated[0] / length, result->aggregated[1] / length}, length,
      1);
  const Point a = Embed(c, 0, 1), b = Embed(c, 1, 1);
  const long double to_a = std::acosh(-Lorentz(a, middle));
  const long double to_b = std::acosh(-Lorentz(b, middle));
  EXPECT_NEAR(to_a, to_b, 1e-5);
  EXPECT_NEAR(to_a + to_b, std::acosh(-Lorentz(a, b)), 1e-5);
}

RC_GTEST_PROP(HierarchicalLorentzTest, LengthsOfKeysDoNotCount, ()) {
  Case c = AnyCase();
  const auto before = Built().Attend(Request(c, -1, 1));
  for (size_t j = 0; j < c.keys.size(); ++j) {
    c.keys[j] *= static_cast<float>(1 << (j / c.dim % 4));
  }
  RC_ASSERT(before.ok());
  RC_ASSERT(Difference(Built().Attend(Request(c, -1, 1)),
                       {before->weights.begin(), before->weights.end()}) == "");
}

TEST(HierarchicalLorentzTest, AFlatOrSphericalSpaceIsRefused) {
  Case c;
  c.query = {1};
  c.keys = {1};
  c.depths = {1};
  for (const double curvature : {0.0, 1.0}) {
    EXPECT_EQ(Built().Attend(Request(c, curvature, 1)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace ruvector::attention
