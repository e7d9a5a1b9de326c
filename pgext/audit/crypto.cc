#include "pgext/audit/crypto.h"

#include "core/audit/crypto_loader.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"

namespace ruvector::audit {

std::string PrivateLibraryDirectory() {
  return std::string(pkglib_path) + "/ruvector";
}

absl::StatusOr<Crypto> ServerCrypto() {
  static const Crypto* loaded = nullptr;  // scope: backend
  if (loaded == nullptr) {
    RV_ASSIGN_OR_RETURN(
        const Crypto crypto,
        LoadCrypto(PrivateLibraryDirectory() + "/ruvector_crypto.so"));
    loaded = new Crypto(crypto);
  }
  return *loaded;
}

}  // namespace ruvector::audit
