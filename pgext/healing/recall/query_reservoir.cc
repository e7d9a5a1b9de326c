#include "pgext/healing/recall/query_reservoir.h"

#include <atomic>
#include <cmath>

#include "pgext/boot/settings.h"
extern "C" {
#include "common/pg_prng.h"
#include "storage/shmem.h"
}

namespace ruvector::healing {
namespace {

struct Reservoir {
  // Any backend.
  std::atomic<uint64_t> seen;
  std::atomic<uint64_t> next;  // the search to take; <= seen: as soon as can be
  // Guarded by Shared::lock.
  Oid database;
  int32_t collection_id;
  int32_t filled;
  double w;
};

struct Shared {
  LWLock* lock;
  // Guarded by lock.
  int32_t used;
  TakenQuery box[kBoxSize];
  Reservoir reservoirs[FLEXIBLE_ARRAY_MEMBER];
};

Shared* shared = nullptr;  // scope: postmaster

double Uniform() { return 1 - pg_prng_double(&pg_global_prng_state); }

void Restart(Reservoir& reservoir) {
  reservoir.filled = 0;
  reservoir.w = 1;
  reservoir.seen.store(0);
  reservoir.next.store(0);
}

// Where the n-th search goes, and which one is taken after it.
int Place(Reservoir& reservoir, uint64_t n) {
  const bool filling = reservoir.filled < kReservoirSize;
  const int index = filling
                        ? reservoir.filled++
                        : static_cast<int>(pg_prng_uint64_range(
                              &pg_global_prng_state, 0, kReservoirSize - 1));
  if (reservoir.filled < kReservoirSize) {
    reservoir.next.store(n + 1);
    return index;
  }
  reservoir.w *= std::exp(std::log(Uniform()) / kReservoirSize);
  const double skip =
      std::floor(std::log(Uniform()) / std::log1p(-reservoir.w));
  // Beyond any count: none will be taken before the next probe.
  reservoir.next.store(skip < 1e18 ? n + static_cast<uint64_t>(skip) + 1
                                   : UINT64_MAX);
  return index;
}

// Where in the box: what would go into the same row is replaced. nullptr: full.
TakenQuery* PlaceInBox(const TakenQuery& query) {
  for (int i = 0; i < shared->used; ++i) {
    TakenQuery& one = shared->box[i];
    if (one.database == query.database && one.index == query.index &&
        one.collection_id == query.collection_id) {
      return &one;
    }
  }
  return shared->used < kBoxSize ? &shared->box[shared->used++] : nullptr;
}

}  // namespace

size_t QueryReservoirSize() {
  return offsetof(Shared, reservoirs) +
         sizeof(Reservoir) * static_cast<size_t>(settings::max_collections);
}

void InitQueryReservoir(LWLock* lock) {
  bool found = false;
  shared = static_cast<Shared*>(ShmemInitStruct("ruvector query reservoir",
                                                QueryReservoirSize(), &found));
  if (found) return;
  memset(static_cast<void*>(shared), 0, QueryReservoirSize());
  shared->lock = lock;
  for (int i = 0; i < settings::max_collections; ++i) {
    Restart(shared->reservoirs[i]);
  }
}

bool CountSearch(int slot) {
  if (shared == nullptr || !settings::recall_capture) return false;
  Reservoir& reservoir = shared->reservoirs[slot];
  const uint64_t n = reservoir.seen.fetch_add(1, std::memory_order_relaxed) + 1;
  return n >= reservoir.next.load(std::memory_order_relaxed);
}

void OfferQuery(int slot, TakenQuery& query) {
  if (!LWLockConditionalAcquire(shared->lock, LW_EXCLUSIVE)) return;
  Reservoir& reservoir = shared->reservoirs[slot];
  if (reservoir.database != query.database ||
      reservoir.collection_id != query.collection_id) {
    reservoir.database = query.database;
    reservoir.collection_id = query.collection_id;
    Restart(reservoir);
    reservoir.seen.store(1);
  }
  const uint64_t n = reservoir.seen.load();
  if (n >= reservoir.next.load()) {
    query.index = Place(reservoir, n);
    if (TakenQuery* place = PlaceInBox(query)) *place = query;
  }
  LWLockRelease(shared->lock);
}

bool TakeFromBox(Oid database, TakenQuery& out) {
  if (shared == nullptr) return false;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  bool found = false;
  for (int i = 0; i < shared->used && !found; ++i) {
    if (shared->box[i].database != database) continue;
    out = shared->box[i];
    // The order among the others matters: a later query may replace a row.
    memmove(&shared->box[i], &shared->box[i + 1],
            sizeof(TakenQuery) * static_cast<size_t>(--shared->used - i));
    found = true;
  }
  LWLockRelease(shared->lock);
  return found;
}

bool QueriesWait(Oid database) {
  if (shared == nullptr) return false;
  LWLockAcquire(shared->lock, LW_SHARED);
  bool found = false;
  for (int i = 0; i < shared->used; ++i) {
    found = found || shared->box[i].database == database;
  }
  LWLockRelease(shared->lock);
  return found;
}

void BeginSample(int slot) {
  if (shared == nullptr || slot < 0) return;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  Restart(shared->reservoirs[slot]);
  LWLockRelease(shared->lock);
}

}  // namespace ruvector::healing
