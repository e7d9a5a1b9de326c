#include "core/strategy_host/action_permit.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/malformed.h"
#include "core/plugin/plan_check.h"

namespace ruvector::strategy_host {
namespace {

using plugin::ActionKind;
using plugin::Piece;

std::string Show(const std::optional<sdk::Value>& value) {
  if (!value.has_value()) return "missing";
  if (value->is_null()) return "null";
  if (value->number()) return absl::StrCat(*value->number());
  return absl::StrCat("'", *value->text(), "'");
}

bool IsCeiling(std::string_view argument) {
  return argument == "max_rows" || argument == "batch_rows" ||
         argument == "seconds";
}

double NumberOf(const ruvector_action& action, std::string_view argument) {
  return sdk::Argument(action, argument)
      .value_or(sdk::Value())
      .number()
      .value_or(0);
}

std::string_view KeyOf(const ActionKind& kind, const ruvector_action& action) {
  for (uint32_t i = 0; i < action.argument_count; ++i) {
    if (kind.key == action.arguments[i].name) {
      return action.arguments[i].value.text;
    }
  }
  return "";
}

// How many rows one such action moves at most.
double RowsOf(const ruvector_action& action) {
  return std::min(NumberOf(action, "max_rows"), NumberOf(action, "batch_rows"));
}

// On the way from the present value to the planned one.
bool IsStepTowards(const ActionKind& kind, const ruvector_action& planned,
                   const ruvector_action& action) {
  if (action.undo == nullptr || action.undo->kind != action.kind) return false;
  const auto from = sdk::Argument(*action.undo, kind.value);
  const auto to = sdk::Argument(planned, kind.value);
  const auto asked = sdk::Argument(action, kind.value);
  if (!from || !to || !asked || !from->number() || !to->number() ||
      !asked->number()) {
    return false;
  }
  const double a = *from->number(), b = *to->number(), x = *asked->number();
  return std::min(a, b) <= x && x <= std::max(a, b);
}

}  // namespace

absl::Status ActionPermit::CheckAgainst(const ruvector_action& planned,
                                        const ruvector_action& action) const {
  const ActionKind& kind = *plugin::FindActionKind(action.kind);
  for (const plugin::ArgumentRule& rule : kind.arguments) {
    const auto wanted = sdk::Argument(planned, rule.name);
    const auto asked = sdk::Argument(action, rule.name);
    if (wanted == asked) continue;
    if (rule.name == kind.value && IsStepTowards(kind, planned, action)) {
      continue;
    }
    if (IsCeiling(rule.name) && wanted && asked &&
        asked->number().value_or(0) <= wanted->number().value_or(0)) {
      continue;
    }
    return absl::PermissionDeniedError(
        absl::StrCat("argument '", Piece(rule.name), "' of action '",
                     Piece(kind.name), "' on '", action.object, "' is ",
                     Show(asked), ", the plan says ", Show(wanted)));
  }
  if (action.kind != RUVECTOR_ACTION_MOVE_ROWS) return absl::OkStatus();
  const auto moved =
      rows_moved_.find({action.object, std::string(KeyOf(kind, action))});
  const double before = moved == rows_moved_.end() ? 0 : moved->second;
  const double limit = NumberOf(planned, "max_rows");
  if (before + RowsOf(action) <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("action '", Piece(kind.name), "' on '", action.object,
                   "' asks for ", RowsOf(action), " rows more than the ",
                   before, " already moved, the plan allows ", limit));
}

absl::Status ActionPermit::Check(const ruvector_action& action) const {
  RV_RETURN_IF_ERROR(plugin::CheckAction(strategy_, &action));
  const ActionKind& kind = *plugin::FindActionKind(action.kind);
  for (uint32_t i = 0; i < plan_.action_count; ++i) {
    const ruvector_action& planned = *plan_.actions[i];
    if (planned.kind == action.kind &&
        std::string_view(planned.object) == action.object &&
        KeyOf(kind, planned) == KeyOf(kind, action)) {
      return CheckAgainst(planned, action);
    }
  }
  return absl::PermissionDeniedError(absl::StrCat("action '", Piece(kind.name),
                                                  "' on '", action.object,
                                                  "' is not in the plan"));
}

void ActionPermit::Done(const ruvector_action& action,
                        const ActOutcome& outcome) {
  if (action.kind != RUVECTOR_ACTION_MOVE_ROWS) return;
  const ActionKind& kind = *plugin::FindActionKind(action.kind);
  rows_moved_[{action.object, std::string(KeyOf(kind, action))}] +=
      outcome.rows.value_or(RowsOf(action));
}

}  // namespace ruvector::strategy_host
