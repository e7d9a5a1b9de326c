// Named places where a test can make things go wrong.
//
//   absl::Status WriteIntent(...) {
//     RV_FAILPOINT("healing.intent.before_commit");
//     ...
//
// Unset, a failpoint costs one load and a predicted branch. Set, it does what
// the configuration says:
//
//   name=action[,name=action...]
//     error     returns kInternal from the enclosing function
//     kill      SIGKILL to this process: what kill -9 or the OOM killer do
//     hang      does not return while this action is configured; the
//               process looks every 10 ms and calls OnHang's callback first
//     sleep:MS  sleeps that many milliseconds, then goes on
//
// Names are string literals of [a-z0-9_.], "<module>.<thing>.<moment>"; grep
// for RV_FAILPOINT lists them all. There is no registry at run time: a
// configured name that no code has is never hit.
//
// The configuration is a pointer to text owned by somebody else (in a backend
// the GUC ruvector.failpoints), one per linked image. [any-thread] for hits;
// SetConfiguration is for one thread, and its text lives until the next call.
#ifndef RUVECTOR_CORE_BASE_FAILPOINT_H_
#define RUVECTOR_CORE_BASE_FAILPOINT_H_

#include <atomic>
#include <string_view>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "core/base/no_postgres.h"

namespace ruvector::failpoint {

// kInvalidArgument, quoting the part that is wrong, unless `configuration`
// has the form above. Empty is valid: nothing is set.
absl::Status Validate(std::string_view configuration);

// nullptr or "" turns all failpoints off. Not copied. Parts that Validate
// refuses are ignored when hit.
void SetConfiguration(const char* configuration);

// What a hanging process calls before each look at the configuration, with
// `first` at the beginning of a hang: to tell of it and to take up a changed
// configuration, which no main loop does for it now. nullptr: nothing.
using HangCallback = void (*)(std::string_view name, bool first);
void OnHang(HangCallback callback);

namespace internal {
inline std::atomic<const char*> configuration{nullptr};
absl::Status Hit(std::string_view name);
}  // namespace internal

// For places that do not return a Status: the caller handles the error.
inline absl::Status Check(std::string_view name) {
  if (ABSL_PREDICT_TRUE(
          internal::configuration.load(std::memory_order_relaxed) == nullptr)) {
    return absl::OkStatus();
  }
  return internal::Hit(name);
}

}  // namespace ruvector::failpoint

// In a function that returns absl::Status or absl::StatusOr.
#define RV_FAILPOINT(name)                                               \
  do {                                                                   \
    if (absl::Status rv_failpoint_ = ::ruvector::failpoint::Check(name); \
        ABSL_PREDICT_FALSE(!rv_failpoint_.ok())) {                       \
      return rv_failpoint_;                                              \
    }                                                                    \
  } while (false)

#endif  // RUVECTOR_CORE_BASE_FAILPOINT_H_
