#include "core/plugin/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"

namespace ruvector::plugin {
namespace {

constexpr char kSuffix[] = ".so";
constexpr char kSignatureSuffix[] = ".sig";
constexpr uint64_t kMaxPluginBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxSignatureBytes = 4096;

absl::StatusOr<std::vector<std::string>> ListPlugins(int directory) {
  // fdopendir takes over what it is given, and reads from the shared offset.
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(
      copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (stream == nullptr) {
    if (copy >= 0) close(copy);
    return absl::InternalError(
        absl::StrCat("cannot read the plugin directory: ", strerror(errno)));
  }
  std::vector<std::string> files;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const absl::string_view name = entry->d_name;
    if (absl::EndsWith(name, kSuffix) && name[0] != '.') {
      files.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    return absl::InternalError(
        absl::StrCat("cannot read the plugin directory: ", strerror(errno)));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Reason(const absl::Status& status) {
  std::string reason(status.message());
  // One LOG line and one row: whatever a plugin's process wrote stays on it.
  std::replace_if(
      reason.begin(), reason.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return reason;
}

absl::Status CheckStem(const std::string& file, const std::string& name) {
  if (absl::StrCat(name, kSuffix) == file) return absl::OkStatus();
  return Malformed("plugin is named '", name, "', expected '",
                   std::string(absl::StripSuffix(file, kSuffix)),
                   "' as its file is");
}

// Says something about the machine just now, nothing about the file.
bool IsPassing(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
}

absl::StatusOr<const ruvector_plugin_descriptor*> LoadAsDescribed(
    int fd, const PluginDescription& description) {
  RV_ASSIGN_OR_RETURN(const ruvector_plugin_descriptor* const descriptor,
                      LoadSharedObject(fd));
  RV_ASSIGN_OR_RETURN(const PluginDescription seen,
                      CheckDescriptor(descriptor));
  if (seen == description) return descriptor;
  return absl::FailedPreconditionError(
      "plugin describes itself differently in another process");
}

}  // namespace

Loader::Loader(LoaderOptions options) : options_(std::move(options)) {}

absl::StatusOr<UniqueFd> Loader::OpenDirectory() const {
  if (!options_.prober) {
    return absl::InvalidArgumentError("loader has no prober");
  }
  return OpenTrustedDirectory(options_.directory, options_.owner);
}

absl::StatusOr<std::optional<PluginRecord>> Loader::Look(
    const std::string& file) {
  const absl::StatusOr<UniqueFd> directory = OpenDirectory();
  if (absl::IsNotFound(directory.status())) return std::nullopt;
  RV_RETURN_IF_ERROR(directory.status());
  struct stat ignored;
  if (fstatat(directory->get(), file.c_str(), &ignored, AT_SYMLINK_NOFOLLOW) !=
          0 &&
      errno == ENOENT) {
    return std::nullopt;
  }
  return Examine(directory->get(), file);
}

absl::StatusOr<Scan> Loader::Rescan() {
  const absl::StatusOr<UniqueFd> directory = OpenDirectory();
  if (absl::IsNotFound(directory.status())) return Scan{};
  RV_RETURN_IF_ERROR(directory.status());
  RV_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                      ListPlugins(directory->get()));
  Scan scan;
  for (const std::string& file : files) {
    scan.records.push_back(Examine(directory->get(), file));
  }
  return scan;
}

PluginRecord Loader::Examine(int directory, const std::string& file) {
  PluginRecord record;
  record.file = file;
  absl::StatusOr<TrustedFile> opened =
      OpenTrustedFile(directory, file, options_.owner);
  absl::Status status = opened.status();
  if (status.ok()) {
    record.identity = opened->identity;
    status =
        CheckSignature(directory, file, opened->fd.get(), record.is_signed);
  }
  if (status.ok()) status = Admit(*opened, record);
  if (status.ok()) {
    record.status = PluginStatus::kLoaded;
  } else {
    record.reason = Reason(status);
  }
  return record;
}

absl::Status Loader::CheckSignature(int directory, const std::string& file,
                                    int fd, bool& is_signed) const {
  absl::StatusOr<TrustedFile> sig = OpenTrustedFile(
      directory, absl::StrCat(file, kSignatureSuffix), options_.owner);
  if (absl::IsNotFound(sig.status())) {
    if (options_.trust == TrustPolicy::kAny) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat(
        "plugin is not signed: '", file, kSignatureSuffix, "' does not exist"));
  }
  RV_RETURN_IF_ERROR(sig.status());
  if (!options_.signature_check) {
    return absl::PermissionDeniedError(
        "plugin has a signature that nothing here can check");
  }
  RV_ASSIGN_OR_RETURN(const std::string signature,
                      ReadWhole(sig->fd.get(), kMaxSignatureBytes));
  RV_ASSIGN_OR_RETURN(const std::string content,
                      ReadWhole(fd, kMaxPluginBytes));
  RV_RETURN_IF_ERROR(options_.signature_check(content, signature));
  is_signed = true;
  return absl::OkStatus();
}

absl::Status Loader::Admit(const TrustedFile& opened, PluginRecord& record) {
  RV_ASSIGN_OR_RETURN(Known* const known, Recall(opened));
  RV_RETURN_IF_ERROR(known->description.status());
  record.description = *known->description;
  RV_RETURN_IF_ERROR(CheckStem(record.file, record.description->name));
  if (options_.accept) {
    RV_RETURN_IF_ERROR(options_.accept(*record.description));
  }
  if (record.description->kind == PluginKind::kStrategy) {
    return absl::OkStatus();
  }
  if (!known->descriptor.has_value()) {
    known->descriptor = LoadAsDescribed(opened.fd.get(), *record.description);
  }
  RV_ASSIGN_OR_RETURN(record.descriptor, *known->descriptor);
  return absl::OkStatus();
}

absl::StatusOr<Loader::Known*> Loader::Recall(const TrustedFile& opened) {
  const auto known = std::find_if(
      known_.begin(), known_.end(),
      [&](const Known& k) { return k.identity.SameInode(opened.identity); });
  if (known != known_.end() && known->identity == opened.identity) {
    return &*known;
  }
  if (known != known_.end()) known_.erase(known);
  Known found = {opened.identity, options_.prober(opened.fd.get()), {}};
  if (IsPassing(found.description.status())) return found.description.status();
  known_.push_back(std::move(found));
  return &known_.back();
}

}  // namespace ruvector::plugin
