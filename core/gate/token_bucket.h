// Throttling: a rate limit shared by all backends, and the rate it stems from.
//
// TokenBucket delays, it does not refuse at random: each caller reserves its
// place in line and is told how long to wait before it starts. One word of
// shared memory holds the whole line (the virtual scheduling form of GCRA,
// ITU-T I.371: the theoretical arrival time of the next operation), moved by
// compare-and-swap, so there is no lock to die with, and no refill to run.
//
// RateEwma is what a throttle percentage is a percentage of: the rate of
// accepted operations in the last normal period, as a moving average that
// stands still outside normal and is persisted by the worker.
//
// Sources: design.md 7.6; reference/operations-anchors.md 1 (bounded debt,
// floor above zero: CockroachDB #102817, #65955).
#ifndef RUVECTOR_CORE_GATE_TOKEN_BUCKET_H_
#define RUVECTOR_CORE_GATE_TOKEN_BUCKET_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "core/base/no_postgres.h"

namespace ruvector::gate {

// Lives in shared memory. memset to zero is a valid bucket without a limit;
// nothing needs destruction. [any-thread, any-process]
//
// Times are microseconds of one clock common to all callers; a monotonic one
// (CLOCK_MONOTONIC is, across processes of one host) is best. If it goes
// back, a line that seems longer than two max_wait is forgotten rather than
// waited for, so that a step of any size costs at most that.
class TokenBucket {
 public:
  struct Grant {
    // The place in line is yours: wait `wait_us`, then run. If false nothing
    // was reserved because the line is full (longer than max_wait); `wait_us`
    // then says when there is room.
    bool granted;
    uint64_t wait_us;
  };

  // rate_per_sec: operations per second, or <= 0 for no limit (NaN counts as
  // no limit). burst: operations that may run at once after a quiet time, at
  // least 1. max_wait_us: longest wait that is granted; no shorter than what
  // one operation takes at this rate. Callers that wait keep
  // their grants; a line that stands is rescaled to the new rate. One caller
  // at a time configures (the worker), while others acquire.
  void Configure(double rate_per_sec, double burst, uint64_t max_wait_us,
                 uint64_t now_us);

  // Takes n operations' worth, in the unit of the rate: who measures the rate
  // in statements takes 1 per statement, however many rows it has. n = 0 takes
  // nothing. A caller whose n alone is
  // more than the line can hold is let in when the line is empty, and charged
  // up to a full line.
  Grant Acquire(uint64_t now_us, uint64_t n = 1);

  // Gives back what a caller reserved and will not use (cancelled while it
  // waited). Others that wait keep their times; those who come later gain.
  void Release(uint64_t n = 1);

  // Rate in force; nullopt if there is no limit.
  std::optional<double> rate_per_sec() const;
  // Length of the line: the wait that a caller would be given now.
  uint64_t backlog_us(uint64_t now_us) const;

 private:
  // Nanoseconds on the callers' clock.
  std::atomic<uint64_t> next_ns_;
  // Bits of the double 1e9 / rate; 0: no limit.
  std::atomic<uint64_t> interval_bits_;
  std::atomic<uint64_t> burst_ns_;
  std::atomic<uint64_t> max_wait_ns_;
};
static_assert(sizeof(TokenBucket) == 32);
static_assert(std::is_trivially_destructible_v<TokenBucket>);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// Throttled operations per second: max(1, (1 - pct/100) * ewma). nullopt if
// no normal period was ever seen: then there is nothing to take a percentage
// of, and the bucket is left without a limit.
std::optional<double> ThrottledRate(std::optional<double> normal_rate,
                                    int throttle_pct);

// Moving average of a counter's rate. Plain: the worker owns it, persists
// `rate` and gives it back after a restart. [single-thread]
class RateEwma {
 public:
  RateEwma() = default;
  // From the persisted rate; nullopt or not finite: as if never seen.
  explicit RateEwma(std::optional<double> rate);

  // `count` is a counter that only grows, except at a restart: a smaller one
  // starts a new series. Outside normal (in_normal false) the average stands
  // still, and the time until the next normal observation does not count.
  // window_us is the time constant: an observation of dt weighs 1 -
  // exp(-dt/window). An observation without time between is ignored, time
  // that goes back starts a new series.
  void Observe(uint64_t now_us, uint64_t count, bool in_normal,
               uint64_t window_us);

  // Operations per second; nullopt before the first normal interval.
  std::optional<double> rate() const { return rate_; }

 private:
  struct Point {
    uint64_t at_us;
    uint64_t count;
  };
  std::optional<double> rate_;
  std::optional<Point> last_;  // start of the interval that is running
};

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_TOKEN_BUCKET_H_
