// The advisory lock's key of a resource. [no-pg]
//
// Other programs compute it too, to meet our locks with pg_advisory_lock(): it
// never changes. docs/concepts/agent-memory.md has its test vectors.
#ifndef RUVECTOR_CORE_MEMORY_LOCK_KEY_H_
#define RUVECTOR_CORE_MEMORY_LOCK_KEY_H_

#include <cstdint>
#include <string_view>

#include "core/memory/uuid7.h"

namespace ruvector::memory {

// FNV-1a, 64 bits, over the type's UTF-8 bytes and then the id's 16 bytes.
int64_t LockKey(std::string_view resource_type, const Uuid& resource_id);

}  // namespace ruvector::memory

#endif  // RUVECTOR_CORE_MEMORY_LOCK_KEY_H_
