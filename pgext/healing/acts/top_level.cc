#include "pgext/healing/acts/top_level.h"

#include <cmath>

#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
}

namespace ruvector::healing {
namespace {

absl::Time current_deadline = absl::InfiniteFuture();  // scope: backend

// A lock that takes longer is asked for again later.
constexpr char kShortLockTimeout[] = "300ms";
// Before that PostgreSQL looks who is in the way, and cancels an autovacuum
// that is, unless it prevents wraparound (proc.c, ProcSleep).
constexpr char kLookWhoBlocks[] = "50ms";
constexpr int64_t kLongestTimer = 24 * 3600 * 1000;
constexpr char kReadAgain[] = "ruvector/read_again";

// The session is a worker's own: nobody else's settings are touched.
constexpr std::pair<const char*, const char*> kSettings[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"lock_timeout", "0"},
    {"default_tablespace", ""},
    {"synchronous_commit", "local"},
    {"row_security", "on"},
};

void Arm(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    disable_timeout(STATEMENT_TIMEOUT, false);
    return;
  }
  const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now()) + 1;
  enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(std::clamp<int64_t>(
                                              left, 1, kLongestTimer)));
}

}  // namespace

ActBounds::ActBounds(absl::Time deadline, Kind kind)
    : outer_(current_deadline) {
  current_deadline = kind == kLonger ? deadline : std::min(deadline, outer_);
  status_ = pg::PgCall([&] {
    for (const auto& [name, value] : kSettings) {
      SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
    }
    Arm(current_deadline);
  });
}

ActBounds::~ActBounds() {
  current_deadline = outer_;
  Arm(current_deadline);
}

absl::Time ActDeadline() { return current_deadline; }

absl::Status RunTopLevel(const std::string& command) {
  RV_FAILPOINT("healing.acts.command.before");
  const MemoryContext outer = CurrentMemoryContext;
  const char* const sql = command.c_str();
  // Parse and plan trees outlive the commits inside the command, as those of a
  // client's do in MessageContext.
  MemoryContext trees = nullptr;
  absl::Status status = pg::PgCall([&] {
    trees = AllocSetContextCreate(TopMemoryContext, "ruvector act",
                                  ALLOCSET_DEFAULT_SIZES);
    debug_query_string = sql;
    pgstat_report_activity(STATE_RUNNING, sql);
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    MemoryContextSwitchTo(trees);
    const List* raw = pg_parse_query(sql);
    auto* const statement = linitial_node(RawStmt, raw);
    List* const queries =
        pg_analyze_and_rewrite_fixedparams(statement, sql, nullptr, 0, nullptr);
    List* const plans =
        pg_plan_queries(queries, sql, CURSOR_OPT_PARALLEL_OK, nullptr);
    Portal portal = CreatePortal("", true, true);
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, sql, CreateCommandTag(statement->stmt),
                      plans, nullptr);
    PortalStart(portal, nullptr, 0, InvalidSnapshot);
    DestReceiver* const receiver = CreateDestReceiver(DestNone);
    QueryCompletion completion;
    (void)PortalRun(portal, FETCH_ALL, true, true, receiver, receiver,
                    &completion);
    receiver->rDestroy(receiver);
    PortalDrop(portal, false);
    CommitTransactionCommand();
  });
  if (!status.ok()) {
    const absl::Status aborted = pg::PgCall([] { AbortOutOfAnyTransaction(); });
    if (!aborted.ok()) proc_exit(1);
  }
  debug_query_string = nullptr;
  MemoryContextSwitchTo(outer);
  if (trees != nullptr) MemoryContextDelete(trees);
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
  if (status.ok()) RV_FAILPOINT("healing.acts.command.after");
  return Sorted(std::move(status));
}

absl::Status Sorted(absl::Status status) {
  if (status.ok()) return status;
  const int sqlstate = pg::SqlStateOf(status);
  const auto as = [&](absl::StatusCode code, std::string message) {
    absl::Status sorted(code, message);
    status.ForEachPayload([&](absl::string_view url, const absl::Cord& text) {
      sorted.SetPayload(url, text);
    });
    return sorted;
  };
  const std::string message(status.message());
  if (sqlstate == ERRCODE_QUERY_CANCELED) {
    if (absl::Now() >= current_deadline) {
      return as(absl::StatusCode::kDeadlineExceeded,
                "the deadline passed while it ran");
    }
    return as(absl::StatusCode::kCancelled, "it was cancelled while it ran");
  }
  if (MayRetry(status)) return as(absl::StatusCode::kUnavailable, message);
  if (ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES) {
    return as(absl::StatusCode::kUnavailable, message);  // disk full, memory
  }
  return status;
}

