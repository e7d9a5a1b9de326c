#include "pgext/audit/crypto.h"

#include "core/audit/crypto_loader.h"
#include "pgext/bridge/pg.h"

namespace ruvector::audit {

std::string PrivateLibraryDirectory() {
  return std::string(pkglib_path) + "/ruvector";
}

absl::StatusOr<Crypto> ServerCrypto() {
  return LoadCrypto(PrivateLibraryDirectory() + "/ruvector_crypto.so");
}

}  // namespace ruvector::audit
