// The integrity worker of one database: samples its collections, is the only
// writer of their states, and the only appender of the event log.
#include <map>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/audit/log_writer.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/boot/worker_process.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/recall/probe.h"
#include "pgext/healing/recall/query_reservoir.h"
#include "pgext/healing/sensors/server_sense.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/monitor.h"
#include "pgext/integrity/webhooks.h"
extern "C" {
#include "access/xlog.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
}

namespace ruvector::integrity {
namespace {

constexpr int kSealBatch = 1000;
constexpr int64_t kEventsPerCheckpoint = 1000;
constexpr absl::Duration kCheckpointInterval = absl::Hours(1);
constexpr absl::Duration kRestoredDelay = absl::Seconds(3);

class Worker {
 public:
  // Looks whether the database has the extension; false: nothing to do here.
  bool HasExtension();
  // One round: what is asked for, what is due, what waits to be sealed.
  void Round();
  // Until when nothing is due, and what may come before; -1: nothing.
  absl::Duration Idle() const;
  int Socket() const { return webhooks_.socket(); }

 private:
  absl::Status LoadCollections();
  bool WaitsForRestore();
  bool TakeOverRestored(const Collection& collection);
  void AssignSlots();
  void TellOfMissingSlots(int count);
  absl::StatusOr<std::string> Serve(const boot::WorkerRequest& request);
  absl::StatusOr<std::string> ServeLog(const boot::WorkerRequest& request);
  Monitor* Find(const std::string& name);
  absl::Status RunPass(Monitor& monitor);
  void RunDue();
  void StoreQueries();
  absl::Status ProbeRecall(Monitor& monitor);
  void ProbeDue();
  absl::Status Seal(bool asked = false);
  void AutoCheckpoint();
  void Publish(Monitor& monitor);
  void TurnWebhooks();
  void StoreWebhooks();
  template <class F>
  absl::Status InLogTransaction(const char* activity, F&& f);

