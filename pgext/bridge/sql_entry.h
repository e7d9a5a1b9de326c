// How the server enters our C++. [backend-main]
//
//   RV_SQL_FUNCTION(ruvector_integrity_status) {
//     RV_ASSIGN_OR_RETURN(...);
//     return PointerGetDatum(...);
//   }
//
// defines the C function and its body, which gets `fcinfo` and returns
// absl::StatusOr<Datum>. A failed Status becomes an ERROR with its SQLSTATE,
// DETAIL and HINT, raised after every C++ frame has been left; an exception
// becomes ERRCODE_EXTERNAL_ROUTINE_EXCEPTION. For NULL, `return
// SqlNull(fcinfo)`.
//
// Hooks, callbacks and workers use RunOrRaise and RunOrLog.
#ifndef RUVECTOR_PGEXT_BRIDGE_SQL_ENTRY_H_
#define RUVECTOR_PGEXT_BRIDGE_SQL_ENTRY_H_

#include <cstddef>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"

namespace ruvector::pg {

// A failed Status as plain data. Longer texts end in "...".
struct ErrorReport {
  int sqlstate;
  char message[1024];
  char detail[6144];
  char hint[1024];
  // Names of the object it is about; empty: none.
  char schema[64];
  char table[64];
  char column[64];
  char datatype[64];
  char constraint[64];
};

namespace internal {

using SqlBody = absl::StatusOr<Datum> (*)(FunctionCallInfo);
bool RunSqlBody(SqlBody body, FunctionCallInfo fcinfo, Datum& result,
                ErrorReport& report) noexcept;

using StatusBody = absl::Status (*)(void*);
bool RunStatusBody(StatusBody body, void* argument,
                   ErrorReport& report) noexcept;

[[noreturn]] void Raise(const ErrorReport& report);
void Log(int level, const ErrorReport& report);

}  // namespace internal

inline Datum SqlNull(FunctionCallInfo fcinfo) {
  fcinfo->isnull = true;
  return Datum{0};
}

// Runs `f`, a callable that returns absl::Status, from a C callback. A
// failure is raised as ERROR. `f` and the caller's frames up to the server
// must hold no object with a destructor; what `f` creates inside is gone
// before the ERROR starts.
template <class F>
void RunOrRaise(F&& f) {
  ErrorReport report;
  if (!internal::RunStatusBody(
          [](void* argument) {
            return (*static_cast<std::remove_reference_t<F>*>(argument))();
          },
          const_cast<void*>(static_cast<const void*>(&f)), report)) {
    internal::Raise(report);
  }
}

// The same where raising is not allowed or not wanted: a failure is logged at
// `level` (below ERROR). Returns whether `f` succeeded.
template <class F>
bool RunOrLog(int level, F&& f) {
  ErrorReport report;
  if (internal::RunStatusBody(
          [](void* argument) {
            return (*static_cast<std::remove_reference_t<F>*>(argument))();
          },
          const_cast<void*>(static_cast<const void*>(&f)), report)) {
    return true;
  }
  internal::Log(level, report);
  return false;
}

}  // namespace ruvector::pg

#define RV_SQL_FUNCTION(name)                                              \
  static absl::StatusOr<Datum> name##_body(FunctionCallInfo fcinfo);       \
  extern "C" {                                                             \
  PG_FUNCTION_INFO_V1(name);                                               \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) {                               \
    ::ruvector::pg::ErrorReport report;                                    \
    Datum result = 0;                                                      \
    if (!::ruvector::pg::internal::RunSqlBody(name##_body, fcinfo, result, \
                                              report)) {                   \
      ::ruvector::pg::internal::Raise(report);                             \
    }                                                                      \
    return result;                                                         \
  }                                                                        \
  }                                                                        \
  static absl::StatusOr<Datum> name##_body(                                \
      [[maybe_unused]] FunctionCallInfo fcinfo)

#endif  // RUVECTOR_PGEXT_BRIDGE_SQL_ENTRY_H_
