#include "core/audit/types.h"

#include <algorithm>

#include "absl/strings/escaping.h"

namespace ruvector::audit {
namespace {

constexpr bool IsLowerHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::string ToHex(absl::string_view bytes) {
  return absl::BytesToHexString(bytes);
}

std::optional<std::string> FromHex(absl::string_view text) {
  if (text.size() % 2 != 0 ||
      !std::all_of(text.begin(), text.end(), IsLowerHexDigit)) {
    return std::nullopt;
  }
  return absl::HexStringToBytes(text);
}

std::string ToBase64(absl::string_view bytes) {
  return absl::Base64Escape(bytes);
}

// Abseil's decoder forgives; encoding again is what makes the form unique.
std::optional<std::string> FromBase64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || ToBase64(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace ruvector::audit
