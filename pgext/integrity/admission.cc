#include "pgext/integrity/admission.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/event_ring.h"
#include "pgext/audit/outbox.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "executor/executor.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
}

namespace ruvector::integrity {
namespace {

using gate::Decision;
using gate::Operation;
using gate::Response;

size_t Index(Operation operation) { return static_cast<size_t>(operation); }

std::string StateText(const GateSlot& slot, const Decision& decision) {
  const GateFacts facts = ReadGateFacts(slot);
  std::string text =
      absl::StrCat("State ", std::string(gate::StateName(decision.state)));
  if (std::isnan(facts.norm)) {
    absl::StrAppend(&text, ", norm unknown");
  } else {
    absl::StrAppendFormat(&text, ", norm %.3f (1 is healthy)", facts.norm);
  }
  absl::StrAppendFormat(&text, "%s, policy \"%s\".",
                        facts.stale ? " (stale)" : "", facts.policy);
  if (facts.forced[0] != '\0') {
    absl::StrAppend(&text,
                    " The state is forced by an override: ", facts.forced, ".");
  }
  if (facts.witness[0] != '\0') {
    absl::StrAppend(&text, " Weak edges: ", facts.witness, ".");
  }
  return text;
}

std::string RetryHint(const GateSlot& slot, const Decision& decision) {
  if (decision.response == Response::kReject &&
      decision.rule_state == gate::State::kNormal &&
      (decision.rule == gate::Rule::kPermission ||
       decision.rule == gate::Rule::kPolicyThrottle)) {
    return "The policy permits it in no state; ruvector_integrity_policy_set() "
           "changes that.";
  }
  const uint32_t retry = SecondsUntilRetry(slot, decision);
  std::string hint;
  if (retry > 0) {
    hint = absl::StrFormat("Retry after %u s at the earliest. ", retry);
  }
  const GateFacts facts = ReadGateFacts(slot);
  const std::string name = absl::StrReplaceAll(slot.name, {{"'", "''"}});
  if (facts.forced[0] != '\0' && facts.witness[0] == '\0') {
    return absl::StrCat(hint, "SELECT ruvector_integrity_override_clear('",
                        name, "') takes the override back.");
  }
  return absl::StrCat(
      hint, "SELECT * FROM ruvector.witness_edges WHERE collection = '", name,
      "' shows what is weak.");
}

// Empty for a role that is gone.
std::string NameOf(Oid role) {
  const absl::StatusOr<char*> name =
      pg::PgCall([&] { return GetUserNameFromId(role, true); });
  return name.ok() && *name != nullptr ? *name : "";
}

void PushEvent(const GateSlot& slot, const Decision& decision, Outcome outcome,
               uint64_t count) {
  const GateFacts facts = ReadGateFacts(slot);
  PushRefusalEvent(
      {slot.collection_id, slot.name, facts.lambda_norm, facts.policy},
      decision, outcome, count);
}

PendingRefusals& PendingOf(GateSlot& slot, Operation operation,
                           Outcome outcome) {
  return outcome == Outcome::kShadowed ? slot.shadowed[Index(operation)]
                                       : slot.refused[Index(operation)];
}

// At most one event a second, collection, operation and outcome; the others
// are counted into the next one.
void TellRefusals(GateSlot& slot, const Decision& decision, Outcome outcome) {
  PendingRefusals& pending = PendingOf(slot, decision.operation, outcome);
  const int64_t now = GetCurrentTimestamp();
  int64_t last = pending.told_at.load(std::memory_order_relaxed);
  if (now - last < USECS_PER_SEC ||
      !pending.told_at.compare_exchange_strong(last, now)) {
    return;
  }
  const uint64_t count = pending.count.exchange(0);
  if (count != 0) PushEvent(slot, decision, outcome, count);
}

void NoteRefusal(GateSlot& slot, const Decision& decision, Outcome outcome) {
  CountOutcome(slot, decision.operation, outcome);
  PendingOf(slot, decision.operation, outcome)
      .count.fetch_add(1, std::memory_order_relaxed);
  TellRefusals(slot, decision, outcome);
}

absl::Status Refuse(GateSlot& slot, const Decision& decision, int sqlstate,
                    const std::string& why) {
  NoteRefusal(slot, decision, Outcome::kRejected);
  const std::string reason = gate::DecisionReason(decision);
  std::string detail = StateText(slot, decision);
  if (!reason.empty() && why != reason) {
    absl::StrAppend(&detail, " Reason: ", reason, ".");
  }
  return pg::PgError(
      sqlstate,
      absl::StrCat(std::string(gate::OperationName(decision.operation)),
                   " on collection \"", slot.name, "\" refused: ", why),
      detail, RetryHint(slot, decision));
}

absl::Status Reject(GateSlot& slot, const Decision& decision) {
  return Refuse(slot, decision,
                decision.rule == gate::Rule::kConcurrency
                    ? SqlState(kSqlStateConcurrency)
                    : SqlState(kSqlStateRejected),
                gate::DecisionReason(decision));
}

// Healing waits for locks that the statement holds.
bool IsInTheWay(const GateSlot& slot, const Request& request) {
  return request.holds_locks && slot.no_defer.load() > 0;
}

// Sleeps; OK when the time is over or the statement is in the way, Cancelled
// and the like by interrupts.
absl::Status Sleep(uint64_t micros, const GateSlot& slot,
                   const Request& request) {
  constexpr long kLookMs = 100;
  const uint64_t end = MonotonicMicros() + micros;
  for (uint64_t now = MonotonicMicros();
       now < end && !IsInTheWay(slot, request); now = MonotonicMicros()) {
    const long ms =
        std::min(kLookMs, static_cast<long>((end - now + 999) / 1000));
    absl::Status status = pg::PgCall([&] {
      (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                      ms, RV_WAIT_EVENT("GateThrottle"));
      ResetLatch(MyLatch);
      CHECK_FOR_INTERRUPTS();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Throttle(GateSlot& slot, const Decision& decision,
                      const Request& request) {
  gate::TokenBucket& bucket = slot.buckets[Index(decision.operation)];
  // The rate is one of statements, so a statement is one token.
  const gate::TokenBucket::Grant grant = bucket.Acquire(MonotonicMicros());
  if (!grant.granted) {
    return Refuse(
        slot, decision, SqlState(kSqlStateThrottled),
        absl::StrFormat("throttled by %u %%, and the line is full; there is "
                        "room in %.1f s",
                        decision.throttle_pct, grant.wait_us / 1e6));
  }
  if (grant.wait_us > 0) {
    absl::Status status =
        request.may_wait ? Sleep(grant.wait_us, slot, request)
                         : Refuse(slot, decision, SqlState(kSqlStateThrottled),
                                  "it would have to wait, and must not");
    if (status.ok() && IsInTheWay(slot, request)) {
      status = Refuse(slot, decision, SqlState(kSqlStateThrottled),
                      "it waited in line, and healing needs the locks that it "
                      "holds");
    }
    if (!status.ok()) {
      bucket.Release();
      return status;
    }
  }
  CountOutcome(slot, decision.operation, Outcome::kThrottled);
  return absl::OkStatus();
}

gate::Load LoadOf(const GateSlot& slot, const Request& request) {
  return {
      slot.in_flight[Index(request.operation)].load(std::memory_order_relaxed),
      request.rows};
}

// Waits until the answer is no longer "defer", at most `seconds`. nullopt when
// the slot went to another collection: the one that was asked for is gone.
absl::StatusOr<std::optional<Decision>> WaitForImprovement(
    GateSlot& slot, const Request& request, uint32_t seconds) {
  const TimestampTz end = TimestampTzPlusMilliseconds(
      GetCurrentTimestamp(), static_cast<int64>(seconds) * 1000);
  const uint32_t epoch = slot.epoch.load();
  Decision decision =
      DecideAtSlot(slot, request.operation, LoadOf(slot, request));
  absl::Status status = pg::PgCall([&] {
    ConditionVariablePrepareToSleep(&slot.changed);
    while (decision.response == Response::kDefer &&
           slot.epoch.load() == epoch && !IsInTheWay(slot, request)) {
      const int64 left =
          TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
      if (left <= 0) break;
      (void)ConditionVariableTimedSleep(&slot.changed, left,
                                        RV_WAIT_EVENT("GateDefer"));
      decision = DecideAtSlot(slot, request.operation, LoadOf(slot, request));
    }
    ConditionVariableCancelSleep();
  });
  if (!status.ok()) {
    ConditionVariableCancelSleep();
    return status;
  }
  if (slot.epoch.load() != epoch) return std::optional<Decision>();
  return std::optional<Decision>(decision);
}

absl::Status Defer(GateSlot& slot, const Decision& decision,
                   const Request& request) {
  CountOutcome(slot, decision.operation, Outcome::kDeferred);
  RV_FAILPOINT("integrity.gate.before_wait");
  RV_ASSIGN_OR_RETURN(
      const std::optional<Decision> later,
      WaitForImprovement(slot, request, decision.retry_after_secs));
  if (!later.has_value()) return absl::OkStatus();
  switch (later->response) {
    case Response::kAllow:
      return absl::OkStatus();
    case Response::kThrottle:
      return Throttle(slot, *later, request);
    case Response::kReject:
      return Reject(slot, *later);
    case Response::kDefer:
      break;
  }
  if (later->rule == gate::Rule::kConcurrency) return Reject(slot, *later);
  return Refuse(
      slot, *later, SqlState(kSqlStateDeferred),
      IsInTheWay(slot, request)
          ? std::string("it waited for improvement, and healing needs the "
                        "locks that it holds")
          : absl::StrFormat("no improvement within %u s",
                            decision.retry_after_secs));
}

absl::Status CheckPrivileges(const Request& request) {
  if (request.statement == nullptr) return absl::OkStatus();
  return pg::PgCall([&] { RV_CHECK_STATEMENT_PRIVILEGES(*request.statement); });
}

// A superuser's bypass of something that the gate would have held is an event
// each time, whatever becomes of the transaction.
absl::Status Bypass(GateSlot& slot, const Decision& decision) {
  CountOutcome(slot, decision.operation, Outcome::kBypassed);
  if (decision.response != Response::kAllow) {
    PushEvent(slot, decision, Outcome::kBypassed, 1);
  }
  return absl::OkStatus();
}

// scope: backend. What this backend holds, for an exit that skips contexts.
struct Held {
  GateSlot* slot;
  uint32_t epoch;
  Operation operation;
  bool active;
  MemoryContextCallback callback;
};

void ReleaseHeld(Held& held) {
  if (!held.active) return;
  held.active = false;
  if (held.slot->epoch.load() == held.epoch) {
    held.slot->in_flight[Index(held.operation)].fetch_sub(1);
    // Someone may wait for the place.
    ConditionVariableSignal(&held.slot->changed);
  }
}

void OnContextDeleted(void* argument) {
  ReleaseHeld(*static_cast<Held*>(argument));
}

}  // namespace

uint32_t SecondsUntilRetry(const GateSlot& slot, const Decision& decision) {
  // A token or a place gets free whatever the state does; for the rest the
  // state has to improve, and where no state allows it nothing helps.
  if (decision.response == Response::kThrottle ||
      decision.rule == gate::Rule::kConcurrency) {
    return std::max(decision.retry_after_secs, 1u);
  }
  if (decision.retry_after_secs == 0) return 0;
  const GateFacts facts = ReadGateFacts(slot);
  const int64_t age = (GetCurrentTimestamp() - facts.published) / USECS_PER_SEC;
  return static_cast<uint32_t>(std::clamp<int64_t>(
      int64_t{facts.retry_secs} - age, 1, int64_t{UINT32_MAX}));
}

void PushRefusalEvent(const Refuser& by, const Decision& decision,
                      Outcome outcome, uint64_t count) {
  audit::RingEvent event;
  memset(&event, 0, sizeof(event));
  event.database = MyDatabaseId;
  event.collection_id = by.collection_id;
  event.at = GetCurrentTimestamp();
  event.lambda_norm = by.lambda_norm;
  strlcpy(event.collection_name, by.collection.c_str(),
          sizeof(event.collection_name));
  strlcpy(event.event_type, "gate_refusal", sizeof(event.event_type));
  strlcpy(event.state, std::string(gate::StateName(decision.state)).c_str(),
          sizeof(event.state));
  nlohmann::ordered_json facts{
      {"operation", gate::OperationName(decision.operation)},
      {"outcome", OutcomeName(outcome)},
      {"count", count},
      {"reason", gate::DecisionReason(decision)},
      {"policy", by.policy}};
  // Those that the worker tells of may have come from several sessions.
  if (IsTransactionState()) {
    facts["user"] = NameOf(GetOuterUserId());
    facts["session_user"] = NameOf(GetSessionUserId());
    facts["backend_pid"] = MyProcPid;
  }
  const std::string metadata =
      facts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (metadata.size() < sizeof(event.metadata)) {
    strlcpy(event.metadata, metadata.c_str(), sizeof(event.metadata));
  } else {
    strlcpy(event.metadata, "{}", sizeof(event.metadata));
  }
  audit::PushRingEvent(event);
}

absl::Status Admit(int index, const Request& request) {
  GateSlot& slot = *GateSlotAt(index);
  const gate::Load load = LoadOf(slot, request);
  const Decision decision = DecideAtSlot(slot, request.operation, load);
  if (settings::bypass) return Bypass(slot, decision);
  if (decision.response == Response::kAllow) {
    CountOutcome(slot, decision.operation, Outcome::kAllowed);
    return absl::OkStatus();
  }
  RV_RETURN_IF_ERROR(CheckPrivileges(request));
  if (decision.mode == gate::Mode::kShadow) {
    NoteRefusal(slot, decision, Outcome::kShadowed);
    return absl::OkStatus();
  }
  switch (decision.response) {
    case Response::kThrottle:
      return Throttle(slot, decision, request);
    case Response::kDefer:
      if (!request.may_wait) {
        return Refuse(slot, decision, SqlState(kSqlStateDeferred),
                      "it would have to wait, and must not");
      }
      return Defer(slot, decision, request);
    default:
      return Reject(slot, decision);
  }
}

absl::Status Readmit(int index, const Request& request) {
  GateSlot& slot = *GateSlotAt(index);
  if (settings::bypass) return absl::OkStatus();
  const Decision decision =
      DecideAtSlot(slot, request.operation, {0, request.rows});
  if (decision.response < Response::kDefer ||
      decision.mode != gate::Mode::kEnforce) {
    return absl::OkStatus();
  }
  return Reject(slot, decision);
}

absl::Status EnterInFlight(int index, Operation operation,
                           MemoryContext context) {
  GateSlot& slot = *GateSlotAt(index);
  absl::StatusOr<Held*> allocated = pg::PgCall([&] {
    return static_cast<Held*>(MemoryContextAllocZero(context, sizeof(Held)));
  });
  if (!allocated.ok()) return allocated.status();
  Held* held = *allocated;
  held->slot = &slot;
  held->epoch = slot.epoch.load();
  held->operation = operation;
  held->callback.func = OnContextDeleted;
  held->callback.arg = held;
  MemoryContextRegisterResetCallback(context, &held->callback);
  const uint32_t before = slot.in_flight[Index(operation)].fetch_add(1);
  held->active = true;
  RV_FAILPOINT("integrity.gate.after_enter");
  // Others may have entered since Admit: of those who meet here, only as many
  // as the limit allows stay.
  const Decision decision = DecideAtSlot(slot, operation, {before, 0});
  if (decision.rule != gate::Rule::kConcurrency || settings::bypass ||
      decision.mode != gate::Mode::kEnforce || decision.allowed()) {
    return absl::OkStatus();
  }
  ReleaseHeld(*held);
  return Reject(slot, decision);
}

void FlushRefusals(GateSlot& slot) {
  for (const Outcome outcome : {Outcome::kRejected, Outcome::kShadowed}) {
    for (int op = 0; op < gate::kNumOperations; ++op) {
      const auto operation = static_cast<Operation>(op);
      if (PendingOf(slot, operation, outcome)
              .count.load(std::memory_order_relaxed) == 0) {
        continue;
      }
      // What the table alone lets pass was refused for want of a place.
      constexpr gate::Load kFull = {std::numeric_limits<uint32_t>::max(), 0};
      TellRefusals(slot, DecideAtSlot(slot, operation, kFull), outcome);
    }
  }
}

}  // namespace ruvector::integrity
