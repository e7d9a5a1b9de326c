#include "pgext/integrity/monitor.h"

#include <cmath>
#include <ctime>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/graph/carry.h"
#include "core/graph/witness.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/outbox.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/persistence.h"
#include "pgext/integrity/sensors/sensors.h"
#include "pgext/integrity/webhooks.h"
extern "C" {
#include "commands/dbcommands.h"
}

namespace ruvector::integrity {
namespace {

using nlohmann::ordered_json;

// A sample is recorded as an event when the value moved this much, or after
// this long: an hour of calm is one event, not sixty.
constexpr double kRecordedChange = 0.001;
constexpr absl::Duration kRecordedInterval = absl::Hours(1);

double CpuMilliseconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

std::string Dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json OrNull(const std::optional<double>& value) {
  return value.has_value() ? ordered_json(*value) : ordered_json();
}

// The two parts of `norm`, of which it is the smaller, apart.
void AddNorms(const graph::Assessment& assessment, ordered_json& out) {
  out["norm"] = OrNull(assessment.norm);
  out["service_norm"] = OrNull(assessment.service_norm);
}

// What the policy asks of whoever listens, on entering a state.
ordered_json RequestedActions(const gate::Actions& actions) {
  ordered_json wanted = ordered_json::array();
  if (actions.emergency_compact) {
    wanted.push_back({{"name", "emergency_compact"}});
  }
  for (const gate::CustomAction& action : actions.custom_actions) {
    wanted.push_back({{"name", action.name},
                      {"command", action.command},
                      {"args", action.args}});
  }
  return wanted;
}

graph::BuildOptions OptionsOf(const gate::Policy& policy) {
  graph::BuildOptions options = gate::BuildOptionsOf(policy);
  options.max_nodes = settings::max_graph_nodes;
  return options;
}

}  // namespace

absl::Status Monitor::LoadPolicy(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT id, name, policy::pg_catalog.text FROM (SELECT id,"
                " name, policy FROM ruvector.integrity_policies WHERE"
                " collection_id = $1::pg_catalog.int4 AND enabled"
                " ORDER BY priority DESC, id DESC LIMIT 1) first",
                {pg::SqlInt(int64_t{collection_.id})}));
  if (rows.empty()) {
    policy_ = gate::Policy();
    policy_name_ = "built-in defaults";
    policy_id_.reset();
    if (!policy_text_.empty()) webhooks_listed_ = false;
    policy_text_.clear();
    return absl::OkStatus();
  }
  std::string text = rows.TextOr(0, 2, "{}");
  policy_id_ = rows.Int(0, 0);
  policy_name_ = rows.TextOr(0, 1, "");
  if (text == policy_text_) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(policy_, gate::MergePolicy(gate::Policy(), text));
  policy_text_ = std::move(text);
  webhooks_listed_ = false;
  // A shorter interval counts from now on.
  next_sample_ = std::min(
      next_sample_, absl::Now() + absl::Seconds(policy_.sample_interval_secs));
  return absl::OkStatus();
}

absl::Status Monitor::LoadController(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT controller::pg_catalog.text,"
                                " accepted_rates::pg_catalog.text, state"
                                " FROM ruvector.integrity_state"
                                " WHERE collection_id = $1::pg_catalog.int4",
                                {pg::SqlInt(int64_t{collection_.id})}));
  if (rows.empty()) return absl::OkStatus();
  const std::string text = rows.TextOr(0, 0, "{}");
  if (text != "{}") {
    RV_ASSIGN_OR_RETURN(controller_, gate::DecodeControllerState(text));
  }
  const ordered_json rates =
      ordered_json::parse(rows.TextOr(0, 1, "{}"), nullptr, false);
  if (rates.is_object()) {
    for (int op = 0; op < gate::kNumOperations; ++op) {
      const auto found = rates.find(
          std::string(gate::OperationName(static_cast<gate::Operation>(op))));
      if (found == rates.end() || !found->is_number()) continue;
      rates_[op] = gate::RateEwma(found->get<double>());
    }
  }
  pending_ = controller_;
  loaded_ = true;
  return absl::OkStatus();
}

