#include "core/notify/webhook_protocol.h"

#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace ruvector::notify {
namespace {

using nlohmann::json;

std::string Line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<json> Parse(std::string_view line) {
  json object = json::parse(line.begin(), line.end(), nullptr, false);
  if (object.is_object()) return object;
  return absl::InvalidArgumentError("expected a line with a JSON object");
}

absl::Status Wrong(const char* name) {
  return absl::InvalidArgumentError(std::string("member \"") + name +
                                    "\" is missing or of another type");
}

absl::Status Read(const json& object, const char* name, std::string& out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return Wrong(name);
  out = found->get<std::string>();
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadInt(const json& object, const char* name, T& out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return Wrong(name);
  out = found->get<T>();
  return absl::OkStatus();
}

}  // namespace

std::string EncodeRequest(const WebhookRequest& request) {
  return Line({{"id", request.id},
               {"delivery", request.delivery},
               {"url", request.url},
               {"body", request.body},
               {"attempts", request.attempts},
               {"timeout_ms", request.timeout_ms}});
}

std::string EncodeOutcome(const WebhookOutcome& outcome) {
  return Line({{"id", outcome.id},
               {"ok", outcome.ok},
               {"status", outcome.status.has_value() ? json(*outcome.status)
                                                     : json(nullptr)},
               {"attempts", outcome.attempts},
               {"at_us", outcome.at_us},
               {"error", outcome.error}});
}

absl::StatusOr<WebhookRequest> DecodeRequest(std::string_view line) {
  RV_ASSIGN_OR_RETURN(const json object, Parse(line));
  WebhookRequest request;
  RV_RETURN_IF_ERROR(ReadInt(object, "id", request.id));
  RV_RETURN_IF_ERROR(Read(object, "delivery", request.delivery));
  RV_RETURN_IF_ERROR(Read(object, "url", request.url));
  RV_RETURN_IF_ERROR(Read(object, "body", request.body));
  RV_RETURN_IF_ERROR(ReadInt(object, "attempts", request.attempts));
  RV_RETURN_IF_ERROR(ReadInt(object, "timeout_ms", request.timeout_ms));
  if (request.attempts < 1) return Wrong("attempts");
  if (request.timeout_ms < 1) return Wrong("timeout_ms");
  return request;
}

absl::StatusOr<WebhookOutcome> DecodeOutcome(std::string_view line) {
  RV_ASSIGN_OR_RETURN(const json object, Parse(line));
  WebhookOutcome outcome;
  RV_RETURN_IF_ERROR(ReadInt(object, "id", outcome.id));
  RV_RETURN_IF_ERROR(ReadInt(object, "attempts", outcome.attempts));
  RV_RETURN_IF_ERROR(ReadInt(object, "at_us", outcome.at_us));
  RV_RETURN_IF_ERROR(Read(object, "error", outcome.error));
  const auto ok = object.find("ok");
  if (ok == object.end() || !ok->is_boolean()) return Wrong("ok");
  outcome.ok = ok->get<bool>();
  const auto status = object.find("status");
  if (status == object.end()) return Wrong("status");
  if (!status->is_null()) {
    RV_RETURN_IF_ERROR(ReadInt(object, "status", outcome.status.emplace()));
  }
  return outcome;
}

std::optional<std::string> LineBuffer::Next() {
  const size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

}  // namespace ruvector::notify
