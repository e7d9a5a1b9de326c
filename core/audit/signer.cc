#include "core/audit/signer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/audit/keys.h"

namespace ruvector::audit {

FileSigner::FileSigner(const Crypto& crypto, PrivateKey key)
    : key_(std::move(key)), key_id_(KeyId(crypto, key_.public_key())) {}

absl::StatusOr<Signature> FileSigner::Sign(absl::string_view prefix,
                                           absl::string_view payload) {
  message_.clear();
  absl::StrAppend(&message_, prefix, payload);
  return key_.Sign(message_);
}

bool VerifySignature(const Crypto& crypto, const PublicKey& public_key,
                     absl::string_view prefix, absl::string_view payload,
                     const Signature& signature) {
  return crypto.Verify(public_key, absl::StrCat(prefix, payload), signature);
}

}  // namespace ruvector::audit
