#include "core/plugin/prober.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "core/process/spawn.h"

namespace ruvector::plugin {
namespace {

constexpr size_t kMaxOutput = 65536;
constexpr size_t kMaxComplaint = 500;
constexpr int kTickMs = 10;

absl::Status SystemError(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(error)));
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
  pipe.write = UniqueFd(ends[1]);
  fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

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
    process::KillGroup(pid_);
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
  process::SpawnOptions options;
  options.arguments = {program, "--describe", "/proc/self/fd/3"};
  options.descriptors = {process::kNull, out.write.get(), err.write.get(),
                         plugin};
  RV_ASSIGN_OR_RETURN(const pid_t pid, process::Spawn(options));
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
