#include <limits>
#include <utility>

#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"
#include "core/strategy_host/codec.h"
#include "core/strategy_host/codec_checks.h"

namespace ruvector::strategy_host {
namespace {

using plugin::Malformed;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

absl::Status CheckState(uint32_t state) {
  if (state <= RUVECTOR_STATE_CRITICAL) return absl::OkStatus();
  return Malformed("unknown state ", state);
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

}  // namespace

absl::Status EncodeRequest(const ruvector_plan_request* request,
                           size_t parameter_count, wire::Request* out) {
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

}  // namespace ruvector::strategy_host
