// A plugin file, opened once and checked through that one descriptor, so that
// what was checked is what will be loaded.
#ifndef RUVECTOR_CORE_PLUGIN_TRUSTED_FILE_H_
#define RUVECTOR_CORE_PLUGIN_TRUSTED_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/process/unique_fd.h"

namespace ruvector::plugin {

using process::UniqueFd;

// Files with equal identities have the same bytes, as long as their owner does
// not turn back a modification time.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;         // bytes
  int64_t modified_ns = 0;  // Unix time

  bool SameInode(const FileIdentity& other) const {
    return device == other.device && inode == other.inode;
  }
  bool operator==(const FileIdentity& other) const {
    return SameInode(other) && size == other.size &&
           modified_ns == other.modified_ns;
  }
};

// Of an open file. [any-thread]
absl::StatusOr<FileIdentity> IdentityOf(int fd);

struct TrustedFile {
  UniqueFd fd;  // O_RDONLY | O_CLOEXEC
  FileIdentity identity;
};

// Opens the directory that plugins are read from. PermissionDenied unless it
// is a directory (its last component no symbolic link) owned by root or
// `owner` and writable by neither group nor others; NotFound if it is not
// there. [any-thread]
absl::StatusOr<UniqueFd> OpenTrustedDirectory(const std::string& path,
                                              uid_t owner);

// Opens `name`, a single path component, below `directory`, without following
// a symbolic link and without ever blocking on a FIFO. PermissionDenied unless
// it is a regular file owned by root or `owner` and writable by neither group
// nor others. [any-thread]
absl::StatusOr<TrustedFile> OpenTrustedFile(int directory,
                                            const std::string& name,
                                            uid_t owner);

// All bytes of an open file, from its start, whatever the descriptor's
// position. ResourceExhausted beyond `limit` bytes. [any-thread]
absl::StatusOr<std::string> ReadWhole(int fd, uint64_t limit);

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_TRUSTED_FILE_H_
