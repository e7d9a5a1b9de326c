// The URLs that a webhook may have, and how they are shown.
//
// A webhook's URL often is a secret (the path of a chat service, a token in
// the query), so it is kept from logs and events: they show RedactUrl.
// [any-thread]
#ifndef RUVECTOR_CORE_NOTIFY_WEBHOOK_URL_H_
#define RUVECTOR_CORE_NOTIFY_WEBHOOK_URL_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/no_postgres.h"

namespace ruvector::notify {

// A primary key holds it.
inline constexpr size_t kMaxUrlBytes = 1000;

// Empty if `url` can be a webhook's; else what was expected instead, to follow
// the word "expected": "http:// or https:// URL". Takes http and https in
// lower case, a host (name, IPv4 or [IPv6]), an optional port, path and query,
// in the characters of RFC 3986. User and password are refused, because
// programs print them; a fragment, because it is never sent.
std::string_view UrlObjection(std::string_view url);

// Scheme, host and port; "/..." stands for the rest. Never user or password.
std::string RedactUrl(std::string_view url);

}  // namespace ruvector::notify

#endif  // RUVECTOR_CORE_NOTIFY_WEBHOOK_URL_H_
