// ruvector-strategy-host --describe FILE
// ruvector-strategy-host --serve
//
// Loads one plugin in a process that may crash. --describe prints its
// description as one line of JSON: exit 0, or 1 with a message on standard
// error. --serve runs a strategy for the server (serve.h).
//
// The parent (core/plugin/prober.h, core/strategy_host) has taken away its
// open files, environment and signal dispositions. This program limits itself
// before it maps foreign code (confinement.h).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/description.h"
#include "core/plugin/loader.h"
#include "core/plugin/trusted_file.h"
#include "plugins/host/confinement.h"
#include "plugins/host/serve.h"

namespace ruvector::plugin {
namespace {

constexpr rlim_t kCpuSeconds = 5;
constexpr rlim_t kAddressSpaceBytes = rlim_t{1} << 30;
constexpr rlim_t kFileBytes = 1 << 16;  // its one line, where that is a file

// The line goes to a copy of standard output; what the plugin prints does not.
absl::StatusOr<UniqueFd> SetAsideStandardOutput() {
  UniqueFd copy(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10));
  const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!copy.valid() || !null.valid() || dup2(null.get(), STDOUT_FILENO) < 0) {
    return absl::InternalError(
        absl::StrCat("cannot redirect standard output: ", strerror(errno)));
  }
  return copy;
}

absl::Status WriteLine(int fd, std::string line) {
  line += '\n';
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::InternalError(strerror(errno));
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status Describe(const char* path) {
  RV_ASSIGN_OR_RETURN(UniqueFd out, SetAsideStandardOutput());
  UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return absl::NotFoundError(
        absl::StrCat("cannot open '", path, "': ", strerror(errno)));
  }
  RV_ASSIGN_OR_RETURN(const ruvector_plugin_descriptor* const descriptor,
                      LoadSharedObject(file.get()));
  RV_ASSIGN_OR_RETURN(const PluginDescription description,
                      CheckDescriptor(descriptor));
  return WriteLine(out.get(), DescriptionToJson(description));
}

absl::Status Run(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (argc == 2 && command == "--serve") plugin_host::Serve();
  if (argc != 3 || command != "--describe") {
    return absl::InvalidArgumentError(
        "usage: ruvector-strategy-host --describe FILE | --serve");
  }
  RV_RETURN_IF_ERROR(plugin_host::Confine(kFileBytes));
  RV_RETURN_IF_ERROR(plugin_host::LimitProcessor(kCpuSeconds));
  RV_RETURN_IF_ERROR(plugin_host::LimitMemory(kAddressSpaceBytes));
  return Describe(argv[2]);
}

}  // namespace
}  // namespace ruvector::plugin

int main(int argc, char** argv) {
  const absl::Status status = ruvector::plugin::Run(argc, argv);
  if (!status.ok()) {
    fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
            status.message().data());
  }
  // Not exit: a plugin's destructors have no business here.
  fflush(stderr);
  _exit(status.ok() ? 0 : 1);
}
