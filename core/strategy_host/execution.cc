#include "core/strategy_host/execution.h"

#include <cmath>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"
#include "core/strategy_host/codec.h"

namespace ruvector::strategy_host {
namespace {

using plugin::Malformed;

wire::Result ResultOf(const absl::Status& status) {
  return MakeResult(CodeOf(status), std::string(status.message()));
}

// What a callback may not answer, but a bug of ours could.
absl::Status CheckNumber(const char* what, std::optional<double> number) {
  if (!number.has_value() || std::isfinite(*number)) return absl::OkStatus();
  return absl::InternalError(what);
}

absl::Status StopStatus(const HostCall& call) {
  return call.late ? absl::DeadlineExceededError("the deadline has passed")
                   : absl::CancelledError("the run is being stopped");
}

}  // namespace

bool Execution::IsQuestion(const wire::FromHost& message) {
  return message.has_read_metric() || message.has_sample_lambda() ||
         message.has_act() || message.has_should_stop();
}

absl::StatusOr<wire::Reply> Execution::Answer(const HostCall& call,
                                              const wire::FromHost& message) {
  wire::Reply reply;
  *reply.mutable_result() = MakeResult(RUVECTOR_OK, "");
  if (message.has_read_metric()) {
    RV_RETURN_IF_ERROR(ReadMetric(message.read_metric(), &reply));
  } else if (message.has_act()) {
    RV_RETURN_IF_ERROR(Act(call, message.act(), &reply));
  } else if (message.has_should_stop()) {
    if (!message.should_stop().unknown_fields().empty()) {
      return Malformed("should_stop has unknown fields");
    }
    reply.set_stop(call.stopping || callbacks_.ShouldStop());
  } else {
    if (!message.sample_lambda().unknown_fields().empty()) {
      return Malformed("sample_lambda has unknown fields");
    }
    const auto lambda = callbacks_.SampleLambda();
    const absl::Status sound =
        lambda.ok() ? CheckNumber("lambda is not finite", *lambda)
                    : lambda.status();
    *reply.mutable_result() = ResultOf(sound);
    if (sound.ok() && lambda->has_value()) reply.set_lambda(**lambda);
  }
  return reply;
}

absl::Status Execution::ReadMetric(const wire::ReadMetric& question,
                                   wire::Reply* reply) {
  if (!question.unknown_fields().empty()) {
    return Malformed("read_metric has unknown fields");
  }
  RV_RETURN_IF_ERROR(DecodeText("metric name", question.name()));
  RV_RETURN_IF_ERROR(DecodeText("metric subject", question.subject()));
  const auto value = callbacks_.ReadMetric(question.name(), question.subject());
  absl::Status status = value.status();
  if (status.ok()) {
    status = EncodeValue("metric", value->View(), reply->mutable_value());
    if (!status.ok()) status = absl::InternalError(status.message());
  }
  if (!status.ok()) reply->clear_value();
  *reply->mutable_result() = ResultOf(status);
  return absl::OkStatus();
}

absl::Status Execution::Act(const HostCall& call, const wire::Action& action,
                            wire::Reply* reply) {
  RV_ASSIGN_OR_RETURN(sdk::Action decoded, DecodeAction(action));
  const absl::Status performed = Perform(call, *decoded.View(), reply);
  *reply->mutable_result() = ResultOf(performed);
  return absl::OkStatus();
}

absl::Status Execution::Perform(const HostCall& call,
                                const ruvector_action& action,
                                wire::Reply* reply) {
  const absl::Status permitted = permit_.Check(action);
  if (!permitted.ok()) {
    ++result_.refused;
    if (permitted.code() != absl::StatusCode::kResourceExhausted &&
        beyond_plan_.empty()) {
      beyond_plan_ = std::string(permitted.message());
    }
    return permitted;
  }
  if (call.stopping) return StopStatus(call);
  const absl::StatusOr<ActOutcome> outcome = callbacks_.Act(action);
  if (!outcome.ok()) {
    ++result_.failed;
    return outcome.status();
  }
  ++result_.performed;
  permit_.Done(action, *outcome);
  RV_RETURN_IF_ERROR(CheckNumber("rows are not finite", outcome->rows));
  RV_RETURN_IF_ERROR(CheckNumber("bytes are not finite", outcome->bytes));
  wire::Outcome* out = reply->mutable_outcome();
  out->set_changed(outcome->changed);
  if (outcome->rows) out->set_rows(*outcome->rows);
  if (outcome->bytes) out->set_bytes(*outcome->bytes);
  return absl::OkStatus();
}

absl::Status Execution::Note(const wire::FromHost& message) {
  const wire::Log& log = message.log();
  if (!log.unknown_fields().empty()) {
    return Malformed("log has unknown fields");
  }
  if (log.level() > RUVECTOR_LOG_WARNING) {
    return Malformed("unknown log level ", log.level());
  }
  if (log.message().size() > kMaxMessageBytes) {
    return Malformed("log message is ", log.message().size(),
                     " bytes long, expected at most ", kMaxMessageBytes);
  }
  RV_RETURN_IF_ERROR(DecodeText("log message", log.message()));
  if (logs_ == StrategyProcess::kMaxLogs) {
    ++result_.dropped_logs;
  } else {
    ++logs_;
    callbacks_.Log(log.level(), log.message());
  }
  return absl::OkStatus();
}

}  // namespace ruvector::strategy_host
