// The only way from our C++ into server code that can raise. [backend-main]
//
//   RV_ASSIGN_OR_RETURN(Relation relation, PgCall([&] {
//     return table_open(oid, AccessShareLock);
//   }));
//
// The callable runs under a sigsetjmp guard; an ERROR comes back as a Status
// that keeps SQLSTATE, DETAIL, HINT and CONTEXT (pg_status.h).
//
// An ERROR is a longjmp: it skips destructors. So the callable, and all that
// it calls, must hold no object with a destructor; capture by reference and
// return something trivially copyable. In hot loops guard a batch, not a row.
//
// A caught ERROR leaves locks, pins and SPI as they were at the throw. Either
// let it reach SqlEntry, which raises it again, or catch it around a
// PgSubXact (sub_transaction.h).
#ifndef RUVECTOR_PGEXT_BRIDGE_PG_CALL_H_
#define RUVECTOR_PGEXT_BRIDGE_PG_CALL_H_

#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ruvector::pg {

namespace internal {
// Runs fn(argument) under the guard.
absl::Status RunGuarded(void (*fn)(void*), void* argument);
}  // namespace internal

template <class F>
auto PgCall(F&& f) {
  using R = std::invoke_result_t<F&>;
  if constexpr (std::is_void_v<R>) {
    return internal::RunGuarded(
        [](void* argument) {
          (*static_cast<std::remove_reference_t<F>*>(argument))();
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  } else {
    static_assert(std::is_trivially_copyable_v<R>,
                  "a longjmp would skip the result's destructor");
    struct Frame {
      std::remove_reference_t<F>* f;
      R result;
    } frame{&f, R{}};
    absl::Status status = internal::RunGuarded(
        [](void* argument) {
          auto* frame = static_cast<Frame*>(argument);
          frame->result = (*frame->f)();
        },
        &frame);
    if (!status.ok()) return absl::StatusOr<R>(std::move(status));
    return absl::StatusOr<R>(frame.result);
  }
}

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_PG_CALL_H_
