// Whether, and when, a delivery is tried again. Pure. [any-thread]
#ifndef RUVECTOR_CORE_NOTIFY_RETRY_H_
#define RUVECTOR_CORE_NOTIFY_RETRY_H_

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/base/rng.h"

namespace ruvector::notify {

// An HTTP status after which the same request may succeed later: 408, 429 and
// every 5xx.
bool IsTransientStatus(int status);

// How long to wait after the given attempt (1, 2, ...) has failed: a second,
// doubled by each further attempt, at most a minute, of which chance takes away
// up to a half, so that many servers do not return together. Never less than
// `asked`, what the endpoint's Retry-After wants, up to a minute of it.
absl::Duration RetryDelay(int attempt, absl::Duration asked, Rng& rng);

}  // namespace ruvector::notify

#endif  // RUVECTOR_CORE_NOTIFY_RETRY_H_
