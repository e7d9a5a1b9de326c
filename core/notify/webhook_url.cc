#include "core/notify/webhook_url.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace ruvector::notify {
namespace {

constexpr size_t npos = std::string_view::npos;

struct Parts {
  std::string_view scheme;     // with "://"
  std::string_view user;       // with "@"
  std::string_view host;       // with the port
  std::string_view remainder;  // path, query, fragment
};

Parts Split(std::string_view url) {
  Parts parts;
  const size_t colon = url.find("://");
  if (colon != npos) parts.scheme = url.substr(0, colon + 3);
  url.remove_prefix(parts.scheme.size());
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  parts.remainder = url.substr(authority.size());
  const size_t at = authority.rfind('@');
  parts.user = authority.substr(0, at == npos ? 0 : at + 1);
  parts.host = authority.substr(parts.user.size());
  return parts;
}

bool AllOf(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           also.find(c) != npos;
  });
}

bool ValidPort(std::string_view port) {
  if (port.empty() || port.size() > 5) return false;
  int number = 0;
  for (const char c : port) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    number = number * 10 + (c - '0');
  }
  return number >= 1 && number <= 65535;
}

// host, host:port, [v6], [v6]:port
std::string_view HostObjection(std::string_view host) {
  std::string_view rest;
  if (host.substr(0, 1) == "[") {
    const size_t end = host.find(']');
    if (end == npos || end < 3 || !AllOf(host.substr(1, end - 1), ":.")) {
      return "URL with a host";
    }
    rest = host.substr(end + 1);
  } else {
    const std::string_view name = host.substr(0, host.find(':'));
    if (name.empty() || !AllOf(name, "-._~")) return "URL with a host";
    rest = host.substr(name.size());
  }
  if (!rest.empty() && (rest[0] != ':' || !ValidPort(rest.substr(1)))) {
    return "URL with a port from 1 to 65535";
  }
  return {};
}

}  // namespace

std::string_view UrlObjection(std::string_view url) {
  if (url.empty() || url.size() > kMaxUrlBytes) {
    return "URL of 1 to 1000 bytes";
  }
  const Parts parts = Split(url);
  if (parts.scheme != "http://" && parts.scheme != "https://") {
    return "http:// or https:// URL";
  }
  if (!parts.user.empty()) return "URL without user and password";
  const std::string_view objection = HostObjection(parts.host);
  if (!objection.empty()) return objection;
  if (parts.remainder.find('#') != npos) return "URL without fragment";
  if (!AllOf(parts.remainder, "-._~:/?[]@!$&'()*+,;=%")) {
    return "URL whose other characters are percent-encoded";
  }
  return {};
}

std::string RedactUrl(std::string_view url) {
  const Parts parts = Split(url);
  std::string shown(parts.scheme);
  shown += parts.host;
  if (!parts.remainder.empty()) {
    shown += parts.remainder == "/" ? "/" : "/...";
  }
  return shown;
}

}  // namespace ruvector::notify
