#include "core/kubernetes/request.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "core/base/status_macros.h"
#include "core/notify/webhook_url.h"
#include "nlohmann/json.hpp"

namespace ruvector::kubernetes {
namespace {

using nlohmann::json;

constexpr std::string_view kEffects[] = {"none", "done", "unknown"};
constexpr std::string_view kPhases[] = {"reading", "writing", "waiting"};
constexpr int64_t kMostMs = int64_t{7} * 24 * 3600 * 1000;
constexpr int kCodes = 17;  // of absl::StatusCode

std::string Line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
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

absl::Status Read(const json& object, const char* name, bool& out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_boolean()) return Wrong(name);
  out = found->get<bool>();
  return absl::OkStatus();
}

absl::Status Read(const json& object, const char* name, int64_t& out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return Wrong(name);
  out = found->get<int64_t>();
  return absl::OkStatus();
}

absl::Status Read(const json& object, const char* name,
                  std::optional<int64_t>& out) {
  const auto found = object.find(name);
  if (found == object.end()) return Wrong(name);
  if (found->is_null()) return absl::OkStatus();
  return Read(object, name, out.emplace());
}

template <typename E, size_t N>
absl::Status ReadEnum(const json& object, const char* name,
                      const std::string_view (&names)[N], E& out) {
  std::string text;
  RV_RETURN_IF_ERROR(Read(object, name, text));
  const auto found = std::find(std::begin(names), std::end(names), text);
  if (found == std::end(names)) return Wrong(name);
  out = static_cast<E>(found - std::begin(names));
  return absl::OkStatus();
}

json Nullable(const std::optional<int64_t>& value) {
  return value.has_value() ? json(*value) : json(nullptr);
}

absl::StatusOr<json> Parse(std::string_view line) {
  json object = json::parse(line.begin(), line.end(), nullptr, false);
  if (object.is_object()) return object;
  return absl::InvalidArgumentError("expected a line with a JSON object");
}

absl::StatusOr<ScaleOutcome> DecodeOutcome(const json& object) {
  int64_t code = 0;
  std::string message;
  ScaleOutcome outcome;
  RV_RETURN_IF_ERROR(Read(object, "code", code));
  RV_RETURN_IF_ERROR(Read(object, "message", message));
  RV_RETURN_IF_ERROR(ReadEnum(object, "effect", kEffects, outcome.effect));
  RV_RETURN_IF_ERROR(Read(object, "previous", outcome.previous));
  RV_RETURN_IF_ERROR(Read(object, "requested", outcome.requested));
  if (code < 0 || code >= kCodes) return Wrong("code");
  outcome.status = absl::Status(static_cast<absl::StatusCode>(code), message);
  std::optional<int64_t> desired;
  RV_RETURN_IF_ERROR(Read(object, "desired", desired));
  if (!desired.has_value()) return outcome;
  ReplicaStatus& replicas = outcome.replicas.emplace();
  replicas.desired = *desired;
  RV_RETURN_IF_ERROR(Read(object, "current", replicas.current));
  RV_RETURN_IF_ERROR(Read(object, "ready", replicas.ready));
  RV_RETURN_IF_ERROR(Read(object, "observed", replicas.observed));
  return outcome;
}

}  // namespace

std::string_view EffectName(Effect effect) {
  return kEffects[static_cast<size_t>(effect)];
}

std::string_view PhaseName(Progress::Phase phase) {
  return kPhases[static_cast<size_t>(phase)];
}

absl::Status CheckAccess(const Access& access) {
  const std::string& server = access.server;
  if (!absl::StartsWith(server, "https://") ||
      !notify::UrlObjection(server).empty() ||
      server.find('?') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the URL of the Kubernetes API server must be https://host[:port], "
        "without user, query and fragment");
  }
  if (access.credentials.empty()) {
    return absl::InvalidArgumentError(
        "the directory of the Kubernetes credentials is empty");
  }
  return absl::OkStatus();
}

