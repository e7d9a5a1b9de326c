#include "core/strategy_host/fault.h"

#include <string>

#include "absl/strings/cord.h"

namespace ruvector::strategy_host {
namespace {

constexpr char kPayload[] = "ruvector/strategy-fault";

struct Row {
  Fault fault;
  std::string_view name;
  absl::StatusCode code;
};

constexpr Row kRows[] = {
    {Fault::kCrashed, "crashed", absl::StatusCode::kInternal},
    {Fault::kExited, "exited", absl::StatusCode::kAborted},
    {Fault::kOutOfMemory, "out_of_memory",
     absl::StatusCode::kResourceExhausted},
    {Fault::kCpuTime, "cpu_time", absl::StatusCode::kResourceExhausted},
    {Fault::kDeadline, "deadline", absl::StatusCode::kDeadlineExceeded},
    {Fault::kIgnoredStop, "ignored_stop", absl::StatusCode::kCancelled},
    {Fault::kRubbish, "rubbish", absl::StatusCode::kDataLoss},
    {Fault::kClosedPipe, "closed_pipe", absl::StatusCode::kUnavailable},
    {Fault::kForbiddenCall, "forbidden_call",
     absl::StatusCode::kPermissionDenied},
    {Fault::kBadPlan, "bad_plan", absl::StatusCode::kInvalidArgument},
    {Fault::kBeyondPlan, "beyond_plan", absl::StatusCode::kPermissionDenied},
    {Fault::kNotLoaded, "not_loaded", absl::StatusCode::kFailedPrecondition},
    {Fault::kNotAsDescribed, "not_as_described",
     absl::StatusCode::kFailedPrecondition},
};

const Row& RowOf(Fault fault) {
  for (const Row& row : kRows) {
    if (row.fault == fault) return row;
  }
  return kRows[0];
}

}  // namespace

std::string_view FaultName(Fault fault) { return RowOf(fault).name; }

absl::Status FaultStatus(Fault fault, absl::string_view message) {
  const Row& row = RowOf(fault);
  absl::Status status(row.code, message);
  status.SetPayload(kPayload, absl::Cord(absl::string_view(row.name.data(),
                                                           row.name.size())));
  return status;
}

std::optional<Fault> FaultOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  const std::string name(*payload);
  for (const Row& row : kRows) {
    if (row.name == name) return row.fault;
  }
  return std::nullopt;
}

}  // namespace ruvector::strategy_host
