#include "core/audit/crypto.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

// RFC 8032, 7.1, test 2: one-byte message.
constexpr absl::string_view kKnownSeed =
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
constexpr absl::string_view kKnownPublicKey =
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr absl::string_view kKnownMessage = "r";
constexpr absl::string_view kKnownSignature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
// FIPS 180-4, one-block example.
constexpr absl::string_view kKnownDigestOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

absl::StatusOr<Crypto> Crypto::Create(const ruvector_crypto_api* api) {
  if (api == nullptr || api->struct_size < sizeof(ruvector_crypto_api)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "crypto table has ", api == nullptr ? 0 : api->struct_size,
        " bytes, at least ", sizeof(ruvector_crypto_api), " expected"));
  }
  const Crypto crypto(api);
  RV_RETURN_IF_ERROR(crypto.SelfTest());
  return crypto;
}

absl::Status Crypto::SelfTest() const {
  if (ToHex(Sha256("ab", "c")) != kKnownDigestOfAbc) {
    return absl::FailedPreconditionError(
        "crypto module fails its known answer for sha-256");
  }
  const KeyPair pair = KeyPairFromSeed(*FromHex<Seed>(kKnownSeed));
  const absl::StatusOr<Signature> signature =
      Sign(pair.private_key, kKnownMessage);
  if (ToHex(pair.public_key) != kKnownPublicKey || !signature.ok() ||
      ToHex(*signature) != kKnownSignature ||
      !Verify(pair.public_key, kKnownMessage, *signature) ||
      Verify(pair.public_key, "s", *signature)) {
    return absl::FailedPreconditionError(
        "crypto module fails its known answer for ed25519");
  }
  return absl::OkStatus();
}

Hash Crypto::Sha256(absl::string_view head, absl::string_view tail) const {
  Hash digest;
  api_->sha256(Data(head), head.size(), Data(tail), tail.size(), digest.data());
  return digest;
}

absl::Status Crypto::RandomBytes(uint8_t* out, size_t size) const {
  if (api_->random_bytes(out, size) != 1) {
    return absl::InternalError("no random bytes to be had");
  }
  return absl::OkStatus();
}

absl::StatusOr<LogId> Crypto::NewLogId() const {
  LogId id;
  RV_RETURN_IF_ERROR(RandomBytes(id.data(), id.size()));
  return id;
}

Crypto::KeyPair Crypto::KeyPairFromSeed(const Seed& seed) const {
  KeyPair pair;
  api_->ed25519_keypair(seed.data(), pair.public_key.data(),
                        pair.private_key.data());
  return pair;
}

absl::StatusOr<Signature> Crypto::Sign(const ExpandedKey& private_key,
                                       absl::string_view message) const {
  Signature signature;
  if (api_->ed25519_sign(private_key.data(), Data(message), message.size(),
                         signature.data()) != 1) {
    return absl::InternalError("ed25519 signing failed");
  }
  return signature;
}

bool Crypto::Verify(const PublicKey& public_key, absl::string_view message,
                    const Signature& signature) const {
  return api_->ed25519_verify(public_key.data(), Data(message), message.size(),
                              signature.data()) == 1;
}

bool Crypto::ConstantTimeEqual(absl::string_view a, absl::string_view b) const {
  return a.size() == b.size() &&
         api_->constant_time_equal(Data(a), Data(b), a.size()) == 1;
}

}  // namespace ruvector::audit
