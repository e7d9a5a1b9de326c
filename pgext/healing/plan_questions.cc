#include "pgext/healing/plan_questions.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/healing/engine.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/diagnosis/problem_reader.h"
#include "pgext/healing/healing_tables.h"
#include "pgext/healing/known_names.h"

namespace ruvector::healing {
namespace {

absl::StatusOr<NamedPlan> Plan(pg::SpiSession& spi,
                               const RegisteredStrategy& strategy,
                               const Incident& incident,
                               const std::string& wish) {
  RV_ASSIGN_OR_RETURN(const StoredConfig config, ReadConfig(spi));
  RV_ASSIGN_OR_RETURN(const PlanInputs inputs,
                      ReadPlanInputs(spi, strategy, incident, wish, {}));
  RV_ASSIGN_OR_RETURN(
      sdk::Plan plan,
      AskStrategy(
          inputs,
          absl::Now() + absl::Seconds(config.config.timeouts.plan_seconds),
          WaitOnLatch));
  NamedPlan named;
  named.strategy = strategy.description.name;
  RV_ASSIGN_OR_RETURN(named.plan, DescribePlan(spi, inputs, plan));
  return named;
}

// Best first, as the engine prefers them; those it would not use are left out.
std::vector<const RegisteredStrategy*> Candidates(
    const StrategyRegistry& registry, const StoredConfig& config,
    const EngineMemory& memory, const Incident& incident) {
  using Rank = std::tuple<int, double, std::string>;
  std::vector<std::pair<Rank, const RegisteredStrategy*>> ranked;
  for (const RegisteredStrategy* strategy :
       registry.ForProblem(incident.problem_class)) {
    const plugin::PluginDescription& d = strategy->description;
    const StrategyMode mode = EffectiveMode(
        config.config, d.name, d.strategy->asks_first, incident.problem_class);
    const auto faults = memory.strategies.find(d.name);
    const bool quarantined =
        faults != memory.strategies.end() && faults->second.quarantined;
    if (mode == StrategyMode::kOff || quarantined ||
        d.strategy->impact > config.config.max_auto_heal_impact) {
      continue;
    }
    const Belief belief = memory.learner.BeliefOf(
        ProblemOf(incident), {d.name, d.strategy->impact}, absl::Now());
    ranked.push_back(
        {Rank{-static_cast<int>(mode), -belief.mean, d.name}, strategy});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const RegisteredStrategy*> candidates;
  for (const auto& [rank, strategy] : ranked) candidates.push_back(strategy);
  return candidates;
}

}  // namespace

absl::StatusOr<NamedPlan> PlanWith(const RegisteredStrategy& strategy,
                                   const std::string& collection,
                                   const std::string& wish) {
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(owner.Begin());
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const Incident incident,
                      IncidentFor(spi, collection, strategy));
  return Plan(spi, strategy, incident, wish);
}

absl::StatusOr<std::optional<NamedPlan>> PlanForWorst(
    const std::string& collection, std::string* why) {
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(owner.Begin());
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const StrategyRegistry registry, ServerStrategies());
  RV_ASSIGN_OR_RETURN(const StoredConfig config, ReadConfig(spi));
  RV_ASSIGN_OR_RETURN(const std::string remembered, ReadMemory(spi));
  EngineMemory memory;
  if (!remembered.empty()) {
    RV_ASSIGN_OR_RETURN(memory, DecodeMemory(remembered));
  }
  RV_ASSIGN_OR_RETURN(const std::vector<CollectionDiagnosis> diagnoses,
                      ReadProblems(spi));
  *why = absl::StrCat("no problem of collection \"", collection,
                      "\" is confirmed");
  for (const CollectionDiagnosis& diagnosis : diagnoses) {
    if (diagnosis.collection != collection) continue;
    for (const Incident& incident : diagnosis.problems) {
      *why = absl::StrCat(
          "no strategy that may be used has anything to do "
          "about ",
          incident.problem_class, " (", incident.cause, ")");
      for (const RegisteredStrategy* strategy :
           Candidates(registry, config, memory, incident)) {
        absl::StatusOr<NamedPlan> plan = Plan(spi, *strategy, incident, "");
        if (plan.ok() && plan->plan.summary.steps > 0) {
          return std::optional<NamedPlan>(*std::move(plan));
        }
        const std::string said = plan.ok()
                                     ? plan->plan.summary.note
                                     : std::string(plan.status().message());
        absl::StrAppend(why, "; ", strategy->description.name, ": ", said);
      }
    }
  }
  return std::optional<NamedPlan>();
}

}  // namespace ruvector::healing

// (collection, strategy, parameters) -> setof step
RV_SQL_FUNCTION(ruvector_healing_plan) {
  using namespace ruvector;
  using namespace ruvector::healing;
  RV_ASSIGN_OR_RETURN(const std::string collection,
                      pg::TextArgument(fcinfo, 0, "collection"));
  RV_ASSIGN_OR_RETURN(const std::optional<std::string> name,
                      pg::OptionalTextArgument(fcinfo, 1));
  RV_ASSIGN_OR_RETURN(const std::string wish,
                      pg::JsonbArgument(fcinfo, 2, "parameters"));
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  RV_RETURN_IF_ERROR(RequireCollection(collection));
  std::string note;
  std::optional<NamedPlan> named;
  if (name.has_value()) {
    RV_ASSIGN_OR_RETURN(const RegisteredStrategy strategy,
                        KnownStrategy(*name));
    RV_ASSIGN_OR_RETURN(named, PlanWith(strategy, collection, wish));
    note = named->plan.summary.note;
  } else {
    RV_ASSIGN_OR_RETURN(named, PlanForWorst(collection, &note));
  }
  if (!named.has_value() || named->plan.steps.empty()) {
    ereport(NOTICE, (errmsg("nothing is to be done: %s", note.c_str())));
    return Datum{0};
  }
  int64_t number = 0;
  for (const PlanStep& step : named->plan.steps) {
    const auto text = [](const std::string& value) {
      return value.empty() ? std::optional<std::string>()
                           : std::optional<std::string>(value);
    };
    pg::RowBuilder row;
    row.Int(++number);
    row.Text(named->strategy);
    row.Text(step.kind);
    row.Text(step.object);
    row.OptionalText(text(step.statement));
    row.Text(LockLevelName(step.lock));
    row.OptionalReal(step.rows);
    row.OptionalReal(step.bytes);
    row.OptionalReal(step.seconds);
    row.OptionalText(text(step.expected_effect));
    row.OptionalText(text(step.undo_statement));
    row.OptionalText(text(named->plan.summary.note));
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}
