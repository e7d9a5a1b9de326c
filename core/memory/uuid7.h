// Ids of CALIBER's rows: UUID version 7. [no-pg]
// Source: RFC 9562, sections 5.7 and 6.2 (method 1, a counter in rand_a).
#ifndef RUVECTOR_CORE_MEMORY_UUID7_H_
#define RUVECTOR_CORE_MEMORY_UUID7_H_

#include <array>
#include <cstdint>

#include "core/base/no_postgres.h"

namespace ruvector::memory {

using Uuid = std::array<uint8_t, 16>;

// Makes ids that ascend within one generator, also when the clock stands still
// or goes back. [single-thread]
class Uuid7Generator {
 public:
  // `unix_ms`: milliseconds since 1970, below 2^48. `random`: unpredictable
  // bits; 73 of them are used. Uniqueness among generators rests on these.
  Uuid Next(uint64_t unix_ms, uint64_t random_high, uint64_t random_low);

 private:
  uint64_t last_ms_ = 0;
  uint32_t counter_ = 0;  // 12 bits
};

// The time in an id of version 7, in milliseconds since 1970.
uint64_t UnixMillisOf(const Uuid& id);

}  // namespace ruvector::memory

#endif  // RUVECTOR_CORE_MEMORY_UUID7_H_
