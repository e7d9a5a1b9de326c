// A transaction of a healing worker with a session in it. [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_IN_SESSION_H_
#define RUVECTOR_PGEXT_HEALING_IN_SESSION_H_

#include <utility>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "pgext/boot/worker_process.h"
#include "pgext/bridge/spi.h"

namespace ruvector::healing {

// Commits when f(spi) is OK, rolls back otherwise. `activity` is shown in
// pg_stat_activity meanwhile.
template <class F>
absl::Status WithSpi(const char* activity, F&& f) {
  return boot::InTransaction(activity, [&]() -> absl::Status {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return f(spi);
  });
}

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_IN_SESSION_H_
