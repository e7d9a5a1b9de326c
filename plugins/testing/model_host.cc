#include "plugins/testing/model_host.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "core/plugin/action_kinds.h"
#include "core/plugin/plan_check.h"

namespace ruvector::plugin_testing {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

int32_t Deliver(int32_t code, const std::string& message, char* error,
                size_t error_size) {
  if (error_size > 0) {
    std::snprintf(error, error_size, "%s", message.c_str());
  }
  return code;
}

sdk::Value ArgumentOf(const ruvector_action& action, std::string_view name) {
  return sdk::Argument(action, name).value_or(sdk::Value());
}

}  // namespace

World::Setting SettingOf(const plugin::ActionKind& kind,
                         const ruvector_action& action) {
  return {
      kind.kind, action.object,
      kind.key.empty() ? "" : ArgumentOf(action, kind.key).text().value_or("")};
}

sdk::Value World::Get(const Setting& setting) const {
  const auto it = settings.find(setting);
  return it == settings.end() ? sdk::Value() : it->second;
}

void World::Set(const Setting& setting, sdk::Value value) {
  if (value.is_null()) {
    settings.erase(setting);
  } else {
    settings[setting] = std::move(value);
  }
}

bool World::operator==(const World& other) const {
  return settings == other.settings && rows == other.rows &&
         held_jobs == other.held_jobs && maintained == other.maintained;
}

Metric SettingMetric(std::string name, std::string subject,
                     World::Setting setting) {
  return {std::move(name), std::move(subject),
          [setting = std::move(setting)](const World& world) {
            return world.Get(setting);
          }};
}

ModelHost::ModelHost(const plugin::StrategyDescription& strategy,
                     const ruvector_plan& plan,
                     const std::vector<Metric>& metrics, World& world)
    : strategy_(strategy),
      plan_(plan),
      metrics_(metrics),
      world_(world),
      table_{sizeof(ruvector_strategy_host),
             RUVECTOR_PLUGIN_ABI_MINOR,
             this,
             &ReadMetric,
             &SampleLambda,
             &Act,
             &Log,
             &ShouldStop} {}

std::optional<ModelHost::Reply> ModelHost::Fault() {
  const int call = calls_++;
  if (exhausted()) return Reply{RUVECTOR_DEADLINE_EXCEEDED, "out of patience"};
  if (call == fail_at_) return Reply{fail_code_, "an injected fault"};
  return std::nullopt;
}

int32_t ModelHost::ReadMetric(void* context, const char* name,
                              const char* subject, ruvector_value* value,
                              char* error, size_t error_size) {
  ModelHost& self = Self(context);
  if (const auto fault = self.Fault()) {
    return Deliver(fault->code, fault->message, error, error_size);
  }
  for (const Metric& metric : self.metrics_) {
    if (metric.name == name && metric.subject == subject) {
      self.last_read_ = metric.read(self.world_);
      *value = self.last_read_.View();
      return RUVECTOR_OK;
    }
  }
  return Deliver(RUVECTOR_NOT_FOUND, "no such metric", error, error_size);
}

int32_t ModelHost::SampleLambda(void* context, double* lambda, char* error,
                                size_t error_size) {
  ModelHost& self = Self(context);
  if (const auto fault = self.Fault()) {
    return Deliver(fault->code, fault->message, error, error_size);
  }
  *lambda = kUnknown;
  for (const Metric& metric : self.metrics_) {
    if (metric.name == "lambda_norm" && metric.subject.empty()) {
      *lambda = metric.read(self.world_).number().value_or(kUnknown);
    }
  }
  return RUVECTOR_OK;
}

int32_t ModelHost::Act(void* context, const ruvector_action* action,
                       ruvector_outcome* outcome, char* error,
                       size_t error_size) {
  ModelHost& self = Self(context);
  if (self.said_stop_) ++self.acts_after_stop_;
  const int number = self.acts_++;
  if (const auto fault = self.Fault()) {
    return Deliver(fault->code, fault->message, error, error_size);
  }
  const absl::Status valid = plugin::CheckAction(self.strategy_, action);
  if (!valid.ok() || !self.InPlan(*action)) ++self.refusals_;
  if (!valid.ok()) {
    return Deliver(RUVECTOR_PERMISSION_DENIED, std::string(valid.message()),
                   error, error_size);
  }
  if (!self.InPlan(*action)) {
    return Deliver(RUVECTOR_PERMISSION_DENIED, "not in the plan", error,
                   error_size);
  }
  if (number == self.meddle_at_) self.meddle_(self.world_);
  outcome->changed = 0;
  outcome->rows = outcome->bytes = kUnknown;
  const Reply reply = self.Perform(*action, *outcome);
  return Deliver(reply.code, reply.message, error, error_size);
}

void ModelHost::Log(void* context, int32_t, const char*) {
  ++Self(context).calls_;
}

