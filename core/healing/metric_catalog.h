// The metrics that a strategy may name: the contract between plugins, which
// plan and are verified by them, and the server, which reads them.
//
// A name outside this list is refused when the plugin is loaded
// (CheckMetrics). The reader of a real server is pgext/healing/metrics; the
// page for people is in docs/reference/strategies.md. A new metric needs a row
// here, its reading there, and an entry of that page; tests compare all three.
//
// Values are numbers or texts (plugin_abi.h, ruvector_value). NULL is "could
// not be read", never a guess; `null_when` says what else it may mean. Rates
// are differences of two readings of cumulative counters, over the window that
// the reader states.
//
// Names are stored in plans and in the journal: do not rename.
#ifndef RUVECTOR_CORE_HEALING_METRIC_CATALOG_H_
#define RUVECTOR_CORE_HEALING_METRIC_CATALOG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/plugin/description.h"

namespace ruvector::healing {

// What a metric's subject names. Names are as the actions name their objects.
enum class MetricSubject : uint8_t {
  kCollection,  // "": the collection, or what all collections share
  kOperation,   // of the gate: "insert", "bulk_insert", ...
  kPartition,   // leaf partition or plain table, quoted and qualified
  kIndex,       // on a leaf or a plain table, quoted and qualified
  kTablespace,  // "pg_default", ...
  kJob,         // a running or scheduled maintenance job, as HOLD_JOB names it
  kShard,       // of Citus: the shard's table, "public.items_102008"
  kWorkload,    // of Kubernetes: "namespace/StatefulSet/name"
  // What the running remediation does to an object: the kind's name, the
  // object and, for move_rows, the destination, with blanks between them:
  // "reindex public.items_idx", "move_rows public.items_1 public.items_2".
  kAct,
};

enum class MetricType : uint8_t { kNumber, kText };

struct MetricInfo {
  std::string_view name;
  MetricSubject subject;
  MetricType type;
  bool is_rate;           // over a window: reading it takes that long
  std::string_view unit;  // "rows", "bytes", "seconds", "1" for shares, "text"
  std::string_view meaning;
  std::string_view source;
  std::string_view null_when;  // besides "could not be read"
};

// All, by subject and in the order of the reference page. Constant data.
// [any-thread]
absl::Span<const MetricInfo> MetricCatalog();

// nullptr for a name that is not in the catalog. [any-thread]
const MetricInfo* FindMetric(std::string_view name);

// "collection", "partition", ... [any-thread]
std::string_view MetricSubjectName(MetricSubject subject);

// What a strategy names exists, its target and guards are numbers, and a
// subject is given exactly where it is not the collection. InvalidArgument
// names the metric; OK for a plugin of another kind. [any-thread]
absl::Status CheckMetrics(const plugin::PluginDescription& description);

// A table of the catalog in Markdown, for docs/reference/strategies.md.
// [any-thread]
std::string MetricPage();

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_METRIC_CATALOG_H_
