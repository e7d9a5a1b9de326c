#include "pgext/integrity/sensors/reach.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"

namespace ruvector::sensors {
namespace {

struct Attempt {
  int fd;
  size_t server;
  uint64_t begun_us;
  std::string address;
};

class Round {
 public:
  explicit Round(size_t servers) : reached_(servers) {}
  ~Round() {
    for (const Attempt& attempt : open_) close(attempt.fd);
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
    for (uint64_t now = MonotonicMicros(); !open_.empty() && now < end_us;
         now = MonotonicMicros()) {
      std::vector<pollfd> polled;
      for (const Attempt& attempt : open_) {
        polled.push_back({attempt.fd, POLLOUT, 0});
      }
      const int left_ms = static_cast<int>((end_us - now + 999) / 1000);
      if (poll(polled.data(), polled.size(), left_ms) <= 0) continue;
      std::vector<Attempt> waiting;
      for (size_t i = 0; i < open_.size(); ++i) {
        if (polled[i].revents == 0) {
          waiting.push_back(std::move(open_[i]));
        } else {
          Conclude(open_[i]);
        }
      }
      open_ = std::move(waiting);
    }
    for (const Attempt& attempt : open_) Fail(attempt, "no answer in time");
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
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string name = absl::StrCat(endpoint.host, ":", endpoint.port);
    const int code = getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(),
                                 &hints, &found);
    if (code != 0) {
      reached_[server].failure = absl::StrCat(name, ": ", gai_strerror(code));
      return;
    }
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
      Connect(server, a->ai_addr, a->ai_addrlen, name);
    }
    freeaddrinfo(found);
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
