#include "pgext/healing/journal_line.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "pgext/audit/outbox.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/pg.h"

namespace ruvector::healing {
namespace {

using nlohmann::json;

// Of a plan in an event; a larger one is in its row alone.
constexpr size_t kMaxEventPlan = 65536;

bool IsStart(const Effect& effect) {
  return std::holds_alternative<AskPlan>(effect) ||
         std::holds_alternative<RunExecution>(effect) ||
         std::holds_alternative<RunUndos>(effect);
}

absl::Status Append(pg::SpiSession& spi, const std::string& type,
                    const std::string& collection, json metadata) {
  audit::OutboxEvent event;
  event.event_type = type;
  event.user = "healing-supervisor";
  event.collection_name = collection;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT c.id, s.lambda_norm FROM ruvector.collections c"
                " LEFT JOIN ruvector.integrity_state s"
                " ON s.collection_id = c.id WHERE c.name = $1",
                {pg::SqlText(collection)}));
  if (!rows.empty()) {
    event.collection_id = rows.Int(0, 0);
    event.lambda_norm = rows.Real(0, 1);
  }
  metadata["source"] = "supervisor";
  event.metadata = document::Dump(metadata);
  return audit::AppendOutbox(spi, event);
}

json NumberOrNull(const std::optional<double>& value) {
  return value.has_value() ? json(*value) : json(nullptr);
}

json Measurements(const Action& a, const std::vector<Measured>& values) {
  json all = json::array();
  for (size_t i = 0; i < values.size() && i < a.expectations.size(); ++i) {
    all.push_back({{"metric", a.expectations.at(i).metric},
                   {"value", NumberOrNull(values[i])}});
  }
  return all;
}

// The intent: what is about to be done, to what end, and how to take it back.
json Intent(const Action& a, const PlanColumns* plan) {
  json intent = {{"action_id", a.id},
                 {"strategy", a.strategy},
                 {"problem", a.incident.problem_class},
                 {"cause", a.incident.cause},
                 {"confidence", a.incident.confidence},
                 {"initiated_by", a.initiated_by},
                 {"approved_by", a.approved_by},
                 {"steps", a.plan.steps},
                 {"objects", a.plan.objects},
                 {"before", Measurements(a, a.before)}};
  if (plan != nullptr && plan->json.size() <= kMaxEventPlan) {
    intent["plan"] = json::parse(plan->json, nullptr, false);
  }
  return intent;
}

}  // namespace

void JournalLine::Append(std::vector<Effect> effects,
                         const EngineMemory& memory) {
  Batch batch;
  for (Effect& effect : effects) {
    if (!Writes(effect)) continue;
    (IsStart(effect) ? batch.starts : batch.writes)
        .push_back(std::move(effect));
  }
  if (batch.writes.empty() && batch.starts.empty()) return;
  batch.memory = EncodeMemory(memory);
  line_.push_back(std::move(batch));
}

absl::Time JournalLine::next_try() const {
  return line_.empty() ? absl::InfiniteFuture() : retry_at_;
}

bool JournalLine::Withdraw(int64_t action) {
  const auto is_run = [&](const Effect& effect) {
    const auto* execution = std::get_if<RunExecution>(&effect);
    const auto* undos = std::get_if<RunUndos>(&effect);
    return (execution != nullptr && execution->action == action) ||
           (undos != nullptr && undos->action == action);
  };
  for (Batch& batch : line_) {
    const auto run =
        std::find_if(batch.starts.begin(), batch.starts.end(), is_run);
    if (run == batch.starts.end()) continue;
    batch.starts.erase(run);
    return true;
  }
  return false;
}

void JournalLine::SetPlan(int64_t action, PlanColumns plan) {
  plans_[action] = std::move(plan);
}

const PlanColumns* JournalLine::PlanOf(int64_t action) const {
  const auto found = plans_.find(action);
  return found == plans_.end() ? nullptr : &found->second;
}

absl::Status JournalLine::WriteRow(pg::SpiSession& spi, const Action& action) {
  return WriteAction(spi, action, PlanOf(action.id));
}

absl::Status JournalLine::Write(pg::SpiSession& spi, const Batch& batch) {
  RV_FAILPOINT("healing.line.start");
  for (const Effect& effect : batch.writes) {
    if (const auto* intent = std::get_if<CommitIntent>(&effect)) {
      const Action& a = intent->action;
      RV_RETURN_IF_ERROR(WriteRow(spi, a));
      RV_RETURN_IF_ERROR(healing::Append(spi, "healing.intent",
                                         a.incident.collection,
                                         Intent(a, PlanOf(a.id))));
    } else if (const auto* state = std::get_if<RecordState>(&effect)) {
      RV_RETURN_IF_ERROR(WriteRow(spi, state->action));
    } else if (const auto* end = std::get_if<RecordEnd>(&effect)) {
      const Action& a = end->action;
      RV_RETURN_IF_ERROR(WriteRow(spi, a));
      RV_RETURN_IF_ERROR(healing::Append(
          spi, absl::StrCat("healing.", std::string(ActionStateName(a.state))),
          a.incident.collection,
          {{"action_id", a.id},
           {"strategy", a.strategy},
           {"state", ActionStateName(a.state)},
           {"reason", a.reason},
           {"changed", a.acts.changed},
           {"before", Measurements(a, a.before)},
           {"after", Measurements(a, a.after)}}));
    } else if (const auto* event = std::get_if<EmitEvent>(&effect)) {
      json metadata = {{"detail", event->detail}};
      if (event->action != 0) metadata["action_id"] = event->action;
      RV_RETURN_IF_ERROR(healing::Append(spi, event->type, event->collection,
                                         std::move(metadata)));
    }
  }
  RV_RETURN_IF_ERROR(WriteMemory(spi, batch.memory));
  RV_FAILPOINT("healing.line.before_commit");
  return absl::OkStatus();
}

JournalLine::Outcome JournalLine::TryFirst(absl::Time now) {
  Outcome outcome;
  if (line_.empty() || now < retry_at_) return outcome;
  Batch& batch = line_.front();
  outcome.tried = true;
  outcome.status =
      boot::InTransaction("recording healing", [&]() -> absl::Status {
        pg::SpiSession spi;
        RV_RETURN_IF_ERROR(spi.Connect());
        return Write(spi, batch);
      });
  if (!outcome.status.ok()) {
    const auto intents = std::stable_partition(
        batch.writes.begin(), batch.writes.end(), [](const Effect& effect) {
          return !std::holds_alternative<CommitIntent>(effect);
        });
    for (auto effect = intents; effect != batch.writes.end(); ++effect) {
      outcome.intents.push_back({std::get<CommitIntent>(*effect).action.id,
                                 false, std::string(outcome.status.message())});
    }
    batch.writes.erase(intents, batch.writes.end());
    // 1, 2, 4 ... 30 s: a full disk is not asked more often than that.
    retry_at_ = now + std::min(absl::Seconds(30),
                               absl::Seconds(1 << std::min(failures_, 5)));
    ++failures_;
    return outcome;
  }
  failures_ = 0;
  retry_at_ = absl::InfinitePast();
  for (const Effect& effect : batch.writes) {
    if (const auto* intent = std::get_if<CommitIntent>(&effect)) {
      outcome.intents.push_back({intent->action.id, true, ""});
    } else if (const auto* end = std::get_if<RecordEnd>(&effect)) {
      plans_.erase(end->action.id);
    }
  }
  outcome.started = std::move(batch.starts);
  line_.pop_front();
  return outcome;
}

}  // namespace ruvector::healing
