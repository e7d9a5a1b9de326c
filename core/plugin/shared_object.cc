#include <dlfcn.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/loader.h"
#include "core/plugin/malformed.h"
#include "core/plugin/trusted_file.h"

namespace ruvector::plugin {
namespace {

// glibc compares a name with those of the objects it has loaded before it
// opens anything, and descriptors are numbered anew: /proc/self/fd/7 twice
// would be the first plugin twice. So every path is spelled differently, the
// call's number in binary with "//" for 0 and "/./" for 1.
std::string UniquePath(int fd) {
  static uint32_t calls = 0;  // scope: process
  std::string path = "/proc/self/fd/";
  for (uint32_t bits = calls++, i = 0; i < 32; ++i, bits >>= 1) {
    path += (bits & 1) != 0 ? "./" : "/";
  }
  return absl::StrCat(path, fd);
}

absl::Status LinkerError() {
  std::string_view words = dlerror();
  // Without the path, which means nothing to a reader.
  if (const size_t colon = words.find(": ");
      words.substr(0, 6) == "/proc/" && colon != words.npos) {
    words.remove_prefix(colon + 2);
  }
  return Malformed("cannot load: ", words);
}

// The linker answers for an inode with what it mapped from it before, even if
// the file was overwritten since: then the code would not be the file's.
absl::Status CheckMapping(int fd) {
  static auto& mapped = *new std::vector<FileIdentity>;  // scope: process
  RV_ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(fd));
  for (const FileIdentity& before : mapped) {
    if (!before.SameInode(identity)) continue;
    if (before == identity) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "file was changed in place after it was loaded: rename a new file "
        "over it instead");
  }
  mapped.push_back(identity);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<const ruvector_plugin_descriptor*> LoadSharedObject(int fd) {
  RV_RETURN_IF_ERROR(CheckMapping(fd));
  void* handle = dlopen(UniquePath(fd).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return LinkerError();
  const auto entry = reinterpret_cast<ruvector_plugin_entry>(
      dlsym(handle, RUVECTOR_PLUGIN_ENTRY_SYMBOL));
  if (entry == nullptr) {
    return absl::InvalidArgumentError("symbol '" RUVECTOR_PLUGIN_ENTRY_SYMBOL
                                      "' is missing");
  }
  return entry();
}

}  // namespace ruvector::plugin
