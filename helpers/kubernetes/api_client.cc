#include "helpers/kubernetes/api_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kubernetes/answer.h"

namespace ruvector::kubernetes {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(5);
constexpr size_t kMaxTokenBytes = 16 * 1024;
constexpr absl::Duration kMostRetryAfter = absl::Hours(24);

absl::Status CurlError(const char* what) {
  return absl::InternalError(absl::StrCat("libcurl: ", what));
}

// Errors that the next attempt would meet again, before anything was sent.
bool IsLasting(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
}

absl::Status FileError(const std::string& path, const char* what) {
  return absl::FailedPreconditionError(
      absl::StrCat("the Kubernetes credentials \"", path, "\": ", what));
}

// What is in the file now: the kubelet renews it. Never in a message.
absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return FileError(path, strerror(errno));
  std::string token(kMaxTokenBytes + 1, '\0');
  ssize_t n;
  do {
    n = read(file, token.data(), token.size());
  } while (n < 0 && errno == EINTR);
  const int error = errno;
  close(file);
  if (n < 0) return FileError(path, strerror(error));
  token.resize(static_cast<size_t>(n));
  absl::StripAsciiWhitespace(&token);
  const bool usable = std::all_of(token.begin(), token.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (token.empty() || n > static_cast<ssize_t>(kMaxTokenBytes) || !usable) {
    return FileError(path, "holds no token");
  }
  return token;
}

long Milliseconds(absl::Duration duration) {
  return static_cast<long>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(duration), 1, 24 * 3600 * 1000));
}

}  // namespace

struct ApiClient::Exchange {
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::string body;
  bool too_large = false;
  char error[CURL_ERROR_SIZE] = "";

  ~Exchange() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  bool AddHeader(const std::string& header) {
    curl_slist* const longer = curl_slist_append(headers, header.c_str());
    if (longer != nullptr) headers = longer;
    return longer != nullptr;
  }
};

ApiClient::ApiClient(Access access, int channel)
    : access_(std::move(access)),
      channel_(channel),
      multi_(curl_multi_init()) {}

ApiClient::~ApiClient() {
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

absl::Time ApiClient::Now() {
  // Not the wall's: a deadline is a duration from the start.
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

size_t ApiClient::Receive(char* bytes, size_t size, size_t count,
                          void* exchange) {
  Exchange& self = *static_cast<Exchange*>(exchange);
  self.too_large = self.body.size() + size * count > kMaxAnswerBytes;
  if (self.too_large) return 0;
  self.body.append(bytes, size * count);
  return size * count;
}

absl::Status ApiClient::Prepare(Exchange& exchange, const HttpRequest& request,
                                absl::Time until) {
  RV_ASSIGN_OR_RETURN(const std::string token,
                      ReadToken(access_.credentials + "/token"));
  const std::string authority = access_.credentials + "/ca.crt";
  if (access(authority.c_str(), R_OK) != 0) {
    return FileError(authority, strerror(errno));
  }
  CURL* const easy = exchange.easy = curl_easy_init();
  const bool patch = !request.patch.empty();
  if (easy == nullptr ||
      !exchange.AddHeader("Authorization: Bearer " + token) ||
      !exchange.AddHeader("Accept: application/json") ||
      (patch &&
       !exchange.AddHeader("Content-Type: application/merge-patch+json"))) {
    return CurlError("out of memory");
  }
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, long{CURLPROTO_HTTPS});
#endif
  std::string url = access_.server;
  while (!url.empty() && url.back() == '/') url.pop_back();
  url += request.path;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_CAINFO, authority.c_str());
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ruvector-kubernetes");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, Milliseconds(until - Now()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   Milliseconds(std::min(kConnect, until - Now())));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &ApiClient::Receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error);
  if (patch) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    // On a connection that it has used before, libcurl would send it again by
    // itself when no answer comes; whether it was done must be ours to find.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.patch.c_str());
  }
  return absl::OkStatus();
}

absl::Status ApiClient::Poll(absl::Duration duration) {
  curl_waitfd extra = {channel_, CURL_WAIT_POLLIN, 0};
  const int wait = static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(duration) + 1, 0, 60000));
  const CURLMcode code = curl_multi_poll(multi_, &extra, 1, wait, nullptr);
  if (code != CURLM_OK) return CurlError(curl_multi_strerror(code));
  if (extra.revents == 0) return absl::OkStatus();
  // The one request has been read: what comes now is the end.
  return absl::CancelledError("the caller is gone");
}

absl::Status ApiClient::ErrorOf(const Exchange& exchange, CURLcode code) const {
  if (exchange.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the API server's answer is larger than ",
                     kMaxAnswerBytes >> 20, " MiB"));
  }
  const std::string what = absl::StrCat(
      "the API server at ", access_.server, ": ",
      Printable(exchange.error[0] != '\0' ? exchange.error
                                          : curl_easy_strerror(code)));
  return IsLasting(code) ? absl::FailedPreconditionError(what)
                         : absl::UnavailableError(what);
}

absl::Status ApiClient::Perform(Exchange& exchange, absl::Time until) {
  CURLMcode added = curl_multi_add_handle(multi_, exchange.easy);
  if (added != CURLM_OK) return CurlError(curl_multi_strerror(added));
  absl::Status status;
  for (bool done = false; !done && status.ok();) {
    int running = 0;
    const CURLMcode code = curl_multi_perform(multi_, &running);
    if (code != CURLM_OK) status = CurlError(curl_multi_strerror(code));
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      done = true;
      if (message->data.result != CURLE_OK) {
        status = ErrorOf(exchange, message->data.result);
      }
    }
    // libcurl's own timeout comes first; this one is a second net.
    if (!done && status.ok() && Now() > until + absl::Seconds(1)) {
      status = absl::UnavailableError("the API server did not answer in time");
    }
    if (!done && status.ok()) status = Poll(absl::Seconds(1));
  }
  curl_multi_remove_handle(multi_, exchange.easy);
  return status;
}

absl::StatusOr<HttpAnswer> ApiClient::Send(const HttpRequest& request,
                                           absl::Time until) {
  if (multi_ == nullptr) return CurlError("out of memory");
  if (Now() >= until) {
    return absl::UnavailableError("no time was left to ask the API server");
  }
  Exchange exchange;
  RV_RETURN_IF_ERROR(Prepare(exchange, request, until));
  RV_RETURN_IF_ERROR(Perform(exchange, until));
  long status = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_off_t asked = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RETRY_AFTER, &asked);
  HttpAnswer answer;
  answer.status = static_cast<int>(status);
  answer.body = std::move(exchange.body);
  answer.retry_after =
      std::clamp(absl::Seconds(asked), absl::ZeroDuration(), kMostRetryAfter);
  return answer;
}

absl::Status ApiClient::Sleep(absl::Duration duration) {
  const absl::Time until = Now() + duration;
  while (Now() < until) RV_RETURN_IF_ERROR(Poll(until - Now()));
  return absl::OkStatus();
}

}  // namespace ruvector::kubernetes
