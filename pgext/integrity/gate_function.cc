// SQL: ruvector_integrity_gate, ruvector_integrity_sample,
// ruvector_rebuild_contracted_graph, and the statistics of the gate.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/gate/controller.h"
#include "core/gate/decision.h"
#include "core/gate/policy.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/collections.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/local_slots.h"
#include "pgext/integrity/stored_gate.h"
extern "C" {
#include "commands/dbcommands.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

namespace ruvector::integrity {
namespace {

using gate::Decision;

// A jsonb object built pair by pair, without text in between. Plain data.
class JsonbWriter {
 public:
  void Begin() {
    state_ = nullptr;
    pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr);
  }
  void String(const char* key, const char* value, int length) {
    Key(key);
    JsonbValue v;
    v.type = jbvString;
    v.val.string.val = const_cast<char*>(value);
    v.val.string.len = length;
    pushJsonbValue(&state_, WJB_VALUE, &v);
  }
  void String(const char* key, std::string_view value) {
    String(key, value.data(), static_cast<int>(value.size()));
  }
  void Bool(const char* key, bool value) {
    Key(key);
    JsonbValue v;
    v.type = jbvBool;
    v.val.boolean = value;
    pushJsonbValue(&state_, WJB_VALUE, &v);
  }
  void Int(const char* key, int64 value) {
    Key(key);
    JsonbValue v;
    v.type = jbvNumeric;
    v.val.numeric = int64_to_numeric(value);
    pushJsonbValue(&state_, WJB_VALUE, &v);
  }
  // Two decimals are exact for a factor made of a percentage.
  void Percent(const char* key, int percent) {
    Key(key);
    JsonbValue v;
    v.type = jbvNumeric;
    v.val.numeric = int64_div_fast_to_numeric(percent, 2);
    pushJsonbValue(&state_, WJB_VALUE, &v);
  }
  void Null(const char* key) {
    Key(key);
    JsonbValue v;
    v.type = jbvNull;
    pushJsonbValue(&state_, WJB_VALUE, &v);
  }
  Datum Finish() {
    JsonbValue* whole = pushJsonbValue(&state_, WJB_END_OBJECT, nullptr);
    return PointerGetDatum(JsonbValueToJsonb(whole));
  }

 private:
  void Key(const char* key) {
    JsonbValue k;
    k.type = jbvString;
    k.val.string.val = const_cast<char*>(key);
    k.val.string.len = static_cast<int>(strlen(key));
    pushJsonbValue(&state_, WJB_KEY, &k);
  }
  JsonbParseState* state_;
};

absl::StatusOr<Datum> DecisionJsonb(const Decision& decision) {
  const std::string reason = gate::DecisionReason(decision);
  const std::string_view text = reason;
  return pg::PgCall([&] {
    JsonbWriter json;
    json.Begin();
    json.Bool("allowed", decision.allowed());
    json.String("response", gate::ResponseName(decision.response));
    json.String("operation", gate::OperationName(decision.operation));
    json.String("risk_level", gate::RiskName(decision.risk()));
    json.String("state", gate::StateName(decision.state));
    json.String("mode", gate::ModeName(decision.mode));
    json.Int("throttle_pct", decision.throttle_pct);
    json.Percent("throttle_factor",
                 decision.allowed() ? 100 - decision.throttle_pct : 0);
    json.Int("retry_after_secs", decision.retry_after_secs);
    if (decision.max_concurrent == gate::kUnlimited) {
      json.Null("max_concurrent");
    } else {
      json.Int("max_concurrent", decision.max_concurrent);
    }
    if (text.empty()) {
      json.Null("reason");
    } else {
      json.String("reason", text);
    }
    return json.Finish();
  });
}

absl::Status AskForSample(boot::RequestKind kind, const std::string& name,
                          std::string& answer) {
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(answer, boot::AskWorker(kind, name, 0, user));
  return absl::OkStatus();
}

// The databases that the launcher would serve if it had entries for them.
absl::Status AddDatabasesWithoutEntry(
    std::vector<boot::DatabaseEntry>& entries) {
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT oid::int8 FROM pg_catalog.pg_database"
                                " WHERE datallowconn AND NOT datistemplate"
                                " AND datconnlimit <> -2 ORDER BY oid"));
  const size_t known = entries.size();
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto oid = static_cast<Oid>(*rows.Int(i, 0));
    if (std::any_of(entries.begin(), entries.begin() + known,
                    [&](const auto& entry) { return entry.database == oid; })) {
      continue;
    }
    boot::DatabaseEntry entry{};
    entry.database = oid;
    for (boot::WorkerSeat& seat : entry.seats) {
      seat.status = boot::DatabaseStatus::kNoEntry;
    }
    strlcpy(entry.seat(boot::WorkerRole::kHealing).note,
            "ruvector has no entry for this database: ruvector.max_databases",
            sizeof(boot::WorkerSeat::note));
    entries.push_back(entry);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace ruvector::integrity

// (collection, operation) -> jsonb
RV_SQL_FUNCTION(ruvector_integrity_gate) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_ASSIGN_OR_RETURN(const std::string operation_name,
                      pg::TextArgument(fcinfo, 1, "p_operation"));
  RV_ASSIGN_OR_RETURN(const gate::Operation operation,
                      gate::ParseOperation(operation_name));
  const int index = SlotOfCollection(name);
  if (index < 0 || ReadGateFacts(*GateSlotAt(index)).published == 0) {
    RV_ASSIGN_OR_RETURN(const Decision decision,
                        StoredDecision(name, operation, 0));
    return DecisionJsonb(decision);
  }
  const GateSlot& slot = *GateSlotAt(index);
  const uint32_t running =
      slot.in_flight[static_cast<size_t>(operation)].load();
  Decision decision = DecideAtSlot(slot, operation, {running, 0});
  if (decision.response == gate::Response::kReject) {
    decision.retry_after_secs = SecondsUntilRetry(slot, decision);
  }
  return DecisionJsonb(decision);
}

