#include "pgext/integrity/sensors/pass.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "access/relation.h"
#include "common/relpath.h"
#include "datatype/timestamp.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace ruvector::sensors {

using pg::PgCall;

SenseSurroundings::~SenseSurroundings() {
  if (context_ == nullptr) return;
  MemoryContextSwitchTo(outer_);
  MemoryContextDelete(context_);
  AtEOXact_GUC(false, guc_level_);
}

absl::Status SenseSurroundings::Begin(int lock_timeout_ms) {
  outer_ = CurrentMemoryContext;
  return PgCall([&] {
    MemoryContext context = AllocSetContextCreate(
        CurrentMemoryContext, "ruvector sensors", ALLOCSET_DEFAULT_SIZES);
    char text[32];
    snprintf(text, sizeof(text), "%d", lock_timeout_ms);
    guc_level_ = NewGUCNestLevel();
    context_ = context;
    set_config_option("lock_timeout", text, PGC_USERSET, PGC_S_SESSION,
                      GUC_ACTION_SAVE, true, 0, false);
    MemoryContextSwitchTo(context);
  });
}

bool EndsPass(const absl::Status& status) {
  if (status.ok()) return false;
  const int sqlstate = pg::SqlStateOf(status);
  return sqlstate == ERRCODE_QUERY_CANCELED ||
         sqlstate == ERRCODE_ADMIN_SHUTDOWN ||
         sqlstate == ERRCODE_CRASH_SHUTDOWN;
}

graph::Access AccessAfter(const absl::Status& status) {
  if (status.ok()) return graph::Access::kReadable;
  const int sqlstate = pg::SqlStateOf(status);
  // The sensors check no SQL privilege: this one is a file's (EACCES).
  const bool file_permission = sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE;
  const bool damaged =
      sqlstate == ERRCODE_DATA_CORRUPTED || sqlstate == ERRCODE_INDEX_CORRUPTED;
  const bool io =
      ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TO_CATEGORY(ERRCODE_IO_ERROR);
  return file_permission || damaged || io ? graph::Access::kUnreadable
                                          : graph::Access::kNotSampled;
}

absl::Time ToTime(TimestampTz timestamp) {
  constexpr int64_t kEpochGapDays = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;
  return absl::FromUnixMicros(timestamp + kEpochGapDays * USECS_PER_DAY);
}

std::optional<absl::Time> ToTimeIfSet(TimestampTz timestamp) {
  if (timestamp == 0) return std::nullopt;
  return ToTime(timestamp);
}

std::string FileFault(const DiskUse& use) {
  if (use.error == ENOENT) {
    return absl::StrCat("file \"", use.path, "\" is missing");
  }
  return absl::StrCat("could not read file \"", use.path,
                      "\": ", strerror(use.error));
}

absl::StatusOr<std::string> RelationName(Oid oid) {
  RV_ASSIGN_OR_RETURN(const char* name, PgCall([&]() -> const char* {
                        const char* relation = get_rel_name(oid);
                        if (relation == nullptr) return nullptr;
                        return quote_qualified_identifier(
                            get_namespace_name(get_rel_namespace(oid)),
                            relation);
                      }));
  return name != nullptr ? std::string(name) : absl::StrCat(oid);
}

Relation OpenIfFree(Oid oid, bool& locked) {
  locked = !ConditionalLockRelationOid(oid, AccessShareLock);
  if (locked) return nullptr;
  Relation relation = try_relation_open(oid, NoLock);
  if (relation == nullptr) UnlockRelationOid(oid, AccessShareLock);
  return relation;
}

void CloseAndUnlock(Relation relation) {
  relation_close(relation, AccessShareLock);
}

bool ReadPage(PageReader& reader, Relation relation, BlockNumber block,
              char* page) {
  if (reader.left <= 0) return false;
  CHECK_FOR_INTERRUPTS();
  --reader.left;
  ++reader.read;
  const Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block,
                                           RBM_NORMAL, reader.ring);
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  memcpy(page, BufferGetPage(buffer), BLCKSZ);
  UnlockReleaseBuffer(buffer);
  return true;
}

Oid TablespaceOf(Relation relation) {
  const Oid tablespace = relation->rd_rel->reltablespace;
  return OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace;
}

namespace {

// Adds the segments of one fork. A fork without a first segment is ENOENT.
void AddForkBytes(const char* path, DiskUse& use) {
  for (int segment = 0;; ++segment) {
    if (segment == 0) {
      strlcpy(use.path, path, MAXPGPATH);
    } else {
      snprintf(use.path, MAXPGPATH, "%s.%d", path, segment);
    }
    struct stat facts;
    if (stat(use.path, &facts) != 0) {
      use.error = errno == ENOENT && segment > 0 ? 0 : errno;
      return;
    }
    use.bytes += facts.st_size;
    if (facts.st_size < int64_t{RELSEG_SIZE} * BLCKSZ) return;
  }
}

}  // namespace

DiskUse DiskUseOf(Relation relation) {
  DiskUse use;
  for (int fork = MAIN_FORKNUM; fork <= MAX_FORKNUM; ++fork) {
    char* path = GetRelationPath(MyDatabaseId, TablespaceOf(relation),
                                 relation->rd_rel->relfilenode, -1,
                                 static_cast<ForkNumber>(fork));
    AddForkBytes(path, use);
    pfree(path);
    // Only the main fork must exist.
    if (use.error == ENOENT && fork != MAIN_FORKNUM) use.error = 0;
    if (use.error != 0) break;
  }
  return use;
}

}  // namespace ruvector::sensors
