#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "pgstat.h"
#include "postmaster/bgwriter.h"
}

namespace ruvector::sensors {

absl::Status SenseCheckpointer(Pass& pass) {
  graph::CheckpointerObservation& out = pass.observation().checkpointer;
  constexpr int64_t kUsPerMs = 1000;
  out.checkpoint_timeout_us = int64_t{CheckPointTimeout} * USECS_PER_SEC;
  RV_ASSIGN_OR_RETURN(const PgStat_CheckpointerStats counters, pg::PgCall([] {
                        return *pgstat_fetch_stat_checkpointer();
                      }));
  out.timed = counters.RV_CHECKPOINTS_TIMED;
  out.requested = counters.RV_CHECKPOINTS_REQUESTED;
  out.write_time_us = counters.RV_CHECKPOINT_WRITE_TIME * kUsPerMs;
  out.sync_time_us = counters.RV_CHECKPOINT_SYNC_TIME * kUsPerMs;
  out.buffers_backend = RvBuffersWrittenByBackends(counters);
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
