// A plan with the request that it answers, as bytes: what a table keeps between
// the planning of a remediation and its execution in another process.
//
// The same codec and the same strictness as on the socket (codec.h). No
// protobuf header, so that the server's may follow.
#ifndef RUVECTOR_CORE_STRATEGY_HOST_STORED_PLAN_H_
#define RUVECTOR_CORE_STRATEGY_HOST_STORED_PLAN_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::strategy_host {

// InvalidArgument or ResourceExhausted as codec.h has it. [any-thread]
absl::StatusOr<std::string> EncodeStoredPlan(
    const ruvector_plan_request& request, size_t parameter_count,
    const ruvector_plan& plan);

// A decoded one, and what it points to. [single-thread]
class StoredPlan {
 public:
  // DataLoss for what EncodeStoredPlan has not written.
  static absl::StatusOr<StoredPlan> Decode(std::string_view bytes);
  StoredPlan(StoredPlan&&) noexcept;
  StoredPlan& operator=(StoredPlan&&) noexcept;
  ~StoredPlan();

  // Valid as long as this object.
  const ruvector_plan_request& request() const;
  const ruvector_plan& plan() const;
  size_t parameter_count() const;

 private:
  struct Parts;
  explicit StoredPlan(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_STORED_PLAN_H_
