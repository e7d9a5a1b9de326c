// What the readers of single metrics share: values, entries of a group, what a
// sensor saw of a table or an index. Private to pgext/healing/metrics.
// [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_METRICS_READERS_H_
#define RUVECTOR_PGEXT_HEALING_METRICS_READERS_H_

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/graph/observation.h"
#include "core/healing/situation.h"
#include "core/plugin/strategy_plugin.h"
#include "pgext/healing/metrics/facts.h"

namespace ruvector::metrics {

// A null Value: unknown. An error ends the pass.
using Result = absl::StatusOr<sdk::Value>;

struct MetricReader {
  std::string_view name;
  Result (*read)(Facts&, const std::string& subject);
};

// In the order of the catalog: of the collection, and of an index. The others
// are in values.cc.
absl::Span<const MetricReader> CollectionReaders();
absl::Span<const MetricReader> IndexReaders();

// Of one index; also parts of the collection's sums.
Result IndexOurs(Facts& facts, const std::string& subject);
Result IndexDeadShare(Facts& facts, const std::string& subject);
Result IndexSurplusShare(Facts& facts, const std::string& subject);
// Unknown where the probe has none.
Known RecallOf(const healing::RecallProbe& probe);

inline sdk::Value Of(Known number) {
  return number.has_value() && std::isfinite(*number) ? sdk::Value(*number)
                                                      : sdk::Value();
}
inline sdk::Value Of(const std::optional<int64_t>& number) {
  return number.has_value() ? sdk::Value(static_cast<double>(*number))
                            : sdk::Value();
}
inline sdk::Value Of(const std::optional<std::string>& text) {
  return text.has_value() ? sdk::Value(*text) : sdk::Value();
}
inline sdk::Value OfBool(bool yes) { return sdk::Value(yes ? 1.0 : 0.0); }

// The entry of a group, or nullptr.
template <class T>
absl::StatusOr<const T*> Entry(
    absl::StatusOr<const std::map<std::string, T>*> group,
    const std::string& key) {
  if (!group.ok()) return group.status();
  if (*group == nullptr) return nullptr;
  const auto found = (*group)->find(key);
  return found == (*group)->end() ? nullptr : &found->second;
}

#define LEAF_OR_NULL(leaf)                                               \
  RV_ASSIGN_OR_RETURN(const Leaf* leaf, Entry(facts.Leaves(), subject)); \
  if ((leaf) == nullptr) return sdk::Value()
#define INDEX_OR_NULL(index)                            \
  RV_ASSIGN_OR_RETURN(const LeafIndex* index,           \
                      Entry(facts.Indexes(), subject)); \
  if ((index) == nullptr) return sdk::Value()

// What the sensors saw in this pass; nullptr or unknown: not seen.
absl::StatusOr<const graph::TableObservation*> Table(const std::string& name,
                                                     Facts& facts);
absl::StatusOr<const graph::HnswIndexObservation*> Hnsw(const LeafIndex& index,
                                                        Facts& facts);
absl::StatusOr<const graph::IvfIndexObservation*> Ivfflat(
    const LeafIndex& index, Facts& facts);
absl::StatusOr<Known> RowsOf(const std::string& table, Facts& facts);
// The filesystem of a tablespace, as the disk sensor names it.
absl::StatusOr<std::optional<std::string>> DiskOf(const std::string& tablespace,
                                                  Facts& facts);

}  // namespace ruvector::metrics

#endif  // RUVECTOR_PGEXT_HEALING_METRICS_READERS_H_
