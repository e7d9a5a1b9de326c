#include "core/graph/health.h"
#include "pgext/healing/metrics/readers.h"

namespace ruvector::metrics {
namespace {

template <class T>
const T* ByOid(const std::vector<T>& things, uint32_t oid) {
  for (const T& thing : things) {
    if (thing.oid == oid && !thing.carried) return &thing;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<const graph::TableObservation*> Table(const std::string& name,
                                                     Facts& facts) {
  RV_ASSIGN_OR_RETURN(const Leaf* leaf, Entry(facts.Leaves(), name));
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (leaf == nullptr || seen == nullptr) return nullptr;
  for (const graph::TableObservation& table : seen->tables) {
    if (table.oid == leaf->oid && !table.carried) return &table;
  }
  return nullptr;
}

absl::StatusOr<const graph::HnswIndexObservation*> Hnsw(const LeafIndex& index,
                                                        Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (seen == nullptr) return nullptr;
  return ByOid(seen->hnsw_indexes, index.oid);
}
absl::StatusOr<const graph::IvfIndexObservation*> Ivfflat(
    const LeafIndex& index, Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::Observation* seen, facts.Observation());
  if (seen == nullptr) return nullptr;
  return ByOid(seen->ivf_indexes, index.oid);
}

absl::StatusOr<Known> RowsOf(const std::string& table, Facts& facts) {
  RV_ASSIGN_OR_RETURN(const graph::TableObservation* seen, Table(table, facts));
  return seen == nullptr ? Known() : graph::KnownRows(*seen);
}

absl::StatusOr<std::optional<std::string>> DiskOf(const std::string& tablespace,
                                                  Facts& facts) {
  RV_ASSIGN_OR_RETURN(const Space* space, Entry(facts.Spaces(), tablespace));
  if (space == nullptr) return std::optional<std::string>();
  return std::optional<std::string>(space->disk);
}

}  // namespace ruvector::metrics
