#include <set>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/malformed.h"
#include "core/strategy_host/codec.h"
#include "core/strategy_host/codec_checks.h"

namespace ruvector::strategy_host {
namespace {

using plugin::Malformed;

absl::Status CheckKind(uint32_t kind) {
  if (plugin::FindActionKind(kind) != nullptr) return absl::OkStatus();
  return Malformed("unknown action kind ", kind);
}

absl::Status EncodeActionAt(const ruvector_action* action, bool is_undo,
                            wire::Action* out) {
  if (action == nullptr ||
      !RUVECTOR_HAS(action, ruvector_action, expected_seconds)) {
    return Malformed("action struct_size is ",
                     action == nullptr ? 0 : action->struct_size,
                     ", expected at least ", sizeof(*action));
  }
  RV_RETURN_IF_ERROR(CheckKind(action->kind));
  out->set_kind(action->kind);
  RV_RETURN_IF_ERROR(
      EncodeText("object", action->object, out->mutable_object()));
  RV_RETURN_IF_ERROR(EncodeText("expected_effect", action->expected_effect,
                                out->mutable_expected_effect()));
  RV_RETURN_IF_ERROR(CheckArray("arguments", action->argument_count,
                                kMaxArguments, action->arguments));
  for (uint32_t i = 0; i < action->argument_count; ++i) {
    wire::Argument* argument = out->add_arguments();
    RV_RETURN_IF_ERROR(EncodeText("argument name", action->arguments[i].name,
                                  argument->mutable_name()));
    RV_RETURN_IF_ERROR(EncodeValue("argument", action->arguments[i].value,
                                   argument->mutable_value()));
  }
  RV_RETURN_IF_ERROR(
      EncodeOptional("expected_rows", action->expected_rows, kUnknown,
                     [&](double d) { out->set_expected_rows(d); }));
  RV_RETURN_IF_ERROR(
      EncodeOptional("expected_bytes", action->expected_bytes, kUnknown,
                     [&](double d) { out->set_expected_bytes(d); }));
  RV_RETURN_IF_ERROR(
      EncodeOptional("expected_seconds", action->expected_seconds, kUnknown,
                     [&](double d) { out->set_expected_seconds(d); }));
  if (action->undo == nullptr) return absl::OkStatus();
  if (is_undo) return Malformed("an undo has an undo itself");
  return EncodeActionAt(action->undo, true, out->mutable_undo());
}

absl::StatusOr<sdk::Action> DecodeActionAt(const wire::Action& action,
                                           bool is_undo) {
  RV_RETURN_IF_ERROR(CheckKnown("action", action));
  RV_RETURN_IF_ERROR(CheckKind(action.kind()));
  RV_RETURN_IF_ERROR(DecodeText("object", action.object()));
  RV_RETURN_IF_ERROR(DecodeText("expected_effect", action.expected_effect()));
  RV_RETURN_IF_ERROR(
      CheckCount("arguments", action.arguments_size(), kMaxArguments));
  sdk::Action decoded(action.kind(), action.object());
  decoded.Effect(action.expected_effect());
  std::set<std::string> names;
  for (const wire::Argument& argument : action.arguments()) {
    RV_RETURN_IF_ERROR(CheckKnown("argument", argument));
    RV_RETURN_IF_ERROR(DecodeText("argument name", argument.name()));
    if (!names.insert(argument.name()).second) {
      return Malformed("repeated argument '", argument.name(), "'");
    }
    RV_ASSIGN_OR_RETURN(sdk::Value value,
                        DecodeValue("argument", argument.value()));
    decoded.Set(argument.name(), std::move(value));
  }
  if (action.has_expected_rows()) {
    RV_RETURN_IF_ERROR(CheckFinite("expected_rows", action.expected_rows()));
    decoded.Rows(action.expected_rows());
  }
  if (action.has_expected_bytes()) {
    RV_RETURN_IF_ERROR(CheckFinite("expected_bytes", action.expected_bytes()));
    decoded.Bytes(action.expected_bytes());
  }
  if (action.has_expected_seconds()) {
    RV_RETURN_IF_ERROR(
        CheckFinite("expected_seconds", action.expected_seconds()));
    decoded.Seconds(action.expected_seconds());
  }
  if (action.has_undo()) {
    if (is_undo) return Malformed("an undo has an undo itself");
    RV_ASSIGN_OR_RETURN(sdk::Action undo, DecodeActionAt(action.undo(), true));
    decoded.Undo(std::move(undo));
  }
  return decoded;
}

}  // namespace

absl::Status EncodeAction(const ruvector_action* action, wire::Action* out) {
  return EncodeActionAt(action, false, out);
}

absl::StatusOr<sdk::Action> DecodeAction(const wire::Action& action) {
  return DecodeActionAt(action, false);
}

absl::Status EncodePlan(const ruvector_plan* plan, wire::Plan* out) {
  if (plan == nullptr || !RUVECTOR_HAS(plan, ruvector_plan, owner)) {
    return Malformed("plan struct_size is ",
                     plan == nullptr ? 0 : plan->struct_size,
                     ", expected at least ", sizeof(*plan));
  }
  RV_RETURN_IF_ERROR(EncodeText("note", plan->note, out->mutable_note()));
  RV_RETURN_IF_ERROR(
      CheckArray("actions", plan->action_count, kMaxActions, plan->actions));
  for (uint32_t i = 0; i < plan->action_count; ++i) {
    RV_RETURN_IF_ERROR(EncodeAction(plan->actions[i], out->add_actions()));
  }
  return absl::OkStatus();
}

absl::StatusOr<sdk::Plan> DecodePlan(const wire::Plan& plan) {
  RV_RETURN_IF_ERROR(CheckKnown("plan", plan));
  RV_RETURN_IF_ERROR(DecodeText("note", plan.note()));
  RV_RETURN_IF_ERROR(CheckCount("actions", plan.actions_size(), kMaxActions));
  sdk::Plan decoded;
  decoded.Note(plan.note());
  for (const wire::Action& action : plan.actions()) {
    RV_ASSIGN_OR_RETURN(sdk::Action one, DecodeAction(action));
    decoded.Add(std::move(one));
  }
  return decoded;
}

}  // namespace ruvector::strategy_host
