// What a plugin says of itself, checked and copied out of the plugin's memory.
//
// The description crosses the process boundary: ruvector-strategy-host reads a
// descriptor in its own process and prints this as one line of JSON, so a
// backend learns all about a strategy without ever mapping its code.
//
//   plugin_abi.h descriptor --CheckDescriptor--> PluginDescription
//   PluginDescription --DescriptionToJson--> line --DescriptionFromJson--> same
#ifndef RUVECTOR_CORE_PLUGIN_DESCRIPTION_H_
#define RUVECTOR_CORE_PLUGIN_DESCRIPTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::plugin {

enum class PluginKind : uint32_t {
  kStrategy = RUVECTOR_PLUGIN_STRATEGY,
  kAttention = RUVECTOR_PLUGIN_ATTENTION,
};

// "strategy" or "attention". [any-thread]
std::string_view PluginKindName(PluginKind kind);

// A number or a text that a user may set. Exactly one of the fallbacks is set,
// or neither: then the parameter is a text that has no default.
struct ParameterDescription {
  std::string name;
  std::string description;
  double minimum = 0;  // inclusive; numbers only
  double maximum = 0;  // inclusive; numbers only
  std::optional<double> number;
  std::optional<std::string> text;

  bool operator==(const ParameterDescription& other) const;
};

// ruvector_expectation: which metric must move which way, by what share.
struct ExpectationDescription {
  std::string metric;
  std::string subject;
  bool must_rise = false;
  double margin = 0;

  bool operator==(const ExpectationDescription& other) const;
};

struct StrategyDescription {
  double impact = 0;  // 0 .. 1
  bool reversible = false;
  bool asks_first = false;
  std::vector<uint32_t> action_kinds;  // ruvector_action_kind, ascending
  std::vector<std::string> metrics;
  ExpectationDescription target;
  std::vector<ExpectationDescription> guards;

  bool operator==(const StrategyDescription& other) const;
};

struct AttentionDescription {
  uint32_t context_required = 0;  // ruvector_context bits
  uint32_t context_used = 0;      // superset of context_required

  bool operator==(const AttentionDescription& other) const;
};

struct PluginDescription {
  PluginKind kind = PluginKind::kAttention;
  std::string name;
  std::string version;
  std::string description;
  std::string license;
  uint32_t abi_minor = 0;
  std::vector<std::string> handles;
  std::vector<ParameterDescription> parameters;
  std::optional<StrategyDescription> strategy;    // iff kStrategy
  std::optional<AttentionDescription> attention;  // iff kAttention

  bool operator==(const PluginDescription& other) const;
};

// Names, lengths, ranges, known kinds and bits: all that plugin_abi.h demands
// of the values, whichever way they came. InvalidArgument names the field.
// [any-thread]
absl::Status ValidateDescription(const PluginDescription& description);

// Copies and validates. Checks what a copy cannot show: ABI major, struct
// sizes, NULL pointers, a complete table of functions. Reads only within
// declared struct sizes. `descriptor` may be NULL. [any-thread]
//
// A pointer that does not point to what it claims cannot be detected here: run
// it in a process that may crash.
//
// Errors: FailedPrecondition for another ABI major, InvalidArgument otherwise.
absl::StatusOr<PluginDescription> CheckDescriptor(
    const ruvector_plugin_descriptor* descriptor);

// One line without line breaks; non-UTF-8 bytes are replaced. [any-thread]
std::string DescriptionToJson(const PluginDescription& description);

// The inverse, for a line from a process that is not trusted: unknown keys are
// ignored, anything missing, mistyped, out of range or longer than 64 KiB is
// InvalidArgument. [any-thread]
absl::StatusOr<PluginDescription> DescriptionFromJson(std::string_view line);

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_DESCRIPTION_H_
