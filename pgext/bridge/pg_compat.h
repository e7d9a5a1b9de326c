// The differences between PostgreSQL 15, 16 and 17, and nothing else.
// Include after pgext/bridge/pg.h.
#ifndef RUVECTOR_PGEXT_BRIDGE_PG_COMPAT_H_
#define RUVECTOR_PGEXT_BRIDGE_PG_COMPAT_H_

#include <cstdint>
#include <optional>

#include "pgext/bridge/pg.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/rel.h"
#include "utils/wait_event.h"
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 180000
#error "ruvector supports PostgreSQL 15, 16 and 17"
#endif

// 17 replaced backend ids, which count from 1, by proc numbers from 0.
#if PG_VERSION_NUM >= 170000
#define RV_MY_PROC_NUMBER MyProcNumber
#else
#define RV_MY_PROC_NUMBER (MyProc->pgprocno)
#endif

// 16 merged the ownership checks of all kinds of objects.
#if PG_VERSION_NUM >= 160000
#define RV_OWNS_TABLE(table, role) \
  object_ownercheck(RelationRelationId, (table), (role))
#else
#define RV_OWNS_TABLE(table, role) pg_class_ownercheck((table), (role))
#endif

#if PG_VERSION_NUM >= 160000
#define RV_OWNS_DATABASE(database, role) \
  object_ownercheck(DatabaseRelationId, (database), (role))
#define RV_OWNS_SCHEMA(schema, role) \
  object_ownercheck(NamespaceRelationId, (schema), (role))
#else
#define RV_OWNS_DATABASE(database, role) \
  pg_database_ownercheck((database), (role))
#define RV_OWNS_SCHEMA(schema, role) pg_namespace_ownercheck((schema), (role))
#endif

// 17 has a role that may maintain whatever there is.
#if PG_VERSION_NUM >= 170000
#define RV_MAINTAINS_ALL(role) has_privs_of_role((role), ROLE_PG_MAINTAIN)
#else
#define RV_MAINTAINS_ALL(role) false
#endif

// 17 made maintenance a privilege; before, it was the owner's, and for most
// commands the database owner's.
#if PG_VERSION_NUM >= 170000
#define RV_MAY_MAINTAIN(table, role)                                  \
  (pg_class_aclcheck((table), (role), ACL_MAINTAIN) == ACLCHECK_OK || \
   object_ownercheck(DatabaseRelationId, MyDatabaseId, (role)))
#elif PG_VERSION_NUM >= 160000
#define RV_MAY_MAINTAIN(table, role)                         \
  (object_ownercheck(RelationRelationId, (table), (role)) || \
   object_ownercheck(DatabaseRelationId, MyDatabaseId, (role)))
#else
#define RV_MAY_MAINTAIN(table, role)       \
  (pg_class_ownercheck((table), (role)) || \
   pg_database_ownercheck(MyDatabaseId, (role)))
#endif

// 16 moved the permissions out of the range table.
#if PG_VERSION_NUM >= 160000
#define RV_CHECK_STATEMENT_PRIVILEGES(statement) \
  ((void)ExecCheckPermissions((statement).rtable, (statement).permInfos, true))
#else
#define RV_CHECK_STATEMENT_PRIVILEGES(statement) \
  ((void)ExecCheckRTPerms((statement).rtable, true))
#endif

// 17 names an extension's own wait events; before, they show as "Extension".
#if PG_VERSION_NUM >= 170000
#define RV_WAIT_EVENT(name)                                         \
  ([]() {                                                           \
    static uint32 event = 0;                                        \
    if (event == 0) event = WaitEventExtensionNew("Ruvector" name); \
    return event;                                                   \
  }())
#else
#define RV_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

// 16 made the walker's type checked.
#if PG_VERSION_NUM >= 160000
#define RV_EXPRESSION_TREE_WALKER(node, walker, context) \
  expression_tree_walker((node), (walker), (context))
#else
#define RV_EXPRESSION_TREE_WALKER(node, walker, context)                     \
  expression_tree_walker(                                                    \
      (node), reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker)), \
      (context))
#endif

