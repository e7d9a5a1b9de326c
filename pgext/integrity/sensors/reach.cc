#include "pgext/integrity/sensors/reach.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/clock.h"
#include "core/process/spawn.h"

namespace ruvector::sensors {
namespace {

struct Attempt {
  int fd;
  size_t server;
  uint64_t begun_us;
  std::string address;
};

constexpr char kGetent[] = "/usr/bin/getent";
constexpr size_t kMaxAnswer = 65536;

// A getent that runs. Its answer: a line per address, which comes first.
struct LookUp {
  process::UniqueFd answer;
  pid_t child;
  size_t server;
  Endpoint endpoint;
  std::string text;
};

void Bury(pid_t child) {
  process::KillGroup(child);
  kill(child, SIGKILL);  // before it leads its group
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

class Round {
 public:
  explicit Round(size_t servers) : reached_(servers) {}
  ~Round() {
    for (const Attempt& attempt : open_) close(attempt.fd);
    for (const LookUp& look_up : asked_) Bury(look_up.child);
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  void Begin(size_t server, const Endpoint& endpoint) {
    if (!endpoint.host.empty() && endpoint.host[0] == '/') {
      BeginLocal(server, endpoint);
    } else {
      BeginRemote(server, endpoint);
    }
  }

  // Until all have an answer, or the time is over.
  void Wait(uint64_t end_us) {
    for (uint64_t now = MonotonicMicros();
         (!open_.empty() || !asked_.empty()) && now < end_us;
         now = MonotonicMicros()) {
      std::vector<pollfd> polled;
      for (const Attempt& attempt : open_) {
        polled.push_back({attempt.fd, POLLOUT, 0});
      }
      for (const LookUp& look_up : asked_) {
        polled.push_back({look_up.answer.get(), POLLIN, 0});
      }
      const int left_ms = static_cast<int>((end_us - now + 999) / 1000);
      if (poll(polled.data(), polled.size(), left_ms) <= 0) continue;
      const std::vector<Attempt> attempts = std::exchange(open_, {});
      std::vector<LookUp> look_ups = std::exchange(asked_, {});
      for (size_t i = 0; i < attempts.size(); ++i) {
        if (polled[i].revents == 0) {
          open_.push_back(attempts[i]);
        } else {
          Conclude(attempts[i]);
        }
      }
      for (size_t i = 0; i < look_ups.size(); ++i) {
        if (polled[attempts.size() + i].revents == 0 || Reads(look_ups[i])) {
          asked_.push_back(std::move(look_ups[i]));
        } else {
          Found(look_ups[i]);
        }
      }
    }
    for (const Attempt& attempt : open_) Fail(attempt, "no answer in time");
    for (const LookUp& look_up : asked_) {
      FailName(look_up.server, look_up.endpoint, "name not resolved in time");
    }
  }

  std::vector<Reached> Take() { return std::move(reached_); }

 private:
  void BeginLocal(size_t server, const Endpoint& endpoint) {
    const std::string path =
        absl::StrCat(endpoint.host, "/.s.PGSQL.", endpoint.port);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
      reached_[server].failure = absl::StrCat(path, ": path is too long");
      return;
    }
    memcpy(address.sun_path, path.data(), path.size());
    Connect(server, reinterpret_cast<const sockaddr*>(&address),
            sizeof(address), path);
  }

  void BeginRemote(size_t server, const Endpoint& endpoint) {
    if (!ConnectTo(server, endpoint, endpoint.host)) Ask(server, endpoint);
  }

  // False if `address` is no address.
  bool ConnectTo(size_t server, const Endpoint& endpoint,
                 const std::string& address) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.c_str(), endpoint.port.c_str(), &hints, &found) !=
        0) {
      return false;
    }
    Connect(server, found->ai_addr, found->ai_addrlen,
            absl::StrCat(endpoint.host, ":", endpoint.port));
    freeaddrinfo(found);
    return true;
  }

  void Ask(size_t server, const Endpoint& endpoint) {
    absl::StatusOr<process::SocketPair> pair = process::OpenSocketPair();
    if (!pair.ok()) {
      return FailName(server, endpoint, pair.status().message());
    }
    process::SpawnOptions options;
    options.arguments = {kGetent, "ahosts", "--", endpoint.host};
    options.descriptors = {process::kNull, pair->theirs.get(), process::kNull};
    const absl::StatusOr<pid_t> child = process::Spawn(options);
    if (!child.ok()) {
      return FailName(server, endpoint, child.status().message());
    }
    asked_.push_back({std::move(pair->ours), *child, server, endpoint, ""});
  }

  // True while there may be more to read.
  bool Reads(LookUp& look_up) {
    char block[4096];
    const ssize_t count =
        recv(look_up.answer.get(), block, sizeof(block), MSG_DONTWAIT);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    look_up.text.append(block, static_cast<size_t>(count));
    return count > 0 && look_up.text.size() < kMaxAnswer;
  }

  void Found(const LookUp& look_up) {
    Bury(look_up.child);
    std::vector<std::string> known;
    for (absl::string_view line : absl::StrSplit(look_up.text, '\n')) {
      std::string address(line.substr(0, line.find(' ')));
      if (address.empty() ||
          std::find(known.begin(), known.end(), address) != known.end()) {
        continue;
      }
      if (ConnectTo(look_up.server, look_up.endpoint, address)) {
        known.push_back(std::move(address));
      }
    }
    if (known.empty()) {
      FailName(look_up.server, look_up.endpoint, "name or service not known");
    }
  }

  void FailName(size_t server, const Endpoint& endpoint,
                absl::string_view why) {
    Reached& reached = reached_[server];
    if (reached.latency_us.has_value()) return;
    reached.failure =
        absl::StrCat(endpoint.host, ":", endpoint.port, ": ", why);
  }

  void Connect(size_t server, const sockaddr* address, socklen_t size,
               const std::string& name) {
    const int fd = socket(address->sa_family,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const Attempt attempt{fd, server, MonotonicMicros(), name};
    if (fd < 0) {
      Fail(attempt, strerror(errno));
    } else if (connect(fd, address, size) == 0) {
      Succeed(attempt);
      close(fd);
    } else if (errno == EINPROGRESS) {
      open_.push_back(attempt);
    } else {
      Fail(attempt, strerror(errno));
      close(fd);
    }
  }

  void Conclude(const Attempt& attempt) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
    if (error == 0) {
      Succeed(attempt);
    } else {
      Fail(attempt, strerror(error));
    }
    close(attempt.fd);
  }

  void Succeed(const Attempt& attempt) {
    Reached& reached = reached_[attempt.server];
    if (reached.latency_us.has_value()) return;
    reached.latency_us =
        static_cast<int64_t>(MonotonicMicros() - attempt.begun_us);
    reached.failure.clear();
  }

  void Fail(const Attempt& attempt, const char* why) {
    Reached& reached = reached_[attempt.server];
    if (reached.latency_us.has_value()) return;
    reached.failure = absl::StrCat(attempt.address, ": ", why);
  }

  std::vector<Reached> reached_;
  std::vector<Attempt> open_;
  std::vector<LookUp> asked_;
};

}  // namespace

std::vector<Reached> Reach(const std::vector<std::vector<Endpoint>>& servers,
                           int limit_ms) {
  Round round(servers.size());
  for (size_t i = 0; i < servers.size(); ++i) {
    for (const Endpoint& endpoint : servers[i]) round.Begin(i, endpoint);
  }
  round.Wait(MonotonicMicros() + static_cast<uint64_t>(limit_ms) * 1000);
  return round.Take();
}

}  // namespace ruvector::sensors
