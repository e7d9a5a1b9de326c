// The API server over HTTPS, with libcurl.
//
// Only https; the certificate and the name in it are verified against the
// credentials' ca.crt and nothing else; redirects are not followed (the token
// would go with them); no proxy. One connection, kept between requests.
// [single-thread]
#ifndef RUVECTOR_HELPERS_KUBERNETES_API_CLIENT_H_
#define RUVECTOR_HELPERS_KUBERNETES_API_CLIENT_H_

#include <curl/curl.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/kubernetes/request.h"
#include "core/kubernetes/scaler.h"

namespace ruvector::kubernetes {

class ApiClient final : public Api {
 public:
  // What an API server's largest objects (1.5 MiB) fit into.
  static constexpr size_t kMaxAnswerBytes = size_t{4} << 20;

  // After curl_global_init. When the peer of the socket `channel` closes it,
  // calls end with kCancelled.
  ApiClient(Access access, int channel);
  ~ApiClient() override;
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  absl::StatusOr<HttpAnswer> Send(const HttpRequest& request,
                                  absl::Time until) override;
  absl::Status Sleep(absl::Duration duration) override;
  absl::Time Now() override;

 private:
  struct Exchange;

  static size_t Receive(char* bytes, size_t size, size_t count, void* exchange);
  absl::Status Prepare(Exchange& exchange, const HttpRequest& request,
                       absl::Time until);
  absl::Status Perform(Exchange& exchange, absl::Time until);
  absl::Status ErrorOf(const Exchange& exchange, CURLcode code) const;
  // Waits for something to happen, or for the time to pass.
  absl::Status Poll(absl::Duration duration);

  const Access access_;
  const int channel_;
  CURLM* const multi_;
};

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_HELPERS_KUBERNETES_API_CLIENT_H_
