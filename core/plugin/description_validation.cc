#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/description.h"
#include "core/plugin/malformed.h"

namespace ruvector::plugin {
namespace {

constexpr size_t kMaxNameLength = 63;  // PostgreSQL's identifiers
constexpr uint32_t kAllContext = (RUVECTOR_CONTEXT_TIMESTAMPS << 1) - 1;

absl::Status CheckName(const char* what, std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (!name.empty() && name.size() <= kMaxNameLength && name[0] >= 'a' &&
      name[0] <= 'z' && std::all_of(name.begin(), name.end(), allowed)) {
    return absl::OkStatus();
  }
  return Malformed(what, " '", name, "' is not [a-z][a-z0-9_]{0,62}");
}

absl::Status CheckNames(const char* what,
                        const std::vector<std::string>& names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    RV_RETURN_IF_ERROR(CheckName(what, name));
    if (!seen.insert(name).second) {
      return Malformed(what, " '", name, "' is repeated");
    }
  }
  return absl::OkStatus();
}

// Shown to people and written to logs: one line of UTF-8 without controls is
// the writer's business, an empty one is not.
absl::Status CheckSentence(const char* what, std::string_view text) {
  if (text.empty()) return Malformed(what, " is empty");
  const auto control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  };
  if (std::any_of(text.begin(), text.end(), control)) {
    return Malformed(what, " holds a control character");
  }
  return absl::OkStatus();
}

absl::Status CheckParameter(const ParameterDescription& p) {
  RV_RETURN_IF_ERROR(CheckName("parameter name", p.name));
  RV_RETURN_IF_ERROR(CheckSentence("parameter description", p.description));
  if (p.number.has_value() == p.text.has_value()) {
    return Malformed("parameter '", p.name,
                     "' needs a default that is a number or a text");
  }
  if (p.text.has_value()) return absl::OkStatus();
  if (std::isfinite(p.minimum) && std::isfinite(p.maximum) &&
      p.minimum <= *p.number && *p.number <= p.maximum) {
    return absl::OkStatus();
  }
  return Malformed("parameter '", p.name, "' has default ", *p.number,
                   ", expected ", p.minimum, " to ", p.maximum);
}

absl::Status CheckExpectation(const ExpectationDescription& e) {
  RV_RETURN_IF_ERROR(CheckName("expectation metric", e.metric));
  if (std::isfinite(e.margin) && e.margin >= 0) return absl::OkStatus();
  return Malformed("expectation on '", e.metric, "' has margin ", e.margin,
                   ", expected 0 or more");
}

absl::Status CheckActionKinds(const StrategyDescription& s) {
  if (s.action_kinds.empty()) return Malformed("strategy has no action kinds");
  for (uint32_t kind : s.action_kinds) {
    const ActionKind* known = FindActionKind(kind);
    if (known == nullptr) return Malformed("unknown action kind ", kind);
    if (s.reversible && known->undo == UndoRule::kIrreversible) {
      return Malformed(
          "a reversible strategy declares the irreversible action kind '",
          known->name, "'");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckStrategy(const StrategyDescription& s) {
  if (!(s.impact >= 0 && s.impact <= 1)) {
    return Malformed("impact is ", s.impact, ", expected 0 to 1");
  }
  RV_RETURN_IF_ERROR(CheckActionKinds(s));
  RV_RETURN_IF_ERROR(CheckNames("metric", s.metrics));
  RV_RETURN_IF_ERROR(CheckExpectation(s.target));
  for (const ExpectationDescription& guard : s.guards) {
    RV_RETURN_IF_ERROR(CheckExpectation(guard));
  }
  return absl::OkStatus();
}

absl::Status CheckAttention(const AttentionDescription& a) {
  if ((a.context_required & ~a.context_used) == 0 &&
      (a.context_used & ~kAllContext) == 0) {
    return absl::OkStatus();
  }
  return Malformed("context bits are ", a.context_required, " required of ",
                   a.context_used, " used, expected a subset of ", kAllContext);
}

absl::Status CheckKind(const PluginDescription& d) {
  const bool is_strategy = d.kind == PluginKind::kStrategy;
  if (d.strategy.has_value() != is_strategy ||
      d.attention.has_value() == is_strategy) {
    return Malformed("plugin kind '", PluginKindName(d.kind),
                     "' does not match its table");
  }
  if (!is_strategy) return CheckAttention(*d.attention);
  if (d.handles.empty()) {
    return Malformed("strategy handles no problem class");
  }
  return CheckStrategy(*d.strategy);
}

}  // namespace

absl::Status ValidateDescription(const PluginDescription& d) {
  RV_RETURN_IF_ERROR(CheckName("plugin name", d.name));
  RV_RETURN_IF_ERROR(CheckSentence("version", d.version));
  RV_RETURN_IF_ERROR(CheckSentence("description", d.description));
  RV_RETURN_IF_ERROR(CheckSentence("license", d.license));
  RV_RETURN_IF_ERROR(CheckNames("handled type", d.handles));
  std::set<std::string_view> names;
  for (const ParameterDescription& p : d.parameters) {
    RV_RETURN_IF_ERROR(CheckParameter(p));
    if (!names.insert(p.name).second) {
      return Malformed("parameter name '", p.name, "' is repeated");
    }
  }
  return CheckKind(d);
}

}  // namespace ruvector::plugin
