// Commands as a client would send them, and the bounds that hold for all that
// an act does. [backend-main] Top level of a worker: no transaction is open.
#ifndef RUVECTOR_PGEXT_HEALING_ACTS_TOP_LEVEL_H_
#define RUVECTOR_PGEXT_HEALING_ACTS_TOP_LEVEL_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// For the life of an object: what runs is cancelled at `deadline`, search_path
// is pinned, and commits do not wait for standbys, which may be what is lost.
class ActBounds {
 public:
  enum Kind {
    kWithin,  // no later than what encloses it
    kLonger   // to clean up when that is over
  };
  explicit ActBounds(absl::Time deadline, Kind kind = kWithin);
  ~ActBounds();
  ActBounds(const ActBounds&) = delete;
  ActBounds& operator=(const ActBounds&) = delete;

  absl::Status status() const { return status_; }

 private:
  absl::Status status_;
  absl::Time outer_;
};

// The deadline of the innermost ActBounds; infinite without one.
absl::Time ActDeadline();

// Runs one command outside any transaction block: VACUUM, REINDEX CONCURRENTLY,
// CREATE INDEX CONCURRENTLY and the like. It waits for locks until the
// deadline.
absl::Status RunTopLevel(const std::string& command);

// Cancelled and DeadlineExceeded told apart, which share a SQLSTATE; where
// another try makes sense, Unavailable.
absl::Status Sorted(absl::Status status);

// True if a lock was not to be had, or the transaction lost against another.
bool MayRetry(const absl::Status& status);

// Aborted, as plugin_abi.h has it: the present value is another one.
absl::Status ReadAgain(const std::string& message);

// Sleeps, interruptibly.
absl::Status Pause(absl::Duration time);

// A transaction with SPI. Waits for locks until the deadline: for journals.
template <class F>
absl::Status InAct(const char* activity, F&& f) {
  return Sorted(boot::InTransaction(activity, [&]() -> absl::Status {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  }));
}

// In the running transaction: a lock that is not had at once is not waited for,
// so that users do not queue behind us.
absl::Status UseShortLockTimeout();

// The same where users could queue behind us: locks are asked for shortly, and
// the whole is tried again, with growing pauses, until the deadline. `f` may
// run several times, each in a transaction of its own.
template <class F>
absl::Status WithShortLocks(const char* activity, F&& f) {
  absl::Duration pause = absl::Milliseconds(100);
  for (;;) {
    const absl::Status status =
        InAct(activity, [&](pg::SpiSession& spi) -> absl::Status {
          RV_RETURN_IF_ERROR(UseShortLockTimeout());
          return f(spi);
        });
    if (status.ok() || !MayRetry(status)) return status;
    if (absl::Now() + pause >= ActDeadline()) return status;
    RV_RETURN_IF_ERROR(Pause(pause));
    pause = std::min(pause * 2, absl::Seconds(5));
  }
}

// As the owner of a table, in a security-restricted operation: triggers and
// functions of that owner get no right that the owner lacks.
class AsTableOwner {
 public:
  explicit AsTableOwner(uint32_t owner);
  ~AsTableOwner();
  AsTableOwner(const AsTableOwner&) = delete;
  AsTableOwner& operator=(const AsTableOwner&) = delete;

 private:
  uint32_t user_;
  int context_;
  int guc_level_;
};

// Statements that wait at the gate and hold locks on any of these tables give
// up for the life of an object (design 7.6), so that nobody waits for us while
// we wait for them.
class NoDefer {
 public:
  NoDefer() = default;
  ~NoDefer();
  NoDefer(const NoDefer&) = delete;
  NoDefer& operator=(const NoDefer&) = delete;

  // Needs a transaction. Once.
  absl::Status Begin(uint32_t table);

 private:
  bool active_ = false;
};

// A lock on a table that lasts over transactions. Top level, or within one.
class SessionTableLock {
 public:
  SessionTableLock() = default;
  ~SessionTableLock();
  SessionTableLock(const SessionTableLock&) = delete;
  SessionTableLock& operator=(const SessionTableLock&) = delete;

  // ShareUpdateExclusiveLock: keeps other maintenance away, not users. Needs a
  // transaction. Unavailable if it is not to be had shortly.
  absl::Status Take(uint32_t table);

 private:
  uint32_t table_ = 0;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_ACTS_TOP_LEVEL_H_
