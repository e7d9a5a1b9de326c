#include "core/memory/lock_key.h"

namespace ruvector::memory {
namespace {

constexpr uint64_t kOffset = 0xcbf29ce484222325u;
constexpr uint64_t kPrime = 0x100000001b3u;

}  // namespace

int64_t LockKey(std::string_view resource_type, const Uuid& resource_id) {
  uint64_t hash = kOffset;
  for (const char c : resource_type) {
    hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
  }
  for (const uint8_t byte : resource_id) hash = (hash ^ byte) * kPrime;
  return static_cast<int64_t>(hash);
}

}  // namespace ruvector::memory