absl::Status Monitor::ApplyOverride(pg::SpiSession& spi, absl::Time now) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT state, reason, (EXTRACT(epoch FROM until) * 1000000)"
                "::pg_catalog.int8 FROM ruvector.integrity_overrides"
                " WHERE collection_id = $1::pg_catalog.int4",
                {pg::SqlInt(int64_t{collection_.id})}));
  gate::StepResult step;
  if (!rows.empty() && absl::FromUnixMicros(*rows.Int(0, 2)) > now) {
    gate::Override wanted;
    wanted.state =
        gate::ParseState(rows.TextOr(0, 0, "")).value_or(gate::State::kNormal);
    wanted.reason = rows.TextOr(0, 1, "");
    wanted.until = absl::FromUnixMicros(*rows.Int(0, 2));
    const auto& manual = pending_.manual;
    if (manual.has_value() && manual->state == wanted.state &&
        manual->reason == wanted.reason && manual->until == wanted.until) {
      return absl::OkStatus();
    }
    RV_ASSIGN_OR_RETURN(step, gate::SetOverride(pending_, wanted, now));
  } else {
    if (!rows.empty()) {
      RV_RETURN_IF_ERROR(
          spi.Execute("DELETE FROM ruvector.integrity_overrides"
                      " WHERE collection_id = $1::pg_catalog.int4",
                      {pg::SqlInt(int64_t{collection_.id})})
              .status());
    }
    if (!pending_.manual.has_value()) return absl::OkStatus();
    step = pending_.manual->until <= now ? gate::Tick(pending_, now)
                                         : gate::ClearOverride(pending_, now);
  }
  pending_ = step.next;
  RV_RETURN_IF_ERROR(Emit(spi, step, now));
  return PersistController(spi, collection_, pending_);
}

absl::Status Monitor::Refresh(pg::SpiSession& spi, const Collection& collection,
                              absl::Time now) {
  collection_ = collection;
  RV_FAILPOINT("integrity.refresh.start");
  if (!loaded_) RV_RETURN_IF_ERROR(LoadController(spi));
  RV_RETURN_IF_ERROR(LoadPolicy(spi));
  RV_ASSIGN_OR_RETURN(throttles_, LoadThrottleOverrides(spi, collection_.id));
  if (!webhooks_listed_) {
    RV_RETURN_IF_ERROR(
        SyncWebhooks(spi, collection_.id, policy_.notifications));
    webhooks_listing_ = true;
  }
  RV_RETURN_IF_ERROR(ApplyOverride(spi, now));
  RV_FAILPOINT("integrity.refresh.before_commit");
  ready_ = true;
  return absl::OkStatus();
}

absl::Status Monitor::Replay(pg::SpiSession& spi,
                             const Collection& collection) {
  collection_ = collection;
  RV_RETURN_IF_ERROR(LoadController(spi));
  RV_RETURN_IF_ERROR(LoadCut(spi));
  RV_RETURN_IF_ERROR(LoadPolicy(spi));
  RV_ASSIGN_OR_RETURN(throttles_, LoadThrottleOverrides(spi, collection_.id));
  ready_ = true;
  return absl::OkStatus();
}

absl::Status Monitor::LoadCut(pg::SpiSession& spi) {
  replayed_.reset();
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT i.norm, i.lambda_norm,"
                " s.witness_edges::pg_catalog.text, i.witness_edge_count"
                " FROM ruvector.integrity i JOIN ruvector.integrity_state s"
                " ON s.collection_id = i.collection_id"
                " WHERE i.collection_id = $1::pg_catalog.int4"
                " AND i.last_sample IS NOT NULL",
                {pg::SqlInt(int64_t{collection_.id})}));
  if (rows.empty()) return absl::OkStatus();
  replayed_ = CutSaid{
      rows.Real(0, 0), rows.Real(0, 1),
      graph::WitnessTextOf(rows.TextOr(0, 2, "[]"),
                           static_cast<size_t>(rows.Int(0, 3).value_or(0)))};
  return absl::OkStatus();
}

