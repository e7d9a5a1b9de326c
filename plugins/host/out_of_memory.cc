#include "plugins/host/out_of_memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include <utility>

#include "plugins/host/confinement.h"

namespace ruvector::plugin_host {
namespace {

int told_socket = -1;                     // scope: process
const std::string* told_frame = nullptr;  // scope: process; null: told already

}  // namespace

void TellOutOfMemory(int socket, const std::string* frame) {
  told_socket = socket;
  told_frame = frame;
}

}  // namespace ruvector::plugin_host

#if !defined(RUVECTOR_SANITIZED) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RUVECTOR_REPLACES __attribute__((visibility("default")))

namespace ruvector::plugin_host {
namespace {

void* Told(void* block, size_t size) {
  if (block != nullptr || size == 0 || told_frame == nullptr) return block;
  const int error = errno;
  const std::string& frame = *std::exchange(told_frame, nullptr);
  // A full socket is not worth a wait: nobody is being told much anyway.
  send(told_socket, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  errno = error;
  return nullptr;
}

}  // namespace
}  // namespace ruvector::plugin_host

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

RUVECTOR_REPLACES void* malloc(size_t size) {
  return ruvector::plugin_host::Told(__libc_malloc(size), size);
}
RUVECTOR_REPLACES void* calloc(size_t count, size_t size) {
  return ruvector::plugin_host::Told(__libc_calloc(count, size),
                                     count == 0 ? 0 : size);
}
RUVECTOR_REPLACES void* realloc(void* block, size_t size) {
  return ruvector::plugin_host::Told(__libc_realloc(block, size), size);
}
RUVECTOR_REPLACES void* aligned_alloc(size_t alignment, size_t size) {
  return ruvector::plugin_host::Told(__libc_memalign(alignment, size), size);
}
}
#endif