  std::map<int32_t, std::unique_ptr<Monitor>> monitors_;
  std::map<int32_t, int> slots_;
  int without_slot_ = 0;
  std::map<int32_t, absl::Time> restored_;  // first seen without a state
  healing::ServerSense server_sense_;
  healing::ProbeSchedule probes_;
  audit::LogWriter log_;
  notify::WebhookSender webhooks_{WebhookSenderOptions(), absl::Now()};
  int64_t since_checkpoint_ = 0;
  absl::Time next_checkpoint_ = absl::Now() + kCheckpointInterval;
  absl::Time next_seal_ = absl::InfinitePast();
  std::string seal_error_;
  bool sealed_ = false;  // events, since this worker runs
  bool standby_ = false;
  // Column numbers are this server's; webhook counters are this worker's.
  bool taken_over_ = false;
};

void Report(const std::string& what, const absl::Status& status,
            int level = LOG) {
  if (status.ok()) return;
  pg::RunOrLog(level, [&] {
    return pg::PgError(pg::SqlStateOf(status),
                       absl::StrCat("ruvector integrity worker: ", what, ": ",
                                    std::string(status.message())),
                       pg::DetailOf(status), pg::HintOf(status));
  });
}

// Runs `f(spi)` in a transaction of its own.
template <class F>
absl::Status WithSpi(const char* activity, F&& f) {
  return boot::InTransaction(activity, [&]() -> absl::Status {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  });
}

// Unregistered, in a transaction that has committed.
bool IsGone(const Collection& collection) {
  bool gone = false;
  Report("looking for a collection",
         WithSpi("looking for a collection",
                 [&](pg::SpiSession& spi) -> absl::Status {
                   RV_ASSIGN_OR_RETURN(
                       const pg::SpiRows rows,
                       spi.Query("SELECT FROM ruvector.collections"
                                 " WHERE id = $1::pg_catalog.int4",
                                 {pg::SqlInt(int64_t{collection.id})}));
                   gone = rows.empty();
                   return absl::OkStatus();
                 }));
  return gone;
}

// Of work on one collection. That it was unregistered meanwhile is no fault.
void ReportOf(const Collection& collection, const std::string& what,
              const absl::Status& status) {
  if (status.ok()) return;
  Report(what, status, IsGone(collection) ? DEBUG1 : LOG);
}

std::string Quoted(const Collection& collection) {
  return absl::StrCat("collection \"", collection.name, "\"");
}

void SetGatePublished(bool published, int without_slot = 0) {
  bool changed = false;
  LWLockAcquire(boot::Databases()->lock, LW_EXCLUSIVE);
  boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
  if (entry != nullptr) {
    entry->gate_published = published;
    changed = entry->without_slot != without_slot;
    entry->without_slot = without_slot;
  }
  LWLockRelease(boot::Databases()->lock);
  if (changed) TurnGateGeneration();
}

bool Worker::HasExtension() {
  bool found = false;
  const absl::Status status =
      boot::InTransaction("looking for the extension", [&]() -> absl::Status {
        const absl::StatusOr<pg::ExtensionInfo> info = pg::FindExtension();
        found = info.ok();
        return absl::IsNotFound(info.status()) ? absl::OkStatus()
                                               : info.status();
      });
  Report("looking for the extension", status);
  return found;
}

absl::Status Worker::LoadCollections() {
  RV_FAILPOINT("integrity.collections.start");
  std::vector<Collection> collections;
  RV_RETURN_IF_ERROR(
      WithSpi("loading collections", [&](pg::SpiSession& spi) -> absl::Status {
        if (!standby_ && !taken_over_) {
          RV_RETURN_IF_ERROR(RefreshColumnNumbers(spi));
          RV_RETURN_IF_ERROR(DropLeftWebhooks(spi));
        }
        RV_ASSIGN_OR_RETURN(collections, ListCollections(spi));
        return absl::OkStatus();
      }));
  taken_over_ = taken_over_ || !standby_;
  std::map<int32_t, std::unique_ptr<Monitor>> kept;
  for (const Collection& collection : collections) {
    if (!standby_ && !collection.has_state && !TakeOverRestored(collection)) {
      continue;
    }
    auto found = monitors_.find(collection.id);
    std::unique_ptr<Monitor> monitor =
        found != monitors_.end() ? std::move(found->second)
                                 : std::make_unique<Monitor>(collection);
    const absl::Status status =
        WithSpi("loading policies", [&](pg::SpiSession& spi) {
          return standby_ ? monitor->Replay(spi, collection)
                          : monitor->Refresh(spi, collection, absl::Now());
        });
    if (!status.ok()) monitor->RolledBack();
    ReportOf(collection, Quoted(collection), status);
    kept.emplace(collection.id, std::move(monitor));
  }
  monitors_ = std::move(kept);
  AssignSlots();
  bool published = true;
  for (auto& [id, monitor] : monitors_) {
    Publish(*monitor);
    published = published && monitor->ready();
  }
  if (published) SetGatePublished(true, without_slot_);
  return absl::OkStatus();
}

// Nothing is written to tables that a restore has yet to fill. Asked until
// the first events are sealed; from then on the log is ours.
bool Worker::WaitsForRestore() {
  if (sealed_) return false;
  bool filled = false;
  Report("looking for a restore",
         WithSpi("looking for a restore",
                 [&](pg::SpiSession& spi) -> absl::Status {
                   RV_ASSIGN_OR_RETURN(filled, IsBeingFilled(spi));
                   return absl::OkStatus();
                 }));
  return filled;
}

// A restored enrolment is taken over a while after the restore, when what
// belongs to it has come as well.
bool Worker::TakeOverRestored(const Collection& collection) {
  const absl::Time now = absl::Now();
  absl::Time& seen = restored_.emplace(collection.id, now).first->second;
  if (WaitsForRestore()) seen = now;
  if (now - seen < kRestoredDelay) return false;
  const absl::Status status = WithSpi(
      "taking over a restored collection",
      [&](pg::SpiSession& spi) { return AddMissingState(spi, collection); });
  ReportOf(collection, Quoted(collection), status);
  return status.ok();
}

void Worker::AssignSlots() {
  failpoint::Check("integrity.slots.before_assign").IgnoreError();
  std::vector<SlotIdentity> identities;
  for (const auto& [id, monitor] : monitors_) {
    const Collection& c = monitor->collection();
    identities.push_back({c.id, c.table_oid, c.column_number, c.name.c_str()});
  }
  std::vector<int> assigned(identities.size(), -1);
  AssignGateSlots(MyDatabaseId, identities.data(),
                  static_cast<int>(identities.size()), assigned.data());
  slots_.clear();
  for (size_t i = 0; i < identities.size(); ++i) {
    slots_[identities[i].collection_id] = assigned[i];
  }
  const int without_slot = static_cast<int>(absl::c_count(assigned, -1));
  if (without_slot != without_slot_) TellOfMissingSlots(without_slot);
  without_slot_ = without_slot;
}

// Their statements are decided by the tables (stored_gate.h).
void Worker::TellOfMissingSlots(int count) {
  const std::string note =
      count == 0 ? ""
                 : absl::StrCat(count, " of ", monitors_.size(),
                                " collections have no gate slot; all ",
                                GateSlotsTotal(), " are in use");
  boot::NoteComplaint(boot::WorkerRole::kIntegrity, note.c_str());
  if (count == 0) return;
  Report("assigning gate slots",
         pg::PgError(
             ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, note,
             "Statements on these are let in or refused by the state that was "
             "stored last; none can wait for its turn.",
             "Raise ruvector.max_collections and restart the server."),
         WARNING);
}

// After the transaction: what it decided takes effect and is told.
void Worker::Publish(Monitor& monitor) {
  monitor.Committed(slots_[monitor.collection().id]);
  const absl::Time now = absl::Now();
  bool any = false;
  for (notify::WebhookMessage& message : monitor.TakeWebhooks()) {
    webhooks_.Send(std::move(message), now);
    any = true;
  }
  if (any) TurnWebhooks();
}

void Worker::TurnWebhooks() {
  webhooks_.SetLimits(settings::webhook_attempts,
                      absl::Seconds(settings::webhook_timeout));
  webhooks_.Turn(absl::Now());
  const std::string complaint = webhooks_.TakeComplaint();
  if (!complaint.empty()) {
    Report("webhooks", absl::UnavailableError(complaint));
  }
}

void Worker::StoreWebhooks() {
  TurnWebhooks();
  if (webhooks_.changes().empty()) return;
  const absl::Status status =
      WithSpi("counting webhook deliveries", [&](pg::SpiSession& spi) {
        return StoreWebhookChanges(spi, webhooks_.changes());
      });
  Report("counting webhook deliveries", status);
  if (status.ok()) webhooks_.ChangesStored();
}

Monitor* Worker::Find(const std::string& name) {
  for (auto& [id, monitor] : monitors_) {
    if (monitor->collection().name == name) return monitor.get();
  }
  return nullptr;
}

absl::Status Worker::RunPass(Monitor& monitor) {
  const absl::Time now = absl::Now();
  const absl::Status status =
      WithSpi(absl::StrCat("sampling ", monitor.collection().name).c_str(),
              [&](pg::SpiSession& spi) {
                return monitor.Pass(spi, now, server_sense_);
              });
  if (status.ok()) {
    Publish(monitor);
    boot::WakeWorker(MyDatabaseId, boot::WorkerRole::kHealing);
    const std::string complaint = monitor.TakeComplaint();
    if (!complaint.empty()) {
      ReportOf(monitor.collection(),
               absl::StrCat("diagnosing ", monitor.collection().name),
               absl::UnavailableError(complaint));
    }
  } else {
    monitor.RolledBack();
  }
  return status;
}

// Searches that were sampled since the last round.
void Worker::StoreQueries() {
  Report("storing sampled queries",
         WithSpi("storing sampled queries", [](pg::SpiSession& spi) {
           return healing::StoreTakenQueries(spi).status();
         }));
}

absl::Status Worker::ProbeRecall(Monitor& monitor) {
  const Collection& collection = monitor.collection();
  healing::ProbeLimits limits;
  limits.budget_ms = settings::recall_probe_budget;
  limits.max_rows = settings::recall_probe_rows;
  limits.lock_timeout_ms = settings::sensor_lock_timeout;
  const absl::Status status =
      WithSpi(absl::StrCat("probing recall of ", collection.name).c_str(),
              [&](pg::SpiSession& spi) {
                return healing::ProbeCollection(spi, collection.id, limits);
              });
  probes_.Done(collection.id, absl::Now());
  if (status.ok()) healing::BeginSample(slots_[collection.id]);
  return status;
}

// At most one in a round: the others wait for the next.
void Worker::ProbeDue() {
  for (auto& [id, monitor] : monitors_) {
    const int32_t collection = monitor->collection().id;
    if (!probes_.Knows(collection)) {
      const absl::Status status =
          WithSpi("looking for a recall probe", [&](pg::SpiSession& spi) {
            return probes_.Learn(spi, collection, absl::Now());
          });
      Report("recall probe", status);
      if (!status.ok()) continue;
    }
    if (!probes_.IsDue(collection,
                       absl::Seconds(settings::recall_probe_interval),
                       absl::Now())) {
      continue;
    }
    const absl::Status probed = ProbeRecall(*monitor);
    // Nothing to probe yet: nobody searched, or there is no index.
    if (pg::SqlStateOf(probed) != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
      ReportOf(
          monitor->collection(),
          absl::StrCat("recall probe of \"", monitor->collection().name, "\""),
          probed);
    }
    return;
  }
}

void Worker::RunDue() {
  for (auto& [id, monitor] : monitors_) {
    if (monitor->next_sample() > absl::Now()) continue;
    ReportOf(monitor->collection(), Quoted(monitor->collection()),
             RunPass(*monitor));
  }
}

template <class F>
absl::Status Worker::InLogTransaction(const char* activity, F&& f) {
  const absl::Status status = WithSpi(activity, f);
  if (!status.ok()) {
    log_.RolledBack();
    return status;
  }
  return log_.Committed();
}

absl::Status Worker::Seal(bool asked) {
  if (!asked && absl::Now() < next_seal_) return absl::OkStatus();
  if (WaitsForRestore()) return absl::OkStatus();
  for (int sealed = kSealBatch; sealed >= kSealBatch;) {
    const absl::Status status = InLogTransaction(
        "sealing events", [&](pg::SpiSession& spi) -> absl::Status {
          RV_ASSIGN_OR_RETURN(sealed, log_.SealWaiting(spi, kSealBatch, asked));
          return absl::OkStatus();
        });
    if (!status.ok()) {
      // Said once; tried again in a while, nothing is lost meanwhile.
      const std::string error(status.message());
      if (error != seal_error_) Report("sealing events", status);
      seal_error_ = error;
      next_seal_ = absl::Now() + absl::Seconds(5);
      return status;
    }
    seal_error_.clear();
    next_seal_ = absl::InfinitePast();
    since_checkpoint_ += sealed;
    sealed_ = sealed_ || sealed > 0;
  }
  return absl::OkStatus();
}

void Worker::AutoCheckpoint() {
  if (since_checkpoint_ == 0) return;
  if (since_checkpoint_ < kEventsPerCheckpoint &&
      absl::Now() < next_checkpoint_) {
    return;
  }
  const absl::Status status = InLogTransaction(
      "signing a checkpoint",
      [&](pg::SpiSession& spi) { return log_.Checkpoint(spi).status(); });
  Report("checkpoint", status);
  since_checkpoint_ = 0;
  next_checkpoint_ = absl::Now() + kCheckpointInterval;
}

absl::StatusOr<std::string> Worker::ServeLog(
    const boot::WorkerRequest& request) {
  std::string answer;
  const std::string user = request.user;
  const absl::Status sealed = Seal(true);
  next_seal_ = absl::InfinitePast();
  // The other requests may be what lets sealing go on: a new key.
  if (request.kind == boot::RequestKind::kCheckpoint) {
    RV_RETURN_IF_ERROR(sealed);
  }
  RV_RETURN_IF_ERROR(InLogTransaction(
      "serving a request", [&](pg::SpiSession& spi) -> absl::Status {
        switch (request.kind) {
          case boot::RequestKind::kCheckpoint: {
            RV_ASSIGN_OR_RETURN(const int64_t id, log_.Checkpoint(spi));
            answer = std::to_string(id);
            return absl::OkStatus();
          }
          case boot::RequestKind::kRotateKey: {
            RV_ASSIGN_OR_RETURN(answer, log_.RotateKey(spi, user));
            return absl::OkStatus();
          }
          case boot::RequestKind::kRevokeKey: {
            const std::string text = request.text;
            const size_t line = text.find('\n');
            return log_.RevokeKey(spi, text.substr(0, line),
                                  text.substr(line + 1), user);
          }
          case boot::RequestKind::kPrune: {
            RV_ASSIGN_OR_RETURN(const int64_t pruned,
                                log_.Prune(spi, request.number, user));
            answer = std::to_string(pruned);
            return absl::OkStatus();
          }
          default:
            return absl::InternalError("unknown request");
        }
      }));
  return answer;
}

absl::StatusOr<std::string> Worker::Serve(const boot::WorkerRequest& request) {
  RV_FAILPOINT("integrity.request.start");
  if (standby_) {
    return pg::PgError(ERRCODE_READ_ONLY_SQL_TRANSACTION,
                       "the integrity worker of a standby only reads", "",
                       "Ask the primary server.");
  }
  if (request.kind != boot::RequestKind::kSample &&
      request.kind != boot::RequestKind::kRebuild &&
      request.kind != boot::RequestKind::kProbeRecall) {
    return ServeLog(request);
  }
  Monitor* monitor = Find(request.text);
  if (monitor == nullptr) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("collection \"", request.text, "\" does not exist"), "",
        "A collection that was registered in this transaction can be sampled "
        "after COMMIT.");
  }
  if (request.kind == boot::RequestKind::kProbeRecall) StoreQueries();
  const absl::Status done = request.kind == boot::RequestKind::kProbeRecall
                                ? ProbeRecall(*monitor)
                                : RunPass(*monitor);
  if (!done.ok() && IsGone(monitor->collection())) {
    Report(Quoted(monitor->collection()), done, DEBUG1);
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat(Quoted(monitor->collection()), " does not exist any more"),
        "It was unregistered meanwhile.");
  }
  RV_RETURN_IF_ERROR(done);
  return request.kind == boot::RequestKind::kRebuild ? monitor->Summary()
                                                     : std::string();
}

