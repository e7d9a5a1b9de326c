// Remediation strategies by name and by the problem classes they handle.
//
// A strategy is an ordinary plugin: plugins/strategies/throttle_ingestion is
// the example to copy. Its code never runs in this process: the registry holds
// what the prober learned (core/plugin/prober.h) and the file from which
// ruvector-strategy-host is to load it. A value: reload by building another.
#ifndef RUVECTOR_CORE_HEALING_STRATEGY_REGISTRY_H_
#define RUVECTOR_CORE_HEALING_STRATEGY_REGISTRY_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/loader.h"

namespace ruvector::healing {

struct RegisteredStrategy {
  plugin::PluginDescription description;  // kind strategy
  std::string file;                       // name in the plugin directory
  plugin::FileIdentity identity;          // of the file that was described
};

// [single-thread] while it is filled, then [any-thread].
class StrategyRegistry {
 public:
  // All loaded strategies of a scan.
  static absl::StatusOr<StrategyRegistry> From(const plugin::Scan& scan);

  // InvalidArgument if it is not a strategy, AlreadyExists for a taken name.
  absl::Status Add(RegisteredStrategy strategy);

  // NotFound lists the names that are known. The pointer is valid until the
  // registry is destroyed.
  absl::StatusOr<const RegisteredStrategy*> Find(std::string_view name) const;

  // Those that handle the class, by name. Empty if none does.
  std::vector<const RegisteredStrategy*> ForProblem(
      std::string_view problem_class) const;

  std::vector<std::string> Names() const;  // ascending

 private:
  std::map<std::string, RegisteredStrategy, std::less<>> strategies_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_STRATEGY_REGISTRY_H_
