// The metrics of an index.
#include <algorithm>
#include <cmath>

#include "core/graph/delta.h"
#include "core/graph/health.h"
#include "core/healing/hnsw_size.h"
#include "pgext/healing/metrics/readers.h"

namespace ruvector::metrics {
namespace {

template <std::string LeafIndex::*field>
Result IndexText(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return sdk::Value(index->*field);
}
Result IndexParent(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return Of(index->parent);
}
Result IndexValid(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return OfBool(index->valid);
}
Result IndexLists(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  return Of(index->lists);
}
Result IndexBytes(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Known bytes, BytesOf(index->oid));
  return Of(bytes);
}
Result IndexRows(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Known rows, RowsOf(index->table, facts));
  return Of(rows);
}
Result IndexFreeBytes(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const Space* space,
                      Entry(facts.Spaces(), index->tablespace));
  return space == nullptr ? sdk::Value() : Of(space->free);
}
Result IndexDimensions(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  if (hnsw != nullptr) return Of(hnsw->dimensions);
  RV_ASSIGN_OR_RETURN(const auto* ivfflat, Ivfflat(*index, facts));
  return ivfflat == nullptr ? sdk::Value() : Of(ivfflat->dimensions);
}
Result IndexM(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  return hnsw == nullptr ? sdk::Value() : Of(hnsw->m);
}

// An invalid one is one that failed, unless the sensors say otherwise.
absl::StatusOr<const healing::InvalidIndex*> Invalid(const LeafIndex& index,
                                                     Facts& facts) {
  RV_ASSIGN_OR_RETURN(const auto* readings, facts.Readings());
  if (readings == nullptr || !readings->invalid_indexes.has_value()) {
    return nullptr;
  }
  for (const healing::InvalidIndex& one : *readings->invalid_indexes) {
    if (one.oid == index.oid) return &one;
  }
  return nullptr;
}
Result IndexBeingBuilt(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  if (index->valid) return OfBool(false);
  RV_ASSIGN_OR_RETURN(const auto* invalid, Invalid(*index, facts));
  if (invalid == nullptr || !invalid->being_built.has_value()) {
    return sdk::Value();
  }
  return OfBool(*invalid->being_built);
}

Result IndexDriftedShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* ivfflat, Ivfflat(*index, facts));
  if (ivfflat == nullptr) return sdk::Value();
  const graph::HealthLimits limits;
  const graph::IvfContext sums = graph::IvfContextOf(*ivfflat);
  double known = 0, bad = 0;
  for (const graph::IvfListObservation& list : ivfflat->lists) {
    const graph::Health health = graph::IvfListHealth(list, sums, limits);
    if (!health.value.has_value()) continue;
    // An emptied list still stands for what it was built for.
    const double weight =
        std::max({list.rows.value_or(0), list.rows_at_build.value_or(0), 1.0});
    known += weight;
    if (*health.value < limits.band.high) bad += weight;
  }
  return known > 0 ? Of(Known(bad / known)) : sdk::Value();
}

Result IndexRecall(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* readings, facts.Readings());
  if (readings == nullptr) return sdk::Value();
  for (const healing::RecallProbe& probe : readings->recall_probes) {
    if (probe.index_oid == index->oid) return Of(RecallOf(probe));
  }
  return sdk::Value();
}

constexpr MetricReader kReaders[] = {
    {"index_method", IndexText<&LeafIndex::method>},
    {"index_table", IndexText<&LeafIndex::table>},
    {"index_parent", IndexParent},
    {"index_tablespace", IndexText<&LeafIndex::tablespace>},
    {"index_valid", IndexValid},
    {"index_ours", IndexOurs},
    {"index_being_built", IndexBeingBuilt},
    {"index_bytes", IndexBytes},
    {"index_rows", IndexRows},
    {"index_free_bytes", IndexFreeBytes},
    {"index_dimensions", IndexDimensions},
    {"index_lists", IndexLists},
    {"index_drifted_share", IndexDriftedShare},
    {"index_m", IndexM},
    {"index_dead_share", IndexDeadShare},
    {"index_surplus_share", IndexSurplusShare},
    {"index_recall", IndexRecall},
};

}  // namespace

Known RecallOf(const healing::RecallProbe& probe) {
  if (!probe.successes.has_value() || probe.trials.value_or(0) <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*probe.successes) /
         static_cast<double>(*probe.trials);
}

Result IndexOurs(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  if (index->valid) return OfBool(false);
  RV_ASSIGN_OR_RETURN(const auto* invalid, Invalid(*index, facts));
  if (invalid == nullptr || !invalid->ours.has_value()) return sdk::Value();
  return OfBool(*invalid->ours);
}

Result IndexDeadShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  if (hnsw == nullptr || hnsw->elements.value_or(0) <= 0 ||
      !hnsw->deleted_elements.has_value() || !hnsw->dead_elements.has_value()) {
    return sdk::Value();
  }
  return Of(Known(
      static_cast<double>(*hnsw->deleted_elements + *hnsw->dead_elements) /
      static_cast<double>(*hnsw->elements)));
}

Result IndexSurplusShare(Facts& facts, const std::string& subject) {
  INDEX_OR_NULL(index);
  RV_ASSIGN_OR_RETURN(const auto* hnsw, Hnsw(*index, facts));
  RV_ASSIGN_OR_RETURN(const Known rows, RowsOf(index->table, facts));
  if (hnsw == nullptr || hnsw->bytes.value_or(0) <= 0) return sdk::Value();
  const Known needed = healing::HnswBytesNeeded(*hnsw, rows);
  if (!needed.has_value()) return sdk::Value();
  return Of(
      Known(std::max(0.0, 1 - *needed / static_cast<double>(*hnsw->bytes))));
}

absl::Span<const MetricReader> IndexReaders() { return kReaders; }

}  // namespace ruvector::metrics