// (collection) -> void: the SQL function adds the status.
RV_SQL_FUNCTION(ruvector_sample_now) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_integrity_sample()"));
  std::string answer;
  RV_RETURN_IF_ERROR(AskForSample(boot::RequestKind::kSample, name, answer));
  return Datum{0};
}

// (collection) -> jsonb
RV_SQL_FUNCTION(ruvector_rebuild_contracted_graph) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_RETURN_IF_ERROR(
      pg::RequireWritable("ruvector_rebuild_contracted_graph()"));
  std::string answer;
  RV_RETURN_IF_ERROR(AskForSample(boot::RequestKind::kRebuild, name, answer));
  return pg::JsonbDatum(answer);
}

// () -> setof (collection, operation, outcomes..., in_flight, rate)
RV_SQL_FUNCTION(ruvector_gate_stats) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  for (int i = 0; i < GateSlotsTotal(); ++i) {
    const GateSlot& slot = *GateSlotAt(i);
    if (slot.database != MyDatabaseId) continue;
    for (int op = 0; op < gate::kNumOperations; ++op) {
      const auto operation = static_cast<gate::Operation>(op);
      const Decision decision = DecideAtSlot(slot, operation, {0, 0});
      pg::RowBuilder row;
      row.Text(slot.name);
      row.Text(gate::OperationName(operation));
      row.Text(gate::ResponseName(decision.response));
      for (int k = 0; k < kNumOutcomes; ++k) {
        row.Int(static_cast<int64_t>(slot.counts[op][k].load()));
      }
      row.Int(slot.in_flight[op].load());
      row.OptionalReal(slot.buckets[op].rate_per_sec());
      RV_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return Datum{0};
}

// () -> setof (database, status, worker pid, ...)
RV_SQL_FUNCTION(ruvector_workers) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  if (boot::Databases() == nullptr) return Datum{0};
  std::vector<boot::DatabaseEntry> entries(
      static_cast<size_t>(boot::Databases()->size));
  LWLockAcquire(boot::Databases()->lock, LW_SHARED);
  const bool full = boot::DatabasesFullLocked();
  std::copy(boot::Databases()->begin(), boot::Databases()->end(),
            entries.begin());
  LWLockRelease(boot::Databases()->lock);
  if (full) RV_RETURN_IF_ERROR(AddDatabasesWithoutEntry(entries));
  for (const boot::DatabaseEntry& entry : entries) {
    if (!entry.in_use()) continue;
    RV_ASSIGN_OR_RETURN(char* name, pg::PgCall([&] {
                          return get_database_name(entry.database);
                        }));
    pg::RowBuilder row;
    row.Int(entry.database);
    row.OptionalText(name != nullptr ? std::optional<std::string>(name)
                                     : std::nullopt);
    const auto pid_of = [](const boot::WorkerSeat& seat) {
      return seat.pid != 0 ? std::optional<int64_t>(seat.pid) : std::nullopt;
    };
    const auto time = [&](TimestampTz at) -> absl::Status {
      RV_ASSIGN_OR_RETURN(
          char* text, pg::PgCall([&] {
            return at == 0 ? nullptr
                           : DatumGetCString(DirectFunctionCall1(
                                 timestamptz_out, TimestampTzGetDatum(at)));
          }));
      row.OptionalText(text != nullptr ? std::optional<std::string>(text)
                                       : std::nullopt);
      return absl::OkStatus();
    };
    const boot::WorkerSeat& worker = entry.seat(boot::WorkerRole::kIntegrity);
    row.Text(boot::DatabaseStatusName(worker.status));
    row.OptionalInt(pid_of(worker));
    RV_RETURN_IF_ERROR(time(worker.status_since));
    RV_RETURN_IF_ERROR(time(worker.last_round));
    row.Int(static_cast<int64_t>(worker.rounds));
    const boot::WorkerSeat& healing = entry.seat(boot::WorkerRole::kHealing);
    row.Text(boot::DatabaseStatusName(healing.status));
    row.OptionalInt(pid_of(healing));
    RV_RETURN_IF_ERROR(time(healing.status_since));
    for (const boot::WorkerSeat* seat : {&healing, &worker}) {
      row.OptionalText(seat->note[0] != '\0'
                           ? std::optional<std::string>(seat->note)
                           : std::nullopt);
    }
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}
