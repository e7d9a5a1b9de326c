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

absl::StatusOr<Slots> SlotsOf(Oid relation) {
  absl::Span<const int> slots;
  if (!KnownSlotsOfRelation(relation, slots)) {
    RV_RETURN_IF_ERROR(pg::PgCall([&] { slots = SlotsOfRelation(relation); }));
  }
  return Slots(slots.begin(), slots.end());
}

absl::Status AdmitRelation(Oid relation, const Request& request) {
  if (!SlotsSpeak()) {
    RV_RETURN_IF_ERROR(FindOutWhetherSlotsSpeak());
    if (!SlotsSpeak()) return AdmitByTables(relation, request);
  }
  RV_ASSIGN_OR_RETURN(const Slots slots, SlotsOf(relation));
  for (const int slot : slots) RV_RETURN_IF_ERROR(Admit(slot, request));
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
