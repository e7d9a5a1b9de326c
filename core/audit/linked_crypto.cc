#include "core/audit/linked_crypto.h"

#include <cstdio>
#include <cstdlib>

namespace ruvector::audit {

namespace {

Crypto CreateOrAbort() {
  const absl::StatusOr<Crypto> crypto = Crypto::Create(&ruvector_crypto_v1);
  if (!crypto.ok()) {
    std::fprintf(stderr, "%s\n", crypto.status().ToString().c_str());
    std::abort();
  }
  return *crypto;
}

}  // namespace

Crypto LinkedCrypto() {
  static const Crypto crypto = CreateOrAbort();
  return crypto;
}

}  // namespace ruvector::audit
