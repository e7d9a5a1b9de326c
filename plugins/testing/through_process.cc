#include "plugins/testing/through_process.h"

#include <fcntl.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/plugin/description.h"
#include "core/plugin/strategy_plugin.h"
#include "core/strategy_host/codec.h"
#include "core/strategy_host/strategy_process.h"
#include "gtest/gtest.h"

namespace ruvector::plugin_testing {
namespace {

using strategy_host::StrategyProcess;

// Long: a busy machine must not fail a test.
absl::Time Soon() { return absl::Now() + absl::Seconds(120); }

struct Remote {
  ruvector_plugin_entry linked = nullptr;
  std::string file;
  ruvector_strategy_table table;
  ruvector_plugin_descriptor descriptor;
  SystemClock clock;
  std::unique_ptr<StrategyProcess> process;
};

Remote& TheRemote() {
  static auto& remote = *new Remote;
  return remote;
}

int32_t Deliver(const absl::Status& status, char* error, size_t error_size) {
  if (status.ok()) return RUVECTOR_OK;
  if (error_size > 0) {
    std::snprintf(error, error_size, "%s",
                  std::string(status.message()).c_str());
  }
  return strategy_host::CodeOf(status);
}

absl::Status Started() {
  Remote& remote = TheRemote();
  if (remote.process != nullptr && remote.process->running()) {
    return absl::OkStatus();
  }
  strategy_host::ProcessOptions options;
  options.program = "plugins/host/ruvector-strategy-host";
  options.cpu = absl::Minutes(10);
  const auto description = plugin::CheckDescriptor(remote.linked());
  if (!description.ok()) return description.status();
  remote.process = std::make_unique<StrategyProcess>(
      options, *description, remote.clock, strategy_host::WaitWithPoll);
  const plugin::UniqueFd fd(open(remote.file.c_str(), O_RDONLY | O_CLOEXEC));
  const auto identity = plugin::IdentityOf(fd.get());
  if (!identity.ok()) return identity.status();
  return remote.process->Start(fd.get(), *identity, Soon());
}

// The kit's host, a table in C, as what the process's other end calls.
class TableCallbacks final : public strategy_host::HostCallbacks {
 public:
  explicit TableCallbacks(const ruvector_strategy_host& host) : host_(host) {}

  absl::StatusOr<sdk::Value> ReadMetric(const std::string& name,
                                        const std::string& subject) override {
    ruvector_value value{};
    const int32_t code =
        host_.read_metric(host_.context, name.c_str(), subject.c_str(), &value,
                          error_, sizeof(error_));
    if (code != RUVECTOR_OK) return Error(code);
    return sdk::Value(value);
  }
  absl::StatusOr<std::optional<double>> SampleLambda() override {
    double lambda = 0;
    const int32_t code =
        host_.sample_lambda(host_.context, &lambda, error_, sizeof(error_));
    if (code != RUVECTOR_OK) return Error(code);
    return Known(lambda);
  }
  absl::StatusOr<strategy_host::ActOutcome> Act(
      const ruvector_action& action) override {
    ruvector_outcome outcome{};
    outcome.struct_size = sizeof(outcome);
    const int32_t code =
        host_.act(host_.context, &action, &outcome, error_, sizeof(error_));
    if (code != RUVECTOR_OK) return Error(code);
    strategy_host::ActOutcome done;
    done.changed = outcome.changed != 0;
    done.rows = Known(outcome.rows);
    done.bytes = Known(outcome.bytes);
    return done;
  }
  void Log(uint32_t level, const std::string& message) override {
    host_.log(host_.context, static_cast<int32_t>(level), message.c_str());
  }
  bool ShouldStop() override { return host_.should_stop(host_.context) != 0; }

 private:
  static std::optional<double> Known(double number) {
    return std::isnan(number) ? std::nullopt : std::optional<double>(number);
  }
  absl::Status Error(int32_t code) const {
    return absl::Status(static_cast<absl::StatusCode>(code), error_);
  }

  const ruvector_strategy_host& host_;
  char error_[256] = {};
};

int32_t MakePlan(const ruvector_plan_request* request,
                 const ruvector_plan** plan, char* error, size_t error_size) {
  absl::Status status = Started();
  if (status.ok() && request == nullptr) {
    status = absl::InvalidArgumentError("no request");
  }
  if (!status.ok()) return Deliver(status, error, error_size);
  auto made = TheRemote().process->Plan(*request, Soon());
  if (!made.ok()) return Deliver(made.status(), error, error_size);
  // release_plan finds it again through owner, which View sets.
  *plan = (new sdk::Plan(*std::move(made)))->View();
  return RUVECTOR_OK;
}

void ReleasePlan(const ruvector_plan* plan) {
  if (plan != nullptr) delete static_cast<sdk::Plan*>(plan->owner);
}

int32_t Execute(const ruvector_plan_request* request, const ruvector_plan* plan,
                const ruvector_strategy_host* host, char* error,
                size_t error_size) {
  absl::Status status = Started();
  if (status.ok() &&
      (request == nullptr || plan == nullptr || host == nullptr ||
       !RUVECTOR_HAS(host, ruvector_strategy_host, should_stop))) {
    status = absl::InvalidArgumentError("no request, no plan or no host");
  }
  if (!status.ok()) return Deliver(status, error, error_size);
  TableCallbacks callbacks(*host);
  return Deliver(
      TheRemote()
          .process->Execute(*request, *plan, callbacks, Soon(), nullptr)
          .status,
      error, error_size);
}

const ruvector_plugin_descriptor* Entry() {
  Remote& remote = TheRemote();
  const ruvector_plugin_descriptor* linked = remote.linked();
  remote.table = *linked->strategy;
  remote.table.plan = &MakePlan;
  remote.table.release_plan = &ReleasePlan;
  remote.table.execute = &Execute;
  remote.descriptor = *linked;
  remote.descriptor.strategy = &remote.table;
  return &remote.descriptor;
}

}  // namespace

ruvector_plugin_entry ThroughProcess(ruvector_plugin_entry linked,
                                     std::string file) {
  Remote& remote = TheRemote();
  EXPECT_TRUE(remote.linked == nullptr || remote.linked == linked)
      << "one strategy per test program";
  remote.linked = linked;
  remote.file = std::move(file);
  return &Entry;
}

}  // namespace ruvector::plugin_testing
