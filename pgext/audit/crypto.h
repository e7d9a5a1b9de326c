// BoringSSL in a server process. [backend-main]
#ifndef RUVECTOR_PGEXT_AUDIT_CRYPTO_H_
#define RUVECTOR_PGEXT_AUDIT_CRYPTO_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/audit/crypto.h"

namespace ruvector::audit {

// ruvector_crypto.so from the extension's own directory, loaded and tested
// at the first call (core/audit/crypto_loader.h says how, and why so).
absl::StatusOr<Crypto> ServerCrypto();

// <pkglibdir>/ruvector: where the extension keeps what is not a SQL library.
std::string PrivateLibraryDirectory();

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_CRYPTO_H_
