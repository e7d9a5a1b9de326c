#include "core/audit/command_signer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/audit/keys.h"
#include "core/base/status_macros.h"
#include "core/process/spawn.h"

extern char** environ;

namespace ruvector::audit {
namespace {

constexpr size_t kMaxAnswerBytes = 4096;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status Unavailable(const std::string& program, absl::string_view what) {
  return absl::UnavailableError(
      absl::StrCat("signing command \"", program, "\" ", what));
}

// A file with the message, to be read from its start. A file and not a pipe:
// nobody has to feed it, and a command that does not read cannot raise SIGPIPE.
absl::StatusOr<FileDescriptor> MessageFile(absl::string_view prefix,
                                           absl::string_view payload) {
  FileDescriptor file(memfd_create("ruvector-message", MFD_CLOEXEC));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  for (absl::string_view part : {prefix, payload}) {
    while (!part.empty()) {
      const ssize_t written = write(file.get(), part.data(), part.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return absl::ErrnoToStatus(errno, "write");
      part.remove_prefix(static_cast<size_t>(written));
    }
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) {
    return absl::ErrnoToStatus(errno, "lseek");
  }
  return file;
}

// The command gets the caller's environment: where its credentials are.
std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

// Reads until end of file, the deadline or too much. False at the deadline.
bool ReadAnswer(int fd, absl::Time deadline, std::string* answer) {
  while (answer->size() <= kMaxAnswerBytes) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd ready{fd, POLLIN, 0};
    const int milliseconds = static_cast<int>(
        std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000));
    if (poll(&ready, 1, milliseconds) <= 0) continue;
    char buffer[512];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    answer->append(buffer, static_cast<size_t>(got));
  }
  return true;
}

// Waits for the end of the process; kills its group when the deadline passes.
// The wait status, or nullopt if it had to be killed.
std::optional<int> Reap(pid_t pid, absl::Time deadline) {
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return status;
    if (ended < 0 && errno != EINTR) return std::nullopt;
    if (absl::Now() >= deadline) break;
    absl::SleepFor(absl::Milliseconds(1));
  }
  kill(-pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return std::nullopt;
}

// Upper case is welcome here: it is another program's output, not our format.
std::optional<Signature> ParseAnswer(absl::string_view answer) {
  absl::ConsumeSuffix(&answer, "\n");
  std::optional<std::string> bytes =
      answer.size() == 128 ? FromHex(absl::AsciiStrToLower(answer))
                           : FromBase64(answer);
  if (!bytes.has_value()) return std::nullopt;
  return FromBytes<Signature>(*bytes);
}

absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& argv,
                                       int standard_input,
                                       absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe2");
  FileDescriptor answer_end(ends[0]);
  FileDescriptor child_end(ends[1]);
  const absl::Time deadline = absl::Now() + limit;
  process::SpawnOptions options;
  options.arguments = argv;
  options.environment = Environment();
  options.descriptors = {standard_input, child_end.get(), process::kInherit};
  const absl::StatusOr<pid_t> pid = process::Spawn(options);
  if (!pid.ok()) return Unavailable(argv[0], pid.status().message());
  child_end.Close();

  std::string answer;
  const bool complete = ReadAnswer(answer_end.get(), deadline, &answer);
  answer_end.Close();
  // Whoever still holds the other end goes with it.
  if (!complete) kill(-*pid, SIGKILL);
  const std::optional<int> status = Reap(*pid, deadline);
  if (!complete || !status.has_value()) {
    return Unavailable(argv[0], absl::StrCat("did not end within ",
                                             absl::FormatDuration(limit)));
  }
  if (WIFSIGNALED(*status)) {
    return Unavailable(argv[0],
                       absl::StrCat("was ended by signal ", WTERMSIG(*status)));
  }
  if (WEXITSTATUS(*status) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("signing command \"", argv[0], "\" ended with status ",
                     WEXITSTATUS(*status), ", expected 0"));
  }
  return answer;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseCommand(absl::string_view text) {
  std::vector<std::string> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty() || !absl::StartsWith(words[0], "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("signing command must begin with an absolute path, got \"",
                     text, "\""));
  }
  return words;
}

CommandSigner::CommandSigner(const Crypto& crypto, Options options)
    : crypto_(crypto),
      options_(std::move(options)),
      key_id_(KeyId(crypto, options_.public_key)) {}

absl::StatusOr<Signature> CommandSigner::Sign(absl::string_view prefix,
                                              absl::string_view payload) {
  RV_ASSIGN_OR_RETURN(const FileDescriptor message,
                      MessageFile(prefix, payload));
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      RunCommand(options_.argv, message.get(), options_.deadline));
  const std::optional<Signature> signature = ParseAnswer(answer);
  if (!signature.has_value()) {
    return absl::InternalError(absl::StrCat(
        "signing command \"", options_.argv[0], "\" printed ", answer.size(),
        " bytes that are not a signature in hex or base64"));
  }
  if (!VerifySignature(crypto_, options_.public_key, prefix, payload,
                       *signature)) {
    return absl::InternalError(
        absl::StrCat("signing command \"", options_.argv[0],
                     "\" did not sign with key \"", key_id_, "\""));
  }
  return *signature;
}

}  // namespace ruvector::audit
