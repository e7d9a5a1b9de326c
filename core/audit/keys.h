// The public keys that a verifier trusts, and when.
//
// A key's id is its fingerprint, SHA-256 of the 32 public bytes in lower-case
// hexadecimal: it cannot name another key, and rotation never reuses an id.
//
// A key has a window [valid_from, valid_until) and perhaps a revocation time.
// Times are those of the events (created_at), so a leaked key could still be
// used with an old date. The chain's order closes that door: once an event by
// another key, dated at or after the end of key K, has been seen, no later
// event by K counts. Likewise a clock that steps back does not invalidate a new
// key: it is valid once the chain has reached its valid_from.
#ifndef RUVECTOR_CORE_AUDIT_KEYS_H_
#define RUVECTOR_CORE_AUDIT_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// 64 lower-case hexadecimal digits.
std::string KeyId(const Crypto& crypto, const PublicKey& public_key);
bool IsKeyId(absl::string_view text);

// Microseconds since 1970-01-01 UTC.
struct TrustedKey {
  std::string id;
  PublicKey public_key = {};
  std::optional<int64_t> valid_from_us;   // from the beginning
  std::optional<int64_t> valid_until_us;  // for ever
  std::optional<int64_t> revoked_at_us;

  // The earlier of valid_until and revocation.
  std::optional<int64_t> end_us() const;
};

// [any-thread] once filled.
class KeySet {
 public:
  explicit KeySet(const Crypto& crypto) : crypto_(crypto) {}

  // `key.id` is computed, not read. AlreadyExists for a key that is there;
  // InvalidArgument if valid_until is not after valid_from.
  absl::Status Add(TrustedKey key);

  // nullptr when unknown; valid until the next Add.
  const TrustedKey* Find(absl::string_view id) const;

  const std::vector<TrustedKey>& keys() const { return keys_; }

 private:
  Crypto crypto_;
  std::vector<TrustedKey> keys_;  // sorted by id
};

// The text form that a verifier is given (docs/formats/audit-log.md, "Keys
// file"): one key a line, its public bytes and three times or '-'.
//
//   ruvector-keys 1
//   <64 hex digits> <valid from> <valid until> <revoked at>
//
// Times are UTC, as 2026-11-20T10:00:00.000000Z. '#' starts a comment line.
// ParseKeys: InvalidArgument naming the line.
std::string FormatKeys(const KeySet& keys);
absl::StatusOr<KeySet> ParseKeys(const Crypto& crypto, absl::string_view text);

// The one spelling of a time in our text formats.
std::string FormatTimeUs(int64_t us);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_KEYS_H_
