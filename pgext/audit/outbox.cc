#include "pgext/audit/outbox.h"

#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"

namespace ruvector::audit {
namespace {

bool wake_at_commit[boot::kNumWorkerRoles] = {};  // scope: xact
bool callback_registered = false;                 // scope: backend

void OnTransactionEnd(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_COMMIT:
      for (int role = 0; role < boot::kNumWorkerRoles; ++role) {
        if (!wake_at_commit[role]) continue;
        failpoint::Check("audit.outbox.before_wake").IgnoreError();
        boot::WakeWorker(MyDatabaseId, static_cast<boot::WorkerRole>(role));
        wake_at_commit[role] = false;
      }
      break;
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
      // A prepared transaction's row waits for the worker's next pass.
      for (bool& wake : wake_at_commit) wake = false;
      break;
    default:
      break;
  }
}

}  // namespace

void WakeWorkerAtCommit(boot::WorkerRole role) {
  if (!callback_registered) {
    RegisterXactCallback(OnTransactionEnd, nullptr);
    callback_registered = true;
  }
  wake_at_commit[static_cast<int>(role)] = true;
}

absl::Status AppendOutbox(pg::SpiSession& spi, const OutboxEvent& event) {
  using namespace pg;
  RV_RETURN_IF_ERROR(
      spi.Execute(
             "INSERT INTO ruvector.audit_outbox (collection_id,"
             " collection_name, event_type, previous_state, new_state,"
             " lambda_norm, metadata, lambda_cut, lambda2,"
             " witness_edges)"
             " VALUES ($1::pg_catalog.int4, $2, $3, $4, $5,"
             " $6::pg_catalog.float4, $7::pg_catalog.jsonb"
             " OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object("
             "'user', $8, 'session_user', session_user,"
             " 'backend_pid', pg_catalog.pg_backend_pid()),"
             " $9::pg_catalog.float4, $10::pg_catalog.float4,"
             " $11::pg_catalog.jsonb)",
             {SqlInt(event.collection_id), SqlText(event.collection_name),
              SqlText(event.event_type), SqlOptionalText(event.previous_state),
              SqlOptionalText(event.new_state), SqlReal(event.lambda_norm),
              SqlText(event.metadata), SqlText(event.user),
              SqlReal(event.lambda_cut), SqlReal(event.lambda2),
              SqlOptionalText(event.witness_edges)})
          .status());
  WakeWorkerAtCommit();
  RV_FAILPOINT("audit.outbox.after_insert");
  return absl::OkStatus();
}

}  // namespace ruvector::audit
