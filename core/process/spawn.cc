#include "core/process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ruvector::process {
namespace {

// The child's descriptors are assigned one after the other: a source above
// them cannot be overwritten on the way.
constexpr int kLowestSource = 32;

absl::Status Unavailable(const std::string& what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(error)));
}

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// 0, or what failed.
int Assign(posix_spawn_file_actions_t& files, int source, int target) {
  if (source == kInherit) return 0;
  if (source == kNull) {
    return posix_spawn_file_actions_addopen(&files, target, "/dev/null", O_RDWR,
                                            0);
  }
  return posix_spawn_file_actions_adddup2(&files, source, target);
}

int Configure(const std::vector<int>& sources,
              posix_spawn_file_actions_t& files,
              posix_spawnattr_t& attributes) {
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
  for (size_t i = 0; i < sources.size(); ++i) {
    if (const int error = Assign(files, sources[i], static_cast<int>(i))) {
      return error;
    }
  }
  return posix_spawn_file_actions_addclosefrom_np(
      &files, static_cast<int>(sources.size()));
}

}  // namespace

absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) {
  std::vector<UniqueFd> copies;
  std::vector<int> sources = options.descriptors;
  for (int& source : sources) {
    if (source < 0) continue;
    copies.emplace_back(fcntl(source, F_DUPFD_CLOEXEC, kLowestSource));
    if (!copies.back().valid()) {
      return Unavailable("cannot duplicate descriptor", errno);
    }
    source = copies.back().get();
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup release = [&] {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  };
  pid_t pid = -1;
  const std::string& program = options.arguments.at(0);
  int error = Configure(sources, files, attributes);
  if (error == 0) {
    error = posix_spawn(&pid, program.c_str(), &files, &attributes,
                        Pointers(options.arguments).data(),
                        Pointers(options.environment).data());
  }
  if (error != 0) {
    return Unavailable(absl::StrCat("cannot start \"", program, "\""), error);
  }
  return pid;
}

absl::StatusOr<SocketPair> OpenSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Unavailable("cannot make a socket pair", errno);
  }
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void KillGroup(pid_t pid) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
}

}  // namespace ruvector::process
