#include "pgext/audit/sealed_head.h"

#include <algorithm>

#include "pgext/boot/database_slots.h"

namespace ruvector::audit {

void NoteSealedHead(Oid table, uint64_t size, const Hash& head) {
  boot::DatabaseTable* const databases = boot::Databases();
  if (databases == nullptr) return;
  LWLockAcquire(databases->lock, LW_EXCLUSIVE);
  boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
  if (entry != nullptr) {
    entry->log_table = table;
    entry->log_size = size;
    std::copy(head.begin(), head.end(), entry->log_head);
    entry->log_at = GetCurrentTimestamp();
  }
  LWLockRelease(databases->lock);
}

std::optional<SealedHead> LastSealedHead() {
  boot::DatabaseTable* const databases = boot::Databases();
  if (databases == nullptr) return std::nullopt;
  SealedHead last = {};
  LWLockAcquire(databases->lock, LW_SHARED);
  const boot::DatabaseEntry* entry = boot::FindDatabaseLocked(MyDatabaseId);
  if (entry != nullptr) {
    last.table = entry->log_table;
    last.size = entry->log_size;
    std::copy_n(entry->log_head, last.head.size(), last.head.begin());
    last.at = entry->log_at;
  }
  LWLockRelease(databases->lock);
  if (last.size == 0) return std::nullopt;
  return last;
}

}  // namespace ruvector::audit
