#include "pgext/healing/metrics/metrics.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/healing/metric_catalog.h"
#include "pgext/healing/metrics/facts.h"
#include "pgext/healing/metrics/values.h"

namespace ruvector::metrics {
namespace {

using healing::MetricInfo;
using healing::MetricSubject;

template <class T>
absl::StatusOr<std::vector<std::string>> Keys(
    absl::StatusOr<const std::map<std::string, T>*> group) {
  if (!group.ok()) return group.status();
  std::vector<std::string> keys;
  if (*group == nullptr) return keys;
  for (const auto& [key, value] : **group) keys.push_back(key);
  return keys;
}

absl::StatusOr<std::vector<std::string>> SubjectsOf(MetricSubject kind,
                                                    Facts& facts) {
  switch (kind) {
    case MetricSubject::kCollection:
      return std::vector<std::string>{""};
    case MetricSubject::kOperation:
      return Operations();
    case MetricSubject::kPartition:
      return Keys(facts.Leaves());
    case MetricSubject::kIndex:
      return Keys(facts.Indexes());
    case MetricSubject::kTablespace:
      return Keys(facts.Spaces());
    case MetricSubject::kJob:
      return Keys(facts.Jobs());
    case MetricSubject::kShard:
      return Keys(facts.Shards());
    case MetricSubject::kWorkload:
    case MetricSubject::kAct:
      return std::vector<std::string>();
  }
  return std::vector<std::string>();
}

absl::StatusOr<sdk::Value> Value(const std::string& name,
                                 const std::string& subject, Facts& facts) {
  const MetricInfo* metric = healing::FindMetric(name);
  if (metric == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no metric '", name, "'"));
  }
  return ValueOf(*metric, subject, facts);
}

}  // namespace

absl::StatusOr<sdk::Value> ReadMetric(pg::SpiSession& spi,
                                      const integrity::Collection& collection,
                                      const std::string& name,
                                      const std::string& subject,
                                      const ReadOptions& options) {
  Facts facts(spi, collection, options);
  return Value(name, subject, facts);
}

absl::StatusOr<std::vector<PlanMetric>> ReadPlanMetrics(
    pg::SpiSession& spi, const integrity::Collection& collection,
    const plugin::PluginDescription& strategy, const ReadOptions& options) {
  std::vector<PlanMetric> metrics;
  if (!strategy.strategy.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("plugin '", strategy.name, "' is no strategy"));
  }
  Facts facts(spi, collection, options);
  const std::set<std::string> names(strategy.strategy->metrics.begin(),
                                    strategy.strategy->metrics.end());
  for (const std::string& name : names) {
    const MetricInfo* metric = healing::FindMetric(name);
    if (metric == nullptr) continue;  // refused when the plugin was loaded
    RV_ASSIGN_OR_RETURN(const std::vector<std::string> subjects,
                        SubjectsOf(metric->subject, facts));
    for (const std::string& subject : subjects) {
      RV_ASSIGN_OR_RETURN(sdk::Value value, ValueOf(*metric, subject, facts));
      metrics.push_back({name, subject, std::move(value)});
    }
  }
  return metrics;
}

absl::StatusOr<std::vector<healing::Measured>> ReadExpectations(
    pg::SpiSession& spi, const integrity::Collection& collection,
    const healing::Expectations& expectations, const ReadOptions& options) {
  Facts facts(spi, collection, options);
  std::vector<healing::Measured> values;
  for (size_t i = 0; i < expectations.size(); ++i) {
    const plugin::ExpectationDescription& expected = expectations.at(i);
    absl::StatusOr<sdk::Value> value =
        Value(expected.metric, expected.subject, facts);
    if (absl::IsNotFound(value.status())) value = sdk::Value();
    if (!value.ok()) return value.status();
    values.push_back(value->number());
  }
  return values;
}

}  // namespace ruvector::metrics