absl::StatusOr<Monitor::Result> Monitor::Evaluate(pg::SpiSession& spi,
                                                  absl::Time now) {
  const double start = CpuMilliseconds();
  RV_ASSIGN_OR_RETURN(sensors::ObserveRequest request,
                      LoadObserveRequest(spi, collection_));
  request.page_budget =
      std::min<int64_t>(settings::page_budget,
                        policy_.sample_size.value_or(settings::page_budget));
  request.lock_timeout_ms = settings::sensor_lock_timeout;
  request.connect_timeout_ms = settings::sensor_connect_timeout;
  RV_ASSIGN_OR_RETURN(sensors::Observed observed, sensors::Observe(request));
  RV_ASSIGN_OR_RETURN(const std::string other_type,
                      OtherColumnType(spi, collection_));
  if (!other_type.empty()) {
    observed.observation.failures.push_back(
        {graph::Sensor::kTables,
         absl::StrCat("column \"", collection_.column,
                      "\" is no vector any more: its type is ", other_type)});
  }
  RV_RETURN_IF_ERROR(PersistBaselines(spi, observed.new_baselines));
  RV_RETURN_IF_ERROR(PersistReplicas(spi, observed.observation.replication));

  Result result;
  result.pages_read = observed.pages_read;
  const graph::Observation* last = seen_.has_value() ? &*seen_ : nullptr;
  result.observation =
      last != nullptr
          ? graph::CarryForward(std::move(observed.observation), *last)
          : std::move(observed.observation);
  RV_ASSIGN_OR_RETURN(
      result.graph, graph::Build(result.observation, last, OptionsOf(policy_)));
  graph::AssessOptions options;
  options.compute_lambda2 = settings::compute_lambda2;
  RV_ASSIGN_OR_RETURN(result.assessment,
                      graph::Assess(result.graph, options, &followers_));
  gate::Sample sample;
  sample.norm = result.assessment.norm;
  sample.stale = result.assessment.stale;
  sample.at = now;
  // A graph without data is healthy, not unknown: there is nothing to lose.
  if (!sample.norm.has_value() && !result.graph.stale) sample.norm = 1.0;
  result.step = gate::Step(policy_, pending_, sample);
  result.milliseconds = CpuMilliseconds() - start;
  return result;
}

absl::Status Monitor::Notify(pg::SpiSession& spi, const std::string& type,
                             const gate::Transition* transition,
                             absl::Time now) {
  const gate::Notifications& wanted = policy_.notifications;
  ordered_json payload{{"type", type}, {"collection", collection_.name}};
  if (transition != nullptr) {
    payload["from"] = gate::StateName(transition->from);
    payload["to"] = gate::StateName(transition->to);
    payload["reason"] = gate::ReasonName(transition->reason);
    ordered_json actions = RequestedActions(policy_.actions_in(transition->to));
    if (!actions.empty()) payload["requested_actions"] = std::move(actions);
  }
  if (running_.has_value()) {
    AddNorms(running_->assessment, payload);
    payload["lambda_norm"] = OrNull(running_->assessment.lambda_norm);
    if (wanted.include_witness_edges) {
      payload["witness_edges"] = ordered_json::parse(
          graph::WitnessJson(running_->graph, running_->assessment, 10),
          nullptr, false);
    }
  }
  std::string text = Dump(payload);
  for (const char* member : {"witness_edges", "requested_actions"}) {
    if (text.size() <= 7900) break;  // NOTIFY's limit is 8000 bytes
    if (payload.erase(member) == 0) continue;
    payload["left_out"].push_back(member);
    text = Dump(payload);
  }
  RV_ASSIGN_OR_RETURN(
      const char* const database, pg::PgCall([] {
        return static_cast<const char*>(get_database_name(MyDatabaseId));
      }));
  if (database == nullptr) {
    return absl::NotFoundError("this database has no name any more");
  }
  const std::string body = WebhookBody(type, transition, now, database);
  for (const gate::Channel& channel : wanted.channels) {
    if (channel.type == gate::Channel::Type::kWebhook) {
      RV_RETURN_IF_ERROR(
          AddPendingWebhook(spi, collection_.id, channel.target));
      running_webhooks_.push_back({collection_.id, channel.target, body});
      continue;
    }
    RV_RETURN_IF_ERROR(
        spi.Query("SELECT pg_catalog.pg_notify($1, $2)",
                  {pg::SqlText(channel.target), pg::SqlText(text)})
            .status());
  }
  return absl::OkStatus();
}

