#include "core/strategy_host/codec.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/text.h"
#include "core/plugin/action_kinds.h"
#include "core/plugin/malformed.h"

namespace ruvector::strategy_host {
namespace {

using plugin::Malformed;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

absl::Status CheckCount(const char* what, size_t count, size_t limit) {
  if (count <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(count, " ", what, ", expected at most ", limit));
}

absl::Status CheckArray(const char* what, size_t count, size_t limit,
                        const void* array) {
  RV_RETURN_IF_ERROR(CheckCount(what, count, limit));
  if (count == 0 || array != nullptr) return absl::OkStatus();
  return Malformed(what, " are missing, expected ", count);
}

absl::Status CheckFinite(const char* field, double number) {
  if (std::isfinite(number)) return absl::OkStatus();
  return Malformed(field, " is ", number, ", expected a finite number");
}

template <class Message>
absl::Status CheckKnown(const char* what, const Message& message) {
  if (message.unknown_fields().empty()) return absl::OkStatus();
  return Malformed(what, " has unknown fields");
}

absl::Status CheckKind(uint32_t kind) {
  if (plugin::FindActionKind(kind) != nullptr) return absl::OkStatus();
  return Malformed("unknown action kind ", kind);
}

absl::Status CheckState(uint32_t state) {
  if (state <= RUVECTOR_STATE_CRITICAL) return absl::OkStatus();
  return Malformed("unknown state ", state);
}

// NaN, or another stand-in for "there is none", is left out.
template <class Setter>
absl::Status EncodeOptional(const char* field, double number, double absent,
                            Setter set) {
  if (std::isnan(absent) ? std::isnan(number) : number == absent) {
    return absl::OkStatus();
  }
  RV_RETURN_IF_ERROR(CheckFinite(field, number));
  set(number);
  return absl::OkStatus();
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

absl::Status EncodeProblem(const ruvector_problem* problem,
                           wire::Problem* out) {
  if (problem == nullptr ||
      !RUVECTOR_HAS(problem, ruvector_problem, subjects)) {
    return Malformed("problem struct_size is ",
                     problem == nullptr ? 0 : problem->struct_size,
                     ", expected at least ", sizeof(*problem));
  }
  RV_RETURN_IF_ERROR(EncodeText("problem_class", problem->problem_class,
                                out->mutable_problem_class()));
  RV_RETURN_IF_ERROR(EncodeText("cause", problem->cause, out->mutable_cause()));
  RV_RETURN_IF_ERROR(
      EncodeText("collection", problem->collection, out->mutable_collection()));
  RV_RETURN_IF_ERROR(CheckState(problem->state));
  RV_RETURN_IF_ERROR(CheckFinite("severity", problem->severity));
  RV_RETURN_IF_ERROR(CheckFinite("confidence", problem->confidence));
  out->set_state(problem->state);
  out->set_severity(problem->severity);
  out->set_confidence(problem->confidence);
  RV_RETURN_IF_ERROR(CheckArray("subjects", problem->subject_count,
                                kMaxSubjects, problem->subjects));
  for (uint32_t i = 0; i < problem->subject_count; ++i) {
    const ruvector_subject& from = problem->subjects[i];
    wire::Subject* subject = out->add_subjects();
    RV_RETURN_IF_ERROR(
        EncodeText("subject kind", from.kind, subject->mutable_kind()));
    RV_RETURN_IF_ERROR(
        EncodeText("subject name", from.name, subject->mutable_name()));
    RV_RETURN_IF_ERROR(
        EncodeOptional("subject value", from.value, kUnknown,
                       [&](double d) { subject->set_value(d); }));
  }
  return absl::OkStatus();
}

absl::Status CheckProblem(const wire::Problem& problem) {
  RV_RETURN_IF_ERROR(CheckKnown("problem", problem));
  RV_RETURN_IF_ERROR(DecodeText("problem_class", problem.problem_class()));
  RV_RETURN_IF_ERROR(DecodeText("cause", problem.cause()));
  RV_RETURN_IF_ERROR(DecodeText("collection", problem.collection()));
  RV_RETURN_IF_ERROR(CheckState(problem.state()));
  RV_RETURN_IF_ERROR(CheckFinite("severity", problem.severity()));
  RV_RETURN_IF_ERROR(CheckFinite("confidence", problem.confidence()));
  RV_RETURN_IF_ERROR(
      CheckCount("subjects", problem.subjects_size(), kMaxSubjects));
  for (const wire::Subject& subject : problem.subjects()) {
    RV_RETURN_IF_ERROR(CheckKnown("subject", subject));
    RV_RETURN_IF_ERROR(DecodeText("subject kind", subject.kind()));
    RV_RETURN_IF_ERROR(DecodeText("subject name", subject.name()));
    RV_RETURN_IF_ERROR(CheckFinite("subject value", subject.value()));
  }
  return absl::OkStatus();
}

// Borrows the text.
ruvector_value View(const wire::Value& value) {
  if (value.has_number()) return {RUVECTOR_NUMBER, 0, value.number(), nullptr};
  if (value.has_text()) return {RUVECTOR_TEXT, 0, 0, value.text().c_str()};
  return {RUVECTOR_NULL, 0, 0, nullptr};
}

}  // namespace

absl::Status EncodeText(const char* field, const char* text, std::string* out) {
  if (text == nullptr) return Malformed(field, " is NULL");
  const size_t length = strnlen(text, kMaxTextBytes + 1);
  if (length > kMaxTextBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(field, " is longer than ", kMaxTextBytes, " bytes"));
  }
  out->assign(text, length);
  return DecodeText(field, *out);
}

absl::Status DecodeText(const char* field, const std::string& text) {
  if (text.size() > kMaxTextBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(field, " is longer than ", kMaxTextBytes, " bytes"));
  }
  if (IsText(text)) return absl::OkStatus();
  return Malformed(field, " is not UTF-8 without NUL");
}

