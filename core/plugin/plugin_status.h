// Success or an error code with a message, for authors of plugins.
//
// Part of the header-only layer over plugin_abi.h: C++17 and the standard
// library, nothing else, so that a plugin builds with one g++ line.
#ifndef RUVECTOR_CORE_PLUGIN_PLUGIN_STATUS_H_
#define RUVECTOR_CORE_PLUGIN_PLUGIN_STATUS_H_

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "core/plugin/plugin_abi.h"

// As core/base/no_postgres.h, which is not installed.
#if defined(POSTGRES_H) && !defined(RUVECTOR_PGEXT_BRIDGE_PG_H_)
#error "a plugin cannot include PostgreSQL headers"
#endif

namespace ruvector::sdk {

// Never allocates: it also reports that memory ran out. [any-thread]
class [[nodiscard]] Status {
 public:
  Status() = default;

  // The message is cut at 255 bytes.
  [[gnu::format(printf, 2, 3)]] static Status Error(int32_t code,
                                                    const char* format, ...) {
    Status status;
    status.code_ = code;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(status.message_, sizeof(status.message_), format, arguments);
    va_end(arguments);
    return status;
  }
  // An error that the host reported, passed on as it is.
  static Status FromHost(int32_t code, const char* message) {
    return code == RUVECTOR_OK ? Status() : Error(code, "%s", message);
  }

  bool ok() const { return code_ == RUVECTOR_OK; }
  int32_t code() const { return code_; }
  const char* message() const { return message_; }

  // Hands over code and message as the ABI wants them.
  int32_t Deliver(char* error, size_t error_size) const {
    if (error != nullptr && error_size > 0) {
      const size_t length = std::min(std::strlen(message_), error_size - 1);
      std::memcpy(error, message_, length);
      error[length] = '\0';
    }
    return code_;
  }

 private:
  int32_t code_ = RUVECTOR_OK;
  char message_[256] = {};
};

// Runs `body`, a callable that returns Status, and lets no exception out.
template <class Body>
int32_t Guard(char* error, size_t error_size, Body&& body) noexcept {
  try {
    return body().Deliver(error, error_size);
  } catch (const std::bad_alloc&) {
    return Status::Error(RUVECTOR_RESOURCE_EXHAUSTED, "out of memory")
        .Deliver(error, error_size);
  } catch (const std::exception& e) {
    return Status::Error(RUVECTOR_INTERNAL, "exception: %s", e.what())
        .Deliver(error, error_size);
  } catch (...) {
    return Status::Error(RUVECTOR_INTERNAL, "exception of an unknown type")
        .Deliver(error, error_size);
  }
}

// For kParameters of a plugin.
constexpr ruvector_parameter NumberParameter(const char* name,
                                             const char* description,
                                             double minimum, double maximum,
                                             double fallback) {
  return {name,
          description,
          minimum,
          maximum,
          {RUVECTOR_NUMBER, 0, fallback, nullptr}};
}
constexpr ruvector_parameter TextParameter(const char* name,
                                           const char* description,
                                           const char* fallback) {
  return {name, description, 0, 0, {RUVECTOR_TEXT, 0, 0, fallback}};
}

// The host has checked the values already; a second look costs nothing and
// keeps a plugin sound under any host.
inline Status CheckParameters(const ruvector_parameter* declared, size_t count,
                              const ruvector_value* values) {
  if (count > 0 && values == nullptr) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT, "parameters are missing");
  }
  for (size_t i = 0; i < count; ++i) {
    const ruvector_parameter& p = declared[i];
    if (values[i].type != p.fallback.type) {
      return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                           "parameter '%s' has type %u, expected %u", p.name,
                           values[i].type, p.fallback.type);
    }
    if (values[i].type == RUVECTOR_TEXT && values[i].text == nullptr) {
      return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                           "parameter '%s' is text without text", p.name);
    }
    // Written so that NaN fails.
    if (values[i].type == RUVECTOR_NUMBER &&
        !(values[i].number >= p.minimum && values[i].number <= p.maximum)) {
      return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                           "parameter '%s' is %g, expected %g to %g", p.name,
                           values[i].number, p.minimum, p.maximum);
    }
  }
  return Status();
}

}  // namespace ruvector::sdk

#endif  // RUVECTOR_CORE_PLUGIN_PLUGIN_STATUS_H_
