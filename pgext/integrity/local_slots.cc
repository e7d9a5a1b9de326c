#include "pgext/integrity/local_slots.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "catalog/partition.h"
#include "nodes/pg_list.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace ruvector::integrity {
namespace {

struct LocalSlots {
  uint64_t generation = 0;
  absl::flat_hash_map<Oid, std::vector<int>> by_table;  // enrolled tables
  absl::flat_hash_map<std::string, int> by_name;
  absl::flat_hash_map<Oid, std::vector<int>> by_relation;  // looked up so far
};

// Never destroyed: a backend's exit must not run destructors of ours.
LocalSlots& Local() {
  static LocalSlots* local = new LocalSlots;
  return *local;
}

void OnRelationInvalidated(Datum, Oid relation) {
  LocalSlots& local = Local();
  if (OidIsValid(relation)) {
    local.by_relation.erase(relation);
  } else {
    local.by_relation.clear();
  }
}

void Rebuild(LocalSlots& local, uint64_t generation) {
  static bool registered = false;
  if (!registered) {
    CacheRegisterRelcacheCallback(OnRelationInvalidated, Datum{0});
    registered = true;
  }
  local.by_table.clear();
  local.by_name.clear();
  local.by_relation.clear();
  for (int i = 0; i < GateSlotsTotal(); ++i) {
    const GateSlot& slot = *GateSlotAt(i);
    if (slot.database != MyDatabaseId) continue;
    local.by_table[slot.table].push_back(i);
    local.by_name[slot.name] = i;
  }
  local.generation = generation;
}

LocalSlots& Current() {
  LocalSlots& local = Local();
  const uint64_t generation = GateGeneration();
  if (local.generation != generation) Rebuild(local, generation);
  return local;
}

// A relation and the partitioned tables above it. Catalog access: may raise.
struct Lineage {
  static constexpr int kMaxDepth = 32;
  Oid relations[kMaxDepth];
  int count;
};

void FindLineage(Oid relation, Lineage& lineage) {
  lineage.relations[0] = relation;
  lineage.count = 1;
  if (!get_rel_relispartition(relation)) return;
  List* ancestors = get_partition_ancestors(relation);
  ListCell* cell;
  foreach (cell, ancestors) {
    if (lineage.count == Lineage::kMaxDepth) break;
    lineage.relations[lineage.count++] = lfirst_oid(cell);
  }
  list_free(ancestors);
}

}  // namespace

bool AnyLocalSlot() {
  return GateSlotsTotal() != 0 && !Current().by_table.empty();
}

absl::Span<const int> SlotsOfRelation(Oid relation) {
  LocalSlots& local = Current();
  if (local.by_table.empty()) return {};
  const auto known = local.by_relation.find(relation);
  if (known != local.by_relation.end()) return known->second;

  Lineage lineage;
  FindLineage(relation, lineage);
  std::vector<int>& entry = local.by_relation[relation];
  for (int i = 0; i < lineage.count; ++i) {
    const auto enrolled = local.by_table.find(lineage.relations[i]);
    if (enrolled == local.by_table.end()) continue;
    entry.insert(entry.end(), enrolled->second.begin(),
                 enrolled->second.end());
  }
  return entry;
}

int SlotOfCollection(std::string_view name) {
  if (GateSlotsTotal() == 0) return -1;
  LocalSlots& local = Current();
  const auto found =
      local.by_name.find(absl::string_view(name.data(), name.size()));
  return found != local.by_name.end() ? found->second : -1;
}

}  // namespace ruvector::integrity
