// Owns one file descriptor. [single-thread]
#ifndef RUVECTOR_CORE_PROCESS_UNIQUE_FD_H_
#define RUVECTOR_CORE_PROCESS_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

#include "core/base/no_postgres.h"

namespace ruvector::process {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace ruvector::process

#endif  // RUVECTOR_CORE_PROCESS_UNIQUE_FD_H_
