#include <openssl/curve25519.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "core/audit/crypto_abi.h"

namespace {

void Digest(const uint8_t* head, size_t head_size, const uint8_t* tail,
            size_t tail_size, uint8_t digest[32]) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, head, head_size);
  SHA256_Update(&context, tail, tail_size);
  SHA256_Final(digest, &context);
}

int RandomBytes(uint8_t* out, size_t size) { return RAND_bytes(out, size); }

void KeyPair(const uint8_t seed[32], uint8_t public_key[32],
             uint8_t private_key[64]) {
  ED25519_keypair_from_seed(public_key, private_key, seed);
}

int Sign(const uint8_t private_key[64], const uint8_t* message,
         size_t message_size, uint8_t signature[64]) {
  return ED25519_sign(signature, message, message_size, private_key);
}

int Verify(const uint8_t public_key[32], const uint8_t* message,
           size_t message_size, const uint8_t signature[64]) {
  return ED25519_verify(message, message_size, signature, public_key);
}

int ConstantTimeEqual(const uint8_t* a, const uint8_t* b, size_t size) {
  return CRYPTO_memcmp(a, b, size) == 0;
}

void Cleanse(uint8_t* secret, size_t size) { OPENSSL_cleanse(secret, size); }

}  // namespace

extern "C" __attribute__((visibility("default")))
const ruvector_crypto_api ruvector_crypto_v1 = {
    sizeof(ruvector_crypto_api), Digest,  RandomBytes, KeyPair, Sign, Verify,
    ConstantTimeEqual,           Cleanse,
};
