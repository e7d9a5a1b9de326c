// SQL: ruvector.plugins and ruvector_reload_plugins().
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/attention/registry.h"
#include "core/base/status_macros.h"
#include "core/healing/strategy_registry.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/plugins/server_plugins.h"

namespace {

using ruvector::plugin::PluginRecord;

std::string ArrayText(const std::vector<std::string>& items) {
  std::vector<std::string> quoted;
  for (const std::string& item : items) {
    quoted.push_back(absl::StrCat("\"", item, "\""));  // [a-z0-9_] by contract
  }
  return absl::StrCat("{", absl::StrJoin(quoted, ","), "}");
}

ruvector::pg::RowBuilder RowOf(const PluginRecord& record) {
  ruvector::pg::RowBuilder row;
  const auto& d = record.description;
  const auto text = [&](auto f) {
    return d.has_value() ? std::optional<std::string>(f(*d)) : std::nullopt;
  };
  row.Text(record.file);
  row.OptionalText(text([](const auto& x) { return x.name; }));
  row.OptionalText(text([](const auto& x) {
    return std::string(ruvector::plugin::PluginKindName(x.kind));
  }));
  row.OptionalText(text([](const auto& x) { return x.version; }));
  row.Text(record.status == ruvector::plugin::PluginStatus::kLoaded
               ? "loaded"
               : "rejected");
  row.OptionalText(record.reason.empty()
                       ? std::optional<std::string>()
                       : std::optional<std::string>(record.reason));
  row.Bool(record.is_signed);
  row.OptionalText(text([](const auto& x) { return ArrayText(x.handles); }));
  row.OptionalText(text([](const auto& x) { return x.description; }));
  row.OptionalText(text([](const auto& x) { return x.license; }));
  return row;
}

}  // namespace

RV_SQL_FUNCTION(ruvector_plugins) {
  using namespace ruvector;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  RV_ASSIGN_OR_RETURN(const plugin::Scan scan, plugins::ScanPlugins());
  for (const PluginRecord& record : scan.records) {
    RV_RETURN_IF_ERROR(rows.Add(RowOf(record)));
  }
  return Datum{0};
}

// () -> (loaded, rejected), after both registries took what was loaded
RV_SQL_FUNCTION(ruvector_reload_plugins) {
  using namespace ruvector;
  int64_t loaded = 0;
  int64_t rejected = 0;
  {
    RV_ASSIGN_OR_RETURN(const plugin::Scan scan, plugins::ScanPlugins());
    RV_RETURN_IF_ERROR(attention::MechanismRegistry::From(scan).status());
    RV_RETURN_IF_ERROR(healing::StrategyRegistry::From(scan).status());
    for (const PluginRecord& record : scan.records) {
      const bool ok = record.status == plugin::PluginStatus::kLoaded;
      ++(ok ? loaded : rejected);
      if (!ok) {
        ereport(NOTICE, (errmsg("plugin \"%s\" was refused: %s",
                                record.file.c_str(), record.reason.c_str())));
      }
    }
  }
  pg::RowBuilder row;
  row.Int(loaded);
  row.Int(rejected);
  return row.Finish(fcinfo);
}
