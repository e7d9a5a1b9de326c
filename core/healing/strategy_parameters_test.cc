#include "core/healing/strategy_parameters.h"

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

plugin::PluginDescription Strategy() {
  plugin::PluginDescription d;
  d.name = "mover";
  d.parameters = {{"batch_rows", "Rows.", 1, 1000, 100, std::nullopt},
                  {"column", "Column.", 0, 0, std::nullopt, "created_at"},
                  {"workload", "Target.", 0, 0, std::nullopt, std::nullopt}};
  return d;
}

std::string Refusal(std::string_view json) {
  const auto wish = ParseWish(Strategy(), json);
  return wish.ok() ? "" : std::string(wish.status().message());
}

TEST(StrategyParametersTest, SplitsWhatIsTheHosts) {
  const auto wish =
      ParseWish(Strategy(), R"({"dry_run":true,"max_moves":5,"batch_rows":7})");
  ASSERT_TRUE(wish.ok()) << wish.status();
  EXPECT_TRUE(wish->dry_run);
  EXPECT_EQ(wish->max_moves, 5);
  EXPECT_FALSE(ParseWish(Strategy(), "{}")->max_moves.has_value());
}

TEST(StrategyParametersTest, NamesTheKeyThatIsWrong) {
  EXPECT_EQ(Refusal(R"({"rows":1})"),
            "unknown parameter \"rows\" of strategy 'mover', known are: "
            "dry_run, max_moves, batch_rows, column, workload");
  EXPECT_NE(Refusal(R"({"batch_rows":1001})").find("batch_rows"),
            std::string::npos);
  EXPECT_NE(Refusal(R"({"column":3})").find("column"), std::string::npos);
  EXPECT_NE(Refusal(R"({"max_moves":-1})").find("max_moves"),
            std::string::npos);
  EXPECT_NE(Refusal(R"({"dry_run":1})").find("dry_run"), std::string::npos);
  EXPECT_NE(Refusal("[]"), "");
  EXPECT_NE(Refusal("{"), "");
}

TEST(StrategyParametersTest, TheLastLayerDecides) {
  const auto values =
      ParameterValues(Strategy(), {R"({"batch_rows":5,"workload":"a"})", "",
                                   R"({"dry_run":false,"batch_rows":6})"});
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 3u);
  EXPECT_EQ((*values)[0].number(), 6);
  EXPECT_EQ((*values)[1].text(), "created_at");
  EXPECT_EQ((*values)[2].text(), "a");
  EXPECT_TRUE((*ParameterValues(Strategy(), {}))[2].is_null());
}

TEST(StrategyParametersTest, MergesAndRemoves) {
  EXPECT_EQ(*MergeParameters(Strategy(), R"({"batch_rows":5})",
                             R"({"column":"x","batch_rows":null})"),
            R"({"column":"x"})");
  EXPECT_FALSE(MergeParameters(Strategy(), "{}", R"({"dry_run":true})").ok());
}

}  // namespace
}  // namespace ruvector::healing
