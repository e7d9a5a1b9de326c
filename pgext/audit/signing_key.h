// The server's signing key: a file or a command, and its row in
// ruvector.signing_keys. Worker only. [backend-main]
#ifndef RUVECTOR_PGEXT_AUDIT_SIGNING_KEY_H_
#define RUVECTOR_PGEXT_AUDIT_SIGNING_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/audit/crypto.h"
#include "core/audit/signer.h"
#include "pgext/bridge/spi.h"

namespace ruvector::audit {

// The signer that ruvector.signing_key_path or _command names. The file's
// name is the setting's, a dot and the database's OID: one key for each log.
//
// A database without any registered key gets one: the file is made if it is
// not there. Once a key is registered a missing or corrupt file is an error,
// and so is a key that is not registered: nothing is regenerated silently.
// An unfinished rotation (see RotateKeyFile) is finished.
absl::StatusOr<std::unique_ptr<Signer>> OpenSigner(const Crypto& crypto,
                                                   pg::SpiSession& spi);

// The first half of a rotation: makes the next key beside the old one and
// registers it from `now_us` on; the caller appends the event, signed by the
// old key while there is one, and commits.
absl::StatusOr<std::unique_ptr<Signer>> PrepareNextKey(const Crypto& crypto,
                                                       pg::SpiSession& spi,
                                                       int64_t now_us);
// The second half, after the commit: the next key's file takes the place of
// the old one, which is kept as <path>.<first 16 digits of its id>.
absl::Status RotateKeyFile(const std::string& old_key_id);

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_SIGNING_KEY_H_