std::string EncodeRequest(const Request& request) {
  json object = {{"operation", request.scale.has_value() ? "scale" : "get"},
                 {"server", request.access.server},
                 {"credentials", request.access.credentials},
                 {"object", ToText(request.object)},
                 {"timeout_ms", absl::ToInt64Milliseconds(request.timeout)}};
  if (request.scale.has_value()) {
    object["expected"] = request.scale->expected;
    object["requested"] = request.scale->requested;
    object["wait_ready"] = request.scale->wait_ready;
  }
  return Line(object);
}

std::string EncodeProgress(const Progress& progress) {
  return Line({{"phase", PhaseName(progress.phase)},
               {"effect", EffectName(progress.effect)},
               {"previous", Nullable(progress.previous)},
               {"ready", Nullable(progress.ready)}});
}

std::string EncodeOutcome(const ScaleOutcome& outcome) {
  json object = {{"code", static_cast<int>(outcome.status.code())},
                 {"message", std::string(outcome.status.message())},
                 {"effect", EffectName(outcome.effect)},
                 {"previous", Nullable(outcome.previous)},
                 {"requested", outcome.requested},
                 {"desired", nullptr}};
  if (outcome.replicas.has_value()) {
    object["desired"] = outcome.replicas->desired;
    object["current"] = outcome.replicas->current;
    object["ready"] = outcome.replicas->ready;
    object["observed"] = outcome.replicas->observed;
  }
  return Line(object);
}

absl::StatusOr<Request> DecodeRequest(std::string_view line) {
  RV_ASSIGN_OR_RETURN(const json object, Parse(line));
  Request request;
  std::string operation;
  std::string name;
  int64_t timeout_ms = 0;
  RV_RETURN_IF_ERROR(Read(object, "operation", operation));
  RV_RETURN_IF_ERROR(Read(object, "server", request.access.server));
  RV_RETURN_IF_ERROR(Read(object, "credentials", request.access.credentials));
  RV_RETURN_IF_ERROR(Read(object, "object", name));
  RV_RETURN_IF_ERROR(Read(object, "timeout_ms", timeout_ms));
  RV_RETURN_IF_ERROR(CheckAccess(request.access));
  if (timeout_ms < 1 || timeout_ms > kMostMs) return Wrong("timeout_ms");
  request.timeout = absl::Milliseconds(timeout_ms);
  RV_ASSIGN_OR_RETURN(request.object, ParseObjectRef(name));
  if (operation == "get") return request;
  if (operation != "scale") return Wrong("operation");
  ScaleRequest& scale = request.scale.emplace();
  scale.object = request.object;
  RV_RETURN_IF_ERROR(Read(object, "expected", scale.expected));
  RV_RETURN_IF_ERROR(Read(object, "requested", scale.requested));
  RV_RETURN_IF_ERROR(Read(object, "wait_ready", scale.wait_ready));
  RV_RETURN_IF_ERROR(CheckReplicas(scale.object.kind, scale.expected));
  RV_RETURN_IF_ERROR(CheckReplicas(scale.object.kind, scale.requested));
  return request;
}

absl::StatusOr<Reply> DecodeReply(std::string_view line) {
  RV_ASSIGN_OR_RETURN(const json object, Parse(line));
  Reply reply;
  if (object.contains("phase")) {
    Progress& progress = reply.progress.emplace();
    RV_RETURN_IF_ERROR(ReadEnum(object, "phase", kPhases, progress.phase));
    RV_RETURN_IF_ERROR(ReadEnum(object, "effect", kEffects, progress.effect));
    RV_RETURN_IF_ERROR(Read(object, "previous", progress.previous));
    RV_RETURN_IF_ERROR(Read(object, "ready", progress.ready));
    return reply;
  }
  RV_ASSIGN_OR_RETURN(reply.outcome, DecodeOutcome(object));
  return reply;
}

}  // namespace ruvector::kubernetes
