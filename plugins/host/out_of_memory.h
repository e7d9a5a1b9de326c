// Lets the server know that an allocation failed, whatever comes of it: a
// plugin that does not look at what malloc returned crashes next, and "crashed
// with signal 11" would be half the truth.
#ifndef RUVECTOR_PLUGINS_HOST_OUT_OF_MEMORY_H_
#define RUVECTOR_PLUGINS_HOST_OUT_OF_MEMORY_H_

#include <string>

namespace ruvector::plugin_host {

// From now on the first failing malloc, calloc, realloc or aligned_alloc of
// this process sends `frame` on `socket`; calling it again arms it again. The
// frame is kept, not copied. [single-thread]
//
// Replaces the C library's functions of those names in this program, and so
// in the plugins that it loads; a sanitizer has its own, then nothing is told.
void TellOutOfMemory(int socket, const std::string* frame);

}  // namespace ruvector::plugin_host

#endif  // RUVECTOR_PLUGINS_HOST_OUT_OF_MEMORY_H_