void Worker::Round() {
  const bool recovering = RecoveryInProgress();
  if (standby_ && !recovering) monitors_.clear();  // promoted: take over
  standby_ = recovering;
  server_sense_.NewRound();
  boot::WorkerRequest request;
  const boot::WorkerRole role = boot::WorkerRole::kIntegrity;
  const bool asked = boot::TakeRequest(MyDatabaseId, role, request);
  Report("loading collections", LoadCollections());
  if (asked) boot::AnswerRequest(MyDatabaseId, role, Serve(request));
  if (standby_) return;
  if (healing::QueriesWait(MyDatabaseId)) StoreQueries();
  RunDue();
  ProbeDue();
  (void)Seal();
  AutoCheckpoint();
  StoreWebhooks();
}

absl::Duration Worker::Idle() const {
  absl::Duration idle = standby_ ? absl::Seconds(1) : absl::Seconds(5);
  if (standby_) return idle;
  for (const auto& [id, monitor] : monitors_) {
    idle = std::min(idle, monitor->next_sample() - absl::Now());
  }
  idle = std::min(idle, webhooks_.NextTurn(absl::Now()));
  return std::max(idle, absl::Milliseconds(10));
}

// scope: backend. What the seat becomes when this process ends.
boot::DatabaseStatus final_status = boot::DatabaseStatus::kFailed;

