#include <cmath>
#include <vector>

#include "core/attention/registry.h"
#include "core/base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/attention_conformance.h"

RUVECTOR_ATTENTION_CONFORMANCE(topological, {})

namespace ruvector::attention {
namespace {

using ::testing::HasSubstr;

Mechanism Topological() {
  MechanismRegistry registry;
  EXPECT_TRUE(registry.Add(ruvector_plugin_v1_topological()).ok());
  return *registry.Find("topological");
}

// The formula as it is written down, in long double and without stabilising.
std::vector<long double> Oracle(const std::vector<float>& query,
                                const std::vector<float>& keys,
                                const std::vector<int32_t>& depths,
                                long double temperature, long double decay) {
  const size_t dim = query.size();
  int32_t deepest = 0;
  for (int32_t depth : depths) deepest = std::max(deepest, depth);
  std::vector<long double> weights;
  long double sum = 0;
  for (size_t i = 0; i < keys.size() / dim; ++i) {
    long double dot = 0;
    for (size_t j = 0; j < dim; ++j) {
      dot += static_cast<long double>(query[j]) * keys[i * dim + j];
    }
    long double w = std::exp(
        dot / (std::sqrt(static_cast<long double>(dim)) * temperature));
    if (deepest > 0) {
      w *= std::pow(decay, 1 - static_cast<long double>(depths[i]) / deepest);
    }
    weights.push_back(w);
    sum += w;
  }
  for (long double& w : weights) w /= sum;
  return weights;
}

TEST(TopologicalTest, MatchesTheFormula) {
  const Mechanism topological = Topological();
  Rng rng(1);
  for (int round = 0; round < 50; ++round) {
    const size_t count = 1 + rng.Below(40), dim = 1 + rng.Below(30);
    std::vector<float> query(dim), keys(count * dim);
    std::vector<int32_t> depths(round % 2 == 0 ? 0 : count);
    for (float& v : query) v = static_cast<float>(2 * rng.Uniform() - 1);
    for (float& v : keys) v = static_cast<float>(2 * rng.Uniform() - 1);
    for (int32_t& v : depths) v = static_cast<int32_t>(rng.Below(6));
    AttentionRequest request;
    request.query = query;
    request.keys = keys;
    request.depths = depths;
    request.parameters = {{"temperature", 0.5}, {"depth_decay", 0.3}};
    const auto result = topological.Attend(request);
    ASSERT_TRUE(result.ok()) << result.status();
    const auto expected = Oracle(query, keys, depths, 0.5L, 0.3L);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(result->weights[i], expected[i], 1e-7);
    }
  }
}

// With a zero query only depth speaks: 0.9^(1 - d/dmax), normalised, the
// per-node score of the older crate (ruvector-upstream.md, B2.1 K).
TEST(TopologicalTest, ZeroQueryGivesTheDepthScore) {
  const std::vector<float> query = {0, 0}, keys = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> depths = {0, 1, 2};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  request.depths = depths;
  request.parameters = {{"depth_decay", 0.9}};
  const auto result = Topological().Attend(request);
  ASSERT_TRUE(result.ok());
  const double sum = 0.9 + std::sqrt(0.9) + 1;
  EXPECT_NEAR(result->weights[0], 0.9 / sum, 1e-7);
  EXPECT_NEAR(result->weights[1], std::sqrt(0.9) / sum, 1e-7);
  EXPECT_NEAR(result->weights[2], 1 / sum, 1e-7);
}

// A bias that multiplied would raise a negative score; this one lowers it.
TEST(TopologicalTest, DecayLowersWhateverTheSign) {
  const std::vector<float> query = {3}, keys = {-2, -2};
  const std::vector<int32_t> depths = {0, 5};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  request.depths = depths;
  request.parameters = {{"depth_decay", 0.5}};
  const auto result = Topological().Attend(request);
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[0], 1.0 / 3, 1e-7);
}

TEST(TopologicalTest, MismatchedAndUnknownArgumentsAreNamed) {
  const std::vector<float> query = {1, 2}, keys = {1, 2, 3, 4};
  const std::vector<int32_t> depths = {1};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  request.depths = depths;
  EXPECT_THAT(Topological().Attend(request).status().message(),
              HasSubstr("depths has 1 elements, expected 2"));
  request.depths = {};
  request.parameters = {{"temprature", 1}};
  EXPECT_THAT(Topological().Attend(request).status().message(),
              HasSubstr("unknown parameter 'temprature' of 'topological', "
                        "known are: temperature, depth_decay"));
  request.parameters = {{"temperature", 0}};
  EXPECT_THAT(Topological().Attend(request).status().message(),
              HasSubstr("parameter 'temperature' is 0, expected 0.001 to"));
  request.parameters.clear();
  request.keys = absl::MakeSpan(keys).subspan(0, 3);
  EXPECT_THAT(Topological().Attend(request).status().message(),
              HasSubstr("keys have 3 numbers, expected a multiple of 2"));
}

}  // namespace
}  // namespace ruvector::attention
