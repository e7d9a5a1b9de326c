// How long a row is kept: the text of its column ttl. [no-pg]
#ifndef RUVECTOR_CORE_MEMORY_TTL_H_
#define RUVECTOR_CORE_MEMORY_TTL_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/no_postgres.h"

namespace ruvector::memory {

enum class TtlKind : uint8_t {
  kForever,    // persistent, permanent
  kSession,    // until its owner ends: retention removes it, no clock does
  kScope,      // until its scope is closed, likewise
  kEphemeral,  // until its scope is closed, likewise
  kDuration,   // short_term, medium_term, long_term, duration:<ms>
};

struct Ttl {
  TtlKind kind = TtlKind::kForever;
  int64_t milliseconds = 0;  // of kDuration: 0 to kMaxTtlMillis
};

// 100 years: created_at + ttl stays a timestamp.
constexpr int64_t kMaxTtlMillis = int64_t{100} * 366 * 24 * 3600 * 1000;

// What a valid text is, for messages.
constexpr std::string_view kTtlForms =
    "persistent, permanent, session, scope, ephemeral, short_term (1 h), "
    "medium_term (24 h), long_term (7 d) and duration:<milliseconds>";

// nullopt: no such ttl. [any-thread]
std::optional<Ttl> ParseTtl(std::string_view text);

// Whether the clock alone has ended it: strictly later than created + ttl.
// Times in microseconds of the same epoch. [any-thread]
bool IsExpired(const Ttl& ttl, int64_t created_us, int64_t now_us);

}  // namespace ruvector::memory

#endif  // RUVECTOR_CORE_MEMORY_TTL_H_
