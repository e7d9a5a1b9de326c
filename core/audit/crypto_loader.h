// BoringSSL inside a process that already holds OpenSSL.
//
// Both libraries define SHA512_Init, RAND_bytes and hundreds more. Loaded the
// ordinary way, BoringSSL's own calls would be answered by the server's
// OpenSSL. The module is therefore opened RTLD_LOCAL | RTLD_DEEPBIND: its
// references look in itself and its dependencies first. crypto_binding_test.cc
// holds the number of references that go astray at 0.
#ifndef RUVECTOR_CORE_AUDIT_CRYPTO_LOADER_H_
#define RUVECTOR_CORE_AUDIT_CRYPTO_LOADER_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/audit/crypto.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// Opens ruvector_crypto.so; it stays loaded for the life of the process.
//
// InvalidArgument: `path` is not absolute. NotFound: it cannot be opened (the
// message is the dynamic loader's). FailedPrecondition: it lacks the symbol, is
// older than this build, or fails its known answers. Calling it again is cheap
// and answers the same. [single-thread]
absl::StatusOr<Crypto> LoadCrypto(const std::string& path);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_CRYPTO_LOADER_H_
