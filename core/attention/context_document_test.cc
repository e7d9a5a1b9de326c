#include "core/attention/context_document.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Error(std::string_view json) {
  const auto parsed = ParseContext(json);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(parsed.status().message());
}

TEST(ContextDocumentTest, EveryKeyIsRead) {
  const auto parsed = ParseContext(R"({
    "depths": [1, 2.0], "hops": [0, 3], "costs": [0.5, 1e9],
    "criticalities": [0, 1], "on_critical_path": [true, false],
    "is_parallel": [false, true], "is_common_ancestor": [true, true],
    "timestamps_ms": [-1, 2], "query_depth": 7, "query_timestamp_ms": 2.5,
    "parameters": {"boost": 3}, "mechanisms": ["a", "b"], "weights": [1, 2],
    "exploration": 0.25, "seed": 9007199254740991})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  AttentionRequest request;
  parsed->Lend(request);
  EXPECT_THAT(request.depths, ElementsAre(1, 2));
  EXPECT_THAT(request.hops, ElementsAre(0, 3));
  EXPECT_THAT(request.costs, ElementsAre(0.5, 1e9));
  EXPECT_THAT(request.criticalities, ElementsAre(0, 1));
  EXPECT_THAT(request.on_critical_path, ElementsAre(1, 0));
  EXPECT_THAT(request.is_parallel, ElementsAre(0, 1));
  EXPECT_THAT(request.is_common_ancestor, ElementsAre(1, 1));
  EXPECT_THAT(request.timestamps_ms, ElementsAre(-1, 2));
  EXPECT_EQ(request.query_depth, 7);
  EXPECT_EQ(request.query_timestamp_ms, 2.5);
  EXPECT_THAT(request.parameters, ElementsAre(Pair("boost", 3)));
  EXPECT_THAT(*parsed->mechanisms, ElementsAre("a", "b"));
  EXPECT_THAT(parsed->weights, ElementsAre(1, 2));
  EXPECT_EQ(parsed->exploration, 0.25);
  EXPECT_EQ(parsed->seed, 9007199254740991);
  EXPECT_EQ(ContextOf(request), 255u);
}

TEST(ContextDocumentTest, NullAndNothingAreAbsent) {
  for (const char* json : {"{}", R"({"depths": null, "mechanisms": null})"}) {
    const auto parsed = ParseContext(json);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    AttentionRequest request;
    parsed->Lend(request);
    EXPECT_EQ(ContextOf(request), 0u);
    EXPECT_FALSE(parsed->mechanisms.has_value());
  }
}

TEST(ContextDocumentTest, MistakesAreNamed) {
  EXPECT_THAT(Error("[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(Error(R"({"depth": [1]})"),
              HasSubstr("unknown key \"depth\", known are: depths, hops"));
  EXPECT_THAT(
      Error(R"({"depths": 1})"),
      HasSubstr("context key \"depths\": expected array, got number 1"));
  EXPECT_THAT(Error(R"({"depths": [0, -1]})"),
              HasSubstr("\"depths[1]\": expected integer from 0 to"));
  EXPECT_THAT(Error(R"({"hops": [1.5]})"), HasSubstr("\"hops[0]\""));
  EXPECT_THAT(Error(R"({"hops": [null]})"), HasSubstr("got null"));
  EXPECT_THAT(Error(R"({"criticalities": [1.1]})"),
              HasSubstr("expected number from 0 to 1"));
  EXPECT_THAT(Error(R"({"is_parallel": [1]})"), HasSubstr("expected boolean"));
  EXPECT_THAT(Error(R"({"parameters": {"boost": "x"}})"),
              HasSubstr("\"parameters.boost\""));
  EXPECT_THAT(Error(R"({"parameters": []})"), HasSubstr("expected object"));
  EXPECT_THAT(Error(R"({"mechanisms": [1]})"), HasSubstr("\"mechanisms[0]\""));
  EXPECT_THAT(Error(R"({"seed": -1})"), HasSubstr("\"seed\""));
  EXPECT_THAT(Error("{"), HasSubstr("context"));
}

TEST(ContextDocumentTest, ConfigIsParametersAndDepths) {
  const auto parsed =
      ParseConfig(R"({"temperature": 0.5, "depth_decay": 0.9, "depths": [3]})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->parameters,
              ElementsAre(Pair("depth_decay", 0.9), Pair("temperature", 0.5)));
  EXPECT_THAT(parsed->depths, ElementsAre(3));
  EXPECT_THAT(ParseConfig(R"({"depth_decay": 0.9})").status().message(),
              HasSubstr("needs the key \"depths\""));
  EXPECT_THAT(ParseConfig(R"({"temperature": "hot"})").status().message(),
              HasSubstr("\"temperature\": expected number"));
  EXPECT_FALSE(ParseConfig("3").ok());
}

}  // namespace
}  // namespace ruvector::attention
