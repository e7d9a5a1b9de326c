// A process like a server backend: OpenSSL is there first, for everyone. Loads
// the crypto module and uses every part of it. crypto_binding_test.cc watches
// the dynamic loader. With "plain", loads it as PostgreSQL loads an extension:
// the trap that LoadCrypto avoids.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "core/audit/crypto_loader.h"

namespace ruvector::audit {
namespace {

int Probe(const char* path, bool plain) {
  if (dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  if (plain) {
    return dlopen(path, RTLD_NOW | RTLD_GLOBAL) == nullptr ? 2 : 0;
  }
  const absl::StatusOr<Crypto> crypto = LoadCrypto(path);
  if (!crypto.ok()) {
    std::fprintf(stderr, "%s\n", crypto.status().ToString().c_str());
    return 2;
  }
  Seed seed;
  if (!crypto->RandomBytes(seed.data(), seed.size()).ok()) return 1;
  const Crypto::KeyPair pair = crypto->KeyPairFromSeed(seed);
  const absl::StatusOr<Signature> signature =
      crypto->Sign(pair.private_key, "message");
  return signature.ok() &&
                 crypto->Verify(pair.public_key, "message", *signature)
             ? 0
             : 1;
}

}  // namespace
}  // namespace ruvector::audit

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return ruvector::audit::Probe(argv[1],
                                argc > 2 && !std::strcmp(argv[2], "plain"));
}
