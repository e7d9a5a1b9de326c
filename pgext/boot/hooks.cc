#include "pgext/boot/hooks.h"

#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/enforcement.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace ruvector::boot {
namespace {

ExecutorStart_hook_type previous_executor_start = nullptr;
ProcessUtility_hook_type previous_utility = nullptr;

void OnExecutorStart(QueryDesc* query, int flags) {
  // Nothing enrolled in this database, or only a plan to show: two compares.
  const bool gate =
      (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && integrity::MayBeGated();
  List* searched = NIL;
  if (gate) {
    pg::RunOrRaise([&]() -> absl::Status {
      RV_ASSIGN_OR_RETURN(searched, integrity::GateStatement(*query));
      return absl::OkStatus();
    });
  }
  if (previous_executor_start != nullptr) {
    previous_executor_start(query, flags);
  } else {
    standard_ExecutorStart(query, flags);
  }
  if (gate && integrity::IsWatched(*query, searched)) {
    pg::RunOrRaise([&] { return integrity::WatchStatement(*query, searched); });
  }
}

// What takes a database for itself: nobody else may be connected to it.
struct Taking {
  const char* database = nullptr;  // nullptr: nothing of the kind
  bool copies = false;             // CREATE DATABASE from it as a template
  bool in_block = false;           // allowed in a transaction block
};

const char* StringOption(const List* options, const char* name) {
  const ListCell* cell;
  foreach (cell, options) {
    const auto* option = static_cast<const DefElem*>(lfirst(cell));
    if (strcmp(option->defname, name) == 0 && option->arg != nullptr &&
        IsA(option->arg, String)) {
      return strVal(option->arg);
    }
  }
  return nullptr;
}

Taking TakenDatabase(const Node* parse) {
  switch (nodeTag(parse)) {
    case T_DropdbStmt:
      return {reinterpret_cast<const DropdbStmt*>(parse)->dbname};
    case T_RenameStmt: {
      const auto* rename = reinterpret_cast<const RenameStmt*>(parse);
      if (rename->renameType != OBJECT_DATABASE) return {};
      return {rename->subname, false, true};
    }
    case T_AlterDatabaseStmt: {
      const auto* alter = reinterpret_cast<const AlterDatabaseStmt*>(parse);
      if (StringOption(alter->options, "tablespace") == nullptr) return {};
      return {alter->dbname};
    }
    case T_CreatedbStmt:
      return {
          StringOption(reinterpret_cast<const CreatedbStmt*>(parse)->options,
                       "template"),
          true};
    default:
      return {};
  }
}

// Catalog access: may raise.
bool IsTemplate(Oid database) {
  HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
  if (!HeapTupleIsValid(tuple)) return false;
  const bool answer =
      reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datistemplate;
  ReleaseSysCache(tuple);
  return answer;
}

// Whether the user may do it: who may not gets the command's own error, and
// moves nobody. Catalog access: may raise.
bool MayTake(const Taking& taking, Oid database) {
  const bool owner = RV_OWNS_DATABASE(database, GetUserId());
  return taking.copies
             ? have_createdb_privilege() && (owner || IsTemplate(database))
             : owner;
}

// Our workers leave a database before someone drops, renames, moves or copies
// it.
absl::Status MakeRoom(const Node* parse) {
  const Taking taking = TakenDatabase(parse);
  if (taking.database == nullptr) return absl::OkStatus();
  if (!taking.in_block && IsTransactionBlock()) return absl::OkStatus();
  return pg::PgCall([&] {
    const Oid database = get_database_oid(taking.database, true);
    if (OidIsValid(database) && MayTake(taking, database)) {
      AskWorkersToLeave(database, 5000);
    }
  });
}

bool MakesExtension(const Node* parse) {
  return nodeTag(parse) == T_CreateExtensionStmt &&
         strcmp(reinterpret_cast<const CreateExtensionStmt*>(parse)->extname,
                "ruvector") == 0;
}

// scope: xact
bool extension_made = false;

void OnTransactionEnd(XactEvent event, void*) {
  if (extension_made && event == XACT_EVENT_COMMIT) WakeWorker(MyDatabaseId);
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) {
    extension_made = false;
  }
}

void OnUtility(PlannedStmt* statement, const char* query, bool read_only_tree,
               ProcessUtilityContext context, ParamListInfo params,
               QueryEnvironment* environment, DestReceiver* receiver,
               QueryCompletion* completion) {
  const bool makes_extension = MakesExtension(statement->utilityStmt);
  pg::RunOrRaise([&]() -> absl::Status {
    RV_RETURN_IF_ERROR(MakeRoom(statement->utilityStmt));
    return integrity::GateUtility(*statement);
  });
  if (previous_utility != nullptr) {
    previous_utility(statement, query, read_only_tree, context, params,
                     environment, receiver, completion);
  } else {
    standard_ProcessUtility(statement, query, read_only_tree, context, params,
                            environment, receiver, completion);
  }
  if (makes_extension) {
    static bool registered = false;  // scope: backend
    if (!registered) RegisterXactCallback(OnTransactionEnd, nullptr);
    registered = true;
    extension_made = true;
  }
}

}  // namespace

void InstallHooks() {
  previous_executor_start = ExecutorStart_hook;
  ExecutorStart_hook = OnExecutorStart;
  previous_utility = ProcessUtility_hook;
  ProcessUtility_hook = OnUtility;
}

}  // namespace ruvector::boot
