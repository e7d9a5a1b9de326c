#include "pgext/boot/hooks.h"

#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/enforcement.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
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
  if (gate) {
    pg::RunOrRaise([&] { return integrity::WatchStatement(*query, searched); });
  }
}

// Our workers leave a database before someone drops, renames or copies it.
absl::Status MakeRoom(const Node* parse) {
  const char* name = nullptr;
  switch (nodeTag(parse)) {
    case T_DropdbStmt:
      name = reinterpret_cast<const DropdbStmt*>(parse)->dbname;
      break;
    case T_RenameStmt: {
      const auto* rename = reinterpret_cast<const RenameStmt*>(parse);
      if (rename->renameType == OBJECT_DATABASE) name = rename->subname;
      break;
    }
    case T_AlterDatabaseStmt: {
      const auto* alter = reinterpret_cast<const AlterDatabaseStmt*>(parse);
      const ListCell* cell;
      foreach (cell, alter->options) {
        const auto* option = static_cast<const DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "tablespace") == 0) name = alter->dbname;
      }
      break;
    }
    case T_CreatedbStmt: {
      const auto* create = reinterpret_cast<const CreatedbStmt*>(parse);
      const ListCell* cell;
      foreach (cell, create->options) {
        const auto* option = static_cast<const DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "template") == 0 &&
            option->arg != nullptr && IsA(option->arg, String)) {
          name = strVal(option->arg);
        }
      }
      break;
    }
    default:
      return absl::OkStatus();
  }
  if (name == nullptr) return absl::OkStatus();
  return pg::PgCall([&] {
    const Oid database = get_database_oid(name, true);
    if (OidIsValid(database)) AskWorkersToLeave(database, 5000);
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
