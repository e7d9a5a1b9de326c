// The private key and the one file that holds it.
//
// The file is 80 bytes: the 16 characters "ruvector-ed25519", the 32-byte RFC
// 8032 seed, and SHA-256 of the 48 bytes before. It is made complete or not at
// all, never overwritten, never regenerated: losing it disables signing until a
// person decides. The seed appears in no message, log or status.
// [single-thread]
#ifndef RUVECTOR_CORE_AUDIT_KEY_FILE_H_
#define RUVECTOR_CORE_AUDIT_KEY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/audit/crypto.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// Holds a secret: moves, never copies, wipes itself.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(const Crypto& crypto);
  static PrivateKey FromSeed(const Crypto& crypto, const Seed& seed);

  PrivateKey(PrivateKey&& other) noexcept;
  PrivateKey& operator=(PrivateKey&& other) noexcept;
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  ~PrivateKey();

  const PublicKey& public_key() const { return public_key_; }
  absl::StatusOr<Signature> Sign(absl::string_view message) const;

 private:
  friend absl::StatusOr<PrivateKey> CreatePrivateKey(const Crypto& crypto,
                                                     const std::string& path);
  explicit PrivateKey(const Crypto& crypto) : crypto_(crypto) {}

  Crypto crypto_;
  PublicKey public_key_ = {};
  ExpandedKey expanded_ = {};
};

// Makes a new key and its file: mode 0600 from the first moment, written aside,
// flushed, then linked to `path` in one step, and the directory flushed. A
// crash leaves either no file or a whole one (and perhaps `path`.new.<random>).
// AlreadyExists if `path` exists, whatever it is. PermissionDenied, NotFound,
// Internal from the file system, with the path.
absl::StatusOr<PrivateKey> CreatePrivateKey(const Crypto& crypto,
                                            const std::string& path);

// Loads a key.
// NotFound: no such file. PermissionDenied: cannot be opened, belongs to
// another user than the effective one, or is accessible to group or others.
// FailedPrecondition: not a regular file. DataLoss: wrong size, magic or
// checksum. Owner and mode are those of the file that is then read, not of its
// name: symbolic links are followed.
absl::StatusOr<PrivateKey> LoadPrivateKey(const Crypto& crypto,
                                          const std::string& path);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_KEY_FILE_H_
