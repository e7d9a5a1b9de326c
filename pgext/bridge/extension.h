// The installed extension, found by its OID: nothing depends on search_path.
// [backend-main]
#ifndef RUVECTOR_PGEXT_BRIDGE_EXTENSION_H_
#define RUVECTOR_PGEXT_BRIDGE_EXTENSION_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"

namespace ruvector::pg {

struct ExtensionInfo {
  Oid oid;
  Oid owner;
  Oid schema;  // of the functions
};

// NotFound (with HINT) in a database without the extension. Needs a
// transaction.
absl::StatusOr<ExtensionInfo> FindExtension();

// Acts as the extension's owner for its lifetime, so that callers need no
// privilege on ruvector's own tables. Entry points check the caller's rights
// before. An ERROR that passes over it is undone by the transaction's abort.
class AsExtensionOwner {
 public:
  AsExtensionOwner() = default;
  ~AsExtensionOwner();
  AsExtensionOwner(const AsExtensionOwner&) = delete;
  AsExtensionOwner& operator=(const AsExtensionOwner&) = delete;

  absl::Status Begin();

 private:
  bool active_ = false;
  Oid user_ = InvalidOid;
  int context_ = 0;
};

// OK when the current user is a superuser or a member of the named role
// (ruvector_admin is a member of the others); else PermissionDenied that
// names the role.
absl::Status RequireRole(std::string_view role);

// The name of the current user.
absl::StatusOr<std::string> CurrentUserName();

// Fails in a read-only transaction and on a standby, with the command's name.
absl::Status RequireWritable(std::string_view what);

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_EXTENSION_H_
