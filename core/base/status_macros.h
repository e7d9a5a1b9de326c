// Early return on a failed absl::Status. [any-thread]
//
//   RV_RETURN_IF_ERROR(Load(path));
//   RV_ASSIGN_OR_RETURN(Graph graph, Build(observation));
#ifndef RUVECTOR_CORE_BASE_STATUS_MACROS_H_
#define RUVECTOR_CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RV_RETURN_IF_ERROR(expr)                              \
  do {                                                        \
    if (absl::Status rv_status_ = (expr); !rv_status_.ok()) { \
      return rv_status_;                                      \
    }                                                         \
  } while (false)

#define RV_ASSIGN_OR_RETURN(lhs, expr) \
  RV_ASSIGN_OR_RETURN_(RV_CONCAT_(rv_statusor_, __LINE__), lhs, expr)
#define RV_ASSIGN_OR_RETURN_(holder, lhs, expr) \
  auto holder = (expr);                         \
  if (!holder.ok()) return holder.status();     \
  lhs = std::move(holder).value()
#define RV_CONCAT_(a, b) RV_CONCAT_INNER_(a, b)
#define RV_CONCAT_INNER_(a, b) a##b

#endif  // RUVECTOR_CORE_BASE_STATUS_MACROS_H_