absl::Status EncodeValue(const char* field, const ruvector_value& value,
                         wire::Value* out) {
  switch (value.type) {
    case RUVECTOR_NULL:
      return absl::OkStatus();
    case RUVECTOR_NUMBER:
      out->set_number(value.number);
      return CheckFinite(field, value.number);
    case RUVECTOR_TEXT:
      return EncodeText(field, value.text, out->mutable_text());
    default:
      return Malformed(field, " has the unknown type ", value.type);
  }
}

absl::StatusOr<sdk::Value> DecodeValue(const char* field,
                                       const wire::Value& value) {
  RV_RETURN_IF_ERROR(CheckKnown(field, value));
  if (value.has_number() && value.has_text()) {
    return Malformed(field, " is a number and a text");
  }
  RV_RETURN_IF_ERROR(CheckFinite(field, value.number()));
  RV_RETURN_IF_ERROR(DecodeText(field, value.text()));
  return sdk::Value(View(value));
}

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

absl::Status EncodeRequest(const ruvector_plan_request* request,
                           size_t parameter_count, wire::Request* out) {
  constexpr double kUnlimited = std::numeric_limits<double>::infinity();
  if (request == nullptr ||
      !RUVECTOR_HAS(request, ruvector_plan_request, now_us)) {
    return Malformed("request struct_size is ",
                     request == nullptr ? 0 : request->struct_size,
                     ", expected at least ", sizeof(*request));
  }
  RV_RETURN_IF_ERROR(EncodeProblem(request->problem, out->mutable_problem()));
  RV_RETURN_IF_ERROR(CheckArray("metrics", request->metric_count, kMaxMetrics,
                                request->metrics));
  for (uint32_t i = 0; i < request->metric_count; ++i) {
    const ruvector_metric& from = request->metrics[i];
    wire::Metric* metric = out->add_metrics();
    RV_RETURN_IF_ERROR(
        EncodeText("metric name", from.name, metric->mutable_name()));
    RV_RETURN_IF_ERROR(
        EncodeText("metric subject", from.subject, metric->mutable_subject()));
    RV_RETURN_IF_ERROR(
        EncodeValue("metric", from.value, metric->mutable_value()));
  }
  RV_RETURN_IF_ERROR(CheckArray("parameters", parameter_count, kMaxParameters,
                                request->parameters));
  for (size_t i = 0; i < parameter_count; ++i) {
    RV_RETURN_IF_ERROR(EncodeValue("parameter", request->parameters[i],
                                   out->add_parameters()));
  }
  RV_RETURN_IF_ERROR(EncodeOptional("max_rows", request->max_rows, kUnlimited,
                                    [&](double d) { out->set_max_rows(d); }));
  RV_RETURN_IF_ERROR(EncodeOptional("max_bytes", request->max_bytes, kUnlimited,
                                    [&](double d) { out->set_max_bytes(d); }));
  RV_RETURN_IF_ERROR(
      EncodeOptional("max_seconds", request->max_seconds, kUnlimited,
                     [&](double d) { out->set_max_seconds(d); }));
  out->set_now_us(request->now_us);
  return absl::OkStatus();
}

