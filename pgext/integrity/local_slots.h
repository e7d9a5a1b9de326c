// A backend's own map from relations and names to the gate slots of its
// database. [backend-main] scope: backend
//
// Made anew when a slot changes hands; a relation's entry is dropped by the
// relation cache's invalidation. With nothing enrolled in the database a
// look-up is one comparison.
#ifndef RUVECTOR_PGEXT_INTEGRITY_LOCAL_SLOTS_H_
#define RUVECTOR_PGEXT_INTEGRITY_LOCAL_SLOTS_H_

#include <string_view>

#include "absl/types/span.h"
#include "pgext/integrity/gate_slots.h"

namespace ruvector::integrity {

// Whether any collection of this database has a slot.
bool AnyLocalSlot();

// The slots of the collections on `relation`, on the partitioned tables above
// it, and on partitions below it. Indices for GateSlotAt. Empty for most. The
// first look-up of a relation reads the catalog and may raise: call it under
// PgCall (it holds nothing across the raise). Valid until the next call.
absl::Span<const int> SlotsOfRelation(Oid relation);

// The same if it was looked up before; false: it was not, and nothing is said.
// Raises nothing.
bool KnownSlotsOfRelation(Oid relation, absl::Span<const int>& slots);

// -1 when there is none.
int SlotOfCollection(std::string_view name);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_LOCAL_SLOTS_H_
