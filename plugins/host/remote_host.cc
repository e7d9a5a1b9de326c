#include "plugins/host/remote_host.h"

#include <cstring>
#include <limits>
#include <string>

#include "core/base/status_macros.h"
#include "core/base/text.h"
#include "core/strategy_host/codec.h"

namespace ruvector::plugin_host {
namespace {

namespace wire = strategy_host::wire;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

RemoteHost& Self(void* context) { return *static_cast<RemoteHost*>(context); }

int32_t Deliver(const absl::Status& status, char* error, size_t error_size) {
  if (status.ok()) return RUVECTOR_OK;
  if (error != nullptr && error_size > 0) {
    const std::string text = ToText(status.message(), error_size - 1);
    std::memcpy(error, text.c_str(), text.size() + 1);
  }
  return strategy_host::CodeOf(status);
}

// The reply, or the error that it holds.
absl::StatusOr<wire::Reply> Ask(Channel& channel,
                                const wire::FromHost& question) {
  RV_ASSIGN_OR_RETURN(wire::Reply reply, channel.Ask(question));
  RV_RETURN_IF_ERROR(strategy_host::StatusOf(reply.result()));
  return reply;
}

absl::Status AskMetric(Channel& channel, const char* name, const char* subject,
                       sdk::Value* value) {
  wire::FromHost question;
  wire::ReadMetric& read = *question.mutable_read_metric();
  RV_RETURN_IF_ERROR(
      strategy_host::EncodeText("metric name", name, read.mutable_name()));
  RV_RETURN_IF_ERROR(strategy_host::EncodeText("metric subject", subject,
                                               read.mutable_subject()));
  RV_ASSIGN_OR_RETURN(const wire::Reply reply, Ask(channel, question));
  RV_ASSIGN_OR_RETURN(*value,
                      strategy_host::DecodeValue("metric", reply.value()));
  return absl::OkStatus();
}

absl::Status AskLambda(Channel& channel, double* lambda) {
  wire::FromHost question;
  question.mutable_sample_lambda();
  RV_ASSIGN_OR_RETURN(const wire::Reply reply, Ask(channel, question));
  *lambda = reply.has_lambda() ? reply.lambda() : kUnknown;
  return absl::OkStatus();
}

absl::Status AskAct(Channel& channel, const ruvector_action* action,
                    ruvector_outcome* outcome) {
  if (outcome == nullptr || !RUVECTOR_HAS(outcome, ruvector_outcome, bytes)) {
    return absl::InvalidArgumentError("no outcome, or one that is too short");
  }
  wire::FromHost question;
  RV_RETURN_IF_ERROR(
      strategy_host::EncodeAction(action, question.mutable_act()));
  RV_ASSIGN_OR_RETURN(const wire::Reply reply, Ask(channel, question));
  const wire::Outcome& done = reply.outcome();
  outcome->changed = done.changed() ? 1 : 0;
  outcome->rows = done.has_rows() ? done.rows() : kUnknown;
  outcome->bytes = done.has_bytes() ? done.bytes() : kUnknown;
  return absl::OkStatus();
}

}  // namespace

RemoteHost::RemoteHost(Channel& channel)
    : channel_(channel),
      table_{sizeof(ruvector_strategy_host),
             RUVECTOR_PLUGIN_ABI_MINOR,
             this,
             &ReadMetric,
             &SampleLambda,
             &Act,
             &Log,
             &ShouldStop} {}

int32_t RemoteHost::ReadMetric(void* context, const char* name,
                               const char* subject, ruvector_value* value,
                               char* error, size_t error_size) {
  RemoteHost& self = Self(context);
  const absl::Status status =
      AskMetric(self.channel_, name, subject, &self.last_read_);
  if (status.ok()) *value = self.last_read_.View();
  return Deliver(status, error, error_size);
}

int32_t RemoteHost::SampleLambda(void* context, double* lambda, char* error,
                                 size_t error_size) {
  return Deliver(AskLambda(Self(context).channel_, lambda), error, error_size);
}

int32_t RemoteHost::Act(void* context, const ruvector_action* action,
                        ruvector_outcome* outcome, char* error,
                        size_t error_size) {
  return Deliver(AskAct(Self(context).channel_, action, outcome), error,
                 error_size);
}

void RemoteHost::Log(void* context, int32_t level, const char* message) {
  if (message == nullptr) return;
  const bool is_known =
      level >= RUVECTOR_LOG_DEBUG && level <= RUVECTOR_LOG_WARNING;
  wire::FromHost note;
  note.mutable_log()->set_level(
      static_cast<uint32_t>(is_known ? level : RUVECTOR_LOG_INFO));
  note.mutable_log()->set_message(
      ToText(message, strategy_host::kMaxMessageBytes));
  Self(context).channel_.Send(note).IgnoreError();  // never too long
}

int32_t RemoteHost::ShouldStop(void* context) {
  wire::FromHost question;
  question.mutable_should_stop();
  const absl::StatusOr<wire::Reply> reply =
      Self(context).channel_.Ask(question);
  return !reply.ok() || reply->stop() ? 1 : 0;
}

}  // namespace ruvector::plugin_host