absl::Status OwnedRequest::Check(const wire::Request& request) {
  RV_RETURN_IF_ERROR(CheckKnown("request", request));
  RV_RETURN_IF_ERROR(CheckProblem(request.problem()));
  RV_RETURN_IF_ERROR(
      CheckCount("metrics", request.metrics_size(), kMaxMetrics));
  for (const wire::Metric& metric : request.metrics()) {
    RV_RETURN_IF_ERROR(CheckKnown("metric", metric));
    RV_RETURN_IF_ERROR(DecodeText("metric name", metric.name()));
    RV_RETURN_IF_ERROR(DecodeText("metric subject", metric.subject()));
    RV_RETURN_IF_ERROR(DecodeValue("metric", metric.value()).status());
  }
  RV_RETURN_IF_ERROR(
      CheckCount("parameters", request.parameters_size(), kMaxParameters));
  for (const wire::Value& parameter : request.parameters()) {
    RV_RETURN_IF_ERROR(DecodeValue("parameter", parameter).status());
  }
  RV_RETURN_IF_ERROR(CheckFinite("max_rows", request.max_rows()));
  RV_RETURN_IF_ERROR(CheckFinite("max_bytes", request.max_bytes()));
  return CheckFinite("max_seconds", request.max_seconds());
}

OwnedRequest::OwnedRequest(wire::Request request)
    : request_(std::move(request)) {
  constexpr double kUnlimited = std::numeric_limits<double>::infinity();
  const wire::Problem& problem = request_.problem();
  for (const wire::Subject& subject : problem.subjects()) {
    subjects_.push_back({subject.kind().c_str(), subject.name().c_str(),
                         subject.has_value() ? subject.value() : kUnknown});
  }
  for (const wire::Metric& metric : request_.metrics()) {
    metrics_.push_back({metric.name().c_str(), metric.subject().c_str(),
                        View(metric.value())});
  }
  for (const wire::Value& parameter : request_.parameters()) {
    parameters_.push_back(View(parameter));
  }
  problem_ = {sizeof(problem_),
              static_cast<uint32_t>(subjects_.size()),
              problem.problem_class().c_str(),
              problem.cause().c_str(),
              problem.collection().c_str(),
              problem.state(),
              0,
              problem.severity(),
              problem.confidence(),
              subjects_.data()};
  view_ = {sizeof(view_),
           static_cast<uint32_t>(metrics_.size()),
           &problem_,
           metrics_.data(),
           parameters_.data(),
           request_.has_max_rows() ? request_.max_rows() : kUnlimited,
           request_.has_max_bytes() ? request_.max_bytes() : kUnlimited,
           request_.has_max_seconds() ? request_.max_seconds() : kUnlimited,
           request_.now_us()};
}

bool IsCode(int64_t code) {
  switch (code) {
    case RUVECTOR_OK:
    case RUVECTOR_CANCELLED:
    case RUVECTOR_INVALID_ARGUMENT:
    case RUVECTOR_DEADLINE_EXCEEDED:
    case RUVECTOR_NOT_FOUND:
    case RUVECTOR_PERMISSION_DENIED:
    case RUVECTOR_RESOURCE_EXHAUSTED:
    case RUVECTOR_FAILED_PRECONDITION:
    case RUVECTOR_ABORTED:
    case RUVECTOR_UNIMPLEMENTED:
    case RUVECTOR_INTERNAL:
    case RUVECTOR_UNAVAILABLE:
      return true;
    default:
      return false;
  }
}

int32_t CodeOf(const absl::Status& status) {
  const auto code = static_cast<int32_t>(status.code());
  return IsCode(code) ? code : static_cast<int32_t>(RUVECTOR_INTERNAL);
}

wire::Result MakeResult(int32_t code, const std::string& message) {
  wire::Result result;
  result.set_code(
      static_cast<uint32_t>(IsCode(code) ? code : RUVECTOR_INTERNAL));
  result.set_message(ToText(message, kMaxMessageBytes));
  return result;
}

absl::Status CheckResult(const wire::Result& result) {
  RV_RETURN_IF_ERROR(CheckKnown("result", result));
  if (!IsCode(result.code())) return Malformed("unknown code ", result.code());
  if (result.message().size() > kMaxMessageBytes) {
    return Malformed("message is ", result.message().size(),
                     " bytes long, expected at most ", kMaxMessageBytes);
  }
  return DecodeText("message", result.message());
}

absl::Status StatusOf(const wire::Result& result) {
  return absl::Status(static_cast<absl::StatusCode>(result.code()),
                      result.message());
}

}  // namespace ruvector::strategy_host
