#include "pgext/integrity/relation_gate.h"

#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/local_slots.h"
#include "pgext/integrity/stored_gate.h"
extern "C" {
#include "access/parallel.h"
#include "commands/extension.h"
#include "postmaster/autovacuum.h"
#include "postmaster/bgworker.h"
#include "replication/walsender.h"
}

namespace ruvector::integrity {
namespace {

// The server's own workers (parallel query, replication) and ours.
bool IsExemptProcess() {
  if (MyBackendType == B_AUTOVAC_WORKER || am_walsender) return true;
  if (MyBackendType != B_BG_WORKER || MyBgworkerEntry == nullptr) return false;
  const char* library = MyBgworkerEntry->bgw_library_name;
  return strcmp(library, "postgres") == 0 || strcmp(library, "ruvector") == 0;
}

}  // namespace

bool MayBeGated() { return !SlotsSpeak() || AnyLocalSlot(); }

bool IsGated() {
  return MayBeGated() && !creating_extension && !IsExemptProcess();
}

absl::StatusOr<List*> SlotsOf(Oid relation) {
  return pg::PgCall([&] {
    List* slots = NIL;
    for (const int slot : SlotsOfRelation(relation)) {
      slots = lappend_int(slots, slot);
    }
    return slots;
  });
}

absl::Status AdmitRelation(Oid relation, const Request& request) {
  if (!SlotsSpeak()) {
    RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
    if (!SlotsSpeak()) return AdmitByTables(relation, request);
  }
  RV_ASSIGN_OR_RETURN(const List* slots, SlotsOf(relation));
  const ListCell* cell;
  foreach (cell, slots) {
    RV_RETURN_IF_ERROR(Admit(lfirst_int(cell), request));
  }
  return absl::OkStatus();
}

absl::Status AdmitEverything(const Request& request) {
  if (!SlotsSpeak()) {
    RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
    if (!SlotsSpeak()) return AdmitByTables(InvalidOid, request);
  }
  for (int i = 0; i < GateSlotsTotal(); ++i) {
    if (GateSlotAt(i)->database != MyDatabaseId) continue;
    RV_RETURN_IF_ERROR(Admit(i, request));
  }
  return absl::OkStatus();
}

}  // namespace ruvector::integrity
