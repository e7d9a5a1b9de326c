#include "pgext/healing/known_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/collections.h"
#include "pgext/plugins/server_plugins.h"

namespace ruvector::healing {
namespace {

constexpr size_t kMostListed = 50;

}  // namespace

absl::Status RequireCollection(const std::string& name) {
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(owner.Begin());
  RV_RETURN_IF_ERROR(spi.Connect());
  const absl::Status found = integrity::FindCollection(spi, name).status();
  if (!absl::IsNotFound(found)) return found;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT name FROM ruvector.collections ORDER BY name LIMIT 51"));
  std::vector<std::string> names;
  for (size_t i = 0; i < rows.size() && i < kMostListed; ++i) {
    names.push_back(rows.TextOr(i, 0, ""));
  }
  return pg::WithDetail(
      found, names.empty()
                 ? "No collection is enrolled."
                 : absl::StrCat("Known are: ", absl::StrJoin(names, ", "),
                                rows.size() > kMostListed ? ", ..." : "."));
}

absl::StatusOr<StrategyRegistry> ServerStrategies() {
  RV_ASSIGN_OR_RETURN(const plugin::Scan scan, plugins::ScanPlugins());
  return StrategyRegistry::From(scan);
}

absl::StatusOr<RegisteredStrategy> KnownStrategy(const std::string& name) {
  RV_ASSIGN_OR_RETURN(const StrategyRegistry registry, ServerStrategies());
  const absl::StatusOr<const RegisteredStrategy*> found = registry.Find(name);
  if (found.ok()) return **found;
  const std::vector<std::string> names = registry.Names();
  return pg::PgError(
      ERRCODE_UNDEFINED_OBJECT,
      absl::StrCat("strategy \"", name, "\" does not exist"),
      names.empty()
          ? "No strategy is installed."
          : absl::StrCat("Known are: ", absl::StrJoin(names, ", "), "."),
      "ruvector.plugins says why a plugin was refused.");
}

}  // namespace ruvector::healing
