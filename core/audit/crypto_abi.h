/* What crosses from the crypto module to the rest of ruvector: plain C.
 *
 * The module is the only code that touches BoringSSL. In a server it is
 * ruvector_crypto.so, opened apart from the server's OpenSSL (see
 * crypto_loader.h); elsewhere it is linked in (linked_crypto.h). Either way it
 * exports one symbol, the table below.
 *
 * Every function: [any-thread], never allocates through the caller, keeps no
 * pointer, does not throw. Buffers are the caller's; a pointer may be NULL only
 * where its length is 0. Fields are only ever added at the end, and
 * `struct_size` says how many bytes of the table exist. */
#ifndef RUVECTOR_CORE_AUDIT_CRYPTO_ABI_H_
#define RUVECTOR_CORE_AUDIT_CRYPTO_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ruvector_crypto_api {
  size_t struct_size;

  /* digest = SHA-256(head || tail), FIPS 180-4. */
  void (*sha256)(const uint8_t* head, size_t head_size, const uint8_t* tail,
                 size_t tail_size, uint8_t digest[32]);

  /* Fills `out` from the kernel's generator. Returns 1, or 0 on failure. */
  int (*random_bytes)(uint8_t* out, size_t size);

  /* RFC 8032 key generation from a 32-byte seed. `private_key` receives the
   * seed followed by the public key. */
  void (*ed25519_keypair)(const uint8_t seed[32], uint8_t public_key[32],
                          uint8_t private_key[64]);

  /* Returns 1, or 0 when memory ran out. */
  int (*ed25519_sign)(const uint8_t private_key[64], const uint8_t* message,
                      size_t message_size, uint8_t signature[64]);

  /* Returns 1 if and only if the signature is valid; a scalar that is not
   * reduced (RFC 8032, 5.1.7) is invalid. */
  int (*ed25519_verify)(const uint8_t public_key[32], const uint8_t* message,
                        size_t message_size, const uint8_t signature[64]);

  /* 1 if equal; takes the same time wherever the bytes differ. */
  int (*constant_time_equal)(const uint8_t* a, const uint8_t* b, size_t size);

  /* Overwrites secrets in a way that the compiler does not remove. */
  void (*cleanse)(uint8_t* secret, size_t size);
};

/* The one exported symbol. */
extern const struct ruvector_crypto_api ruvector_crypto_v1;

#ifdef __cplusplus
}
#endif

#endif /* RUVECTOR_CORE_AUDIT_CRYPTO_ABI_H_ */
