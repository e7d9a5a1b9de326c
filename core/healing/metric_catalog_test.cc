#include "core/healing/metric_catalog.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

using ::testing::HasSubstr;

plugin::PluginDescription Strategy() {
  plugin::PluginDescription d;
  d.kind = plugin::PluginKind::kStrategy;
  d.name = "mine";
  d.strategy.emplace();
  d.strategy->metrics = {"partition_rows", "index_method"};
  d.strategy->target = {"load_ratio", "", false, 0.1};
  d.strategy->guards = {{"throttle_percent", "insert", false, 0}};
  return d;
}

TEST(MetricCatalogTest, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> names;
  for (const MetricInfo& metric : MetricCatalog()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_EQ(
        metric.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
        std::string_view::npos);
    EXPECT_FALSE(metric.meaning.empty() || metric.source.empty() ||
                 metric.unit.empty());
    EXPECT_EQ(metric.type == MetricType::kText, metric.unit == "text");
    EXPECT_EQ(FindMetric(metric.name), &metric);
  }
  EXPECT_EQ(FindMetric("nonsense"), nullptr);
}

TEST(MetricCatalogTest, AcceptsWhatItKnows) {
  EXPECT_TRUE(CheckMetrics(Strategy()).ok());
  plugin::PluginDescription attention;
  attention.kind = plugin::PluginKind::kAttention;
  EXPECT_TRUE(CheckMetrics(attention).ok());
}

TEST(MetricCatalogTest, RefusesWhatCouldNeverBeRead) {
  plugin::PluginDescription d = Strategy();
  d.strategy->metrics.push_back("partition_raws");
  EXPECT_THAT(CheckMetrics(d).message(),
              HasSubstr("unknown metric 'partition_raws'"));
  d = Strategy();
  d.strategy->target.metric = "lambda";
  EXPECT_THAT(CheckMetrics(d).message(), HasSubstr("unknown metric 'lambda'"));
  d = Strategy();
  d.strategy->guards[0].metric = "index_method";
  EXPECT_THAT(CheckMetrics(d).message(), HasSubstr("which is no number"));
}

TEST(MetricCatalogTest, RefusesASubjectTooFewOrTooMany) {
  plugin::PluginDescription d = Strategy();
  d.strategy->target.subject = "public.items";
  EXPECT_THAT(CheckMetrics(d).message(),
              HasSubstr("its subject is a collection"));
  d = Strategy();
  d.strategy->guards[0].subject = "";
  EXPECT_THAT(CheckMetrics(d).message(),
              HasSubstr("its subject is a operation"));
}

}  // namespace
}  // namespace ruvector::healing