int32_t ModelHost::ShouldStop(void* context) {
  ModelHost& self = Self(context);
  const int call = self.calls_++;
  const bool stop =
      self.exhausted() || (self.stop_from_ >= 0 && call >= self.stop_from_);
  self.said_stop_ |= stop;
  return stop ? 1 : 0;
}

bool ModelHost::InPlan(const ruvector_action& action) const {
  const plugin::ActionKind& kind = *plugin::FindActionKind(action.kind);
  for (uint32_t i = 0; i < plan_.action_count; ++i) {
    const ruvector_action& planned = *plan_.actions[i];
    if (planned.kind == action.kind &&
        SettingOf(kind, planned) == SettingOf(kind, action)) {
      return true;
    }
  }
  return false;
}

ModelHost::Reply ModelHost::Perform(const ruvector_action& action,
                                    ruvector_outcome& outcome) {
  switch (action.kind) {
    case RUVECTOR_ACTION_MOVE_ROWS:
      return MoveRows(action, outcome);
    case RUVECTOR_ACTION_HOLD_JOB:
      return HoldJob(action, outcome);
    case RUVECTOR_ACTION_CANCEL_AUTOVACUUM:
      outcome.changed = 1;
      return {RUVECTOR_OK, ""};
    default:
      break;
  }
  if (!plugin::FindActionKind(action.kind)->value.empty()) {
    return SetValue(action, outcome);
  }
  if (world_.maintained.emplace(action.kind, action.object).second) {
    Changed(outcome, kUnknown, [](World&) {});
  }
  return {RUVECTOR_OK, ""};
}

ModelHost::Reply ModelHost::SetValue(const ruvector_action& action,
                                     ruvector_outcome& outcome) {
  const plugin::ActionKind& kind = *plugin::FindActionKind(action.kind);
  const World::Setting setting = SettingOf(kind, action);
  const sdk::Value former = world_.Get(setting);
  const sdk::Value wanted = ArgumentOf(action, kind.value);
  // An undo of another kind restores what the host itself has kept.
  const bool holds_value = action.undo->kind == action.kind;
  if (holds_value && !(ArgumentOf(*action.undo, kind.value) == former)) {
    return {RUVECTOR_ABORTED, "undo does not hold the present value"};
  }
  if (wanted == former) return {RUVECTOR_OK, ""};
  world_.Set(setting, wanted);
  Changed(outcome, kUnknown,
          [setting, former](World& w) { w.Set(setting, former); });
  return {RUVECTOR_OK, ""};
}

ModelHost::Reply ModelHost::MoveRows(const ruvector_action& action,
                                     ruvector_outcome& outcome) {
  const plugin::ActionKind& kind = *plugin::FindActionKind(action.kind);
  double planned = 0;
  for (uint32_t i = 0; i < plan_.action_count; ++i) {
    const ruvector_action& p = *plan_.actions[i];
    if (p.kind == action.kind &&
        SettingOf(kind, p) == SettingOf(kind, action)) {
      planned = ArgumentOf(p, "max_rows").number().value_or(0);
    }
  }
  const std::string from = action.object;
  const std::string to = *ArgumentOf(action, "to").text();
  double& moved = rows_moved_[{from, to}];
  const double asked =
      std::min(ArgumentOf(action, "max_rows").number().value_or(0),
               ArgumentOf(action, "batch_rows").number().value_or(0));
  if (moved + asked > planned) {
    return {RUVECTOR_RESOURCE_EXHAUSTED, "more rows than planned"};
  }
  std::set<int64_t>& source = world_.rows[from];
  std::vector<int64_t> batch;
  while (!source.empty() && static_cast<double>(batch.size()) < asked) {
    batch.push_back(*source.begin());
    source.erase(source.begin());
  }
  world_.rows[to].insert(batch.begin(), batch.end());
  moved += static_cast<double>(batch.size());
  outcome.rows = static_cast<double>(batch.size());
  if (batch.empty()) return {RUVECTOR_OK, ""};
  Changed(outcome, outcome.rows, [from, to, batch](World& w) {
    for (int64_t row : batch) {
      if (w.rows[to].erase(row) > 0) w.rows[from].insert(row);
    }
  });
  return {RUVECTOR_OK, ""};
}

ModelHost::Reply ModelHost::HoldJob(const ruvector_action& action,
                                    ruvector_outcome& outcome) {
  const std::string job = action.object;
  if (world_.held_jobs.insert(job).second) {
    Changed(outcome, kUnknown, [job](World& w) { w.held_jobs.erase(job); });
  }
  return {RUVECTOR_OK, ""};
}

void ModelHost::Changed(ruvector_outcome& outcome, double rows,
                        std::function<void(World&)> undo) {
  outcome.changed = 1;
  outcome.rows = rows;
  ++changes_;
  journal_.push_back(std::move(undo));
}

void ModelHost::UndoAll() {
  for (; !journal_.empty(); journal_.pop_back()) journal_.back()(world_);
}

}  // namespace ruvector::plugin_testing
