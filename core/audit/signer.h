// Who signs: a key in a file, or a command that reaches a key elsewhere.
#ifndef RUVECTOR_CORE_AUDIT_SIGNER_H_
#define RUVECTOR_CORE_AUDIT_SIGNER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto.h"
#include "core/audit/key_file.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// What is signed is always prefix || payload. A prefix names the kind of
// statement and ends with NUL, so that no statement of one kind can be shown as
// one of another (docs/formats/audit-log.md, "Signatures").
inline constexpr absl::string_view kEventPrefix("ruvector-event-v1\0", 18);
inline constexpr absl::string_view kCheckpointPrefix("ruvector-checkpoint-v1\0",
                                                     23);

// [single-thread]
class Signer {
 public:
  virtual ~Signer() = default;

  // Ed25519 over prefix || payload. Unavailable when the key cannot be reached
  // now (try again), PermissionDenied when its holder refuses, Internal
  // otherwise; messages never hold key bytes.
  virtual absl::StatusOr<Signature> Sign(absl::string_view prefix,
                                         absl::string_view payload) = 0;

  // Fixed for the life of the signer.
  virtual const PublicKey& public_key() const = 0;
  // KeyId(public_key()), see keys.h.
  virtual const std::string& key_id() const = 0;
};

// Signs with a key in this process's memory.
class FileSigner final : public Signer {
 public:
  // `key` from LoadPrivateKey or CreatePrivateKey.
  FileSigner(const Crypto& crypto, PrivateKey key);

  absl::StatusOr<Signature> Sign(absl::string_view prefix,
                                 absl::string_view payload) override;
  const PublicKey& public_key() const override { return key_.public_key(); }
  const std::string& key_id() const override { return key_id_; }

 private:
  PrivateKey key_;
  std::string key_id_;
  std::string message_;  // prefix || payload, kept for its capacity
};

// Verifies what a Signer produced.
bool VerifySignature(const Crypto& crypto, const PublicKey& public_key,
                     absl::string_view prefix, absl::string_view payload,
                     const Signature& signature);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_SIGNER_H_
