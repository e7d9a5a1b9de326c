// Delivers webhook requests over HTTP with libcurl's multi interface.
//
// Requests to one URL go one after the other in the order of Add, each until
// it is delivered or given up, so that an endpoint never sees a state before
// the one that preceded it; different URLs do not wait for each other.
// Redirects are not followed and nothing but http and https is spoken.
// [single-thread]
#ifndef RUVECTOR_HELPERS_WEBHOOK_COURIER_H_
#define RUVECTOR_HELPERS_WEBHOOK_COURIER_H_

#include <curl/curl.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/rng.h"
#include "core/notify/webhook_protocol.h"

namespace ruvector::notify {

class Courier {
 public:
  // After curl_global_init. `seed`: of the retries' jitter.
  explicit Courier(uint64_t seed);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // A full house is an outcome of its own: "too many deliveries are waiting".
  void Add(WebhookRequest request);

  // Waits until something has happened on a transfer or on `channel` (wanted:
  // CURL_WAIT_POLLIN, _POLLOUT), or a retry is due; goes on with it.
  absl::Status Step(int channel, short wanted);

  // What has ended since the last call.
  std::vector<WebhookOutcome> TakeOutcomes();

 private:
  struct Delivery {
    WebhookRequest request;
    int attempts = 0;
    int64_t due_ms = 0;  // of the next attempt, on the monotonic clock
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    size_t received = 0;
    char error[CURL_ERROR_SIZE] = "";
  };
  using Lane = std::deque<std::unique_ptr<Delivery>>;  // front: under way

  static size_t Discard(char*, size_t size, size_t count, void* delivery);
  absl::Status StartDue();
  absl::Status Start(Delivery& delivery);
  void Release(Delivery& delivery);
  void Collect();
  void Ended(Delivery& delivery, CURLcode code);
  int WaitMs() const;

  CURLM* const multi_;
  Rng rng_;
  std::map<std::string, Lane> lanes_;  // by URL; none is empty
  size_t pending_ = 0;
  size_t active_ = 0;
  std::vector<WebhookOutcome> outcomes_;
};

}  // namespace ruvector::notify

#endif  // RUVECTOR_HELPERS_WEBHOOK_COURIER_H_
