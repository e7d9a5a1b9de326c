// Attention mechanisms by name.
//
// A mechanism is an ordinary plugin: plugins/attention/topological is the
// example to copy. The registry is built from a scan of the plugin directory
// (core/plugin/loader.h), or, in tests and sanitizer runs, from the entry
// functions of plugins that are linked in. It is a value: reload by building
// another one. Descriptors live as long as the process, so a Mechanism may
// outlive the registry it came from.
//
//   RV_ASSIGN_OR_RETURN(auto registry, MechanismRegistry::From(scan));
//   RV_ASSIGN_OR_RETURN(Mechanism topological, registry.Find("topological"));
//   RV_ASSIGN_OR_RETURN(AttentionResult result, topological.Attend(request));
#ifndef RUVECTOR_CORE_ATTENTION_REGISTRY_H_
#define RUVECTOR_CORE_ATTENTION_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/loader.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::attention {

// A query node and the entries it attends to; see ruvector_attention_input for
// the meaning and range of each array. Lengths: query d, keys n*d, a context
// array n or empty (absent). Spans are borrowed for the call.
struct AttentionRequest {
  absl::Span<const float> query;
  absl::Span<const float> keys;
  std::optional<int32_t> query_depth;
  std::optional<double> query_timestamp_ms;
  absl::Span<const int32_t> depths;
  absl::Span<const int32_t> hops;
  absl::Span<const double> costs;
  absl::Span<const float> criticalities;
  absl::Span<const uint8_t> on_critical_path;
  absl::Span<const uint8_t> is_parallel;
  absl::Span<const uint8_t> is_common_ancestor;
  absl::Span<const double> timestamps_ms;
  // By parameter name; what is not named takes its default.
  std::map<std::string, double, std::less<>> parameters;
};

// The context arrays that are there, as ruvector_context bits. [any-thread]
uint32_t ContextOf(const AttentionRequest& request);

// "depths", "hops", ... of the bits that are set, in the ABI's order; an array
// has the same name here, in the ABI and in SQL. [any-thread]
std::vector<std::string> ContextNames(uint32_t bits);

// The names that are no mechanism's: `auto` and `ensemble` are the host's
// (bandit.h, ensemble.h). InvalidArgument for a mechanism that is called so;
// for LoaderOptions::accept. [any-thread]
absl::Status CheckMechanismName(const plugin::PluginDescription& description);

struct AttentionResult {
  std::vector<float> weights;     // n; in [0, 1], sum 1 (or n == 0)
  std::vector<float> aggregated;  // d
};

// One registered mechanism: a handle, cheap to copy. [any-thread]
class Mechanism {
 public:
  const plugin::PluginDescription& description() const { return *description_; }
  const std::string& name() const { return description_->name; }
  // The plugin's own functions, without the checks of Attend.
  const ruvector_attention_table& table() const { return *table_; }

  // Checks the request (lengths, finite numbers, ranges, required context,
  // parameter names and ranges), calls the plugin, checks what it returned.
  //
  // Errors: InvalidArgument naming the array and index, or the parameter and
  // the known ones; Internal if the plugin broke its contract.
  absl::StatusOr<AttentionResult> Attend(const AttentionRequest& request) const;

 private:
  friend class MechanismRegistry;
  const ruvector_attention_table* table_ = nullptr;
  std::shared_ptr<const plugin::PluginDescription> description_;
};

// [single-thread] while it is filled, then [any-thread].
class MechanismRegistry {
 public:
  // All loaded attention mechanisms of a scan.
  static absl::StatusOr<MechanismRegistry> From(const plugin::Scan& scan);

  // Adds one plugin. InvalidArgument for a bad descriptor, one that is not an
  // attention mechanism or has a reserved name; AlreadyExists for a name that
  // is taken.
  absl::Status Add(const ruvector_plugin_descriptor* descriptor);

  // NotFound lists the names that are known.
  absl::StatusOr<Mechanism> Find(std::string_view name) const;

  std::vector<std::string> Names() const;  // ascending
  std::vector<Mechanism> All() const;      // by name
  bool empty() const { return mechanisms_.empty(); }

 private:
  std::map<std::string, Mechanism, std::less<>> mechanisms_;
};

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_REGISTRY_H_
