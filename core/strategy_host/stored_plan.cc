#include "core/strategy_host/stored_plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/strategy_host/codec.h"

namespace ruvector::strategy_host {
namespace {

absl::Status Lost(const absl::Status& why) {
  return absl::DataLossError(
      absl::StrCat("a stored plan cannot be read: ", why.message()));
}

}  // namespace

struct StoredPlan::Parts {
  Parts(wire::Request wire_request, sdk::Plan decoded)
      : request(std::move(wire_request)), plan(std::move(decoded)) {
    view = plan.View();
  }
  OwnedRequest request;
  sdk::Plan plan;
  const ruvector_plan* view = nullptr;
};

absl::StatusOr<std::string> EncodeStoredPlan(
    const ruvector_plan_request& request, size_t parameter_count,
    const ruvector_plan& plan) {
  wire::Execute execute;
  RV_RETURN_IF_ERROR(
      EncodeRequest(&request, parameter_count, execute.mutable_request()));
  RV_RETURN_IF_ERROR(EncodePlan(&plan, execute.mutable_plan()));
  std::string bytes;
  if (!execute.SerializeToString(&bytes)) {
    return absl::InternalError("a plan cannot be serialised");
  }
  return bytes;
}

absl::StatusOr<StoredPlan> StoredPlan::Decode(std::string_view bytes) {
  wire::Execute execute;
  if (!execute.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Lost(absl::DataLossError("not a message"));
  }
  const absl::Status sound = OwnedRequest::Check(execute.request());
  if (!sound.ok()) return Lost(sound);
  absl::StatusOr<sdk::Plan> plan = DecodePlan(execute.plan());
  if (!plan.ok()) return Lost(plan.status());
  return StoredPlan(
      std::make_unique<Parts>(execute.request(), *std::move(plan)));
}

StoredPlan::StoredPlan(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
StoredPlan::StoredPlan(StoredPlan&&) noexcept = default;
StoredPlan& StoredPlan::operator=(StoredPlan&&) noexcept = default;
StoredPlan::~StoredPlan() = default;

const ruvector_plan_request& StoredPlan::request() const {
  return *parts_->request.get();
}
const ruvector_plan& StoredPlan::plan() const { return *parts_->view; }
size_t StoredPlan::parameter_count() const {
  return parts_->request.parameter_count();
}

}  // namespace ruvector::strategy_host
