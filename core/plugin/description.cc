#include "core/plugin/description.h"

#include <string.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"

namespace ruvector::plugin {
namespace {

constexpr size_t kMaxTextLength = 1024;
constexpr uint32_t kMaxListLength = 256;

// Plugin memory becomes a string; a text that does not end soon is refused.
absl::StatusOr<std::string> CopyText(const char* what, const char* text) {
  if (text == nullptr) return Malformed(what, " is missing");
  const size_t length = strnlen(text, kMaxTextLength + 1);
  if (length > kMaxTextLength) {
    return Malformed(what, " is longer than ", kMaxTextLength, " bytes");
  }
  return std::string(text, length);
}

absl::Status CheckList(const char* what, const void* list, uint32_t count) {
  if (count > kMaxListLength) {
    return Malformed(what, " has ", count, " entries, expected at most ",
                     kMaxListLength);
  }
  if (count > 0 && list == nullptr) {
    return Malformed(what, " is NULL, expected ", count, " entries");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CopyNames(const char* what,
                                                   const char* const* names,
                                                   uint32_t count) {
  RV_RETURN_IF_ERROR(CheckList(what, names, count));
  std::vector<std::string> copy;
  for (uint32_t i = 0; i < count; ++i) {
    RV_ASSIGN_OR_RETURN(std::string name, CopyText(what, names[i]));
    copy.push_back(std::move(name));
  }
  return copy;
}

absl::StatusOr<ParameterDescription> CopyParameter(
    const ruvector_parameter& p) {
  ParameterDescription d;
  RV_ASSIGN_OR_RETURN(d.name, CopyText("parameter name", p.name));
  RV_ASSIGN_OR_RETURN(d.description,
                      CopyText("parameter description", p.description));
  if (p.fallback.type == RUVECTOR_NUMBER) {
    d.minimum = p.minimum;
    d.maximum = p.maximum;
    d.number = p.fallback.number;
  } else if (p.fallback.type == RUVECTOR_TEXT) {
    RV_ASSIGN_OR_RETURN(d.text, CopyText("parameter default", p.fallback.text));
  }
  return d;
}

absl::StatusOr<std::vector<ParameterDescription>> CopyParameters(
    const ruvector_parameter* parameters, uint32_t count) {
  RV_RETURN_IF_ERROR(CheckList("parameters", parameters, count));
  std::vector<ParameterDescription> copy;
  for (uint32_t i = 0; i < count; ++i) {
    RV_ASSIGN_OR_RETURN(ParameterDescription p, CopyParameter(parameters[i]));
    copy.push_back(std::move(p));
  }
  return copy;
}

absl::StatusOr<ExpectationDescription> CopyExpectation(
    const ruvector_expectation& e) {
  ExpectationDescription d;
  RV_ASSIGN_OR_RETURN(d.metric, CopyText("expectation metric", e.metric));
  RV_ASSIGN_OR_RETURN(d.subject, CopyText("expectation subject", e.subject));
  if (e.direction != RUVECTOR_MUST_RISE && e.direction != RUVECTOR_MUST_FALL) {
    return Malformed("expectation on '", d.metric, "' has direction ",
                     e.direction, ", expected 1 or 2");
  }
  d.must_rise = e.direction == RUVECTOR_MUST_RISE;
  d.margin = e.margin;
  return d;
}

absl::StatusOr<StrategyDescription> CopyStrategy(
    const ruvector_strategy_table& t) {
  StrategyDescription d;
  d.impact = t.impact;
  d.reversible = (t.flags & RUVECTOR_STRATEGY_REVERSIBLE) != 0;
  d.asks_first = (t.flags & RUVECTOR_STRATEGY_ASKS_FIRST) != 0;
  RV_RETURN_IF_ERROR(
      CheckList("action kinds", t.action_kinds, t.action_kind_count));
  d.action_kinds.assign(t.action_kinds, t.action_kinds + t.action_kind_count);
  std::sort(d.action_kinds.begin(), d.action_kinds.end());
  RV_ASSIGN_OR_RETURN(d.metrics,
                      CopyNames("metrics", t.metrics, t.metric_count));
  if (t.target == nullptr) return Malformed("strategy has no target");
  RV_ASSIGN_OR_RETURN(d.target, CopyExpectation(*t.target));
  RV_RETURN_IF_ERROR(CheckList("guards", t.guards, t.guard_count));
  for (uint32_t i = 0; i < t.guard_count; ++i) {
    RV_ASSIGN_OR_RETURN(ExpectationDescription guard,
                        CopyExpectation(t.guards[i]));
    d.guards.push_back(std::move(guard));
  }
  return d;
}

absl::Status CheckAbi(const ruvector_plugin_descriptor* d) {
  if (d == nullptr) return Malformed("entry returned no descriptor");
  if (!RUVECTOR_HAS(d, ruvector_plugin_descriptor, abi_major)) {
    return Malformed("descriptor struct_size is ", d->struct_size,
                     ", expected at least ", sizeof(*d));
  }
  if (d->abi_major != RUVECTOR_PLUGIN_ABI_MAJOR) {
    return absl::FailedPreconditionError(
        absl::StrCat("plugin was built for ABI ", d->abi_major,
                     ", this server has ABI ", RUVECTOR_PLUGIN_ABI_MAJOR));
  }
  if (!RUVECTOR_HAS(d, ruvector_plugin_descriptor, attention)) {
    return Malformed("descriptor struct_size is ", d->struct_size,
                     ", expected at least ", sizeof(*d));
  }
  return absl::OkStatus();
}

absl::Status CheckTable(const ruvector_strategy_table* t) {
  if (t == nullptr) return Malformed("strategy table is missing");
  if (!RUVECTOR_HAS(t, ruvector_strategy_table, execute)) {
    return Malformed("strategy table struct_size is ", t->struct_size,
                     ", expected at least ", sizeof(*t));
  }
  if (!t->plan || !t->release_plan || !t->execute) {
    return Malformed("strategy table lacks a function");
  }
  return absl::OkStatus();
}

absl::Status CheckTable(const ruvector_attention_table* t) {
  if (t == nullptr) return Malformed("attention table is missing");
  if (!RUVECTOR_HAS(t, ruvector_attention_table, forward)) {
    return Malformed("attention table struct_size is ", t->struct_size,
                     ", expected at least ", sizeof(*t));
  }
  if (!t->scratch_size || !t->forward) {
    return Malformed("attention table lacks a function");
  }
  return absl::OkStatus();
}

absl::Status CopyTable(const ruvector_plugin_descriptor& raw,
                       PluginDescription& d) {
  if (raw.kind == RUVECTOR_PLUGIN_STRATEGY) {
    const ruvector_strategy_table* t = raw.strategy;
    RV_RETURN_IF_ERROR(CheckTable(t));
    RV_ASSIGN_OR_RETURN(d.strategy, CopyStrategy(*t));
    RV_ASSIGN_OR_RETURN(d.parameters,
                        CopyParameters(t->parameters, t->parameter_count));
    return absl::OkStatus();
  }
  if (raw.kind == RUVECTOR_PLUGIN_ATTENTION) {
    const ruvector_attention_table* t = raw.attention;
    RV_RETURN_IF_ERROR(CheckTable(t));
    d.attention = AttentionDescription{t->context_required, t->context_used};
    RV_ASSIGN_OR_RETURN(d.parameters,
                        CopyParameters(t->parameters, t->parameter_count));
    return absl::OkStatus();
  }
  return Malformed("plugin kind is ", raw.kind, ", expected 1 or 2");
}

}  // namespace

std::string_view PluginKindName(PluginKind kind) {
  return kind == PluginKind::kStrategy ? "strategy" : "attention";
}

bool ParameterDescription::operator==(const ParameterDescription& o) const {
  return std::tie(name, description, minimum, maximum, number, text) ==
         std::tie(o.name, o.description, o.minimum, o.maximum, o.number,
                  o.text);
}

bool ExpectationDescription::operator==(const ExpectationDescription& o) const {
  return std::tie(metric, subject, must_rise, margin) ==
         std::tie(o.metric, o.subject, o.must_rise, o.margin);
}

bool StrategyDescription::operator==(const StrategyDescription& o) const {
  return std::tie(impact, reversible, asks_first, action_kinds, metrics, target,
                  guards) == std::tie(o.impact, o.reversible, o.asks_first,
                                      o.action_kinds, o.metrics, o.target,
                                      o.guards);
}

bool AttentionDescription::operator==(const AttentionDescription& o) const {
  return context_required == o.context_required &&
         context_used == o.context_used;
}

bool PluginDescription::operator==(const PluginDescription& o) const {
  return std::tie(kind, name, version, description, license, abi_minor, handles,
                  parameters, strategy, attention) ==
         std::tie(o.kind, o.name, o.version, o.description, o.license,
                  o.abi_minor, o.handles, o.parameters, o.strategy,
                  o.attention);
}

absl::StatusOr<PluginDescription> CheckDescriptor(
    const ruvector_plugin_descriptor* descriptor) {
  RV_RETURN_IF_ERROR(CheckAbi(descriptor));
  PluginDescription d;
  d.kind = static_cast<PluginKind>(descriptor->kind);
  d.abi_minor = descriptor->abi_minor;
  RV_ASSIGN_OR_RETURN(d.name, CopyText("plugin name", descriptor->name));
  RV_ASSIGN_OR_RETURN(d.version, CopyText("version", descriptor->version));
  RV_ASSIGN_OR_RETURN(d.description,
                      CopyText("description", descriptor->description));
  RV_ASSIGN_OR_RETURN(d.license, CopyText("license", descriptor->license));
  RV_ASSIGN_OR_RETURN(d.handles, CopyNames("handles", descriptor->handles,
                                           descriptor->handle_count));
  RV_RETURN_IF_ERROR(CopyTable(*descriptor, d));
  RV_RETURN_IF_ERROR(ValidateDescription(d));
  return d;
}

}  // namespace ruvector::plugin
