#include "core/gate/token_bucket.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace ruvector::gate {
namespace {

constexpr uint64_t kNsPerUs = 1000;
constexpr double kNsPerSecond = 1e9;
constexpr double kUsPerSecond = 1e6;
// Keeps every sum of a time and two waits inside 64 bits: 146 years each.
constexpr uint64_t kMaxNs = std::numeric_limits<uint64_t>::max() / 4;

constexpr auto kRelaxed = std::memory_order_relaxed;

uint64_t BitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

double FromBits(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint64_t ToNs(uint64_t us) {
  return us > kMaxNs / kNsPerUs ? kMaxNs : us * kNsPerUs;
}

// Up, so that nobody runs before its time.
uint64_t ToUs(uint64_t ns) { return (ns + kNsPerUs - 1) / kNsPerUs; }

// What n operations cost: at least 1 ns, at most a full line.
uint64_t Cost(uint64_t n, double interval_ns, uint64_t max_wait_ns) {
  const double cost = std::round(static_cast<double>(n) * interval_ns);
  if (cost >= static_cast<double>(max_wait_ns)) {
    return max_wait_ns;
  }
  return std::max<uint64_t>(static_cast<uint64_t>(cost), 1);
}

// When the next operation could start, from the stored word: an idle bucket
// has saved up its burst, an impossibly long line comes from another clock.
uint64_t StartOf(uint64_t next_ns, uint64_t now_ns, uint64_t burst_ns,
                 uint64_t max_wait_ns) {
  if (next_ns > now_ns + 2 * max_wait_ns) return now_ns;
  return std::max(next_ns, now_ns > burst_ns ? now_ns - burst_ns : 0);
}

}  // namespace

void TokenBucket::Configure(double rate_per_sec, double burst,
                            uint64_t max_wait_us, uint64_t now_us) {
  const uint64_t now_ns = ToNs(now_us);
  if (!(rate_per_sec > 0)) {
    interval_bits_.store(0, kRelaxed);
    next_ns_.store(0, kRelaxed);
    return;
  }
  const double old_interval = FromBits(interval_bits_.load(kRelaxed));
  const double interval = kNsPerSecond / rate_per_sec;
  const double saved = (std::max(burst, 1.0) - 1) * interval;
  burst_ns_.store(
      static_cast<uint64_t>(std::min(saved, static_cast<double>(kMaxNs))),
      kRelaxed);
  const double longest =
      std::max(static_cast<double>(ToNs(max_wait_us)), interval);
  const auto max_wait_ns =
      static_cast<uint64_t>(std::min(longest, static_cast<double>(kMaxNs / 4)));
  max_wait_ns_.store(max_wait_ns, kRelaxed);
  interval_bits_.store(BitsOf(interval), kRelaxed);

  uint64_t old_next = next_ns_.load(kRelaxed);
  uint64_t new_next;
  do {
    if (old_interval <= 0 || old_next <= now_ns) return;
    const double line =
        static_cast<double>(old_next - now_ns) * (interval / old_interval);
    new_next = now_ns + static_cast<uint64_t>(
                            std::min(line, static_cast<double>(max_wait_ns)));
  } while (!next_ns_.compare_exchange_weak(old_next, new_next, kRelaxed));
}

TokenBucket::Grant TokenBucket::Acquire(uint64_t now_us, uint64_t n) {
  const double interval = FromBits(interval_bits_.load(kRelaxed));
  if (!(interval > 0) || n == 0) return {true, 0};
  const uint64_t now_ns = ToNs(now_us);
  const uint64_t burst_ns = burst_ns_.load(kRelaxed);
  const uint64_t max_wait_ns = max_wait_ns_.load(kRelaxed);
  const uint64_t cost = Cost(n, interval, max_wait_ns);
  uint64_t old_next = next_ns_.load(kRelaxed);
  uint64_t wait_ns, new_next;
  do {
    const uint64_t start = StartOf(old_next, now_ns, burst_ns, max_wait_ns);
    const uint64_t line_end = now_ns + max_wait_ns;
    wait_ns = start > now_ns ? start - now_ns : 0;
    new_next = start + cost;
    if (wait_ns > 0 && new_next > line_end) {
      return {false, ToUs(new_next - line_end)};
    }
    new_next = std::min(new_next, line_end);
  } while (!next_ns_.compare_exchange_weak(old_next, new_next, kRelaxed));
  return {true, ToUs(wait_ns)};
}

void TokenBucket::Release(uint64_t n) {
  const double interval = FromBits(interval_bits_.load(kRelaxed));
  if (!(interval > 0) || n == 0) return;
  const uint64_t cost = Cost(n, interval, max_wait_ns_.load(kRelaxed));
  uint64_t old_next = next_ns_.load(kRelaxed);
  while (!next_ns_.compare_exchange_weak(
      old_next, old_next - std::min(old_next, cost), kRelaxed)) {
  }
}

std::optional<double> TokenBucket::rate_per_sec() const {
  const double interval = FromBits(interval_bits_.load(kRelaxed));
  if (!(interval > 0)) return std::nullopt;
  return kNsPerSecond / interval;
}

uint64_t TokenBucket::backlog_us(uint64_t now_us) const {
  const uint64_t now_ns = ToNs(now_us);
  const uint64_t start =
      StartOf(next_ns_.load(kRelaxed), now_ns, burst_ns_.load(kRelaxed),
              max_wait_ns_.load(kRelaxed));
  return start > now_ns ? ToUs(start - now_ns) : 0;
}

std::optional<double> ThrottledRate(std::optional<double> normal_rate,
                                    int throttle_pct) {
  if (!normal_rate.has_value() || !std::isfinite(*normal_rate)) {
    return std::nullopt;
  }
  const double share = 1 - std::clamp(throttle_pct, 0, 100) / 100.0;
  return std::max(1.0, share * *normal_rate);
}

RateEwma::RateEwma(std::optional<double> rate) {
  if (rate.has_value() && std::isfinite(*rate) && *rate >= 0) rate_ = rate;
}

void RateEwma::Observe(uint64_t now_us, uint64_t count, bool in_normal,
                       uint64_t window_us) {
  if (!in_normal) {
    last_.reset();
    return;
  }
  if (!last_.has_value() || now_us < last_->at_us || count < last_->count) {
    last_ = Point{now_us, count};
    return;
  }
  if (now_us == last_->at_us) return;
  const double dt = static_cast<double>(now_us - last_->at_us);
  const double rate =
      static_cast<double>(count - last_->count) * kUsPerSecond / dt;
  const double weight = rate_.has_value() && window_us > 0
                            ? -std::expm1(-dt / static_cast<double>(window_us))
                            : 1.0;
  rate_ = rate_.value_or(0) + weight * (rate - rate_.value_or(0));
  last_ = Point{now_us, count};
}

}  // namespace ruvector::gate
