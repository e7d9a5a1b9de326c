#include "core/strategy_host/stored_plan.h"
// First of all: what follows brings the server's headers.
#include <unistd.h>

#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/healing/strategy_parameters.h"
#include "core/plugin/action_kinds.h"
#include "core/strategy_host/fault.h"
#include "pgext/audit/crypto.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/healing/acts/acts.h"
#include "pgext/healing/diagnosis/problem_reader.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/plan_maker.h"
#include "pgext/healing/workloads/workloads.h"
#include "pgext/plugins/server_plugins.h"
extern "C" {
#include "storage/latch.h"
}

namespace ruvector::healing {
namespace {

using nlohmann::json;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

json OrNull(const std::optional<double>& value) {
  return value.has_value() ? json(*value) : json(nullptr);
}
json OrNull(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

std::optional<double> Known(double value) {
  if (std::isnan(value)) return std::nullopt;
  return value;
}

// A sum is known when each part is.
void Add(double& sum, const std::optional<double>& part) {
  sum += part.value_or(kUnknown);
}

std::string KindName(uint32_t kind) {
  const plugin::ActionKind* known = plugin::FindActionKind(kind);
  return known == nullptr ? std::to_string(kind) : std::string(known->name);
}

// What Kubernetes alone knows, of the workload that a parameter names.
absl::Status AddWorkloadMetrics(PlanInputs& inputs) {
  const plugin::PluginDescription& strategy = inputs.strategy.description;
  for (size_t i = 0; i < strategy.parameters.size(); ++i) {
    const std::string workload = strategy.parameters[i].name == "workload" &&
                                         i < inputs.parameters.size()
                                     ? inputs.parameters[i].text().value_or("")
                                     : std::string();
    if (workload.empty()) continue;
    for (const std::string& name : strategy.strategy->metrics) {
      if (!IsWorkloadMetric(name)) continue;
      RV_ASSIGN_OR_RETURN(sdk::Value value, ReadWorkloadMetric(name, workload));
      inputs.metrics.push_back({name, workload, std::move(value)});
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<PlanInputs::View> PlanInputs::MakeView() const {
  auto view = std::make_unique<View>();
  for (const IncidentSubject& s : incident.subjects) {
    view->subjects.push_back({s.kind.c_str(), s.name.c_str(), s.value});
  }
  for (const metrics::PlanMetric& m : metrics) {
    view->metrics.push_back(
        {m.name.c_str(), m.subject.c_str(), m.value.View()});
  }
  for (const sdk::Value& value : parameters) {
    view->parameters.push_back(value.View());
  }
  view->problem = {sizeof(ruvector_problem),
                   static_cast<uint32_t>(view->subjects.size()),
                   incident.problem_class.c_str(),
                   incident.cause.c_str(),
                   incident.collection.c_str(),
                   incident.gate_state,
                   0,
                   incident.severity,
                   incident.confidence,
                   view->subjects.data()};
  view->request = {sizeof(ruvector_plan_request),
                   static_cast<uint32_t>(view->metrics.size()),
                   &view->problem,
                   view->metrics.data(),
                   view->parameters.data(),
                   max_rows,
                   max_bytes,
                   max_seconds,
                   absl::ToUnixMicros(at)};
  return view;
}

absl::StatusOr<PlanInputs> ReadPlanInputs(pg::SpiSession& spi,
                                          const RegisteredStrategy& strategy,
                                          const Incident& incident,
                                          const std::string& wish,
                                          const metrics::ReadOptions& options) {
  PlanInputs inputs;
  inputs.strategy = strategy;
  inputs.incident = incident;
  inputs.at = absl::Now();
  RV_ASSIGN_OR_RETURN(const PersonsWish wanted,
                      ParseWish(strategy.description, wish));
  RV_ASSIGN_OR_RETURN(const StoredConfig config, ReadConfig(spi));
  RV_ASSIGN_OR_RETURN(
      inputs.parameters,
      ParameterValues(strategy.description,
                      {config.ParametersOf(strategy.description.name), wish}));
  const BlastLimits& limits = config.config.blast_radius;
  inputs.max_rows = std::min(
      static_cast<double>(limits.max_rows),
      wanted.max_moves.value_or(std::numeric_limits<double>::infinity()));
  inputs.max_bytes = static_cast<double>(limits.max_bytes);
  inputs.max_seconds = static_cast<double>(limits.max_seconds);
  RV_ASSIGN_OR_RETURN(const integrity::Collection collection,
                      integrity::FindCollection(spi, incident.collection));
  RV_ASSIGN_OR_RETURN(
      inputs.metrics,
      metrics::ReadPlanMetrics(spi, collection, strategy.description, options));
  return inputs;
}

absl::StatusOr<sdk::Plan> AskStrategy(const PlanInputs& given,
                                      absl::Time deadline,
                                      const strategy_host::Wait& wait) {
  PlanInputs inputs = given;
  RV_RETURN_IF_ERROR(AddWorkloadMetrics(inputs));
  static const SystemClock clock;
  RV_ASSIGN_OR_RETURN(const plugin::TrustedFile file,
                      OpenStrategy(inputs.strategy));
  strategy_host::StrategyProcess process(
      StrategyOptions(), inputs.strategy.description, clock, wait);
  RV_RETURN_IF_ERROR(
      process.Start(file.fd.get(), inputs.strategy.identity, deadline));
  const auto view = inputs.MakeView();
  return process.Plan(view->request, deadline);
}

absl::StatusOr<MadePlan> DescribePlan(pg::SpiSession& spi,
                                      const PlanInputs& inputs,
                                      sdk::Plan& plan) {
  MadePlan made;
  const ruvector_plan& view = *plan.View();
  const auto request = inputs.MakeView();
  RV_ASSIGN_OR_RETURN(made.stored,
                      strategy_host::EncodeStoredPlan(
                          request->request, request->parameters.size(), view));
  PlanSummary& summary = made.summary;
  summary.steps = view.action_count;
  summary.note = view.note;
  summary.rows = summary.bytes = summary.seconds = 0;
  summary.statistics_only = view.action_count > 0;
  std::set<std::string> objects;
  json steps = json::array();
  for (uint32_t i = 0; i < view.action_count; ++i) {
    const ruvector_action& action = *view.actions[i];
    RV_ASSIGN_OR_RETURN(ActStatement act,
                        DescribeAct(spi, inputs.incident.collection, action));
    PlanStep step;
    step.kind = KindName(action.kind);
    step.object = action.object;
    step.statement = std::move(act.statement);
    step.undo_statement = std::move(act.undo_statement);
    step.lock = act.lock;
    step.rows = act.rows.has_value() ? act.rows : Known(action.expected_rows);
    step.bytes =
        act.bytes.has_value() ? act.bytes : Known(action.expected_bytes);
    step.seconds =
        act.seconds.has_value() ? act.seconds : Known(action.expected_seconds);
    step.expected_effect = action.expected_effect;
    summary.statistics_only =
        summary.statistics_only && action.kind == RUVECTOR_ACTION_ANALYZE;
    objects.insert(step.object);
    Add(summary.rows, step.rows);
    Add(summary.bytes, step.bytes);
    Add(summary.seconds, step.seconds);
    summary.lock_level = std::max(summary.lock_level, step.lock);
    steps.push_back({{"kind", step.kind},
                     {"object", step.object},
                     {"statement", OrNull(step.statement)},
                     {"undo_statement", OrNull(step.undo_statement)},
                     {"lock_level", LockLevelName(step.lock)},
                     {"rows", OrNull(step.rows)},
                     {"bytes", OrNull(step.bytes)},
                     {"seconds", OrNull(step.seconds)},
                     {"expected_effect", step.expected_effect}});
    made.steps.push_back(std::move(step));
  }
  summary.objects.assign(objects.begin(), objects.end());
  made.json =
      document::Dump({{"note", summary.note}, {"steps", std::move(steps)}});
  return made;
}

PlanFailure WhyNoPlan(const absl::Status& status) {
  if (strategy_host::FaultOf(status).has_value()) return PlanFailure::kFault;
  return absl::IsFailedPrecondition(status) ? PlanFailure::kNotApplicable
                                            : PlanFailure::kError;
}

strategy_host::ProcessOptions StrategyOptions() {
  strategy_host::ProcessOptions options;
  options.program =
      audit::PrivateLibraryDirectory() + "/ruvector-strategy-host";
  return options;
}

absl::StatusOr<plugin::TrustedFile> OpenStrategy(
    const RegisteredStrategy& strategy) {
  RV_ASSIGN_OR_RETURN(
      const plugin::UniqueFd directory,
      plugin::OpenTrustedDirectory(plugins::PluginDirectory(), geteuid()));
  return plugin::OpenTrustedFile(directory.get(), strategy.file, geteuid());
}

absl::Status WaitOnLatch(int fd, bool for_writing, absl::Time until) {
  const int64_t left = absl::ToInt64Milliseconds(until - absl::Now());
  const long timeout = static_cast<long>(
      std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
  int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
  pgsocket socket = PGINVALID_SOCKET;
  if (fd >= 0) {
    socket = fd;
    events |= for_writing ? WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE;
  }
  return pg::PgCall([&] {
    (void)WaitLatchOrSocket(MyLatch, events, socket, timeout,
                            RV_WAIT_EVENT("HealingStrategy"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

absl::StatusOr<Incident> IncidentFor(pg::SpiSession& spi,
                                     const std::string& collection,
                                     const RegisteredStrategy& strategy) {
  RV_ASSIGN_OR_RETURN(const std::vector<CollectionDiagnosis> diagnoses,
                      ReadProblems(spi));
  const std::vector<std::string>& handles = strategy.description.handles;
  const auto handled = [&](const std::string& problem_class) {
    return std::find(handles.begin(), handles.end(), problem_class) !=
           handles.end();
  };
  for (const CollectionDiagnosis& diagnosis : diagnoses) {
    if (diagnosis.collection != collection) continue;
    for (const Incident& problem : diagnosis.problems) {
      if (handled(problem.problem_class)) return problem;
    }
  }
  Incident manual;
  manual.collection = collection;
  manual.problem_class = handles.empty() ? "" : handles.front();
  manual.cause = "manual";
  manual.confidence = 1;
  RV_ASSIGN_OR_RETURN(manual.gate_state, ReadGateState(spi, collection));
  return manual;
}

}  // namespace ruvector::healing
