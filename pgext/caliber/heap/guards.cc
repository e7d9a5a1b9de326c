#include "pgext/caliber/heap/guards.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
}

namespace ruvector::caliber {
namespace {

AclMode PrivilegesOf(CmdType command) {
  switch (command) {
    case CMD_INSERT:
      return ACL_INSERT;
    case CMD_UPDATE:
      return ACL_SELECT | ACL_UPDATE;
    case CMD_DELETE:
      return ACL_SELECT | ACL_DELETE;
    default:
      return ACL_SELECT;
  }
}

const char* TriggerObstacle(const TriggerDesc* triggers, CmdType command) {
  if (triggers == nullptr) return nullptr;
  bool found = false;
  switch (command) {
    case CMD_INSERT:
      found = triggers->trig_insert_before_statement ||
              triggers->trig_insert_after_statement ||
              triggers->trig_insert_new_table;
      break;
    case CMD_UPDATE:
      found = triggers->trig_update_before_statement ||
              triggers->trig_update_after_statement ||
              triggers->trig_update_old_table ||
              triggers->trig_update_new_table;
      break;
    case CMD_DELETE:
      // Whether a BEFORE trigger kept the row is not told.
      found = triggers->trig_delete_before_statement ||
              triggers->trig_delete_after_statement ||
              triggers->trig_delete_old_table ||
              triggers->trig_delete_before_row;
      break;
    default:
      break;
  }
  return found ? "triggers" : nullptr;
}

}  // namespace

const char* ObstacleUnsafe(Relation relation, CmdType command) {
  const FormData_pg_class* form = relation->rd_rel;
  if (form->relkind != RELKIND_RELATION) return "not a plain table";
  if (form->relhassubclass) return "inheritance";
  if (form->relispartition) return "partition";
  if (relation->rd_rules != nullptr) return "rules";
  if (command == CMD_UPDATE && relation->rd_att->constr != nullptr &&
      relation->rd_att->constr->has_generated_stored) {
    return "generated columns";
  }
  const Oid table = RelationGetRelid(relation);
  const AclMode wanted = PrivilegesOf(command);
  if (pg_class_aclmask(table, GetUserId(), wanted, ACLMASK_ALL) != wanted) {
    return "privileges";
  }
  if (check_enable_rls(table, InvalidOid, true) == RLS_ENABLED) {
    return "row-level security";
  }
  return TriggerObstacle(relation->trigdesc, command);
}

void RequireWritableUnsafe(const char* what) {
  PreventCommandIfReadOnly(what);
  PreventCommandIfParallelMode(what);
}

void PushFreshSnapshotUnsafe() {
  PushActiveSnapshot(GetTransactionSnapshot());
  // Of an operation that reads only nothing is to be seen by a later command.
  CommandCounterIncrement();
  UpdateActiveSnapshotCommandId();
}

void PopSnapshotUnsafe() { PopActiveSnapshot(); }

}  // namespace ruvector::caliber
