#include "core/notify/helper_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace ruvector::notify {
namespace {

constexpr int kChannel = 3;
// The child's descriptors 0 to 3 are assigned one after the other; a source
// above them cannot be overwritten on the way.
constexpr int kLowestSource = 10;

absl::Status Unavailable(const std::string& what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(error)));
}

// 0, or what failed.
int Spawn(const std::string& program, char* const* environment, int channel,
          pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup release = [&] {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  };
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
  int error =
      posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  if (error == 0) {
    error =
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  }
  if (error == 0) {
    error = posix_spawn_file_actions_adddup2(&files, channel, kChannel);
  }
  if (error == 0) {
    error = posix_spawn_file_actions_addclosefrom_np(&files, kChannel + 1);
  }
  if (error != 0) return error;
  char* const argv[] = {const_cast<char*>(program.c_str()), nullptr};
  return posix_spawn(&pid, program.c_str(), &files, &attributes, argv,
                     environment);
}

}  // namespace

absl::Status HelperProcess::Start(const std::string& program,
                                  const std::vector<std::string>& environment) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Unavailable("cannot make a socket pair", errno);
  }
  const int channel = fcntl(ends[1], F_DUPFD_CLOEXEC, kLowestSource);
  const int duplicate_error = errno;
  close(ends[1]);
  absl::Cleanup close_ours = [&] { close(ends[0]); };
  if (channel < 0) {
    return Unavailable("cannot duplicate descriptor", duplicate_error);
  }
  std::vector<char*> variables;
  for (const std::string& variable : environment) {
    variables.push_back(const_cast<char*>(variable.c_str()));
  }
  variables.push_back(nullptr);
  pid_t pid = -1;
  const int error = Spawn(program, variables.data(), channel, pid);
  close(channel);
  if (error != 0) {
    return Unavailable(absl::StrCat("cannot start \"", program, "\""), error);
  }
  std::move(close_ours).Cancel();
  socket_ = ends[0];
  pid_ = pid;
  return absl::OkStatus();
}

bool HelperProcess::Write(std::string& bytes) {
  size_t done = 0;
  bool alive = true;
  while (done < bytes.size()) {
    const ssize_t n = send(socket_, bytes.data() + done, bytes.size() - done,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      alive = errno == EAGAIN;
      break;
    }
    done += static_cast<size_t>(n);
  }
  bytes.erase(0, done);
  return alive;
}

bool HelperProcess::Read(std::string& bytes) {
  char block[4096];
  for (;;) {
    const ssize_t n = recv(socket_, block, sizeof(block), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    bytes.append(block, static_cast<size_t>(n));
  }
}

void HelperProcess::End() {
  if (socket_ >= 0) {
    close(std::exchange(socket_, -1));
    // The group may be gone, or not be one yet.
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
    ended_.push_back(std::exchange(pid_, -1));
  }
  Reap();
}

void HelperProcess::Reap() {
  const auto gone = [](pid_t pid) {
    return waitpid(pid, nullptr, WNOHANG) != 0;
  };
  ended_.erase(std::remove_if(ended_.begin(), ended_.end(), gone),
               ended_.end());
}

std::vector<std::string> HttpEnvironment() {
  constexpr const char* kNames[] = {
      "http_proxy", "https_proxy", "HTTPS_PROXY",   "all_proxy",   "ALL_PROXY",
      "no_proxy",   "NO_PROXY",    "SSL_CERT_FILE", "SSL_CERT_DIR"};
  std::vector<std::string> variables;
  for (const char* name : kNames) {
    if (const char* value = getenv(name)) {
      variables.push_back(absl::StrCat(name, "=", value));
    }
  }
  return variables;
}

}  // namespace ruvector::notify