// docs/formats/webhook.md
std::string Monitor::WebhookBody(const std::string& type,
                                 const gate::Transition* transition,
                                 absl::Time now, const char* database) const {
  ordered_json body{{"format", "ruvector-webhook 1"},
                    {"type", type},
                    {"at", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now,
                                            absl::UTCTimeZone())},
                    {"database", database},
                    {"collection", collection_.name},
                    {"policy", policy_name_}};
  if (transition != nullptr) {
    body["previous_state"] = gate::StateName(transition->from);
    body["new_state"] = gate::StateName(transition->to);
    body["reason"] = gate::ReasonName(transition->reason);
  } else {
    body["previous_state"] = body["new_state"] =
        gate::StateName(gate::EffectiveState(pending_));
  }
  const graph::Assessment* const assessment =
      running_.has_value() ? &running_->assessment : nullptr;
  const auto number = [&](auto member) {
    return assessment != nullptr ? OrNull(assessment->*member) : ordered_json();
  };
  body["norm"] = number(&graph::Assessment::norm);
  body["lambda_cut"] = number(&graph::Assessment::lambda_raw);
  body["lambda_norm"] = number(&graph::Assessment::lambda_norm);
  body["service_norm"] = number(&graph::Assessment::service_norm);
  body["lambda2"] = number(&graph::Assessment::lambda2);
  if (policy_.notifications.include_witness_edges) {
    body["witness_edges"] =
        assessment != nullptr
            ? ordered_json::parse(
                  graph::WitnessJson(running_->graph, *assessment, 50), nullptr,
                  false)
            : ordered_json();
  }
  body["requested_actions"] =
      transition != nullptr
          ? RequestedActions(policy_.actions_in(transition->to))
          : ordered_json::array();
  return Dump(body);
}

absl::Status Monitor::Emit(pg::SpiSession& spi, const gate::StepResult& step,
                           absl::Time now) {
  const auto base = [&] {
    audit::OutboxEvent event;
    event.collection_id = collection_.id;
    event.collection_name = collection_.name;
    event.user = "integrity-worker";
    return event;
  };
  const auto& assessment =
      running_.has_value() ? &running_->assessment : nullptr;
  for (const auto* transition : {&step.transition, &step.masked}) {
    if (!transition->has_value()) continue;
    const gate::Transition& t = **transition;
    audit::OutboxEvent event = base();
    const bool manual = t.reason >= gate::Reason::kOverride;
    event.event_type = manual ? "manual_override" : "state_change";
    event.previous_state = std::string(gate::StateName(t.from));
    event.new_state = std::string(gate::StateName(t.to));
    ordered_json metadata{
        {"source", "worker"},
        {"reason", gate::ReasonName(t.reason)},
        {"direction", t.to > t.from ? "degrading" : "improving"},
        {"policy", policy_name_}};
    if (transition == &step.masked) {
      metadata["masked_by_override"] = true;
    } else if (ordered_json actions =
                   RequestedActions(policy_.actions_in(t.to));
               !actions.empty()) {
      metadata["requested_actions"] = std::move(actions);
    }
    if (step.next.manual.has_value()) {
      metadata["override_reason"] = step.next.manual->reason;
    }
    if (assessment != nullptr) {
      event.lambda_cut = assessment->lambda_raw;
      event.lambda_norm = assessment->lambda_norm;
      event.lambda2 = assessment->lambda2;
      AddNorms(*assessment, metadata);
      event.witness_edges =
          graph::WitnessJson(running_->graph, *assessment, 50);
      metadata["cut"] = std::string(graph::ToString(assessment->kind));
    }
    event.metadata = Dump(metadata);
    RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
    const bool better = t.to < t.from;
    if (transition == &step.transition &&
        (better ? policy_.notifications.recovery_enabled
                : policy_.notifications.state_change_enabled)) {
      RV_RETURN_IF_ERROR(
          Notify(spi, better ? "recovery" : "state_change", &t, now));
    }
  }
  if (!step.threshold_approach ||
      !policy_.notifications.threshold_approach_enabled) {
    return absl::OkStatus();
  }
  audit::OutboxEvent event = base();
  event.event_type = "alert";
  ordered_json metadata{{"alert", "threshold_approach"},
                        {"threshold_high", policy_.threshold_high}};
  if (assessment != nullptr) {
    event.lambda_cut = assessment->lambda_raw;
    event.lambda_norm = assessment->lambda_norm;
    AddNorms(*assessment, metadata);
  }
  event.metadata = Dump(metadata);
  RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
  return Notify(spi, "threshold_approach", nullptr, now);
}

