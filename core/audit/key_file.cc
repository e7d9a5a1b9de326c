#include "core/audit/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

constexpr absl::string_view kMagic = "ruvector-ed25519";
constexpr size_t kSeedAt = 16;
constexpr size_t kChecksumAt = 48;
using KeyFile = std::array<uint8_t, 80>;

absl::Status FileError(absl::string_view action, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot ", action, " key file \"", path, "\""));
}

KeyFile Assemble(const Crypto& crypto, const Seed& seed) {
  KeyFile file;
  std::copy(kMagic.begin(), kMagic.end(), file.begin());
  std::copy(seed.begin(), seed.end(), file.begin() + kSeedAt);
  const Hash checksum = crypto.Sha256(AsView(file).substr(0, kChecksumAt));
  std::copy(checksum.begin(), checksum.end(), file.begin() + kChecksumAt);
  return file;
}

absl::Status WriteAll(int fd, absl::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("create", path);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  // The umask may only have taken bits away; the owner needs both.
  if (fchmod(fd, 0600) != 0) return FileError("set the mode of", path);
  RV_RETURN_IF_ERROR(WriteAll(fd, bytes, path));
  if (fsync(fd) != 0) return FileError("flush", path);
  return absl::OkStatus();
}

absl::Status FlushDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                             : path.substr(0, slash);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError("open the directory of", path);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  if (fsync(fd) != 0) return FileError("flush the directory of", path);
  return absl::OkStatus();
}

absl::Status CheckFile(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return FileError("examine", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("key file \"", path, "\" is not a regular file"));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("key file \"", path, "\" belongs to user ", info.st_uid,
                     ", expected ", geteuid()));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "key file \"", path, "\" has mode 0", (info.st_mode >> 6) & 7,
        (info.st_mode >> 3) & 7, info.st_mode & 7,
        ", group and others must have no access: expected 0600"));
  }
  if (info.st_size != static_cast<off_t>(KeyFile().size())) {
    return absl::DataLossError(absl::StrCat("key file \"", path, "\" has ",
                                            info.st_size, " bytes, expected ",
                                            KeyFile().size()));
  }
  return absl::OkStatus();
}

absl::Status ReadAll(int fd, KeyFile* file, const std::string& path) {
  size_t size = 0;
  while (size < file->size()) {
    const ssize_t got = read(fd, file->data() + size, file->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path);
    if (got == 0) {
      return absl::DataLossError(absl::StrCat("key file \"", path, "\" has ",
                                              size, " bytes, expected ",
                                              file->size()));
    }
    size += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace

PrivateKey::PrivateKey(PrivateKey&& other) noexcept
    : crypto_(other.crypto_),
      public_key_(other.public_key_),
      expanded_(other.expanded_) {
  crypto_.Cleanse(&other.expanded_);
}

PrivateKey& PrivateKey::operator=(PrivateKey&& other) noexcept {
  if (this == &other) return *this;
  crypto_ = other.crypto_;
  public_key_ = other.public_key_;
  expanded_ = other.expanded_;
  crypto_.Cleanse(&other.expanded_);
  return *this;
}

PrivateKey::~PrivateKey() { crypto_.Cleanse(&expanded_); }

absl::StatusOr<PrivateKey> PrivateKey::Generate(const Crypto& crypto) {
  Seed seed = {};
  const absl::Cleanup wipe = [&] { crypto.Cleanse(&seed); };
  RV_RETURN_IF_ERROR(crypto.RandomBytes(seed.data(), seed.size()));
  return FromSeed(crypto, seed);
}

PrivateKey PrivateKey::FromSeed(const Crypto& crypto, const Seed& seed) {
  Crypto::KeyPair pair = crypto.KeyPairFromSeed(seed);
  PrivateKey key(crypto);
  key.public_key_ = pair.public_key;
  key.expanded_ = pair.private_key;
  crypto.Cleanse(&pair.private_key);
  return key;
}

absl::StatusOr<Signature> PrivateKey::Sign(absl::string_view message) const {
  return crypto_.Sign(expanded_, message);
}

absl::StatusOr<PrivateKey> CreatePrivateKey(const Crypto& crypto,
                                            const std::string& path) {
  struct stat existing;
  if (lstat(path.c_str(), &existing) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("key file \"", path, "\" exists already"));
  }
  std::array<uint8_t, 8> nonce;
  RV_RETURN_IF_ERROR(crypto.RandomBytes(nonce.data(), nonce.size()));
  RV_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate(crypto));

  Seed seed;
  std::copy_n(key.expanded_.begin(), seed.size(), seed.begin());
  KeyFile file = Assemble(crypto, seed);
  crypto.Cleanse(&seed);
  const absl::Cleanup wipe = [&] { crypto.Cleanse(&file); };

  const std::string aside = absl::StrCat(path, ".new.", ToHex(nonce));
  const absl::Cleanup remove_aside = [&] { unlink(aside.c_str()); };
  RV_RETURN_IF_ERROR(WriteNewFile(aside, AsView(file)));
  // Unlike rename, link does not replace what came in between.
  if (link(aside.c_str(), path.c_str()) != 0) return FileError("create", path);
  RV_RETURN_IF_ERROR(FlushDirectoryOf(path));
  return key;
}

absl::StatusOr<PrivateKey> LoadPrivateKey(const Crypto& crypto,
                                          const std::string& path) {
  // O_NONBLOCK: do not wait for the other end of a FIFO.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError("open", path);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  RV_RETURN_IF_ERROR(CheckFile(fd, path));

  KeyFile file = {};
  Seed seed = {};
  const absl::Cleanup wipe = [&] {
    crypto.Cleanse(&file);
    crypto.Cleanse(&seed);
  };
  RV_RETURN_IF_ERROR(ReadAll(fd, &file, path));
  std::copy_n(file.begin() + kSeedAt, seed.size(), seed.begin());
  KeyFile expected = Assemble(crypto, seed);
  const bool intact = crypto.ConstantTimeEqual(AsView(file), AsView(expected));
  crypto.Cleanse(&expected);
  if (!intact) {
    return absl::DataLossError(absl::StrCat(
        "key file \"", path, "\" is corrupt: magic or checksum disagrees"));
  }
  return PrivateKey::FromSeed(crypto, seed);
}

}  // namespace ruvector::audit
