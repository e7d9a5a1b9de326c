#include "core/notify/retry.h"

#include <algorithm>

namespace ruvector::notify {
namespace {

constexpr absl::Duration kFirst = absl::Seconds(1);
constexpr absl::Duration kMost = absl::Minutes(1);
constexpr int kDoublings = 6;  // 64 s are past the most

}  // namespace

bool IsTransientStatus(int status) {
  return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

absl::Duration RetryDelay(int attempt, absl::Duration asked, Rng& rng) {
  const int doublings = std::clamp(attempt - 1, 0, kDoublings);
  const absl::Duration full = std::min(kFirst * (1 << doublings), kMost);
  return std::max(full * (1.0 - 0.5 * rng.Uniform()), std::min(asked, kMost));
}

}  // namespace ruvector::notify
