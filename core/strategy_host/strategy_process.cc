#include "core/strategy_host/strategy_process.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/plan_check.h"
#include "core/strategy_host/codec.h"
#include "core/strategy_host/execution.h"
#include "core/strategy_host/host_connection.h"

namespace ruvector::strategy_host {
namespace {

// The error that a strategy returned, under its name.
absl::Status OwnError(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("strategy '", name,
                                   "': ", absl::string_view(status.message())));
}

std::string Because(absl::string_view what, const absl::Status& status) {
  return absl::StrCat(what, " (", absl::string_view(status.message()), ")");
}

absl::Status NotRunning() {
  return absl::FailedPreconditionError("the strategy's process is not running");
}

plugin::BlastRadius RadiusOf(const ruvector_plan_request& request) {
  return {request.max_rows, request.max_bytes, request.max_seconds};
}

}  // namespace

StrategyProcess::StrategyProcess(ProcessOptions options,
                                 plugin::PluginDescription description,
                                 const Clock& clock, Wait wait)
    : description_(std::move(description)),
      options_(std::move(options)),
      connection_(std::make_unique<HostConnection>(description_.name, options_,
                                                   clock, std::move(wait))) {}

StrategyProcess::~StrategyProcess() = default;

bool StrategyProcess::running() const { return connection_->open(); }
pid_t StrategyProcess::pid() const { return connection_->pid(); }
void StrategyProcess::Kill() { connection_->Kill(); }

absl::Status StrategyProcess::Start(int plugin_fd,
                                    const plugin::FileIdentity& identity,
                                    absl::Time deadline) {
  RV_ASSIGN_OR_RETURN(const plugin::FileIdentity present,
                      plugin::IdentityOf(plugin_fd));
  if (!(present == identity)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the file of strategy '", description_.name,
                     "' is not the one that was described"));
  }
  RV_RETURN_IF_ERROR(connection_->Open(plugin_fd));
  HostCall call{"while it was loaded", deadline};
  wire::ToHost request;
  request.mutable_start()->set_memory_bytes(options_.memory_bytes);
  request.mutable_start()->set_cpu_seconds(static_cast<uint32_t>(
      std::max<int64_t>(1, absl::ToInt64Seconds(options_.cpu))));
  RV_RETURN_IF_ERROR(connection_->Send(call, request));
  RV_ASSIGN_OR_RETURN(const wire::FromHost message, connection_->Receive(call));
  absl::Status sound =
      message.has_started() && message.started().unknown_fields().empty()
          ? CheckResult(message.started().result())
          : absl::InvalidArgumentError("not an answer to start");
  if (!sound.ok()) {
    return connection_->KillFor(call, Fault::kRubbish,
                                Because("wrote what is no message", sound));
  }
  const wire::Started& started = message.started();
  if (started.result().code() != RUVECTOR_OK) {
    Kill();
    const absl::Status why = StatusOf(started.result());
    // The host itself could not do its part: nothing the strategy did.
    if (!started.result().defect()) return OwnError(description_.name, why);
    return FaultStatus(
        Fault::kNotLoaded,
        absl::StrCat("strategy '", description_.name,
                     "' was not loaded: ", absl::string_view(why.message())));
  }
  return CheckDescription(started.description());
}

absl::Status StrategyProcess::CheckDescription(const std::string& line) {
  const auto description = plugin::DescriptionFromJson(line);
  if (description.ok() && *description == description_) {
    return absl::OkStatus();
  }
  Kill();
  return FaultStatus(
      Fault::kNotAsDescribed,
      absl::StrCat("strategy '", description_.name,
                   "' is not what was described before",
                   description.ok() ? "" : Because("", description.status())));
}

