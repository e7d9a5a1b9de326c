// The cryptography that the audit log uses, behind one small value.
//
// A Crypto is a pointer to a table of functions (crypto_abi.h): copy it, pass
// it by const reference, hold it by value. There is no global one. It comes
// from
//   LoadCrypto(path)   in a process that may hold OpenSSL (the server), or
//   LinkedCrypto()     in tests, sanitizer builds and the offline verifier.
// [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_CRYPTO_H_
#define RUVECTOR_CORE_AUDIT_CRYPTO_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto_abi.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// The RFC 8032 private key. A secret: wipe every copy with Crypto::Cleanse.
using Seed = std::array<uint8_t, 32>;
// Seed followed by public key, what signing takes. A secret, likewise.
using ExpandedKey = std::array<uint8_t, 64>;

class Crypto {
 public:
  // Accepts a table whose struct_size covers every field that this build knows
  // and which passes known answers (SHA-256 of "abc", RFC 8032 test 2): a
  // library whose symbols were answered by another one is refused here, not
  // discovered later in signatures. FailedPrecondition otherwise. The table
  // must outlive every copy.
  static absl::StatusOr<Crypto> Create(const ruvector_crypto_api* api);

  Hash Sha256(absl::string_view bytes) const { return Sha256(bytes, {}); }
  // Of the concatenation.
  Hash Sha256(absl::string_view head, absl::string_view tail) const;

  // Internal if the kernel gives none.
  absl::Status RandomBytes(uint8_t* out, size_t size) const;
  absl::StatusOr<LogId> NewLogId() const;

  struct KeyPair {
    PublicKey public_key;
    ExpandedKey private_key;  // the caller wipes it
  };
  KeyPair KeyPairFromSeed(const Seed& seed) const;

  // Pure Ed25519 of exactly `message`; domain separation is the caller's part
  // (see signer.h). Internal when memory ran out.
  absl::StatusOr<Signature> Sign(const ExpandedKey& private_key,
                                 absl::string_view message) const;
  bool Verify(const PublicKey& public_key, absl::string_view message,
              const Signature& signature) const;

  bool ConstantTimeEqual(absl::string_view a, absl::string_view b) const;

  template <size_t N>
  void Cleanse(std::array<uint8_t, N>* secret) const {
    api_->cleanse(secret->data(), N);
  }

 private:
  explicit Crypto(const ruvector_crypto_api* api) : api_(api) {}
  absl::Status SelfTest() const;

  const ruvector_crypto_api* api_;
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_CRYPTO_H_
