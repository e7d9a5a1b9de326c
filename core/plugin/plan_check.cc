#include "core/plugin/plan_check.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/malformed.h"

namespace ruvector::plugin {
namespace {

const ruvector_field* FindArgument(const ruvector_action& action,
                                   std::string_view name) {
  for (uint32_t i = 0; i < action.argument_count; ++i) {
    if (name == action.arguments[i].name) return &action.arguments[i];
  }
  return nullptr;
}

absl::Status CheckArgument(const ActionKind& kind, const ArgumentRule& rule,
                           const ruvector_field* field) {
  if (field == nullptr) {
    if (rule.optional) return absl::OkStatus();
    return Malformed("action '", kind.name, "' lacks argument '", rule.name,
                     "'");
  }
  const ruvector_value& value = field->value;
  if (value.type == RUVECTOR_NULL && rule.nullable) return absl::OkStatus();
  const uint32_t expected = rule.number ? RUVECTOR_NUMBER : RUVECTOR_TEXT;
  if (value.type != expected) {
    return Malformed("argument '", rule.name, "' of action '", kind.name,
                     "' has type ", value.type, ", expected ", expected);
  }
  if (rule.number && !std::isfinite(value.number)) {
    return Malformed("argument '", rule.name, "' of action '", kind.name,
                     "' is ", value.number);
  }
  if (!rule.number && value.text == nullptr) {
    return Malformed("argument '", rule.name, "' of action '", kind.name,
                     "' is text without text");
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const ActionKind& kind,
                            const ruvector_action& action) {
  if (action.argument_count > 0 && action.arguments == nullptr) {
    return Malformed("action '", kind.name, "' has no arguments, expected ",
                     action.argument_count);
  }
  std::set<std::string_view> seen;
  for (uint32_t i = 0; i < action.argument_count; ++i) {
    const char* name = action.arguments[i].name;
    const bool known =
        name != nullptr &&
        std::any_of(kind.arguments.begin(), kind.arguments.end(),
                    [&](const ArgumentRule& r) { return r.name == name; });
    if (!known || !seen.insert(name).second) {
      return Malformed("action '", kind.name,
                       "' has an unknown or repeated argument '",
                       name == nullptr ? "" : name, "'");
    }
  }
  for (const ArgumentRule& rule : kind.arguments) {
    RV_RETURN_IF_ERROR(
        CheckArgument(kind, rule, FindArgument(action, rule.name)));
  }
  return absl::OkStatus();
}

absl::Status CheckEstimate(const ActionKind& kind, const char* what,
                           double estimate) {
  if (std::isnan(estimate) || (estimate >= 0 && std::isfinite(estimate))) {
    return absl::OkStatus();
  }
  return Malformed("action '", kind.name, "' expects ", estimate, " ", what);
}

// Everything but the undo.
absl::StatusOr<const ActionKind*> CheckShape(const ruvector_action* action) {
  if (action == nullptr ||
      !RUVECTOR_HAS(action, ruvector_action, expected_seconds)) {
    return Malformed("action struct_size is ",
                     action == nullptr ? 0 : action->struct_size,
                     ", expected at least ", sizeof(*action));
  }
  const ActionKind* kind = FindActionKind(action->kind);
  if (kind == nullptr) return Malformed("unknown action kind ", action->kind);
  if (action->object == nullptr || *action->object == '\0') {
    return Malformed("action '", kind->name, "' names no object");
  }
  if (action->expected_effect == nullptr) {
    return Malformed("action '", kind->name, "' has no expected effect");
  }
  RV_RETURN_IF_ERROR(CheckArguments(*kind, *action));
  RV_RETURN_IF_ERROR(CheckEstimate(*kind, "rows", action->expected_rows));
  RV_RETURN_IF_ERROR(CheckEstimate(*kind, "bytes", action->expected_bytes));
  RV_RETURN_IF_ERROR(CheckEstimate(*kind, "seconds", action->expected_seconds));
  return kind;
}

std::string KeyOf(const ActionKind& kind, const ruvector_action& action) {
  if (kind.key.empty()) return "";
  return FindArgument(action, kind.key)->value.text;
}

bool MayUndo(const ActionKind& kind, uint32_t undo_kind) {
  switch (kind.undo) {
    case UndoRule::kSame:
      return undo_kind == kind.kind;
    case UndoRule::kOther:
      return undo_kind == kind.undo_kind;
    case UndoRule::kSameOrOther:
      return undo_kind == kind.kind || undo_kind == kind.undo_kind;
    case UndoRule::kIrreversible:
    case UndoRule::kTransient:
      return false;
  }
  return false;
}

absl::Status CheckUndo(const ActionKind& kind, const ruvector_action& action) {
  const bool wants_one =
      kind.undo != UndoRule::kIrreversible && kind.undo != UndoRule::kTransient;
  if (action.undo == nullptr) {
    if (!wants_one) return absl::OkStatus();
    return Malformed("action '", kind.name, "' on '", action.object,
                     "' has no undo");
  }
  RV_ASSIGN_OR_RETURN(const ActionKind* undo, CheckShape(action.undo));
  if (!MayUndo(kind, undo->kind)) {
    return Malformed("action '", kind.name, "' cannot be undone by '",
                     undo->name, "'");
  }
  if (action.undo->undo != nullptr) {
    return Malformed("undo of action '", kind.name, "' has an undo itself");
  }
  const bool same_key = undo->kind != kind.kind ||
                        KeyOf(*undo, *action.undo) == KeyOf(kind, action);
  if (std::string_view(action.object) != action.undo->object || !same_key) {
    return Malformed("undo of action '", kind.name, "' acts on '",
                     action.undo->object, "', expected '", action.object, "'");
  }
  return absl::OkStatus();
}

absl::Status CheckSum(const char* what, double sum, double limit) {
  if (sum <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "plan expects ", sum, " ", what, ", the blast radius is ", limit));
}

double Known(double estimate) { return std::isnan(estimate) ? 0 : estimate; }

}  // namespace

absl::Status CheckAction(const StrategyDescription& strategy,
                         const ruvector_action* action) {
  RV_ASSIGN_OR_RETURN(const ActionKind* kind, CheckShape(action));
  if (std::find(strategy.action_kinds.begin(), strategy.action_kinds.end(),
                kind->kind) == strategy.action_kinds.end()) {
    return absl::PermissionDeniedError(
        absl::StrCat("action kind '", Piece(kind->name), "' is not declared"));
  }
  if (strategy.reversible && kind->undo == UndoRule::kIrreversible) {
    return Malformed("a reversible strategy plans the irreversible action '",
                     kind->name, "'");
  }
  return CheckUndo(*kind, *action);
}

absl::Status CheckPlan(const StrategyDescription& strategy,
                       const BlastRadius& radius, const ruvector_plan* plan) {
  if (plan == nullptr || !RUVECTOR_HAS(plan, ruvector_plan, owner) ||
      plan->note == nullptr ||
      (plan->action_count > 0 && plan->actions == nullptr)) {
    return Malformed("plan is incomplete");
  }
  if (plan->action_count == 0 && *plan->note == '\0') {
    return Malformed("plan has neither actions nor a note that says why");
  }
  std::set<std::tuple<uint32_t, std::string, std::string>> touched;
  BlastRadius sum;
  for (uint32_t i = 0; i < plan->action_count; ++i) {
    const ruvector_action* action = plan->actions[i];
    RV_RETURN_IF_ERROR(CheckAction(strategy, action));
    const ActionKind& kind = *FindActionKind(action->kind);
    if (!touched.emplace(kind.kind, action->object, KeyOf(kind, *action))
             .second) {
      return Malformed("two actions '", kind.name, "' on '", action->object,
                       "'");
    }
    sum.max_rows += Known(action->expected_rows);
    sum.max_bytes += Known(action->expected_bytes);
    sum.max_seconds += Known(action->expected_seconds);
  }
  RV_RETURN_IF_ERROR(CheckSum("rows", sum.max_rows, radius.max_rows));
  RV_RETURN_IF_ERROR(CheckSum("bytes", sum.max_bytes, radius.max_bytes));
  return CheckSum("seconds", sum.max_seconds, radius.max_seconds);
}

}  // namespace ruvector::plugin
