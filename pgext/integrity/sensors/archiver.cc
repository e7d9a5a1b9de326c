#include <cstring>

#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/guc.h"
}

namespace ruvector::sensors {
namespace {

using graph::ArchiveMode;
using pg::PgCall;

bool EndsWith(const char* name, const char* suffix) {
  const size_t length = strlen(name);
  const size_t tail = strlen(suffix);
  return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

int64_t CountReadyFiles() {
  constexpr char kDirectory[] = XLOGDIR "/archive_status";
  int64_t count = 0;
  DIR* directory = AllocateDir(kDirectory);
  while (const dirent* entry = ReadDir(directory, kDirectory)) {
    CHECK_FOR_INTERRUPTS();
    if (EndsWith(entry->d_name, ".ready")) ++count;
  }
  FreeDir(directory);
  return count;
}

ArchiveMode ModeOf(int mode) {
  switch (mode) {
    case ARCHIVE_MODE_OFF:
      return ArchiveMode::kOff;
    case ARCHIVE_MODE_ON:
      return ArchiveMode::kOn;
    case ARCHIVE_MODE_ALWAYS:
      return ArchiveMode::kAlways;
  }
  return ArchiveMode::kUnknown;
}

// By name: the variables moved between headers from version to version.
bool IsSet(const char* setting) {
  const char* value = GetConfigOption(setting, true, false);
  return value != nullptr && value[0] != '\0';
}

}  // namespace

absl::Status SenseArchiver(Pass& pass) {
  graph::ArchiverObservation& out = pass.observation().archiver;
  out.mode = ModeOf(XLogArchiveMode);
  RV_ASSIGN_OR_RETURN(out.command_set, PgCall([] {
                        return IsSet("archive_command") ||
                               IsSet("archive_library");
                      }));
  if (XLogArchiveTimeout > 0) {
    out.archive_timeout_us = int64_t{XLogArchiveTimeout} * USECS_PER_SEC;
  }
  RV_ASSIGN_OR_RETURN(const PgStat_ArchiverStats counters,
                      PgCall([] { return *pgstat_fetch_stat_archiver(); }));
  out.archived_count = counters.archived_count;
  out.failed_count = counters.failed_count;
  out.last_archived = ToTimeIfSet(counters.last_archived_timestamp);
  out.last_failed = ToTimeIfSet(counters.last_failed_timestamp);
  RV_ASSIGN_OR_RETURN(out.ready_files, PgCall(CountReadyFiles));
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
