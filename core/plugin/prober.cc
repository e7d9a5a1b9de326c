#include "core/plugin/prober.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"

namespace ruvector::plugin {
namespace {

constexpr size_t kMaxOutput = 65536;
constexpr size_t kMaxComplaint = 500;
constexpr int kTickMs = 10;
// The child's descriptors 0 to 3 are assigned one after the other; sources
// above them cannot be overwritten on the way.
constexpr int kLowestSource = 10;

absl::Status SystemError(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(error)));
}

absl::StatusOr<UniqueFd> Duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, kLowestSource));
  if (!copy.valid()) return SystemError("cannot duplicate descriptor", errno);
  return copy;
}

struct Pipe {
  UniqueFd read;   // non-blocking
  UniqueFd write;  // for the child
};

absl::StatusOr<Pipe> OpenPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("cannot pipe", errno);
  Pipe pipe;
  pipe.read = UniqueFd(ends[0]);
  const UniqueFd low_write(ends[1]);
  RV_ASSIGN_OR_RETURN(pipe.write, Duplicate(low_write.get()));
  fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

// Spawn attributes and file actions, freed with the object.
class SpawnSetup {
 public:
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnSetup() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSetup(const SpawnSetup&) = delete;

  // A server's children inherit its open files, ignored signals and blocked
  // signals unless they are taken away here. 0, or what failed.
  int Configure(int out, int err, int plugin) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETPGROUP);
    int error = posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null",
                                                 O_RDONLY, 0);
    const std::pair<int, int> moves[] = {{out, 1}, {err, 2}, {plugin, 3}};
    for (const auto& [from, to] : moves) {
      if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions_, from, to);
      }
    }
    if (error == 0) {
      error = posix_spawn_file_actions_addclosefrom_np(&actions_, 4);
    }
    return error;
  }

  int Spawn(const std::string& program, pid_t& pid) {
    std::string argv0 = program, describe = "--describe";
    std::string file = "/proc/self/fd/3";
    char* argv[] = {argv0.data(), describe.data(), file.data(), nullptr};
    char* environment[] = {nullptr};
    return posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv,
                       environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Owns one child that leads its own process group: gone when this is gone.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ > 0 && !ended_) Kill();
  }
  Child(const Child&) = delete;

  // True once it has ended.
  bool Poll() { return ended_ || Wait(WNOHANG); }
  void Kill() {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
    Wait(0);
  }
  // nullopt where someone else reaped it.
  std::optional<int> status() const { return status_; }

 private:
  bool Wait(int options) {
    int status = 0;
    pid_t result = 0;
    do {
      result = waitpid(pid_, &status, options);
    } while (result < 0 && errno == EINTR);
    if (result == 0) return false;
    if (result == pid_) status_ = status;
    ended_ = true;
    return true;
  }

  pid_t pid_;
  bool ended_ = false;
  std::optional<int> status_;
};

// Reads what is there. False at end of file.
bool Drain(int fd, size_t limit, std::string& text) {
  char block[4096];
  while (true) {
    const ssize_t n = read(fd, block, sizeof(block));
    if (n > 0) {
      const size_t room = limit - std::min(limit, text.size());
      text.append(block, std::min(room, static_cast<size_t>(n)));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    return n < 0 && errno == EAGAIN;
  }
}

struct Output {
  std::string out;
  std::string err;
};

// True if both streams and the child ended before the deadline.
bool Collect(Child& child, const Pipe& out, const Pipe& err,
             absl::Time deadline, Output& output) {
  bool out_open = true, err_open = true;
  while (absl::Now() < deadline) {
    pollfd fds[] = {{out_open ? out.read.get() : -1, POLLIN, 0},
                    {err_open ? err.read.get() : -1, POLLIN, 0}};
    poll(fds, 2, kTickMs);
    if (out_open) out_open = Drain(out.read.get(), kMaxOutput, output.out);
    if (err_open) err_open = Drain(err.read.get(), kMaxComplaint, output.err);
    if (!out_open && !err_open && child.Poll()) return true;
  }
  return false;
}

absl::StatusOr<PluginDescription> Interpret(std::optional<int> status,
                                            const Output& output) {
  if (status.has_value() && WIFSIGNALED(*status)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "crashed with signal ", WTERMSIG(*status), " while it was described"));
  }
  if (status.has_value() && WEXITSTATUS(*status) != 0) {
    const absl::string_view words = absl::StripAsciiWhitespace(output.err);
    return absl::InvalidArgumentError(
        words.empty()
            ? absl::StrCat("exited with status ", WEXITSTATUS(*status),
                           " while it was described")
            : std::string(words));
  }
  return DescriptionFromJson(output.out);
}

absl::StatusOr<PluginDescription> Probe(const std::string& program,
                                        absl::Duration limit, int plugin) {
  RV_ASSIGN_OR_RETURN(Pipe out, OpenPipe());
  RV_ASSIGN_OR_RETURN(Pipe err, OpenPipe());
  RV_ASSIGN_OR_RETURN(UniqueFd file, Duplicate(plugin));
  SpawnSetup setup;
  pid_t pid = -1;
  int error = setup.Configure(out.write.get(), err.write.get(), file.get());
  if (error == 0) error = setup.Spawn(program, pid);
  if (error != 0) {
    return SystemError(absl::StrCat("cannot start '", program, "'").c_str(),
                       error);
  }
  Child child(pid);
  out.write.Close();
  err.write.Close();
  Output output;
  if (!Collect(child, out, err, absl::Now() + limit, output)) {
    child.Kill();
    return absl::DeadlineExceededError(
        absl::StrCat("was not described within ", absl::FormatDuration(limit)));
  }
  return Interpret(child.status(), output);
}

}  // namespace

Prober StrategyHostProber(std::string program, absl::Duration deadline) {
  return [program = std::move(program), deadline](int fd) {
    return Probe(program, deadline, fd);
  };
}

Prober InProcessProber() {
  return [](int fd) -> absl::StatusOr<PluginDescription> {
    RV_ASSIGN_OR_RETURN(const ruvector_plugin_descriptor* const descriptor,
                        LoadSharedObject(fd));
    return CheckDescriptor(descriptor);
  };
}

}  // namespace ruvector::plugin