// Fields of PgStat_StatTabEntry that 16 renamed.
#if PG_VERSION_NUM >= 160000
#define RV_TABSTAT_LIVE_TUPLES live_tuples
#define RV_TABSTAT_DEAD_TUPLES dead_tuples
#define RV_TABSTAT_MODIFIED mod_since_analyze
#define RV_TABSTAT_INSERTED ins_since_vacuum
#define RV_TABSTAT_VACUUM_TIME last_vacuum_time
#define RV_TABSTAT_AUTOVACUUM_TIME last_autovacuum_time
#define RV_TABSTAT_ANALYZE_TIME last_analyze_time
#define RV_TABSTAT_AUTOANALYZE_TIME last_autoanalyze_time
#else
#define RV_TABSTAT_LIVE_TUPLES n_live_tuples
#define RV_TABSTAT_DEAD_TUPLES n_dead_tuples
#define RV_TABSTAT_MODIFIED changes_since_analyze
#define RV_TABSTAT_INSERTED inserts_since_vacuum
#define RV_TABSTAT_VACUUM_TIME vacuum_timestamp
#define RV_TABSTAT_AUTOVACUUM_TIME autovac_vacuum_timestamp
#define RV_TABSTAT_ANALYZE_TIME analyze_timestamp
#define RV_TABSTAT_AUTOANALYZE_TIME autovac_analyze_timestamp
#endif

// 16 counts when a table or index was last scanned. 0: never, or not known.
inline TimestampTz RvLastScan(
    [[maybe_unused]] const PgStat_StatTabEntry& entry) {
#if PG_VERSION_NUM >= 160000
  return entry.lastscan;
#else
  return 0;
#endif
}

// Fields of PgStat_CheckpointerStats that 17 renamed.
#if PG_VERSION_NUM >= 170000
#define RV_CHECKPOINTS_TIMED num_timed
#define RV_CHECKPOINTS_REQUESTED num_requested
#define RV_CHECKPOINT_WRITE_TIME write_time
#define RV_CHECKPOINT_SYNC_TIME sync_time
#else
#define RV_CHECKPOINTS_TIMED timed_checkpoints
#define RV_CHECKPOINTS_REQUESTED requested_checkpoints
#define RV_CHECKPOINT_WRITE_TIME checkpoint_write_time
#define RV_CHECKPOINT_SYNC_TIME checkpoint_sync_time
#endif

// 17 no longer counts the buffers that backends wrote themselves.
inline std::optional<int64_t> RvBuffersWrittenByBackends(
    [[maybe_unused]] const PgStat_CheckpointerStats& counters) {
#if PG_VERSION_NUM >= 170000
  return std::nullopt;
#else
  return counters.buf_written_backend;
#endif
}

// The range table of a statement on one table: entry 1, of which `updated`
// (attribute numbers as a permission check has them) are written. 16 keeps
// them beside the range table.
inline void RvInitRangeTable(EState* estate, Relation relation,
                             Bitmapset* updated) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = RelationGetRelid(relation);
  entry->relkind = relation->rd_rel->relkind;
  entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
  List* permissions = NIL;
  addRTEPermissionInfo(&permissions, entry)->updatedCols = updated;
  ExecInitRangeTable(estate, list_make1(entry), permissions);
#else
  entry->updatedCols = updated;
  ExecInitRangeTable(estate, list_make1(entry));
#endif
}

// For row triggers of a statement without a plan; 16 asks for result
// relations.
inline void RvInitEpq(EPQState* epq, EState* estate) {
#if PG_VERSION_NUM >= 160000
  EvalPlanQualInit(epq, estate, nullptr, NIL, -1, NIL);
#else
  EvalPlanQualInit(epq, estate, nullptr, NIL, -1);
#endif
}

// 17 renamed the counter of transaction ids; access/transam.h declares it.
#if PG_VERSION_NUM >= 170000
#define RV_NEXT_XID TransamVariables->nextXid
#else
#define RV_NEXT_XID ShmemVariableCache->nextXid
#endif

#endif  // RUVECTOR_PGEXT_BRIDGE_PG_COMPAT_H_
