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
#include "utils/lsyscache.h"
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

absl::StatusOr<Slots> SlotsOf(Oid relation) {
  absl::Span<const int> slots;
  if (!KnownSlotsOfRelation(relation, slots)) {
    RV_RETURN_IF_ERROR(pg::PgCall([&] { slots = SlotsOfRelation(relation); }));
  }
  return Slots(slots.begin(), slots.end());
}

absl::Status AdmitRelation(Oid relation, const Request& request) {
  RV_ASSIGN_OR_RETURN(const Voice voice, WhoSpeaks());
  if (voice != Voice::kSlots) {
    RV_RETURN_IF_ERROR(
        AdmitByTables(voice, relation, InvalidAttrNumber, request));
  }
  if (voice == Voice::kTables) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
  for (const int slot : slots) RV_RETURN_IF_ERROR(Admit(slot, request));
  return absl::OkStatus();
}

namespace {

// Catalog access: may raise.
bool IsColumnOf(const GateSlot& slot, Oid relation, AttrNumber column) {
  if (column == InvalidAttrNumber) return true;
  if (slot.table == relation) return slot.column == column;
  const char* name = get_attname(relation, column, true);
  const char* enrolled = get_attname(slot.table, slot.column, true);
  return name != nullptr && enrolled != nullptr && strcmp(name, enrolled) == 0;
}

}  // namespace

absl::Status AdmitColumn(Oid relation, AttrNumber column,
                         const Request& request, List*& admitted) {
  RV_ASSIGN_OR_RETURN(const Voice voice, WhoSpeaks());
  if (voice != Voice::kSlots) {
    RV_RETURN_IF_ERROR(AdmitByTables(voice, relation, column, request));
  }
  if (voice == Voice::kTables) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
  for (const int slot : slots) {
    RV_ASSIGN_OR_RETURN(const bool concerned, pg::PgCall([&] {
                          return !list_member_int(admitted, slot) &&
                                 IsColumnOf(*GateSlotAt(slot), relation,
                                            column);
                        }));
    if (!concerned) continue;
    RV_RETURN_IF_ERROR(Admit(slot, request));
    RV_ASSIGN_OR_RETURN(
        admitted, pg::PgCall([&] { return lappend_int(admitted, slot); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<List*> EnrolledTables() {
  RV_ASSIGN_OR_RETURN(const Voice voice, WhoSpeaks());
  if (voice != Voice::kSlots) return StoredTables();
  return pg::PgCall([] {
    List* tables = NIL;
    for (int i = 0; i < GateSlotsTotal(); ++i) {
      const GateSlot& slot = *GateSlotAt(i);
      if (slot.database != MyDatabaseId) continue;
      tables = list_append_unique_oid(tables, slot.table);
    }
    return tables;
  });
}

}  // namespace ruvector::integrity
