// The server keeps no catalog of its base backups. What it leaves behind is
// the backup history file that pg_backup_stop writes into pg_wal; with
// archiving on, the newest one stays there until the next backup. Its
// modification time is the end of the backup. Without archiving the file is
// removed at once and nothing is known.
#include <sys/stat.h>

#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "storage/fd.h"
}

namespace ruvector::sensors {
namespace {

// 0: there is none.
time_t NewestBackupHistory() {
  time_t newest = 0;
  DIR* directory = AllocateDir(XLOGDIR);
  while (const dirent* entry = ReadDir(directory, XLOGDIR)) {
    CHECK_FOR_INTERRUPTS();
    if (!IsBackupHistoryFileName(entry->d_name)) continue;
    char path[MAXPGPATH];
    snprintf(path, MAXPGPATH, XLOGDIR "/%s", entry->d_name);
    struct stat facts;
    if (stat(path, &facts) == 0) newest = Max(newest, facts.st_mtime);
  }
  FreeDir(directory);
  return newest;
}

}  // namespace

absl::Status SenseBackup(Pass& pass) {
  graph::BackupObservation& out = pass.observation().backup;
  out.expected_interval_us = pass.request.backup_interval_us;
  RV_ASSIGN_OR_RETURN(const time_t newest, pg::PgCall(NewestBackupHistory));
  if (newest != 0) out.last_base_backup = absl::FromTimeT(newest);
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
