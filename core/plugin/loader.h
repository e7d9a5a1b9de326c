// Finds plugins in a directory and tells, for each file, what it is or why it
// was refused.
//
//   LoaderOptions options;
//   options.directory = "/usr/lib/postgresql/15/lib/ruvector";
//   options.owner = geteuid();
//   options.prober = StrategyHostProber("/.../ruvector-strategy-host");
//   Loader loader(options);
//   RV_ASSIGN_OR_RETURN(Scan scan, loader.Rescan());
//   RV_ASSIGN_OR_RETURN(auto mechanisms, MechanismRegistry::From(scan));
//   RV_ASSIGN_OR_RETURN(auto strategies, StrategyRegistry::From(scan));
//
// Each *.so is opened once, checked (trusted_file.h), verified against its
// signature where one is present or demanded, described by the prober in a
// process of its own, and, if it is an attention mechanism, then loaded into
// this process through the very descriptor that was checked. A strategy is
// never mapped here. Nothing a file contains can make Rescan fail or crash:
// it becomes a rejected record that says why.
#ifndef RUVECTOR_CORE_PLUGIN_LOADER_H_
#define RUVECTOR_CORE_PLUGIN_LOADER_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/trusted_file.h"

namespace ruvector::plugin {

// Describes the shared object open at `fd` without running any of its code in
// this process. Must return within a bounded time.
using Prober = std::function<absl::StatusOr<PluginDescription>(int fd)>;

// OK iff `signature` (the content of <name>.so.sig: 64 raw bytes of Ed25519)
// is valid for `content` under a key that the server trusts.
using SignatureCheck = std::function<absl::Status(std::string_view content,
                                                  std::string_view signature)>;

// ruvector.plugin_trust.
enum class TrustPolicy {
  kAny,     // a signature is optional, but a wrong one is refused
  kSigned,  // every plugin needs a valid one
};

struct LoaderOptions {
  std::string directory;
  uid_t owner = 0;  // the server's effective user; root is trusted as well
  TrustPolicy trust = TrustPolicy::kAny;
  Prober prober;                   // required
  SignatureCheck signature_check;  // absent: a present signature is refused
  // What else a description must satisfy here; absent: nothing. An error
  // refuses the plugin with its message.
  std::function<absl::Status(const PluginDescription&)> accept;
};

enum class PluginStatus { kLoaded, kRejected };

// One row of ruvector.plugins.
struct PluginRecord {
  std::string file;  // "topological.so"
  PluginStatus status = PluginStatus::kRejected;
  std::string reason;      // why rejected; empty when loaded
  bool is_signed = false;  // with a signature that was checked and is valid
  FileIdentity identity;   // all 0 when the file could not be opened
  std::optional<PluginDescription> description;  // when it got that far

  // Only for a loaded attention mechanism: constant for the process's life.
  const ruvector_plugin_descriptor* descriptor = nullptr;
};

struct Scan {
  std::vector<PluginRecord> records;  // by file name, ascending
};

// Remembers what the prober said of each file and what this process has
// loaded: a rescan costs one open and one fstat per unchanged file, and one
// reading where there is a signature (keys may have changed). A probe that
// failed for want of time or of the program is tried again.
// [single-thread, backend-main]
//
// Files are visited in order of their names. Rules beyond trust and ABI:
//   - the plugin's name equals the file's stem, which keeps names unique in one
//     directory; a name known from a statically linked plugin is refused by
//     the registries
//   - a file whose bytes changed in place after it was loaded is refused: the
//     old code stays mapped. Replace a plugin by renaming a new file over it;
//     the next Rescan loads the new one, and the old one stays mapped, unused
//   - a name that vanished is no longer in the scan; its code stays mapped
class Loader {
 public:
  explicit Loader(LoaderOptions options);

  // Reads the directory. A missing directory is an empty scan. Errors are about
  // the directory or the options, never about one plugin: PermissionDenied for
  // a directory that others can write to, InvalidArgument without a prober,
  // Internal if it cannot be read.
  absl::StatusOr<Scan> Rescan();

  // The record that Rescan would have for this one file of the directory, at
  // the cost of one file; nothing where there is none of that name. `file` is a
  // single path component. Errors as Rescan.
  absl::StatusOr<std::optional<PluginRecord>> Look(const std::string& file);

  const LoaderOptions& options() const { return options_; }

 private:
  // What is known of the bytes of one inode, whatever its name is today.
  struct Known {
    FileIdentity identity;
    absl::StatusOr<PluginDescription> description;
    // Once loading was tried.
    std::optional<absl::StatusOr<const ruvector_plugin_descriptor*>> descriptor;
  };

  absl::StatusOr<UniqueFd> OpenDirectory() const;
  PluginRecord Examine(int directory, const std::string& file);
  absl::Status CheckSignature(int directory, const std::string& file, int fd,
                              bool& is_signed) const;
  absl::Status Admit(const TrustedFile& opened, PluginRecord& record);
  absl::StatusOr<Known*> Recall(const TrustedFile& opened);

  LoaderOptions options_;
  std::vector<Known> known_;
};

// Maps the shared object open at `fd` into this process (RTLD_NOW, RTLD_LOCAL,
// never unloaded), calls its entry and returns the descriptor, unchecked. Runs
// the object's initialisers: only for a file that was described elsewhere
// first, or in a process that may crash. Keeps no descriptor open.
//
// InvalidArgument with the dynamic linker's words, or if the entry symbol is
// missing; FailedPrecondition if other bytes of the same inode are mapped
// already, by whichever Loader. [single-thread]
absl::StatusOr<const ruvector_plugin_descriptor*> LoadSharedObject(int fd);

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_LOADER_H_
