// Between the structs of plugin_abi.h and the messages of wire.proto. Both
// directions hold the same rules, so nothing malformed leaves or enters either
// process:
//
//   - texts are UTF-8 without NUL, of at most kMaxTextBytes; a NULL text, a
//     struct that is too short or an array that is missing is refused
//   - numbers are finite; where the interface allows "unknown" (NaN) or
//     "unlimited" (infinity), the field is absent
//   - enumerators are known ones; an undo has no undo; argument names are
//     unique; counts stay within the limits below
//   - no message holds a field that wire.proto does not list
//
// Whether a plan is one that its strategy may make is plan_check.h's question.
// Errors: InvalidArgument that names the field; ResourceExhausted beyond a
// limit. [any-thread]
#ifndef RUVECTOR_CORE_STRATEGY_HOST_CODEC_H_
#define RUVECTOR_CORE_STRATEGY_HOST_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"
#include "core/strategy_host/wire.pb.h"

namespace ruvector::strategy_host {

inline constexpr size_t kMaxTextBytes = 65536;
inline constexpr size_t kMaxMessageBytes = 1024;  // of errors and of the log
inline constexpr size_t kMaxActions = 10000;
inline constexpr size_t kMaxArguments = 16;
inline constexpr size_t kMaxSubjects = 10000;
inline constexpr size_t kMaxMetrics = 200000;
inline constexpr size_t kMaxParameters = 1024;

absl::Status EncodeText(const char* field, const char* text, std::string* out);
absl::Status DecodeText(const char* field, const std::string& text);

absl::Status EncodeValue(const char* field, const ruvector_value& value,
                         wire::Value* out);
absl::StatusOr<sdk::Value> DecodeValue(const char* field,
                                       const wire::Value& value);

absl::Status EncodeAction(const ruvector_action* action, wire::Action* out);
absl::StatusOr<sdk::Action> DecodeAction(const wire::Action& action);

absl::Status EncodePlan(const ruvector_plan* plan, wire::Plan* out);
absl::StatusOr<sdk::Plan> DecodePlan(const wire::Plan& plan);

// `parameter_count` as the strategy declares: the request does not say.
absl::Status EncodeRequest(const ruvector_plan_request* request,
                           size_t parameter_count, wire::Request* out);

// A decoded request and what it points to.
class OwnedRequest {
 public:
  static absl::Status Check(const wire::Request& request);
  // REQUIRES: Check(request) is OK.
  explicit OwnedRequest(wire::Request request);
  OwnedRequest(const OwnedRequest&) = delete;

  const ruvector_plan_request* get() const { return &view_; }
  size_t parameter_count() const { return parameters_.size(); }

 private:
  const wire::Request request_;
  std::vector<ruvector_subject> subjects_;
  std::vector<ruvector_metric> metrics_;
  std::vector<ruvector_value> parameters_;
  ruvector_problem problem_;
  ruvector_plan_request view_;
};

// A ruvector_code that plugin_abi.h lists.
bool IsCode(int64_t code);
// The ruvector_code of a status; those that have none are RUVECTOR_INTERNAL.
int32_t CodeOf(const absl::Status& status);

// A message is made text and cut; an unknown code becomes RUVECTOR_INTERNAL.
wire::Result MakeResult(int32_t code, const std::string& message);
absl::Status CheckResult(const wire::Result& result);
// REQUIRES: CheckResult(result) is OK. The code and message of a result.
absl::Status StatusOf(const wire::Result& result);

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_CODEC_H_