void LeaveSeat(int, Datum database) {
  boot::ReleaseSeat(DatumGetObjectId(database), boot::WorkerRole::kIntegrity,
                    final_status);
}

void RunWorker() {
  Worker worker;
  for (;;) {
    if (!worker.HasExtension()) {
      SetGatePublished(false);
      FreeGateSlots(MyDatabaseId);
      final_status = boot::DatabaseStatus::kNoExtension;
      return;
    }
    pg::RunOrLog(LOG, [&] {
      worker.Round();
      return absl::OkStatus();
    });
    switch (boot::NoteRound(boot::WorkerRole::kIntegrity)) {
      case boot::WorkerOrder::kGoOn:
        break;
      case boot::WorkerOrder::kYield:
        final_status = boot::DatabaseStatus::kYielded;
        return;
      case boot::WorkerOrder::kLeave:
        final_status = boot::DatabaseStatus::kLeft;
        return;
    }
    const long wait =
        static_cast<long>(absl::ToInt64Milliseconds(worker.Idle()));
    boot::WaitForWork(wait, RV_WAIT_EVENT("IntegrityMain"), worker.Socket());
  }
}

}  // namespace
}  // namespace ruvector::integrity

extern "C" PGDLLEXPORT void ruvector_integrity_worker_main(Datum);

void ruvector_integrity_worker_main(Datum argument) {
  using namespace ruvector;
  const Oid database = DatumGetObjectId(argument);
  boot::PrepareWorker();
  if (boot::Databases() == nullptr ||
      !boot::ClaimSeat(database, boot::WorkerRole::kIntegrity)) {
    proc_exit(0);
  }
  before_shmem_exit(integrity::LeaveSeat, argument);
  failpoint::Check("integrity.worker.claimed").IgnoreError();
  BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
  integrity::RunWorker();
  proc_exit(0);
}
