#include "tools/verify/verdict.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/audit/keys.h"
#include "core/audit/types.h"

namespace ruvector::audit {
namespace {

// Members in the order they are set.
using Json = nlohmann::ordered_json;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

std::string OrDash(const std::optional<uint64_t>& value) {
  return value.has_value() ? absl::StrCat(*value) : "-";
}

void AddRow(absl::string_view name, absl::string_view value,
            std::string* text) {
  absl::StrAppendFormat(text, "  %-18s %s\n", name, value);
}

Json FaultJson(const ExportFault& fault) {
  return {{"kind", fault.kind},
          {"sequence", OrNull(fault.sequence)},
          {"line", OrNull(fault.line)},
          {"detail", fault.detail}};
}

Json TimeJson(const std::optional<int64_t>& us) {
  return us.has_value() ? Json(FormatTimeUs(*us)) : Json(nullptr);
}

Json Parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

// A text that is not quite UTF-8 must not end the program.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string FormatVerdict(const ExportReport& report) {
  std::string text =
      report.ok()
          ? "VERIFIED\n"
          : absl::StrCat("NOT VERIFIED: ", report.fault_count,
                         report.fault_count == 1 ? " fault\n" : " faults\n");
  if (report.log_id.has_value()) {
    AddRow("log", ToHex(*report.log_id), &text);
    AddRow("sequences",
           absl::StrCat(report.start, " up to, not including, ", report.size),
           &text);
  }
  AddRow("events verified", absl::StrCat(report.events_verified), &text);
  AddRow("events pruned", absl::StrCat(report.events_pruned), &text);
  AddRow("checkpoints",
         absl::StrCat(report.checkpoints_verified, " in the file, ",
                      report.anchors_verified, " given"),
         &text);
  if (report.first_us.has_value() && report.last_us.has_value()) {
    AddRow("time range",
           absl::StrCat(FormatTimeUs(*report.first_us), " to ",
                        FormatTimeUs(*report.last_us)),
           &text);
  }
  AddRow("clock steps back", absl::StrCat(report.clock_steps_back), &text);
  for (const auto& [key, events] : report.events_by_key) {
    AddRow("key", absl::StrCat(key, ", ", events, " events"), &text);
  }
  for (const ExportFault& fault : report.faults) {
    absl::StrAppend(&text, "fault ", fault.kind, ", event ",
                    OrDash(fault.sequence), ", line ", OrDash(fault.line), ": ",
                    fault.detail, "\n");
  }
  if (report.fault_count > report.faults.size()) {
    absl::StrAppend(&text, "and ", report.fault_count - report.faults.size(),
                    " more\n");
  }
  return text;
}

std::string FormatVerdictJson(const ExportReport& report) {
  Json faults = Json::array();
  for (const ExportFault& fault : report.faults) {
    faults.push_back(FaultJson(fault));
  }
  Json keys = Json::object();
  for (const auto& [key, events] : report.events_by_key) keys[key] = events;
  const Json json = {
      {"verified", report.ok()},
      {"log_id",
       report.log_id.has_value() ? Json(ToHex(*report.log_id)) : Json(nullptr)},
      {"start", report.start},
      {"size", report.size},
      {"events_verified", report.events_verified},
      {"events_pruned", report.events_pruned},
      {"checkpoints_verified", report.checkpoints_verified},
      {"given_checkpoints_verified", report.anchors_verified},
      {"first_time", TimeJson(report.first_us)},
      {"last_time", TimeJson(report.last_us)},
      {"clock_steps_back", report.clock_steps_back},
      {"keys", keys},
      {"fault_count", report.fault_count},
      {"faults", faults},
  };
  return Dump(json) + "\n";
}

std::string FormatProof(bool verified, const std::string& detail) {
  return absl::StrCat(verified ? "VERIFIED: " : "NOT VERIFIED: ", detail, "\n");
}

std::string FormatProofJson(bool verified, const std::string& detail) {
  return Dump({{"verified", verified}, {"detail", detail}}) + "\n";
}

std::string FormatEventJson(const Event& event) {
  Json json = {{"sequence", event.sequence},
               {"created_at", FormatTimeUs(event.created_at_us)},
               {"event_type", event.event_type}};
  const auto add_number = [&](const char* name, const auto& value) {
    if (value.has_value()) json[name] = *value;
  };
  const auto add_text = [&](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = value;
  };
  add_number("collection_id", event.collection_id);
  add_text("collection_name", event.collection_name);
  add_text("previous_state", event.previous_state);
  add_text("new_state", event.new_state);
  add_number("lambda_cut", event.lambda_cut);
  add_number("lambda_norm", event.lambda_norm);
  add_number("lambda2", event.lambda2);
  if (!event.witness_edges_json.empty()) {
    json["witness_edges"] = Parsed(event.witness_edges_json);
  }
  if (!event.metadata_json.empty()) {
    json["metadata"] = Parsed(event.metadata_json);
  }
  if (event.pruned.has_value()) {
    json["pruned"] = {{"begin", event.pruned->begin},
                      {"end", event.pruned->end}};
  }
  json["signer"] = event.signer_id;
  return Dump(json) + "\n";
}

}  // namespace ruvector::audit
