#include "core/audit/keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

constexpr absl::string_view kKeysHeader = "ruvector-keys 1";
constexpr absl::string_view kTimeFormat = "%Y-%m-%dT%H:%M:%E6SZ";

std::string FormatOptionalTime(const std::optional<int64_t>& us) {
  return us.has_value() ? FormatTimeUs(*us) : "-";
}

// False unless `text` is '-' or the one spelling of a time.
bool ParseOptionalTime(absl::string_view text, std::optional<int64_t>* us) {
  us->reset();
  if (text == "-") return true;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(kTimeFormat, text, absl::UTCTimeZone(), &time, &error)) {
    return false;
  }
  *us = absl::ToUnixMicros(time);
  return FormatTimeUs(**us) == text;
}

absl::Status LineError(size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("keys file, line ", line, ": ", what));
}

absl::StatusOr<TrustedKey> ParseKeyLine(size_t number, absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 4) {
    return LineError(number,
                     absl::StrCat("expected 4 words, got ", words.size()));
  }
  TrustedKey key;
  const std::optional<PublicKey> public_key = FromHex<PublicKey>(words[0]);
  if (!public_key.has_value()) {
    return LineError(number,
                     "expected a public key of 64 lower-case hex digits");
  }
  key.public_key = *public_key;
  if (!ParseOptionalTime(words[1], &key.valid_from_us) ||
      !ParseOptionalTime(words[2], &key.valid_until_us) ||
      !ParseOptionalTime(words[3], &key.revoked_at_us)) {
    return LineError(number,
                     "expected times as 2026-11-20T10:00:00.000000Z or -");
  }
  return key;
}

}  // namespace

std::string KeyId(const Crypto& crypto, const PublicKey& public_key) {
  return ToHex(crypto.Sha256(AsView(public_key)));
}

bool IsKeyId(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<int64_t> TrustedKey::end_us() const {
  if (!valid_until_us.has_value()) return revoked_at_us;
  if (!revoked_at_us.has_value()) return valid_until_us;
  return std::min(*valid_until_us, *revoked_at_us);
}

absl::Status KeySet::Add(TrustedKey key) {
  key.id = KeyId(crypto_, key.public_key);
  if (key.valid_from_us.has_value() && key.valid_until_us.has_value() &&
      *key.valid_until_us <= *key.valid_from_us) {
    return absl::InvalidArgumentError(
        absl::StrCat("key \"", key.id, "\" is valid until ",
                     FormatTimeUs(*key.valid_until_us), ", expected after ",
                     FormatTimeUs(*key.valid_from_us)));
  }
  const auto at = std::lower_bound(
      keys_.begin(), keys_.end(), key.id,
      [](const TrustedKey& k, const std::string& id) { return k.id < id; });
  if (at != keys_.end() && at->id == key.id) {
    return absl::AlreadyExistsError(
        absl::StrCat("key \"", key.id, "\" is there already"));
  }
  keys_.insert(at, std::move(key));
  return absl::OkStatus();
}

const TrustedKey* KeySet::Find(absl::string_view id) const {
  const auto at =
      std::lower_bound(keys_.begin(), keys_.end(), id,
                       [](const TrustedKey& k, absl::string_view wanted) {
                         return k.id < wanted;
                       });
  return at != keys_.end() && at->id == id ? &*at : nullptr;
}

std::string FormatKeys(const KeySet& keys) {
  std::string text = absl::StrCat(kKeysHeader, "\n");
  for (const TrustedKey& key : keys.keys()) {
    absl::StrAppend(&text, ToHex(key.public_key), " ",
                    FormatOptionalTime(key.valid_from_us), " ",
                    FormatOptionalTime(key.valid_until_us), " ",
                    FormatOptionalTime(key.revoked_at_us), "\n");
  }
  return text;
}

absl::StatusOr<KeySet> ParseKeys(const Crypto& crypto, absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines[0] != kKeysHeader) {
    return LineError(1, absl::StrCat("expected \"", kKeysHeader, "\""));
  }
  KeySet keys(crypto);
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty() || lines[i][0] == '#') continue;
    RV_ASSIGN_OR_RETURN(TrustedKey key, ParseKeyLine(i + 1, lines[i]));
    const absl::Status added = keys.Add(std::move(key));
    if (!added.ok()) return LineError(i + 1, added.message());
  }
  return keys;
}

std::string FormatTimeUs(int64_t us) {
  return absl::FormatTime(kTimeFormat, absl::FromUnixMicros(us),
                          absl::UTCTimeZone());
}

}  // namespace ruvector::audit
