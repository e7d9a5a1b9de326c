#include "core/attention/ensemble.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/testing/attention/built_in.h"
#include "plugins/testing/attention/oracle.h"
#include "rapidcheck/gtest.h"

namespace ruvector::attention {
namespace {

using ::testing::HasSubstr;

const std::vector<Mechanism>& All() {
  static const auto* all = new std::vector<Mechanism>(BuiltIn().All());
  return *all;
}

AttentionRequest Full(const Case& c) {
  AttentionRequest request = c.Request();
  request.hops = c.hops;
  request.depths = c.depths;
  request.criticalities = c.criticalities;
  request.on_critical_path = c.critical;
  request.is_parallel = c.parallel;
  request.is_common_ancestor = c.common;
  request.timestamps_ms = c.times;
  return request;
}

RC_GTEST_PROP(EnsembleTest, ItIsTheWeightedMeanOfItsMembers, ()) {
  const Case c = AnyCase();
  const auto& all = All();
  std::vector<double> shares;
  double sum = 0;
  for (size_t k = 0; k < all.size(); ++k) {
    shares.push_back(AnyNumber(0, 3));
    sum += shares.back();
  }
  RC_PRE(sum > 0);
  Numbers expected(c.count), aggregated(c.dim);
  for (size_t k = 0; k < all.size(); ++k) {
    const auto one = all[k].Attend(Full(c));
    RC_ASSERT(one.ok());
    for (size_t i = 0; i < c.count; ++i) {
      expected[i] += shares[k] / sum * one->weights[i];
    }
    for (size_t j = 0; j < c.dim; ++j) {
      aggregated[j] += shares[k] / sum * one->aggregated[j];
    }
  }
  const auto result = Ensemble(all, shares, Full(c));
  RC_ASSERT(Difference(result, expected) == "");
  for (size_t j = 0; j < c.dim; ++j) {
    RC_ASSERT(std::abs(result->aggregated[j] - aggregated[j]) < 1e-5L);
  }
}

// A single member with all its context is that member.
RC_GTEST_PROP(EnsembleTest, OneMemberIsItself, ()) {
  const Case c = AnyCase();
  const auto& all = All();
  const auto& one = all[*rc::gen::inRange<size_t>(0, all.size())];
  const auto alone = one.Attend(Full(c));
  const auto result = Ensemble({one}, {}, Full(c));
  RC_ASSERT(alone.ok() && result.ok());
  RC_ASSERT(alone->weights == result->weights);
}

// What is unknown is equal, and then only similarity is left: for all but the
// hyperbolic mechanism the topological weights.
RC_GTEST_PROP(EnsembleTest, WithoutContextMembersGoBySimilarity, ()) {
  const Case c = AnyCase();
  for (const Mechanism& one : All()) {
    const auto result = Ensemble({one}, {}, c.Request());
    if (one.name() == "hierarchical_lorentz") {
      RC_ASSERT(result.ok());
      continue;
    }
    RC_ASSERT(Difference(result, Softmax(Similarity(c))) == "");
  }
}

TEST(EnsembleTest, TheHyperbolicMemberStillSeesDirections) {
  const std::vector<float> query = {1, 0}, keys = {1, 0, -1, 0};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  const auto result =
      Ensemble({*BuiltIn().Find("hierarchical_lorentz")}, {}, request);
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->weights[0] / result->weights[1], 4, 1e-5);
}

TEST(EnsembleTest, ParametersGoToWhoKnowsThem) {
  const std::vector<float> query = {1}, keys = {1, 1};
  const std::vector<uint8_t> critical = {1, 0};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  request.on_critical_path = critical;
  request.parameters = {{"boost", std::log(3)}};
  const auto result = Ensemble(
      {*BuiltIn().Find("critical_path"), *BuiltIn().Find("topological")}, {},
      request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->weights[0], (0.75 + 0.5) / 2, 1e-6);
  request.parameters = {{"bost", 1}};
  EXPECT_THAT(Ensemble({*BuiltIn().Find("critical_path")}, {}, request)
                  .status()
                  .message(),
              HasSubstr("'bost'"));
}

TEST(EnsembleTest, EmptyInputIsAnEmptyResult) {
  const std::vector<float> query = {1, 2};
  AttentionRequest request;
  request.query = query;
  const auto result = Ensemble(All(), {}, request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->weights.empty());
  EXPECT_EQ(result->aggregated, (std::vector<float>{0, 0}));
}

TEST(EnsembleTest, MistakesAreNamed) {
  const std::vector<float> query = {1}, keys = {1};
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  const Mechanism one = *BuiltIn().Find("topological");
  const auto error = [&](std::vector<Mechanism> members,
                         std::vector<double> shares) {
    const auto result = Ensemble(members, shares, request);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(result.status().message());
  };
  EXPECT_THAT(error({}, {}), HasSubstr("needs a mechanism"));
  EXPECT_THAT(error({one}, {1, 2}), HasSubstr("2 elements, expected 1"));
  EXPECT_THAT(error({one, one}, {1, -1}), HasSubstr("weights[1] is -1"));
  EXPECT_THAT(error({one}, {std::nan("")}), HasSubstr("weights[0] is nan"));
  EXPECT_THAT(error({one, one}, {0, 0}), HasSubstr("sum 0"));
}

TEST(RegistryTest, TheNamesOfAllMechanismsAreReserved) {
  plugin::PluginDescription description;
  description.kind = plugin::PluginKind::kAttention;
  for (const char* name : {"auto", "ensemble"}) {
    description.name = name;
    EXPECT_THAT(CheckMechanismName(description).message(),
                HasSubstr("reserved"));
    description.kind = plugin::PluginKind::kStrategy;
    EXPECT_TRUE(CheckMechanismName(description).ok());
    description.kind = plugin::PluginKind::kAttention;
  }
  description.name = "automatic";
  EXPECT_TRUE(CheckMechanismName(description).ok());
}

}  // namespace
}  // namespace ruvector::attention
