// EncodeAction, DecodeAction.
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/document/record.h"
#include "core/healing/action.h"

namespace ruvector::healing {
namespace {

using document::RecordReader;
using document::Stored;
using nlohmann::json;
using plugin::ExpectationDescription;

json Write(const Incident& incident) {
  json subjects = json::array();
  for (const IncidentSubject& s : incident.subjects) {
    subjects.push_back(
        {{"kind", s.kind}, {"name", s.name}, {"value", Stored(s.value)}});
  }
  return {{"collection", incident.collection},
          {"class", incident.problem_class},
          {"cause", incident.cause},
          {"gate_state", incident.gate_state},
          {"severity", Stored(incident.severity)},
          {"confidence", Stored(incident.confidence)},
          {"subjects", std::move(subjects)}};
}

absl::Status ReadIncident(RecordReader& reader, Incident& out) {
  int64_t gate_state = 0;
  reader.Get("collection", out.collection)
      .Get("class", out.problem_class)
      .Get("cause", out.cause)
      .Get("gate_state", gate_state)
      .Get("severity", out.severity)
      .Get("confidence", out.confidence)
      .Each("subjects", [&](RecordReader& item) {
        IncidentSubject& s = out.subjects.emplace_back();
        return item.Get("kind", s.kind)
            .Get("name", s.name)
            .Get("value", s.value)
            .status();
      });
  out.gate_state = static_cast<uint32_t>(gate_state);
  return reader.status();
}

json Write(const Expectations& expectations) {
  json all = json::array();
  for (size_t i = 0; i < expectations.size(); ++i) {
    const ExpectationDescription& e = expectations.at(i);
    all.push_back({{"metric", e.metric},
                   {"subject", e.subject},
                   {"must_rise", e.must_rise},
                   {"margin", Stored(e.margin)}});
  }
  return all;
}

json Write(const PlanSummary& plan) {
  return {{"steps", plan.steps},
          {"objects", plan.objects},
          {"rows", Stored(plan.rows)},
          {"bytes", Stored(plan.bytes)},
          {"seconds", Stored(plan.seconds)},
          {"lock_level", LockLevelName(plan.lock_level)},
          {"statistics_only", plan.statistics_only},
          {"note", plan.note}};
}

absl::Status ReadPlan(RecordReader& reader, PlanSummary& out) {
  return reader.Get("steps", out.steps)
      .Get("objects", out.objects)
      .Get("rows", out.rows)
      .Get("bytes", out.bytes)
      .Get("seconds", out.seconds)
      .GetEnum("lock_level", kLockLevelNames, out.lock_level)
      .Get("statistics_only", out.statistics_only)
      .Get("note", out.note)
      .status();
}

}  // namespace

std::string EncodeAction(const Action& a) {
  return document::Dump(
      {{"id", a.id},
       {"state", ActionStateName(a.state)},
       {"created", Stored(a.created)},
       {"since", Stored(a.since)},
       {"reason", a.reason},
       {"incident", Write(a.incident)},
       {"strategy", a.strategy},
       {"impact", Stored(a.impact)},
       {"asks_first", a.asks_first},
       {"expectations", Write(a.expectations)},
       {"initiated_by", a.initiated_by},
       {"named", a.named},
       {"known_problem", a.known_problem},
       {"parameters", a.parameters},
       {"plan", Write(a.plan)},
       {"approved_by", a.approved_by},
       {"intent_committed", a.intent_committed},
       {"before", Stored(a.before)},
       {"after", Stored(a.after)},
       {"started", Stored(a.started)},
       {"completed", Stored(a.completed)},
       {"acts",
        {{"changed", a.acts.changed},
         {"irreversible", a.acts.irreversible},
         {"undos", a.acts.undos}}},
       {"improvement", Stored(a.improvement)},
       {"stop", kStopReasonNames[static_cast<size_t>(a.stop)]},
       {"stop_by", a.stop_by},
       {"undo_tries", a.undo_tries}});
}

absl::StatusOr<Action> DecodeAction(std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json object, document::ParseRecord(text, "action"));
  Action a;
  std::vector<ExpectationDescription> expectations;
  RecordReader reader(object, "action");
  reader.Get("id", a.id)
      .GetEnum("state", kActionStateNames, a.state)
      .Get("created", a.created)
      .Get("since", a.since)
      .Get("reason", a.reason)
      .In("incident",
          [&](RecordReader& item) { return ReadIncident(item, a.incident); })
      .Get("strategy", a.strategy)
      .Get("impact", a.impact)
      .Get("asks_first", a.asks_first)
      .Each("expectations",
            [&](RecordReader& item) {
              ExpectationDescription& e = expectations.emplace_back();
              return item.Get("metric", e.metric)
                  .Get("subject", e.subject)
                  .Get("must_rise", e.must_rise)
                  .Get("margin", e.margin)
                  .status();
            })
      .Get("initiated_by", a.initiated_by)
      .Get("named", a.named)
      .Get("known_problem", a.known_problem)
      .Get("parameters", a.parameters)
      .In("plan", [&](RecordReader& item) { return ReadPlan(item, a.plan); })
      .Get("approved_by", a.approved_by)
      .Get("intent_committed", a.intent_committed)
      .Get("before", a.before)
      .Get("after", a.after)
      .Get("started", a.started)
      .Get("completed", a.completed)
      .In("acts",
          [&](RecordReader& item) {
            return item.Get("changed", a.acts.changed)
                .Get("irreversible", a.acts.irreversible)
                .Get("undos", a.acts.undos)
                .status();
          })
      .Get("improvement", a.improvement)
      .GetEnum("stop", kStopReasonNames, a.stop)
      .Get("stop_by", a.stop_by)
      .Get("undo_tries", a.undo_tries);
  RV_RETURN_IF_ERROR(reader.status());
  if (expectations.empty()) {
    return absl::DataLossError("action, \"expectations\": expected a target");
  }
  a.expectations.target = expectations.front();
  a.expectations.guards.assign(expectations.begin() + 1, expectations.end());
  return a;
}

}  // namespace ruvector::healing
