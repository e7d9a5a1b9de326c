#include "core/strategy_host/host_connection.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/process/spawn.h"

namespace ruvector::strategy_host {
namespace {

// A process whose socket has closed is either ending or pretending.
constexpr absl::Duration kTimeToEnd = absl::Milliseconds(500);
constexpr absl::Duration kTimeToDie = absl::Seconds(1);
constexpr absl::Duration kTick = absl::Milliseconds(1);

}  // namespace

absl::Status WaitWithPoll(int fd, bool for_writing, absl::Time until) {
  const absl::Duration left =
      std::clamp(until - absl::Now(), absl::ZeroDuration(), absl::Minutes(1));
  // Rounded up: waking just before the time would spin.
  const int64_t milliseconds = absl::ToInt64Milliseconds(left) + 1;
  pollfd ready = {fd, static_cast<short>(for_writing ? POLLOUT : POLLIN), 0};
  if (poll(&ready, 1, static_cast<int>(milliseconds)) < 0 && errno != EINTR) {
    return absl::InternalError(absl::StrCat("poll: ", strerror(errno)));
  }
  return absl::OkStatus();
}

HostConnection::HostConnection(std::string name, ProcessOptions options,
                               const Clock& clock, Wait wait)
    : name_(std::move(name)),
      options_(std::move(options)),
      clock_(clock),
      wait_(std::move(wait)) {}

absl::Status HostConnection::Open(int plugin_fd) {
  Kill();
  if (pid_ >= 0) {
    return absl::UnavailableError(
        absl::StrCat("the last process of strategy '", name_,
                     "' was killed and has not ended yet"));
  }
  RV_ASSIGN_OR_RETURN(process::SocketPair pair, process::OpenSocketPair());
  process::SpawnOptions options;
  options.arguments = {options_.program, "--serve"};
  options.descriptors = {process::kNull, process::kNull, process::kNull,
                         plugin_fd, pair.theirs.get()};
  RV_ASSIGN_OR_RETURN(pid_, process::Spawn(options));
  socket_ = std::move(pair.ours);
  reaped_ = false;
  status_ = std::nullopt;
  reader_ = FrameReader(kMaxFromHostBytes);
  return absl::OkStatus();
}

absl::Status HostConnection::Words(const HostCall& call, Fault fault,
                                   absl::string_view what) const {
  return FaultStatus(
      fault, absl::StrCat("strategy '", name_, "' ", what, " ", call.doing));
}

absl::Status HostConnection::KillFor(const HostCall& call, Fault fault,
                                     absl::string_view what) {
  Kill();
  return Words(call, fault, what);
}

std::string HostConnection::OutOfMemoryWords() const {
  return absl::StrCat("ran out of its ", options_.memory_bytes >> 20,
                      " MiB of memory");
}

// Without reaping it.
bool HostConnection::HasEnded() const {
  siginfo_t info = {};
  return waitid(P_PID, static_cast<id_t>(pid_), &info,
                WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid_;
}

// True once the child is no more; leaves its status, if it was ours to have.
bool HostConnection::Reap() {
  if (reaped_) return true;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
  if (ended == pid_) status_ = status;
  reaped_ = true;
  return true;
}

void HostConnection::Kill() {
  socket_.Close();
  if (pid_ < 0) return;
  // Also where the child itself has ended: its group may live on. As long as
  // it is not reaped, its number is nobody else's.
  if (!reaped_) process::KillGroup(pid_);
  const absl::Time patience = absl::Now() + kTimeToDie;
  while (!Reap() && absl::Now() < patience) absl::SleepFor(kTick);
  if (reaped_) pid_ = -1;
}

absl::Status HostConnection::CheckTime(HostCall& call) {
  const absl::Time now = clock_.Now();
  if (!call.stopping) {
    call.late = now >= call.deadline;
    call.stopping = call.late || (call.stop && call.stop());
    if (call.stopping) {
      call.kill_at = now + call.grace.value_or(absl::ZeroDuration());
    }
  }
  if (now < call.kill_at) return absl::OkStatus();
  if (call.late) {
    return KillFor(call, Fault::kDeadline, "was killed at its deadline");
  }
  return KillFor(call, Fault::kIgnoredStop,
                 absl::StrCat("was killed: it did not stop within ",
                              absl::FormatDuration(*call.grace), " when told"));
}

absl::Status HostConnection::WaitFor(HostCall& call, bool for_writing) {
  RV_RETURN_IF_ERROR(CheckTime(call));
  const absl::Status waited = wait_(
      socket_.get(), for_writing, call.stopping ? call.kill_at : call.deadline);
  if (!waited.ok()) Kill();
  return waited;
}

absl::Status HostConnection::Send(HostCall& call, const wire::ToHost& message) {
  RV_ASSIGN_OR_RETURN(const std::string frame, EncodeFrame(message));
  for (size_t done = 0; done < frame.size();) {
    const ssize_t n = send(socket_.get(), frame.data() + done,
                           frame.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      RV_RETURN_IF_ERROR(WaitFor(call, true));
    } else if (errno != EINTR) {
      // What it said before it went is still to be read, and then the end.
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status HostConnection::ReadMore(HostCall& call) {
  char block[65536];
  const ssize_t n = recv(socket_.get(), block, sizeof(block), MSG_DONTWAIT);
  if (n > 0) {
    reader_.Append(block, static_cast<size_t>(n));
    return absl::OkStatus();
  }
  if (n < 0 && errno == EINTR) return absl::OkStatus();
  if (n < 0 && errno == EAGAIN) return WaitFor(call, false);
  return Ended(call);
}

absl::StatusOr<wire::FromHost> HostConnection::Receive(HostCall& call) {
  while (true) {
    RV_RETURN_IF_ERROR(CheckTime(call));
    absl::StatusOr<std::optional<std::string>> frame = reader_.Next();
    if (frame.ok() && !frame->has_value()) {
      RV_RETURN_IF_ERROR(ReadMore(call));
      continue;
    }
    absl::StatusOr<wire::FromHost> message =
        frame.ok() ? ParseFromHost(**frame) : frame.status();
    if (!message.ok()) {
      return KillFor(
          call, Fault::kRubbish,
          absl::StrCat("wrote what is no message (",
                       absl::string_view(message.status().message()), ")"));
    }
    if (!message->has_out_of_memory()) return message;
    call.out_of_memory = true;
  }
}

absl::Status HostConnection::Ended(const HostCall& call) {
  const absl::Time patience = clock_.Now() + kTimeToEnd;
  while (!HasEnded() && clock_.Now() < patience) {
    const absl::Status waited = wait_(-1, false, clock_.Now() + kTick);
    if (!waited.ok()) {
      Kill();
      return waited;
    }
  }
  const bool ended = HasEnded();
  Kill();
  if (!ended) return Words(call, Fault::kClosedPipe, "closed its socket");
  if (!status_.has_value()) {
    return Words(call, Fault::kExited, "ended, nobody knows how,");
  }
  return Diagnose(call, *status_);
}

absl::Status HostConnection::Diagnose(const HostCall& call, int status) const {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    return Words(call, Fault::kForbiddenCall, "made a forbidden system call");
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return Words(
        call, Fault::kCpuTime,
        absl::StrCat("used up its ", absl::FormatDuration(options_.cpu),
                     " of processor time"));
  }
  if (call.out_of_memory) {
    return Words(call, Fault::kOutOfMemory, OutOfMemoryWords());
  }
  if (WIFSIGNALED(status)) {
    return Words(call, Fault::kCrashed,
                 absl::StrCat("crashed with signal ", WTERMSIG(status)));
  }
  return Words(call, Fault::kExited,
               absl::StrCat("exited with status ", WEXITSTATUS(status)));
}

}  // namespace ruvector::strategy_host
