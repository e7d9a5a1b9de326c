#include "core/memory/uuid7.h"

namespace ruvector::memory {
namespace {

constexpr uint32_t kCounterEnd = 1u << 12;

}  // namespace

Uuid Uuid7Generator::Next(uint64_t unix_ms, uint64_t random_high,
                          uint64_t random_low) {
  if (unix_ms > last_ms_) {
    last_ms_ = unix_ms;
    // Half of the range is left to count in; the rest keeps generators apart.
    counter_ = static_cast<uint32_t>(random_high >> 53);
  } else if (++counter_ == kCounterEnd) {
    ++last_ms_;  // ahead of the clock rather than out of order
    counter_ = 0;
  }
  Uuid id;
  for (int i = 0; i < 6; ++i) {
    id[i] = static_cast<uint8_t>(last_ms_ >> (40 - 8 * i));
  }
  id[6] = static_cast<uint8_t>(0x70 | (counter_ >> 8));
  id[7] = static_cast<uint8_t>(counter_);
  for (int i = 0; i < 8; ++i) {
    id[8 + i] = static_cast<uint8_t>(random_low >> (56 - 8 * i));
  }
  id[8] = static_cast<uint8_t>(0x80 | (id[8] & 0x3f));
  return id;
}

uint64_t UnixMillisOf(const Uuid& id) {
  uint64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id[i];
  return ms;
}

}  // namespace ruvector::memory
