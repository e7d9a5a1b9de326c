#include "core/notify/helper_process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/process/spawn.h"

namespace ruvector::notify {

absl::Status HelperProcess::Start(const std::string& program,
                                  const std::vector<std::string>& environment) {
  RV_ASSIGN_OR_RETURN(process::SocketPair pair, process::OpenSocketPair());
  process::SpawnOptions options;
  options.arguments = {program};
  options.environment = environment;
  options.descriptors = {process::kNull, process::kNull, process::kInherit,
                         pair.theirs.get()};
  RV_ASSIGN_OR_RETURN(pid_, process::Spawn(options));
  socket_ = std::move(pair.ours);
  return absl::OkStatus();
}

bool HelperProcess::Write(std::string& bytes) {
  size_t done = 0;
  bool alive = true;
  while (done < bytes.size()) {
    const ssize_t n = send(socket_.get(), bytes.data() + done,
                           bytes.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
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
    const ssize_t n = recv(socket_.get(), block, sizeof(block), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    bytes.append(block, static_cast<size_t>(n));
  }
}

void HelperProcess::End() {
  if (socket_.valid()) {
    socket_.Close();
    process::KillGroup(pid_);
    ended_.push_back(std::exchange(pid_, -1));
  }
  Reap();
}

bool HelperProcess::Reap() {
  const auto gone = [](pid_t pid) {
    return waitpid(pid, nullptr, WNOHANG) != 0;
  };
  ended_.erase(std::remove_if(ended_.begin(), ended_.end(), gone),
               ended_.end());
  return ended_.empty();
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
