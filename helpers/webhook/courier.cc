#include "helpers/webhook/courier.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/notify/retry.h"

namespace ruvector::notify {
namespace {

// Twice what a worker lets wait: here it is a second net.
constexpr size_t kMaxPending = 2048;
constexpr size_t kMaxActive = 64;
constexpr long kConnectMs = 5000;
// An answer's body says nothing; a short one is read to keep the connection.
constexpr size_t kMaxAnswerBytes = 64 * 1024;
constexpr int kIdleMs = 60000;
constexpr size_t kMaxErrorBytes = 300;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

// Errors that the next attempt would meet again.
bool IsLasting(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE;
}

// libcurl quotes what a peer sent; a row and a log want plain text.
std::string Printable(const char* text) {
  std::string clean;
  for (; *text != '\0' && clean.size() < kMaxErrorBytes; ++text) {
    const auto c = static_cast<unsigned char>(*text);
    clean += absl::ascii_isprint(c) ? *text : '?';
  }
  return clean;
}

absl::Status CurlError(const char* what) {
  return absl::InternalError(absl::StrCat("libcurl: ", what));
}

void SpeakHttpOnly(CURL* easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                   long{CURLPROTO_HTTP | CURLPROTO_HTTPS});
#endif
}

// libcurl knows only the paths it was built with.
void TrustAsTheEnvironmentSays(CURL* easy) {
  if (const char* file = getenv("SSL_CERT_FILE")) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, file);
  }
  if (const char* directory = getenv("SSL_CERT_DIR")) {
    curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
  }
}

curl_slist* Headers(const WebhookRequest& request) {
  curl_slist* list = nullptr;
  const std::string delivery =
      absl::StrCat("X-Ruvector-Delivery: ", request.delivery);
  for (const char* header :
       {"Content-Type: application/json", "Expect:", delivery.c_str()}) {
    curl_slist* longer = curl_slist_append(list, header);
    if (longer == nullptr) {
      curl_slist_free_all(list);
      return nullptr;
    }
    list = longer;
  }
  return list;
}

}  // namespace

Courier::Courier(uint64_t seed) : multi_(curl_multi_init()), rng_(seed) {
  if (multi_ != nullptr) curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 16L);
}

Courier::~Courier() {
  for (auto& [url, lane] : lanes_) Release(*lane.front());
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

size_t Courier::Discard(char*, size_t size, size_t count, void* delivery) {
  size_t& received = static_cast<Delivery*>(delivery)->received;
  received += size * count;
  return received <= kMaxAnswerBytes ? size * count : 0;
}

void Courier::Add(WebhookRequest request) {
  if (pending_ >= kMaxPending) {
    WebhookOutcome outcome;
    outcome.id = request.id;
    outcome.at_us = absl::ToUnixMicros(absl::Now());
    outcome.error = "too many deliveries are waiting";
    outcomes_.push_back(std::move(outcome));
    return;
  }
  auto delivery = std::make_unique<Delivery>();
  delivery->request = std::move(request);
  lanes_[delivery->request.url].push_back(std::move(delivery));
  ++pending_;
}

absl::Status Courier::Start(Delivery& delivery) {
  const WebhookRequest& request = delivery.request;
  CURL* const easy = curl_easy_init();
  delivery.headers = Headers(request);
  delivery.easy = easy;
  if (easy == nullptr || delivery.headers == nullptr) {
    return CurlError("out of memory");
  }
  delivery.error[0] = '\0';
  delivery.received = 0;
  ++delivery.attempts;
  SpeakHttpOnly(easy);
  TrustAsTheEnvironmentSays(easy);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery.headers);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ruvector-webhook");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, long{request.timeout_ms});
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   std::min(kConnectMs, long{request.timeout_ms}));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Courier::Discard);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &delivery);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, delivery.error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &delivery);
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  if (code != CURLM_OK) return CurlError(curl_multi_strerror(code));
  ++active_;
  return absl::OkStatus();
}

absl::Status Courier::StartDue() {
  const int64_t now = NowMs();
  for (auto& [url, lane] : lanes_) {
    Delivery& next = *lane.front();
    if (active_ >= kMaxActive) break;
    if (next.easy != nullptr || next.due_ms > now) continue;
    RV_RETURN_IF_ERROR(Start(next));
  }
  return absl::OkStatus();
}

int Courier::WaitMs() const {
  int64_t wait = kIdleMs;
  const int64_t now = NowMs();
  for (const auto& [url, lane] : lanes_) {
    if (lane.front()->easy != nullptr || active_ >= kMaxActive) continue;
    wait = std::min(wait, std::max<int64_t>(lane.front()->due_ms - now, 0));
  }
  return static_cast<int>(wait);
}

void Courier::Release(Delivery& delivery) {
  if (delivery.easy != nullptr) {
    curl_multi_remove_handle(multi_, delivery.easy);
    curl_easy_cleanup(delivery.easy);
  }
  curl_slist_free_all(delivery.headers);
  delivery.easy = nullptr;
  delivery.headers = nullptr;
}

void Courier::Ended(Delivery& delivery, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(delivery.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_off_t asked = 0;
  curl_easy_getinfo(delivery.easy, CURLINFO_RETRY_AFTER, &asked);
  Release(delivery);
  --active_;
  WebhookOutcome outcome;
  outcome.id = delivery.request.id;
  outcome.attempts = delivery.attempts;
  outcome.at_us = absl::ToUnixMicros(absl::Now());
  // A status settles it, also if the rest of the answer never came.
  if (status >= 200) outcome.status = static_cast<int>(status);
  outcome.ok = status >= 200 && status <= 299;
  const bool transient =
      outcome.status.has_value() ? IsTransientStatus(status) : !IsLasting(code);
  if (!outcome.ok && transient &&
      delivery.attempts < delivery.request.attempts) {
    delivery.due_ms =
        NowMs() + absl::ToInt64Milliseconds(RetryDelay(
                      delivery.attempts, absl::Seconds(asked), rng_));
    return;
  }
  if (outcome.status.has_value() && !outcome.ok) {
    outcome.error = absl::StrCat("the endpoint answered ", status);
  } else if (!outcome.ok) {
    outcome.error = Printable(
        delivery.error[0] != '\0' ? delivery.error : curl_easy_strerror(code));
  }
  outcomes_.push_back(std::move(outcome));
  const auto lane = lanes_.find(delivery.request.url);
  lane->second.pop_front();  // `delivery` is gone
  if (lane->second.empty()) lanes_.erase(lane);
  --pending_;
}

void Courier::Collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* delivery = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &delivery);
    Ended(*reinterpret_cast<Delivery*>(delivery), code);
  }
}

absl::Status Courier::Step(int channel, short wanted) {
  if (multi_ == nullptr) return CurlError("out of memory");
  RV_RETURN_IF_ERROR(StartDue());
  int running = 0;
  CURLMcode code = curl_multi_perform(multi_, &running);
  if (code != CURLM_OK) return CurlError(curl_multi_strerror(code));
  Collect();
  if (!outcomes_.empty()) return absl::OkStatus();  // to be told first
  curl_waitfd extra = {channel, wanted, 0};
  code = curl_multi_poll(multi_, &extra, 1, WaitMs(), nullptr);
  if (code != CURLM_OK) return CurlError(curl_multi_strerror(code));
  return absl::OkStatus();
}

std::vector<WebhookOutcome> Courier::TakeOutcomes() {
  return std::exchange(outcomes_, {});
}

}  // namespace ruvector::notify