absl::Status Monitor::EmitSample(pg::SpiSession& spi, Result& result,
                                 absl::Time now) {
  const std::optional<double>& norm = result.assessment.norm;
  const bool moved =
      norm.has_value() != recorded_norm_.has_value() ||
      (norm.has_value() && std::abs(*norm - *recorded_norm_) > kRecordedChange);
  if (!moved && now - recorded_at_ < kRecordedInterval) return absl::OkStatus();
  audit::OutboxEvent event;
  event.collection_id = collection_.id;
  event.collection_name = collection_.name;
  event.event_type = "sample";
  event.user = "integrity-worker";
  event.new_state =
      std::string(gate::StateName(gate::EffectiveState(result.step.next)));
  event.lambda_cut = result.assessment.lambda_raw;
  event.lambda_norm = result.assessment.lambda_norm;
  event.lambda2 = result.assessment.lambda2;
  ordered_json metadata{{"source", "worker"},
                        {"sample_size", result.pages_read},
                        {"node_count", result.graph.nodes.size()},
                        {"edge_count", result.graph.edges.size()},
                        {"stale", result.assessment.stale},
                        {"computation_time_ms", result.milliseconds}};
  AddNorms(result.assessment, metadata);
  event.metadata = Dump(metadata);
  result.recorded = true;
  result.at = now;
  return audit::AppendOutbox(spi, event);
}

absl::Status Monitor::Diagnose(absl::Time now, healing::ServerSense& server) {
  healing::Examination examination;
  examination.collection_id = collection_.id;
  examination.collection = collection_.name;
  examination.table_oid = collection_.table_oid;
  examination.state = gate::EffectiveState(pending_);
  examination.now = &running_->observation;
  examination.previous = seen_.has_value() ? &*seen_ : nullptr;
  examination.graph = &running_->graph;
  examination.assessment = &running_->assessment;
  examination.health = OptionsOf(policy_).limits;
  examination.lock_timeout_ms = settings::sensor_lock_timeout;
  examination.at = now;
  return diagnosis_.Pass(examination, server);
}

absl::Status Monitor::Pass(pg::SpiSession& spi, absl::Time now,
                           healing::ServerSense& server) {
  next_sample_ = now + absl::Seconds(policy_.sample_interval_secs);
  RV_FAILPOINT("integrity.pass.start");
  if (!ready_) {
    return absl::FailedPreconditionError(
        "its state and policy could not be read yet");
  }
  RV_ASSIGN_OR_RETURN(running_, Evaluate(spi, now));
  pending_ = running_->step.next;
  RV_RETURN_IF_ERROR(Emit(spi, running_->step, now));
  RV_RETURN_IF_ERROR(EmitSample(spi, *running_, now));
  ordered_json rates = ordered_json::object();
  for (int op = 0; op < gate::kNumOperations; ++op) {
    if (!rates_[op].rate().has_value()) continue;
    rates[std::string(gate::OperationName(static_cast<gate::Operation>(op)))] =
        *rates_[op].rate();
  }
  RV_RETURN_IF_ERROR(PersistGraph(spi, running_->graph, running_->assessment));
  RV_RETURN_IF_ERROR(
      PersistState(spi, {&collection_, &running_->graph, &running_->assessment,
                         &pending_, &running_->observation, policy_id_,
                         Dump(rates), running_->milliseconds, now}));
  RV_RETURN_IF_ERROR(Diagnose(now, server));
  RV_FAILPOINT("integrity.pass.before_commit");
  return absl::OkStatus();
}

void Monitor::ObserveRates(int index) {
  GateSlot& slot = *GateSlotAt(index);
  const bool normal = gate::EffectiveState(controller_) == gate::State::kNormal;
  const uint64_t now = MonotonicMicros();
  const auto window =
      static_cast<uint64_t>(policy_.throttle.rate_window_secs) * 1000000;
  for (int op = 0; op < gate::kNumOperations; ++op) {
    const auto& counts = slot.counts[op];
    const uint64_t accepted =
        counts[static_cast<size_t>(Outcome::kAllowed)].load() +
        counts[static_cast<size_t>(Outcome::kThrottled)].load() +
        counts[static_cast<size_t>(Outcome::kShadowed)].load();
    // What healing holds back is not the usual rate.
    const bool held =
        slot.table_of_answers.entries[op].rule == gate::Rule::kHealing;
    rates_[op].Observe(now, accepted, normal && !held, window);
  }
}

