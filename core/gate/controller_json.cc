// EncodeControllerState, DecodeControllerState.
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/document/json_check.h"
#include "core/gate/controller.h"
#include "nlohmann/json.hpp"

namespace ruvector::gate {
namespace {

using nlohmann::json;

json Write(const std::optional<absl::Time>& time) {
  return time.has_value() ? json(absl::ToUnixMicros(*time)) : json(nullptr);
}

absl::Status Broken(const char* member, const char* expected) {
  return absl::DataLossError(absl::StrFormat(
      "controller state, \"%s\": expected %s", member, expected));
}

absl::Status Read(const json& object, const char* member, bool& out) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_boolean()) {
    return Broken(member, "a boolean");
  }
  out = found->get<bool>();
  return absl::OkStatus();
}

absl::Status Read(const json& object, const char* member, int64_t& out) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number_integer()) {
    return Broken(member, "an integer");
  }
  out = found->get<int64_t>();
  return absl::OkStatus();
}

absl::Status Read(const json& object, const char* member, State& out) {
  const auto found = object.find(member);
  if (found != object.end() && found->is_string()) {
    if (const auto state = ParseState(found->get_ref<const std::string&>())) {
      out = *state;
      return absl::OkStatus();
    }
  }
  return Broken(member, "a state");
}

absl::Status Read(const json& object, const char* member, absl::Time& out) {
  int64_t micros = 0;
  RV_RETURN_IF_ERROR(Read(object, member, micros));
  out = absl::FromUnixMicros(micros);
  return absl::OkStatus();
}

absl::Status Read(const json& object, const char* member, Override& out) {
  const json& manual = *object.find(member);
  if (!manual.is_object()) return Broken(member, "an object");
  RV_RETURN_IF_ERROR(Read(manual, "state", out.state));
  RV_RETURN_IF_ERROR(Read(manual, "until", out.until));
  const auto reason = manual.find("reason");
  if (reason == manual.end() || !reason->is_string()) {
    return Broken("reason", "a text");
  }
  out.reason = reason->get<std::string>();
  return absl::OkStatus();
}

template <typename T>
absl::Status Read(const json& object, const char* member,
                  std::optional<T>& out) {
  const auto found = object.find(member);
  if (found == object.end()) return Broken(member, "a value or null");
  out.reset();
  if (found->is_null()) return absl::OkStatus();
  T value;
  RV_RETURN_IF_ERROR(Read(object, member, value));
  out = value;
  return absl::OkStatus();
}

}  // namespace

std::string EncodeControllerState(const ControllerState& state) {
  json manual = nullptr;
  if (state.manual.has_value()) {
    manual = {{"state", StateName(state.manual->state)},
              {"reason", state.manual->reason},
              {"until", Write(state.manual->until)}};
  }
  const json object = {{"state", StateName(state.state)},
                       {"degrade_count", state.degrade_count},
                       {"critical_count", state.critical_count},
                       {"hold_since", Write(state.hold_since)},
                       {"cooldown_until", Write(state.cooldown_until)},
                       {"last_transition", Write(state.last_transition)},
                       {"last_sample", Write(state.last_sample)},
                       {"last_fresh", Write(state.last_fresh)},
                       {"stale", state.stale},
                       {"approaching", state.approaching},
                       {"override", std::move(manual)}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<ControllerState> DecodeControllerState(std::string_view text) {
  if (absl::Status checked = document::CheckJson(text, "controller state");
      !checked.ok()) {
    return absl::DataLossError(checked.message());
  }
  const json object = json::parse(text.begin(), text.end(), nullptr,
                                  /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::DataLossError("controller state: expected a JSON object");
  }
  ControllerState state;
  RV_RETURN_IF_ERROR(Read(object, "state", state.state));
  RV_RETURN_IF_ERROR(Read(object, "degrade_count", state.degrade_count));
  RV_RETURN_IF_ERROR(Read(object, "critical_count", state.critical_count));
  RV_RETURN_IF_ERROR(Read(object, "hold_since", state.hold_since));
  RV_RETURN_IF_ERROR(Read(object, "cooldown_until", state.cooldown_until));
  RV_RETURN_IF_ERROR(Read(object, "last_transition", state.last_transition));
  RV_RETURN_IF_ERROR(Read(object, "last_sample", state.last_sample));
  RV_RETURN_IF_ERROR(Read(object, "last_fresh", state.last_fresh));
  RV_RETURN_IF_ERROR(Read(object, "stale", state.stale));
  RV_RETURN_IF_ERROR(Read(object, "approaching", state.approaching));
  RV_RETURN_IF_ERROR(Read(object, "override", state.manual));
  return state;
}

}  // namespace ruvector::gate
