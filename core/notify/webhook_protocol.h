// What the integrity worker and ruvector-webhook say to each other: one JSON
// object per line over a socket, requests one way, outcomes the other.
//
//   {"id":7,"delivery":"1763712000000000-7","url":"https://...",
//    "body":"{...}","attempts":5,"timeout_ms":10000}
//   {"id":7,"ok":true,"status":200,"attempts":3,"at_us":1763712003000000,
//    "error":""}
//
// An outcome does not repeat the URL: who asked knows it, and it can be a
// secret. Both ends trust each other, so what does not decode is a bug and
// ends the helper. [any-thread]
#ifndef RUVECTOR_CORE_NOTIFY_WEBHOOK_PROTOCOL_H_
#define RUVECTOR_CORE_NOTIFY_WEBHOOK_PROTOCOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"

namespace ruvector::notify {

struct WebhookRequest {
  int64_t id = 0;        // of this conversation
  std::string delivery;  // X-Ruvector-Delivery: the same over all attempts
  std::string url;
  std::string body;    // JSON, sent as it is
  int attempts = 1;    // at most, >= 1
  int timeout_ms = 1;  // of one attempt, connecting included, >= 1
};

// The end of a delivery.
struct WebhookOutcome {
  int64_t id = 0;
  bool ok = false;            // the endpoint answered 2xx
  std::optional<int> status;  // of the last attempt; nullopt: no answer came
  int attempts = 0;
  int64_t at_us = 0;  // end of the last attempt, Unix time
  std::string error;  // of the last attempt; empty when ok
};

// One line each, with the newline.
std::string EncodeRequest(const WebhookRequest& request);
std::string EncodeOutcome(const WebhookOutcome& outcome);

// Of one line without the newline. kInvalidArgument, quoting nothing of it.
absl::StatusOr<WebhookRequest> DecodeRequest(std::string_view line);
absl::StatusOr<WebhookOutcome> DecodeOutcome(std::string_view line);

// Cuts a stream into lines. [single-thread]
class LineBuffer {
 public:
  void Append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole line, without its end; nullopt until it has come.
  std::optional<std::string> Next();
  // Bytes of a line that is not whole yet.
  size_t waiting() const { return buffer_.size(); }
  void Clear() { buffer_.clear(); }

 private:
  std::string buffer_;
};

}  // namespace ruvector::notify

#endif  // RUVECTOR_CORE_NOTIFY_WEBHOOK_PROTOCOL_H_
