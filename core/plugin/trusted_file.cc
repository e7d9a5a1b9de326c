#include "core/plugin/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace ruvector::plugin {
namespace {

absl::Status OpenError(const std::string& path, int error) {
  if (error == ENOENT) {
    return absl::NotFoundError(absl::StrCat("'", path, "' does not exist"));
  }
  if (error == ELOOP) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' is a symbolic link"));
  }
  return absl::Status(
      absl::ErrnoToStatusCode(error),
      absl::StrCat("cannot open '", path, "': ", strerror(error)));
}

absl::Status CheckOwner(const std::string& path, const struct stat& st,
                        uid_t owner) {
  if (st.st_uid != 0 && st.st_uid != owner) {
    return absl::PermissionDeniedError(absl::StrCat(
        "'", path, "' is owned by uid ", st.st_uid, ", expected 0 or ", owner));
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat(
        "'%s' has mode %04o, expected no write permission for group and "
        "others",
        path, st.st_mode & 07777));
  }
  return absl::OkStatus();
}

FileIdentity Identity(const struct stat& st) {
  return {st.st_dev, st.st_ino, st.st_size,
          st.st_mtim.tv_sec * int64_t{1000000000} + st.st_mtim.tv_nsec};
}

}  // namespace

absl::StatusOr<FileIdentity> IdentityOf(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) {
    return absl::Status(absl::ErrnoToStatusCode(errno),
                        absl::StrCat("cannot stat: ", strerror(errno)));
  }
  return Identity(st);
}

absl::StatusOr<UniqueFd> OpenTrustedDirectory(const std::string& path,
                                              uid_t owner) {
  UniqueFd fd(
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return OpenError(path, errno);
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return OpenError(path, errno);
  RV_RETURN_IF_ERROR(CheckOwner(path, st, owner));
  return fd;
}

absl::StatusOr<TrustedFile> OpenTrustedFile(int directory,
                                            const std::string& name,
                                            uid_t owner) {
  TrustedFile file;
  file.fd = UniqueFd(openat(directory, name.c_str(),
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.fd.valid()) return OpenError(name, errno);
  struct stat st;
  if (fstat(file.fd.get(), &st) != 0) return OpenError(name, errno);
  if (!S_ISREG(st.st_mode)) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", name, "' is not a regular file"));
  }
  RV_RETURN_IF_ERROR(CheckOwner(name, st, owner));
  file.identity = Identity(st);
  return file;
}

absl::StatusOr<std::string> ReadWhole(int fd, uint64_t limit) {
  std::string content;
  char block[65536];
  while (true) {
    const ssize_t n =
        pread(fd, block, sizeof(block), static_cast<off_t>(content.size()));
    if (n == 0) return content;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return absl::Status(absl::ErrnoToStatusCode(errno),
                          absl::StrCat("cannot read: ", strerror(errno)));
    }
    content.append(block, static_cast<size_t>(n));
    if (content.size() > limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat("file has more than ", limit, " bytes"));
    }
  }
}

}  // namespace ruvector::plugin
