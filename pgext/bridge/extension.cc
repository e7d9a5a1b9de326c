#include "pgext/bridge/extension.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace ruvector::pg {
namespace {

// There is no syscache of pg_extension.
ExtensionInfo ScanExtensions() {
  ExtensionInfo info{InvalidOid, InvalidOid, InvalidOid};
  Relation relation = table_open(ExtensionRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
              CStringGetDatum("ruvector"));
  SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true,
                                        nullptr, 1, &key);
  if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
    auto* form = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
    info = {form->oid, form->extowner, form->extnamespace};
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
  return info;
}

}  // namespace

absl::StatusOr<ExtensionInfo> FindExtension() {
  RV_ASSIGN_OR_RETURN(const ExtensionInfo info, PgCall(ScanExtensions));
  if (!OidIsValid(info.oid)) {
    return PgError(ERRCODE_UNDEFINED_OBJECT,
                   "extension \"ruvector\" is not installed in this database",
                   "", "Run CREATE EXTENSION ruvector CASCADE.");
  }
  return info;
}

absl::Status AsExtensionOwner::Begin() {
  RV_ASSIGN_OR_RETURN(const ExtensionInfo info, FindExtension());
  GetUserIdAndSecContext(&user_, &context_);
  SetUserIdAndSecContext(info.owner, context_ | SECURITY_LOCAL_USERID_CHANGE |
                                         SECURITY_RESTRICTED_OPERATION);
  active_ = true;
  return absl::OkStatus();
}

AsExtensionOwner::~AsExtensionOwner() {
  if (active_) SetUserIdAndSecContext(user_, context_);
}

absl::Status RequireRole(std::string_view role) {
  const std::string name(role);
  RV_ASSIGN_OR_RETURN(const bool allowed, PgCall([&] {
                        const Oid user = GetUserId();
                        if (superuser_arg(user)) return true;
                        const Oid oid = get_role_oid(name.c_str(), true);
                        return OidIsValid(oid) && has_privs_of_role(user, oid);
                      }));
  if (allowed) return absl::OkStatus();
  return PgError(
      ERRCODE_INSUFFICIENT_PRIVILEGE,
      absl::StrCat("permission denied: role \"", name, "\" is required"), "",
      absl::StrCat("Ask an administrator to GRANT ", name,
                   " TO the current user."));
}

absl::StatusOr<std::string> CurrentUserName() {
  RV_ASSIGN_OR_RETURN(
      const char* name, PgCall([] {
        return const_cast<const char*>(GetUserNameFromId(GetUserId(), false));
      }));
  return std::string(name);
}

absl::Status RequireWritable(std::string_view what) {
  if (RecoveryInProgress()) {
    return PgError(ERRCODE_READ_ONLY_SQL_TRANSACTION,
                   absl::StrCat("cannot execute ",
                                absl::string_view(what.data(), what.size()),
                                " during recovery"),
                   "", "Run it on the primary server.");
  }
  if (XactReadOnly) {
    return PgError(ERRCODE_READ_ONLY_SQL_TRANSACTION,
                   absl::StrCat("cannot execute ",
                                absl::string_view(what.data(), what.size()),
                                " in a read-only transaction"),
                   "", "Run it in a transaction that may write.");
  }
  return absl::OkStatus();
}

}  // namespace ruvector::pg
