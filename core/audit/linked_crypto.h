// The crypto module linked in, for processes without OpenSSL: tests, sanitizer
// builds (AddressSanitizer refuses RTLD_DEEPBIND), tools. Never link it into
// the extension: use LoadCrypto there.
#ifndef RUVECTOR_CORE_AUDIT_LINKED_CRYPTO_H_
#define RUVECTOR_CORE_AUDIT_LINKED_CRYPTO_H_

#include "core/audit/crypto.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// Ends the process if the library fails its known answers. [any-thread]
Crypto LinkedCrypto();

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_LINKED_CRYPTO_H_
