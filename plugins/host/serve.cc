#include "plugins/host/serve.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/description.h"
#include "core/plugin/loader.h"
#include "core/strategy_host/codec.h"
#include "plugins/host/channel.h"
#include "plugins/host/confinement.h"
#include "plugins/host/out_of_memory.h"
#include "plugins/host/remote_host.h"

namespace ruvector::plugin_host {
namespace {

namespace wire = strategy_host::wire;
using strategy_host::OwnedRequest;

// The linker has a few open while it loads; afterwards nobody opens any.
constexpr rlim_t kDescriptors = 32;

absl::Status ConfineFor(const wire::Start& start, SystemCallFilters& filters) {
  RV_RETURN_IF_ERROR(LimitFiles(kDescriptors));
  RV_RETURN_IF_ERROR(LimitProcessor(start.cpu_seconds()));
  RV_RETURN_IF_ERROR(LimitMemory(start.memory_bytes()));
  return filters.EnterLoading();
}

// The description is set where the plugin is sound.
absl::StatusOr<const ruvector_strategy_table*> Load(std::string* description) {
  RV_ASSIGN_OR_RETURN(
      const ruvector_plugin_descriptor* const descriptor,
      plugin::LoadSharedObject(strategy_host::kPluginDescriptor));
  close(strategy_host::kPluginDescriptor);
  RV_ASSIGN_OR_RETURN(const plugin::PluginDescription checked,
                      plugin::CheckDescriptor(descriptor));
  if (checked.kind != plugin::PluginKind::kStrategy) {
    return absl::InvalidArgumentError("it is not a strategy");
  }
  *description = plugin::DescriptionToJson(checked);
  return descriptor->strategy;
}

wire::FromHost StartedWith(const absl::Status& status, bool defect) {
  wire::FromHost message;
  wire::Started& started = *message.mutable_started();
  *started.mutable_result() = strategy_host::MakeResult(
      strategy_host::CodeOf(status), std::string(status.message()));
  if (defect) started.mutable_result()->set_defect(true);
  return message;
}

// The table of the loaded strategy; ends the process where there is none.
const ruvector_strategy_table& Begin(Channel& channel) {
  const auto fail = [&](const absl::Status& status, bool defect) {
    channel.Send(StartedWith(status, defect)).IgnoreError();
    _exit(1);
  };
  const absl::Status confined = Confine(0);
  const wire::ToHost request = channel.Receive();
  if (!request.has_start()) EndForRubbish();
  if (!confined.ok()) fail(confined, false);
  absl::StatusOr<SystemCallFilters> filters = SystemCallFilters::Make();
  if (!filters.ok()) fail(filters.status(), false);
  const absl::Status limited = ConfineFor(request.start(), *filters);
  if (!limited.ok()) fail(limited, false);
  std::string description;
  const auto table = Load(&description);
  if (!table.ok()) fail(table.status(), true);
  const absl::Status entered = filters->EnterServing();
  if (!entered.ok()) fail(entered, false);
  wire::FromHost started = StartedWith(absl::OkStatus(), false);
  started.mutable_started()->set_description(std::move(description));
  channel.Send(started).IgnoreError();  // a line of 64 KiB at most
  return **table;
}

// What the plugin said, or that it said what it may not.
wire::Result ResultOf(int32_t code, char* error) {
  error[strategy_host::kMaxMessageBytes - 1] = '\0';
  if (strategy_host::IsCode(code)) {
    return strategy_host::MakeResult(code, error);
  }
  return strategy_host::MakeResult(
      RUVECTOR_INTERNAL, absl::StrCat("returned the unknown code ", code));
}

void Defect(const absl::Status& status, wire::Planned* planned) {
  planned->clear_plan();
  *planned->mutable_result() = strategy_host::MakeResult(
      strategy_host::CodeOf(status), std::string(status.message()));
  planned->mutable_result()->set_defect(true);
}

void Plan(const ruvector_strategy_table& table, const OwnedRequest& request,
          Channel& channel) {
  const ruvector_plan* plan = nullptr;
  char error[strategy_host::kMaxMessageBytes] = {};
  const int32_t code = table.plan(request.get(), &plan, error, sizeof(error));
  wire::FromHost message;
  wire::Planned& planned = *message.mutable_planned();
  *planned.mutable_result() = ResultOf(code, error);
  if (code == RUVECTOR_OK) {
    const absl::Status encoded =
        strategy_host::EncodePlan(plan, planned.mutable_plan());
    if (!encoded.ok()) Defect(encoded, &planned);
    table.release_plan(plan);
  }
  const absl::Status sent = channel.Send(message);
  if (sent.ok()) return;
  Defect(sent, &planned);
  channel.Send(message).IgnoreError();
}

void Execute(const ruvector_strategy_table& table, const OwnedRequest& request,
             sdk::Plan& plan, Channel& channel) {
  RemoteHost host(channel);
  char error[strategy_host::kMaxMessageBytes] = {};
  const int32_t code = table.execute(request.get(), plan.View(), &host.table(),
                                     error, sizeof(error));
  wire::FromHost message;
  *message.mutable_executed() = ResultOf(code, error);
  channel.Send(message).IgnoreError();  // short
}

// A request as the server sends it, or the end.
void CheckRequest(const ruvector_strategy_table& table,
                  const wire::Request& request) {
  if (!OwnedRequest::Check(request).ok() ||
      request.parameters_size() != static_cast<int>(table.parameter_count)) {
    EndForRubbish();
  }
}

void Handle(const ruvector_strategy_table& table, wire::ToHost message,
            Channel& channel) {
  if (message.has_plan()) {
    CheckRequest(table, message.plan());
    Plan(table, OwnedRequest(std::move(*message.mutable_plan())), channel);
    return;
  }
  if (!message.has_execute()) EndForRubbish();
  wire::Execute& execute = *message.mutable_execute();
  CheckRequest(table, execute.request());
  absl::StatusOr<sdk::Plan> plan = strategy_host::DecodePlan(execute.plan());
  if (!plan.ok()) EndForRubbish();
  Execute(table, OwnedRequest(std::move(*execute.mutable_request())), *plan,
          channel);
}

}  // namespace

void Serve() {
  Channel channel(strategy_host::kSocketDescriptor);
  wire::FromHost out_of_memory;
  out_of_memory.mutable_out_of_memory();
  const absl::StatusOr<std::string> told =
      strategy_host::EncodeFrame(out_of_memory);
  if (!told.ok()) _exit(1);
  TellOutOfMemory(channel.socket(), &*told);
  const ruvector_strategy_table& table = Begin(channel);
  while (true) {
    wire::ToHost message = channel.Receive();
    TellOutOfMemory(channel.socket(), &*told);
    Handle(table, std::move(message), channel);
  }
}

}  // namespace ruvector::plugin_host
