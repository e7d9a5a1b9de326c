// The byte strings of the audit log, and their strict text forms.
//
// Text forms have exactly one spelling each: lower-case hexadecimal, and
// RFC 4648 base64 with padding. Anything else (upper case, white space, missing
// padding, stray bits in the last character) does not parse, so a changed bit
// in a file can never read as the same value. [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_TYPES_H_
#define RUVECTOR_CORE_AUDIT_TYPES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

using Hash = std::array<uint8_t, 32>;       // SHA-256
using LogId = std::array<uint8_t, 16>;      // random, one per log
using PublicKey = std::array<uint8_t, 32>;  // Ed25519, RFC 8032
using Signature = std::array<uint8_t, 64>;  // Ed25519, RFC 8032

// Stands for "the event before the first one".
inline constexpr Hash kZeroHash = {};

// Bytes as a view and back. A view lives as long as its array.
template <size_t N>
absl::string_view AsView(const std::array<uint8_t, N>& bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), N);
}
// nullopt unless `bytes` has exactly the array's size.
template <typename Array>
std::optional<Array> FromBytes(absl::string_view bytes) {
  Array array;
  if (bytes.size() != array.size()) return std::nullopt;
  for (size_t i = 0; i < array.size(); ++i) {
    array[i] = static_cast<uint8_t>(bytes[i]);
  }
  return array;
}

std::string ToHex(absl::string_view bytes);
std::optional<std::string> FromHex(absl::string_view text);

std::string ToBase64(absl::string_view bytes);
std::optional<std::string> FromBase64(absl::string_view text);

template <size_t N>
std::string ToHex(const std::array<uint8_t, N>& bytes) {
  return ToHex(AsView(bytes));
}
template <typename Array>
std::optional<Array> FromHex(absl::string_view text) {
  const std::optional<std::string> bytes = FromHex(text);
  if (!bytes.has_value()) return std::nullopt;
  return FromBytes<Array>(*bytes);
}

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_TYPES_H_