bool MayRetry(const absl::Status& status) {
  switch (pg::SqlStateOf(status)) {
    case ERRCODE_LOCK_NOT_AVAILABLE:
    case ERRCODE_T_R_DEADLOCK_DETECTED:
      return true;
    case ERRCODE_T_R_SERIALIZATION_FAILURE:
      // Ours means: read it again.
      return !status.GetPayload(kReadAgain).has_value();
    default:
      return false;
  }
}

absl::Status ReadAgain(const std::string& message) {
  absl::Status status = absl::AbortedError(message);
  status.SetPayload(kReadAgain, absl::Cord("1"));
  return status;
}

absl::Status Pause(absl::Duration time) {
  const absl::Time end = absl::Now() + time;
  for (absl::Duration left = time; left > absl::ZeroDuration();
       left = end - absl::Now()) {
    const long ms = static_cast<long>(absl::ToInt64Milliseconds(left)) + 1;
    RV_RETURN_IF_ERROR(Sorted(pg::PgCall([&] {
      (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                      ms, RV_WAIT_EVENT("HealingLockPause"));
      ResetLatch(MyLatch);
      CHECK_FOR_INTERRUPTS();
    })));
  }
  return absl::OkStatus();
}

absl::Status UseShortLockTimeout() {
  return pg::PgCall([] {
    (void)set_config_option("lock_timeout", kShortLockTimeout, PGC_USERSET,
                            PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
    (void)set_config_option("deadlock_timeout", kLookWhoBlocks, PGC_SUSET,
                            PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
  });
}

AsTableOwner::AsTableOwner(uint32_t owner) {
  Oid user = InvalidOid;
  GetUserIdAndSecContext(&user, &context_);
  user_ = user;
  SetUserIdAndSecContext(owner, context_ | SECURITY_RESTRICTED_OPERATION);
  guc_level_ = NewGUCNestLevel();
}

AsTableOwner::~AsTableOwner() {
  AtEOXact_GUC(false, guc_level_);
  SetUserIdAndSecContext(user_, context_);
}

namespace {

// scope: backend. The slots that are marked, for an exit that skips objects.
constexpr int kMaxMarked = 64;
struct Marked {
  integrity::GateSlot* slot;
  uint32_t epoch;
} marked[kMaxMarked];
int marked_count = 0;

void Unmark(int, Datum) {
  while (marked_count > 0) {
    const Marked& one = marked[--marked_count];
    if (one.slot->epoch.load() == one.epoch) one.slot->no_defer.fetch_sub(1);
  }
}

}  // namespace

absl::Status NoDefer::Begin(uint32_t table) {
  static bool registered = false;  // scope: backend
  if (!registered) {
    RV_RETURN_IF_ERROR(pg::PgCall([] { before_shmem_exit(Unmark, 0); }));
    registered = true;
  }
  RV_ASSIGN_OR_RETURN(const integrity::Slots slots, integrity::SlotsOf(table));
  active_ = true;
  for (const int index : slots) {
    if (marked_count == kMaxMarked) break;
    integrity::GateSlot* slot = integrity::GateSlotAt(index);
    marked[marked_count++] = {slot, slot->epoch.load()};
    slot->no_defer.fetch_add(1);
    ConditionVariableBroadcast(&slot->changed);
  }
  return absl::OkStatus();
}

NoDefer::~NoDefer() {
  if (active_) Unmark(0, 0);
}

absl::Status SessionTableLock::Take(uint32_t table) {
  RV_ASSIGN_OR_RETURN(const bool taken, pg::PgCall([&] {
                        LOCKTAG tag;
                        SET_LOCKTAG_RELATION(tag, MyDatabaseId, table);
                        return LockAcquire(&tag, ShareUpdateExclusiveLock, true,
                                           true) != LOCKACQUIRE_NOT_AVAIL;
                      }));
  if (!taken) {
    return pg::PgError(ERRCODE_LOCK_NOT_AVAILABLE,
                       "other maintenance is at work on the table");
  }
  table_ = table;
  return absl::OkStatus();
}

SessionTableLock::~SessionTableLock() {
  if (table_ == 0) return;
  LOCKTAG tag;
  SET_LOCKTAG_RELATION(tag, MyDatabaseId, table_);
  (void)LockRelease(&tag, ShareUpdateExclusiveLock, true);
}

}  // namespace ruvector::healing
