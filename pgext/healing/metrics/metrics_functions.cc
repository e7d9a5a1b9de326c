// SQL: ruvector_healing_metrics(collection, metric).
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/healing/metric_catalog.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/metrics/metrics.h"

namespace {

// A strategy that wants one metric, or all.
absl::StatusOr<ruvector::plugin::PluginDescription> Wanting(
    const std::optional<std::string>& metric) {
  using ruvector::healing::MetricInfo;
  ruvector::plugin::PluginDescription wanting;
  wanting.strategy.emplace();
  for (const MetricInfo& info : ruvector::healing::MetricCatalog()) {
    if (!metric.has_value() || info.name == *metric) {
      wanting.strategy->metrics.emplace_back(info.name);
    }
  }
  if (!wanting.strategy->metrics.empty()) return wanting;
  return ruvector::pg::PgError(
      ERRCODE_UNDEFINED_OBJECT,
      absl::StrCat("there is no metric \"", *metric, "\""), "",
      "ruvector_healing_metrics(collection) lists all of them.");
}

}  // namespace

RV_SQL_FUNCTION(ruvector_healing_metrics) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const auto metric, pg::OptionalTextArgument(fcinfo, 1));
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  std::vector<metrics::PlanMetric> values;
  {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(const integrity::Collection collection,
                        integrity::FindCollection(spi, name));
    RV_ASSIGN_OR_RETURN(const plugin::PluginDescription wanting,
                        Wanting(metric));
    RV_ASSIGN_OR_RETURN(values,
                        metrics::ReadPlanMetrics(spi, collection, wanting));
  }
  for (const metrics::PlanMetric& one : values) {
    const healing::MetricInfo& info = *healing::FindMetric(one.name);
    pg::RowBuilder row;
    row.Text(one.name);
    row.Text(one.subject);
    row.OptionalReal(one.value.number());
    row.OptionalText(one.value.text());
    row.Text(info.unit);
    row.Text(info.meaning);
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}