absl::StatusOr<sdk::Plan> StrategyProcess::Plan(
    const ruvector_plan_request& request, absl::Time deadline) {
  if (!running()) return NotRunning();
  wire::ToHost question;
  RV_RETURN_IF_ERROR(EncodeRequest(&request, description_.parameters.size(),
                                   question.mutable_plan()));
  HostCall call{"while it planned", deadline};
  RV_RETURN_IF_ERROR(connection_->Send(call, question));
  RV_ASSIGN_OR_RETURN(const wire::FromHost message, connection_->Receive(call));
  const wire::Planned& planned = message.planned();
  absl::Status sound =
      message.has_planned() && planned.unknown_fields().empty()
          ? CheckResult(planned.result())
          : absl::InvalidArgumentError("not an answer to plan");
  if (sound.ok() &&
      planned.has_plan() != (planned.result().code() == RUVECTOR_OK)) {
    sound = absl::InvalidArgumentError("an answer that contradicts itself");
  }
  absl::StatusOr<sdk::Plan> plan = sdk::Plan();
  if (sound.ok() && planned.has_plan()) {
    plan = DecodePlan(planned.plan());
    sound = plan.status();
  }
  if (!sound.ok()) {
    return connection_->KillFor(call, Fault::kRubbish,
                                Because("wrote what is no message", sound));
  }
  const auto bad_plan = [&](const absl::Status& why) {
    return FaultStatus(Fault::kBadPlan,
                       absl::StrCat("strategy '", description_.name,
                                    "' made a plan that is refused: ",
                                    absl::string_view(why.message())));
  };
  if (!planned.has_plan()) {
    const absl::Status error = StatusOf(planned.result());
    if (planned.result().defect()) return bad_plan(error);
    return Finish(call, error);
  }
  const absl::Status valid = plugin::CheckPlan(*description_.strategy,
                                               RadiusOf(request), plan->View());
  if (!valid.ok()) return bad_plan(valid);
  return plan;
}

ExecuteResult StrategyProcess::Execute(const ruvector_plan_request& request,
                                       const ruvector_plan& plan,
                                       HostCallbacks& callbacks,
                                       absl::Time deadline,
                                       const std::function<bool()>& stop) {
  ExecuteResult result;
  if (!running()) {
    result.status = NotRunning();
    return result;
  }
  wire::ToHost question;
  wire::Execute& execute = *question.mutable_execute();
  result.status = EncodeRequest(&request, description_.parameters.size(),
                                execute.mutable_request());
  if (result.status.ok()) {
    result.status = EncodePlan(&plan, execute.mutable_plan());
  }
  if (result.status.ok()) {
    result.status =
        plugin::CheckPlan(*description_.strategy, RadiusOf(request), &plan);
  }
  if (!result.status.ok()) return result;
  HostCall call{"while it executed", deadline, options_.stop_grace, stop};
  Execution execution(*description_.strategy, plan, callbacks, result);
  result.status = connection_->Send(call, question);
  if (result.status.ok()) result.status = Run(call, execution);
  const bool is_beyond_plan =
      !execution.beyond_plan().empty() && !FaultOf(result.status).has_value();
  if (is_beyond_plan) {
    result.status = FaultStatus(Fault::kBeyondPlan,
                                absl::StrCat("strategy '", description_.name,
                                             "' tried to act beyond its plan: ",
                                             execution.beyond_plan()));
  }
  return result;
}

absl::Status StrategyProcess::Run(HostCall& call, Execution& execution) {
  while (true) {
    RV_ASSIGN_OR_RETURN(const wire::FromHost message,
                        connection_->Receive(call));
    absl::Status sound;
    if (message.has_executed()) {
      sound = CheckResult(message.executed());
      if (sound.ok()) return Finish(call, StatusOf(message.executed()));
    } else if (message.has_log()) {
      sound = execution.Note(message);
    } else if (Execution::IsQuestion(message)) {
      const absl::StatusOr<wire::Reply> reply = execution.Answer(call, message);
      sound = reply.status();
      if (sound.ok()) {
        wire::ToHost answer;
        *answer.mutable_reply() = *reply;
        RV_RETURN_IF_ERROR(connection_->Send(call, answer));
      }
    } else {
      sound = absl::InvalidArgumentError("neither a question nor the end");
    }
    if (!sound.ok()) {
      return connection_->KillFor(call, Fault::kRubbish,
                                  Because("wrote what is no message", sound));
    }
  }
}

absl::Status StrategyProcess::Finish(const HostCall& call,
                                     const absl::Status& status) const {
  if (status.ok()) return status;
  if (call.out_of_memory &&
      status.code() == absl::StatusCode::kResourceExhausted) {
    return connection_->Words(call, Fault::kOutOfMemory,
                              connection_->OutOfMemoryWords());
  }
  // It stopped because it was told to, and it was told because time was up.
  if (call.late && status.code() == absl::StatusCode::kCancelled) {
    return OwnError(description_.name,
                    absl::DeadlineExceededError(status.message()));
  }
  return OwnError(description_.name, status);
}

}  // namespace ruvector::strategy_host