void Monitor::ConfigureBuckets(int index) {
  GateSlot& slot = *GateSlotAt(index);
  const auto max_wait =
      static_cast<uint64_t>(policy_.throttle.max_wait_secs) * 1000000;
  for (int op = 0; op < gate::kNumOperations; ++op) {
    const gate::GateEntry& entry = slot.table_of_answers.entries[op];
    const std::optional<double> rate =
        entry.response == gate::Response::kThrottle
            ? gate::ThrottledRate(rates_[op].rate(), entry.throttle_pct)
            : std::nullopt;
    slot.buckets[op].Configure(rate.value_or(0), rate.value_or(1), max_wait,
                               MonotonicMicros());
  }
}

std::optional<Monitor::CutSaid> Monitor::LastCut() const {
  if (!last_.has_value()) return replayed_;
  return CutSaid{last_->assessment.norm, last_->assessment.lambda_norm,
                 graph::WitnessText(last_->graph, last_->assessment)};
}

void Monitor::Publish(int index) {
  GateFacts facts;
  memset(&facts, 0, sizeof(facts));
  facts.norm = std::numeric_limits<float>::quiet_NaN();
  facts.lambda_norm = facts.norm;
  const std::optional<CutSaid> cut = LastCut();
  facts.stale = controller_.stale || !cut.has_value();
  if (cut.has_value()) {
    if (cut->norm.has_value()) facts.norm = static_cast<float>(*cut->norm);
    if (cut->lambda_norm.has_value()) {
      facts.lambda_norm = static_cast<float>(*cut->lambda_norm);
    }
    // Weak edges are no reason for what only an override brought about.
    if (!controller_.manual.has_value() ||
        controller_.state >= controller_.manual->state) {
      strlcpy(facts.witness, cut->witness.c_str(), sizeof(facts.witness));
    }
  }
  facts.retry_secs = static_cast<uint32_t>(absl::ToInt64Seconds(
      absl::Ceil(gate::SoonestImprovement(policy_, controller_, absl::Now()),
                 absl::Seconds(1))));
  facts.published = GetCurrentTimestamp();
  strlcpy(facts.policy, policy_name_.c_str(), sizeof(facts.policy));
  if (controller_.manual.has_value()) {
    strlcpy(facts.forced, controller_.manual->reason.c_str(),
            sizeof(facts.forced));
  }
  PublishGate(
      *GateSlotAt(index),
      CompileGateWith(policy_, gate::EffectiveState(controller_), throttles_),
      facts);
  ConfigureBuckets(index);
}

void Monitor::Committed(int slot) {
  failpoint::Check("integrity.publish.start").IgnoreError();
  controller_ = pending_;
  webhooks_listed_ = webhooks_listed_ || webhooks_listing_;
  webhooks_listing_ = false;
  std::move(running_webhooks_.begin(), running_webhooks_.end(),
            std::back_inserter(webhooks_));
  running_webhooks_.clear();
  diagnosis_.Committed();
  if (running_.has_value()) {
    if (running_->recorded) {
      recorded_norm_ = running_->assessment.norm;
      recorded_at_ = running_->at;
    }
    seen_ = running_->observation;
    last_ = std::move(running_);
    running_.reset();
  }
  if (slot < 0 || !ready_) return;
  ObserveRates(slot);
  FlushRefusals(*GateSlotAt(slot));
  Publish(slot);
}

void Monitor::RolledBack() {
  pending_ = controller_;
  running_.reset();
  diagnosis_.RolledBack();
  webhooks_listing_ = false;
  running_webhooks_.clear();
}

std::vector<notify::WebhookMessage> Monitor::TakeWebhooks() {
  return std::exchange(webhooks_, {});
}

std::string Monitor::Summary() const {
  if (!last_.has_value()) return "{}";
  ordered_json summary{
      {"collection", collection_.name},
      {"node_count", last_->graph.nodes.size()},
      {"edge_count", last_->graph.edges.size()},
      {"original_nodes", last_->graph.original_nodes},
      {"state", gate::StateName(gate::EffectiveState(controller_))},
      {"stale", last_->assessment.stale}};
  AddNorms(last_->assessment, summary);
  summary["lambda_norm"] = OrNull(last_->assessment.lambda_norm);
  // What was contracted further, if anything: counts and members.
  summary.update(ordered_json::parse(graph::MergesJson(last_->graph)));
  return Dump(summary);
}

}  // namespace ruvector::integrity
