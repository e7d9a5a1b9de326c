#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "access/xlog_internal.h"
#include "catalog/pg_tablespace_d.h"
#include "commands/tablespace.h"
}

namespace ruvector::sensors {
namespace {

using graph::DiskObservation;

// The server's working directory is its data directory.
std::string DirectoryOf(Oid tablespace) {
  if (tablespace == DEFAULTTABLESPACE_OID) return "base";
  return absl::StrCat("pg_tblspc/", tablespace);
}

void AddDisk(Pass& pass, const std::string& name, const std::string& path) {
  std::vector<DiskObservation>& disks = pass.observation().disks;
  struct stat facts;
  struct statvfs space;
  if (stat(path.c_str(), &facts) != 0 || statvfs(path.c_str(), &space) != 0) {
    pass.observation().failures.push_back(
        {graph::Sensor::kDisk,
         absl::StrCat("could not look at directory \"", path, "\" of ", name,
                      ": ", strerror(errno))});
    return;
  }
  const auto device = static_cast<int64_t>(facts.st_dev);
  const auto same = std::find_if(
      disks.begin(), disks.end(),
      [&](const DiskObservation& d) { return d.device == device; });
  if (same != disks.end()) {
    absl::StrAppend(&same->name, ", ", name);
    return;
  }
  DiskObservation disk;
  disk.name = name;
  disk.device = device;
  disk.total_bytes = static_cast<int64_t>(space.f_blocks * space.f_frsize);
  disk.free_bytes = static_cast<int64_t>(space.f_bavail * space.f_frsize);
  disks.push_back(std::move(disk));
}

}  // namespace

absl::Status SenseDisks(Pass& pass) {
  for (const Oid tablespace : pass.tablespaces) {
    RV_ASSIGN_OR_RETURN(
        const char* name, pg::PgCall([&] {
          return const_cast<const char*>(get_tablespace_name(tablespace));
        }));
    AddDisk(pass, name != nullptr ? name : absl::StrCat(tablespace),
            DirectoryOf(tablespace));
  }
  AddDisk(pass, XLOGDIR, XLOGDIR);
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
