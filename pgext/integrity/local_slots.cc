#include "pgext/integrity/local_slots.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
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

// A change of one relation may move others in or out of an enrolled table.
void OnRelationInvalidated(Datum, Oid relation) {
  LocalSlots& local = Local();
  if (!OidIsValid(relation) || local.by_relation.contains(relation) ||
      local.by_table.contains(relation)) {
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

List* Ancestors(Oid relation) {
  return get_rel_relispartition(relation) ? get_partition_ancestors(relation)
                                          : NIL;
}

// Inherited tables: what is in them is in the table as well.
bool Inherits(Oid relation, Oid table) {
  // It may be gone.
  if (get_rel_relkind(table) != RELKIND_RELATION || !has_subclass(table)) {
    return false;
  }
  List* heirs = find_all_inheritors(table, NoLock, nullptr);
  const bool found = list_member_oid(heirs, relation);
  list_free(heirs);
  return found;
}

// The slots of all enrolled tables whose rows `relation` shares: the table
// itself, those that it is a partition or an heir of, those that are partitions
// of it.
// Catalog access: may raise.
List* FindSlots(const LocalSlots& local, Oid relation) {
  List* above = Ancestors(relation);
  const bool partitioned =
      get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
  List* found = NIL;
  for (const auto& [table, slots] : local.by_table) {
    bool shares = table == relation || list_member_oid(above, table) ||
                  Inherits(relation, table);
    if (!shares && partitioned) {
      List* above_table = Ancestors(table);
      shares = list_member_oid(above_table, relation);
      list_free(above_table);
    }
    if (!shares) continue;
    for (const int slot : slots) found = lappend_int(found, slot);
  }
  list_free(above);
  return found;
}

}  // namespace

bool AnyLocalSlot() {
  return GateSlotsTotal() != 0 && !Current().by_table.empty();
}

bool KnownSlotsOfRelation(Oid relation, absl::Span<const int>& slots) {
  const LocalSlots& local = Current();
  slots = {};
  if (local.by_table.empty()) return true;
  const auto known = local.by_relation.find(relation);
  if (known == local.by_relation.end()) return false;
  slots = known->second;
  return true;
}

absl::Span<const int> SlotsOfRelation(Oid relation) {
  absl::Span<const int> known;
  if (KnownSlotsOfRelation(relation, known)) return known;

  LocalSlots& local = Current();
  // A list of the current context's: an error on the way leaks nothing.
  List* found = FindSlots(local, relation);
  std::vector<int>& entry = local.by_relation[relation];
  const ListCell* cell;
  foreach (cell, found) {
    entry.push_back(lfirst_int(cell));
  }
  list_free(found);
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
