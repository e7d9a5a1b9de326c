#include "pgext/caliber/heap/parents.h"

#include <cstring>

#include "pgext/caliber/heap/read.h"
extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

const ForeignKeyCacheInfo* ForeignKeyOf(Relation relation, Oid constraint) {
  ListCell* cell;
  foreach (cell, RelationGetFKeyList(relation)) {
    const auto* key = static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
    if (key->conoid == constraint) return key;
  }
  return nullptr;
}

// One column, a uuid that the caller stores.
bool IsSimple(Relation relation, const ForeignKeyCacheInfo* key) {
  if (key == nullptr || key->nkeys != 1) return false;
  const Form_pg_attribute attribute =
      TupleDescAttr(RelationGetDescr(relation), key->conkey[0] - 1);
  return attribute->atttypid == UUIDOID && attribute->attgenerated == '\0';
}

// False: a table or an index of another kind.
bool Open(ParentKey& key) {
  key.relation = table_open(key.table, RowShareLock);
  if (key.relation->rd_rel->relkind != RELKIND_RELATION) return false;
  key.index_relation = index_open(key.index, AccessShareLock);
  const Form_pg_index index = key.index_relation->rd_index;
  key.slot = table_slot_create(key.relation, nullptr);
  return index->indnkeyatts == 1 && index->indisvalid && index->indimmediate &&
         key.index_relation->rd_opcintype[0] == UUIDOID;
}

bool Lock(ParentKey& key, Datum id) {
  if (!FetchByIndexUnsafe(key.relation, key.index_relation, id, key.slot)) {
    return false;
  }
  ItemPointerData tid = key.slot->tts_tid;
  ExecClearTuple(key.slot);
  TM_FailureData failure;
  uint8 flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
  if (!IsolationUsesXactSnapshot()) flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
  const bool locked =
      table_tuple_lock(key.relation, &tid, GetActiveSnapshot(), key.slot,
                       GetCurrentCommandId(true), LockTupleKeyShare,
                       LockWaitBlock, flags, &failure) == TM_Ok;
  bool same = false;
  if (locked) {
    bool null = false;
    const Datum found = slot_getattr(
        key.slot, key.index_relation->rd_index->indkey.values[0], &null);
    same = !null && std::memcmp(DatumGetPointer(found), DatumGetPointer(id),
                                UUID_LEN) == 0;
  }
  ExecClearTuple(key.slot);
  return same;
}

}  // namespace

bool FindParentsUnsafe(Relation relation, Parents* parents) {
  parents->count = 0;
  if (SessionReplicationRole != SESSION_REPLICATION_ROLE_ORIGIN) return false;
  const TriggerDesc* triggers = relation->trigdesc;
  if (triggers == nullptr) return true;
  for (int i = 0; i < triggers->numtriggers; ++i) {
    const Trigger& trigger = triggers->triggers[i];
    if (!TRIGGER_FOR_INSERT(trigger.tgtype) ||
        trigger.tgenabled == TRIGGER_DISABLED ||
        trigger.tgenabled == TRIGGER_FIRES_ON_REPLICA) {
      continue;
    }
    if (trigger.tgfoid != F_RI_FKEY_CHECK_INS || trigger.tgdeferrable ||
        parents->count == Parents::kMax) {
      return false;
    }
    const ForeignKeyCacheInfo* key =
        ForeignKeyOf(relation, trigger.tgconstraint);
    if (!IsSimple(relation, key)) return false;
    parents->keys[parents->count++] = {
        key->conkey[0], key->confrelid, trigger.tgconstrindid,
        nullptr,        nullptr,        nullptr,
        false,          false,          {}};
  }
  return true;
}

bool LockParentsUnsafe(Parents& parents, TupleTableSlot* child) {
  for (int i = 0; i < parents.count; ++i) {
    ParentKey& key = parents.keys[i];
    if (child->tts_isnull[key.attribute - 1]) continue;
    const Datum id = child->tts_values[key.attribute - 1];
    if (key.locked &&
        std::memcmp(key.last, DatumGetPointer(id), UUID_LEN) == 0) {
      continue;
    }
    if (key.relation == nullptr) key.usable = Open(key);
    if (!key.usable || !Lock(key, id)) return false;
    std::memcpy(key.last, DatumGetPointer(id), UUID_LEN);
    key.locked = true;
  }
  return true;
}

void CloseParentsUnsafe(Parents& parents) {
  for (int i = 0; i < parents.count; ++i) {
    ParentKey& key = parents.keys[i];
    if (key.slot != nullptr) ExecDropSingleTupleTableSlot(key.slot);
    if (key.index_relation != nullptr) index_close(key.index_relation, NoLock);
    if (key.relation != nullptr) table_close(key.relation, NoLock);
  }
}

}  // namespace ruvector::caliber
