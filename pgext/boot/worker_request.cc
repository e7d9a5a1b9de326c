#include "pgext/boot/worker_request.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "storage/condition_variable.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"
}

namespace ruvector::boot {
namespace {

enum class Phase : uint8_t { kIdle, kPosted, kRunning, kDone };

struct Desk {
  // Guarded by Desks::lock.
  Oid database;
  WorkerRole role;
  Phase phase;
  uint64_t ticket;  // of the request at the desk
  WorkerRequest request;
  bool ok;
  int sqlstate;
  char answer[2048];  // or the error's message
  char detail[2048];
  char hint[512];
  // Broadcast at every change of phase.
  ConditionVariable changed;
};

struct Desks {
  LWLock* lock;  // immutable after startup
  uint64_t next_ticket;
  int size;  // immutable after startup
  Desk desks[FLEXIBLE_ARRAY_MEMBER];

  Desk* begin() { return desks; }
  Desk* end() { return desks + size; }
};

Desks* desks = nullptr;  // scope: backend, into shared memory

int DeskCount() { return settings::max_databases * kNumWorkerRoles; }

Desk* FindDeskLocked(Oid database, WorkerRole role, bool add) {
  for (Desk& desk : *desks) {
    if (desk.database == database && desk.role == role) return &desk;
  }
  if (!add) return nullptr;
  for (Desk& desk : *desks) {
    if (OidIsValid(desk.database) && desk.phase != Phase::kIdle) continue;
    desk.database = database;
    desk.role = role;
    desk.phase = Phase::kIdle;
    return &desk;
  }
  return nullptr;
}

// Puts the request on the desk; 0 while another one is there.
uint64_t TryPost(Desk*& desk, const WorkerRequest& request) {
  uint64_t ticket = 0;
  LWLockAcquire(desks->lock, LW_EXCLUSIVE);
  desk = FindDeskLocked(MyDatabaseId, RoleOf(request.kind), true);
  if (desk != nullptr && desk->phase == Phase::kIdle) {
    ticket = ++desks->next_ticket;
    desk->phase = Phase::kPosted;
    desk->ticket = ticket;
    desk->request = request;
  }
  LWLockRelease(desks->lock);
  return ticket;
}

// Whether ticket's answer is there.
bool Done(const Desk& desk, uint64_t ticket) {
  LWLockAcquire(desks->lock, LW_SHARED);
  const bool done = desk.ticket == ticket && desk.phase == Phase::kDone;
  LWLockRelease(desks->lock);
  return done;
}

// The one who asked goes away; what the worker still does is nobody's.
void Abandon(Desk& desk, uint64_t ticket) {
  LWLockAcquire(desks->lock, LW_EXCLUSIVE);
  if (desk.ticket == ticket) {
    desk.phase = Phase::kIdle;
    desk.ticket = 0;
  }
  LWLockRelease(desks->lock);
  ConditionVariableBroadcast(&desk.changed);
}

const char* NameOf(WorkerRole role) {
  return role == WorkerRole::kHealing ? "healing supervisor"
                                      : "integrity worker";
}

absl::Status NoWorker(const std::string& what) {
  return pg::PgError(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, what, "",
      "SELECT * FROM ruvector.workers shows whether this database is served "
      "and why not; ruvector must be in shared_preload_libraries.");
}

absl::StatusOr<std::string> Collect(Desk& desk) {
  LWLockAcquire(desks->lock, LW_SHARED);
  const bool ok = desk.ok;
  const int sqlstate = desk.sqlstate;
  const std::string answer = desk.answer;
  const std::string detail = desk.detail;
  const std::string hint = desk.hint;
  LWLockRelease(desks->lock);
  if (ok) return answer;
  return pg::PgError(sqlstate, answer, detail, hint);
}

void Copy(char* out, size_t size, std::string_view text) {
  const size_t n = std::min(text.size(), size - 1);
  memcpy(out, text.data(), n);
  out[n] = '\0';
}

}  // namespace

size_t WorkerRequestsSize() {
  return add_size(offsetof(Desks, desks), mul_size(DeskCount(), sizeof(Desk)));
}

void InitWorkerRequests(LWLock* lock) {
  bool found = false;
  desks = static_cast<Desks*>(
      ShmemInitStruct("ruvector requests", WorkerRequestsSize(), &found));
  if (found) return;
  memset(static_cast<void*>(desks), 0, WorkerRequestsSize());
  desks->lock = lock;
  desks->size = DeskCount();
  for (Desk& desk : *desks) ConditionVariableInit(&desk.changed);
}

absl::StatusOr<std::string> AskWorker(RequestKind kind, std::string_view text,
                                      int64_t number, std::string_view user) {
  const WorkerRole role = RoleOf(kind);
  if (desks == nullptr) {
    return NoWorker(absl::StrCat("no ", NameOf(role), " is running"));
  }
  RV_RETURN_IF_ERROR(RequireDatabaseEntry());
  if (text.size() >= sizeof(WorkerRequest::text)) {
    return pg::PgError(
        ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        absl::StrCat("a request of ", text.size(),
                     " bytes is too long for the ", NameOf(role)));
  }
  WorkerRequest request;
  memset(&request, 0, sizeof(request));
  request.kind = kind;
  request.number = number;
  Copy(request.text, sizeof(request.text), text);
  Copy(request.user, sizeof(request.user), user);

  const TimestampTz end = TimestampTzPlusMilliseconds(
      GetCurrentTimestamp(), int64{settings::sample_timeout} * 1000);
  Desk* desk = nullptr;
  uint64_t ticket = 0;
  bool done = false;
  absl::Status waited = pg::PgCall([&] {
    for (;;) {
      if (ticket == 0) {
        ticket = TryPost(desk, request);
        if (desk == nullptr) return;
        if (ticket != 0) WakeWorker(MyDatabaseId, role);
        ConditionVariablePrepareToSleep(&desk->changed);
      }
      done = ticket != 0 && Done(*desk, ticket);
      if (done || GetCurrentTimestamp() >= end) break;
      (void)ConditionVariableTimedSleep(&desk->changed, 200,
                                        RV_WAIT_EVENT("WorkerAnswer"));
    }
    ConditionVariableCancelSleep();
  });
  ConditionVariableCancelSleep();
  absl::StatusOr<std::string> answer =
      done ? Collect(*desk)
           : absl::StatusOr<std::string>(NoWorker(absl::StrCat(
                 "the ", NameOf(role), " did not answer in time")));
  if (ticket != 0) Abandon(*desk, ticket);
  RV_RETURN_IF_ERROR(waited);
  return answer;
}

bool TakeRequest(Oid database, WorkerRole role, WorkerRequest& request) {
  if (desks == nullptr) return false;
  bool taken = false;
  LWLockAcquire(desks->lock, LW_EXCLUSIVE);
  Desk* desk = FindDeskLocked(database, role, false);
  if (desk != nullptr && desk->phase == Phase::kPosted) {
    desk->phase = Phase::kRunning;
    request = desk->request;
    taken = true;
  }
  LWLockRelease(desks->lock);
  return taken;
}

void AnswerRequest(Oid database, WorkerRole role,
                   const absl::StatusOr<std::string>& answer) {
  LWLockAcquire(desks->lock, LW_EXCLUSIVE);
  Desk* desk = FindDeskLocked(database, role, false);
  if (desk != nullptr && desk->phase == Phase::kRunning) {
    desk->ok = answer.ok();
    if (answer.ok()) {
      Copy(desk->answer, sizeof(desk->answer), *answer);
    } else {
      const absl::Status& status = answer.status();
      desk->sqlstate = pg::SqlStateOf(status);
      Copy(desk->answer, sizeof(desk->answer),
           std::string_view(status.message().data(), status.message().size()));
      Copy(desk->detail, sizeof(desk->detail), pg::DetailOf(status));
      Copy(desk->hint, sizeof(desk->hint), pg::HintOf(status));
    }
    desk->phase = Phase::kDone;
  }
  LWLockRelease(desks->lock);
  if (desk != nullptr) ConditionVariableBroadcast(&desk->changed);
}

}  // namespace ruvector::boot
