#include "core/healing/metric_catalog.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/plugin/malformed.h"

namespace ruvector::healing {
namespace {

using S = MetricSubject;

constexpr MetricInfo Number(std::string_view name, S subject,
                            std::string_view unit, std::string_view meaning,
                            std::string_view source,
                            std::string_view null_when = "") {
  return {name,   subject,  MetricType::kNumber, false, unit, meaning,
          source, null_when};
}
constexpr MetricInfo Rate(std::string_view name, S subject,
                          std::string_view unit, std::string_view meaning,
                          std::string_view source,
                          std::string_view null_when = "") {
  return {name,   subject,  MetricType::kNumber, true, unit, meaning,
          source, null_when};
}
constexpr MetricInfo Text(std::string_view name, S subject,
                          std::string_view meaning, std::string_view source,
                          std::string_view null_when = "") {
  return {name,    subject, MetricType::kText, false, "text",
          meaning, source,  null_when};
}

constexpr std::string_view kReset =
    "the counters were reset within the window, or nothing was touched";

// clang-format off
constexpr MetricInfo kMetrics[] = {
    // ---- the collection ---------------------------------------------------
    Number("lambda_norm", S::kCollection, "1",
           "exact global cut over its baseline, of the last pass",
           "ruvector.integrity_state", "fewer than two nodes; the pass is stale"),
    Number("service_norm", S::kCollection, "1",
           "smallest terminal cut over its baseline, of the last pass",
           "ruvector.integrity_state", "as lambda_norm"),
    Rate("load_ratio", S::kCollection, "1",
         "rows touched on the busiest partition over the mean of all; with "
         "Citus, bytes on the fullest node over the mean",
         "pg_stat_all_tables, two readings; pg_dist_placement", kReset),
    Rate("insert_ratio", S::kCollection, "1",
         "rows inserted into the partition that takes most over the mean of all",
         "pg_stat_all_tables, two readings", kReset),
    Rate("accepted_inserts_per_second", S::kCollection, "rows/s",
         "rows inserted into all partitions",
         "pg_stat_all_tables, two readings",
         "the counters were reset within the window"),
    Text("routing", S::kCollection,
         "how rows find their partition: 'weights' (managed), 'citus', 'none'",
         "ruvector.collections, pg_dist_partition"),
    Number("recall", S::kCollection, "1",
           "lowest index_recall of the collection's vector indexes",
           "as index_recall", "no vector index"),
    Number("recall_target", S::kCollection, "1",
           "recall that the collection is to keep",
           "ruvector.collections.config", "none is set"),
    Number("list_distance", S::kCollection, "distance",
           "mean distance of a row to the center of its IVFFlat list, over all "
           "such indexes",
           "IVFFlat list and entry pages", "no IVFFlat index"),
    Number("upkeep_debt", S::kCollection, "1",
           "overdue upkeep, summed: dead rows, modified rows and transaction "
           "age over their thresholds; dead share over 0.1 and surplus share "
           "over 0.5 of HNSW indexes; 1 per leftover of ours",
           "as the metrics that it sums", "one of them is unknown"),
    Number("disk_used_share", S::kCollection, "1",
           "used share of the fullest filesystem below the collection",
           "statvfs of its tablespaces"),
    Number("fullest_disk_live_bytes", S::kCollection, "bytes",
           "what the collection's live rows and their indexes take on the "
           "fullest filesystem below it",
           "files of the relations, pg_stat_all_tables, statvfs"),
    Number("maintenance_jobs", S::kCollection, "jobs",
           "maintenance at work on the server that may be paused",
           "pg_stat_activity, pg_stat_progress_*"),
    Number("connected_standbys", S::kCollection, "standbys",
           "standbys that stream", "pg_stat_replication"),
    Number("maintenance_memory_bytes", S::kCollection, "bytes",
           "memory that an index build may use", "maintenance_work_mem"),
    // ---- an operation of the gate -----------------------------------------
    Number("throttle_percent", S::kOperation, "percent",
           "override of the throttle that undo restores", "ruvector's gate",
           "there is no override"),
    Number("effective_throttle_percent", S::kOperation, "percent",
           "throttle that the gate applies, policy included", "ruvector's gate"),
    // ---- a partition ------------------------------------------------------
    Number("partition_rows", S::kPartition, "rows", "live rows",
           "pg_stat_all_tables.n_live_tup, pg_class.reltuples",
           "never analyzed and never written"),
    Number("partition_bytes", S::kPartition, "bytes",
           "table with TOAST, without indexes", "files of the relation"),
    Number("partition_index_bytes", S::kPartition, "bytes",
           "all indexes of the table", "files of the relations"),
    Rate("partition_reads_per_second", S::kPartition, "rows/s",
         "rows read by sequential scans and fetched through indexes",
         "pg_stat_all_tables.seq_tup_read, idx_tup_fetch",
         "the counters were reset within the window"),
    Rate("partition_writes_per_second", S::kPartition, "rows/s",
         "rows inserted, updated and deleted",
         "pg_stat_all_tables.n_tup_ins, n_tup_upd, n_tup_del",
         "the counters were reset within the window"),
    Rate("partition_inserts_per_second", S::kPartition, "rows/s",
         "rows inserted", "pg_stat_all_tables.n_tup_ins",
         "the counters were reset within the window"),
    Number("partition_hnsw_indexes", S::kPartition, "indexes",
           "HNSW indexes of the table", "pg_index"),
    Number("partition_ivfflat_indexes", S::kPartition, "indexes",
           "IVFFlat indexes of the table", "pg_index"),
    Number("routing_weight", S::kPartition, "1",
           "weight by which new rows choose the partition",
           "ruvector.routing_weights",
           "the collection has no routing weights, or this partition has none"),
    Number("partition_idle_seconds", S::kPartition, "seconds",
           "for how long no row was read or written, as far as we watched",
           "ruvector.partition_activity", "not watched yet"),
    Text("partition_tablespace", S::kPartition, "tablespace of the table",
         "pg_class.reltablespace"),
    Text("partition_disk", S::kPartition,
         "filesystem of the table, as the disk sensor names it",
         "statvfs of its tablespace"),
    Number("partition_dead_rows", S::kPartition, "rows", "dead tuples",
           "pg_stat_all_tables.n_dead_tup"),
    Number("partition_vacuum_threshold", S::kPartition, "rows",
           "dead tuples at which autovacuum starts, were it on",
           "settings and storage parameters"),
    Number("partition_modified_rows", S::kPartition, "rows",
           "rows modified since ANALYZE",
           "pg_stat_all_tables.n_mod_since_analyze"),
    Number("partition_analyze_threshold", S::kPartition, "rows",
           "modified rows at which autoanalyze starts, were it on",
           "settings and storage parameters"),
    Number("partition_xid_age", S::kPartition, "transactions",
           "age of the oldest transaction that is not frozen",
           "pg_class.relfrozenxid"),
    Number("partition_freeze_age", S::kPartition, "transactions",
           "age at which autovacuum is forced",
           "autovacuum_freeze_max_age, storage parameter"),
    Text("partition_autovacuum", S::kPartition,
         "storage parameter autovacuum_enabled as it is set",
         "pg_class.reloptions", "it is not set: the server's setting holds"),
    // ---- an index ---------------------------------------------------------
    Text("index_method", S::kIndex, "access method: 'hnsw', 'ivfflat', ...",
         "pg_class.relam"),
    Text("index_table", S::kIndex, "its table, a partition or a plain table",
         "pg_index.indrelid"),
    Text("index_parent", S::kIndex,
         "topmost partitioned index that it is attached to", "pg_inherits",
         "it is not attached to one"),
    Text("index_tablespace", S::kIndex, "tablespace of the index",
         "pg_class.reltablespace"),
    Number("index_valid", S::kIndex, "0 or 1", "queries may use it",
           "pg_index.indisvalid"),
    Number("index_ours", S::kIndex, "0 or 1", "we began to build it",
           "journal of acts"),
    Number("index_being_built", S::kIndex, "0 or 1",
           "somebody builds it at this moment", "pg_locks"),
    Number("index_bytes", S::kIndex, "bytes", "size", "files of the relation"),
    Number("index_rows", S::kIndex, "rows", "live rows of its table",
           "as partition_rows"),
    Number("index_free_bytes", S::kIndex, "bytes",
           "free on the filesystem of its tablespace", "statvfs"),
    Number("index_dimensions", S::kIndex, "1", "dimensions of its vectors",
           "meta page", "not an index of pgvector"),
    Number("index_lists", S::kIndex, "lists",
           "lists it was told to have at its next build",
           "pg_class.reloptions, pgvector's default of 100",
           "not an IVFFlat index"),
    Number("index_drifted_share", S::kIndex, "1",
           "share of its rows in lists that drifted or swelled since the build",
           "IVFFlat pages, captured at build",
           "not an IVFFlat index; nobody saw its build"),
    Number("index_m", S::kIndex, "1", "neighbours per node", "meta page",
           "not an HNSW index"),
    Number("index_dead_share", S::kIndex, "1",
           "share of sampled elements that are dead or deleted",
           "HNSW pages", "not an HNSW index; it is empty"),
    Number("index_surplus_share", S::kIndex, "1",
           "share of its bytes that its live rows would not need after a build",
           "files, meta page, rows of the table", "not an HNSW index"),
    Number("index_recall", S::kIndex, "1",
           "true nearest neighbours that it returns, at the server's present "
           "search settings",
           "recall probe: index answers beside exact ones",
           "not an index of pgvector; it was not probed since its last build"),
    // ---- a tablespace -----------------------------------------------------
    Number("tablespace_free_bytes", S::kTablespace, "bytes",
           "free on its filesystem", "statvfs"),
    Text("tablespace_disk", S::kTablespace,
         "its filesystem, as partition_disk names it", "statvfs"),
    // ---- a job ------------------------------------------------------------
    Text("job_kind", S::kJob,
         "'autovacuum', 'wraparound_vacuum', 'vacuum', 'index_build', "
         "'base_backup', 'ours', 'cron'",
         "pg_stat_activity, pg_stat_progress_*, cron.job"),
    Text("job_table", S::kJob, "table that it works on, quoted and qualified",
         "pg_stat_progress_*", "it works on none or on several"),
    Number("job_running_seconds", S::kJob, "seconds", "running for",
           "pg_stat_activity.xact_start, cron.job_run_details",
           "it does not run at this moment"),
    // ---- a shard of Citus -------------------------------------------------
    Text("shard_node", S::kShard, "node that holds it, 'name:port'",
         "pg_dist_placement, pg_dist_node", "Citus is not installed"),
    Number("shard_bytes", S::kShard, "bytes", "size as last recorded",
           "pg_dist_placement.shardlength", "never recorded"),
    // ---- a workload of Kubernetes -----------------------------------------
    Number("workload_replicas", S::kWorkload, "replicas",
           "replicas that are asked for", "Kubernetes API",
           "no Kubernetes is configured"),
    Number("workload_ready_replicas", S::kWorkload, "replicas",
           "replicas that are ready", "Kubernetes API",
           "no Kubernetes is configured"),
    // ---- an act of the remediation at work --------------------------------
    Number("acts_done", S::kAct, "acts", "such acts done so far",
           "ruvector.healing_acts", "while a plan is made"),
    Number("act_rows", S::kAct, "rows", "rows that such acts moved so far",
           "ruvector.healing_acts", "while a plan is made"),
};
// clang-format on

constexpr std::array<std::string_view, 9> kSubjectNames = {
    "collection", "operation", "partition", "index", "tablespace",
    "job",        "shard",     "workload",  "act"};

absl::Status CheckExpectation(
    const plugin::ExpectationDescription& expectation) {
  const MetricInfo* metric = FindMetric(expectation.metric);
  if (metric == nullptr) {
    return plugin::Malformed("result is held against the unknown metric '",
                             expectation.metric, "'");
  }
  if (metric->type != MetricType::kNumber) {
    return plugin::Malformed("result is held against '", metric->name,
                             "', which is no number");
  }
  const bool of_collection = metric->subject == MetricSubject::kCollection;
  if (of_collection == expectation.subject.empty()) return absl::OkStatus();
  return plugin::Malformed("result is held against '", metric->name, "' of '",
                           expectation.subject, "', its subject is a ",
                           MetricSubjectName(metric->subject));
}

}  // namespace

absl::Span<const MetricInfo> MetricCatalog() { return kMetrics; }

const MetricInfo* FindMetric(std::string_view name) {
  for (const MetricInfo& metric : kMetrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

std::string_view MetricSubjectName(MetricSubject subject) {
  return kSubjectNames[static_cast<size_t>(subject)];
}

absl::Status CheckMetrics(const plugin::PluginDescription& description) {
  if (!description.strategy.has_value()) return absl::OkStatus();
  for (const std::string& name : description.strategy->metrics) {
    if (FindMetric(name) == nullptr) {
      return plugin::Malformed("plans by the unknown metric '", name, "'");
    }
  }
  absl::Status status = CheckExpectation(description.strategy->target);
  for (const plugin::ExpectationDescription& guard :
       description.strategy->guards) {
    if (status.ok()) status = CheckExpectation(guard);
  }
  return status;
}

std::string MetricPage() {
  std::string page =
      "| metric | of a | unit | meaning | read from | NULL also when |\n"
      "|---|---|---|---|---|---|\n";
  for (const MetricInfo& metric : kMetrics) {
    absl::StrAppend(&page, "| `", std::string(metric.name), "` | ",
                    std::string(MetricSubjectName(metric.subject)), " | ",
                    std::string(metric.unit), metric.is_rate ? ", rate" : "",
                    " | ", std::string(metric.meaning), " | ",
                    std::string(metric.source), " | ",
                    std::string(metric.null_when), " |\n");
  }
  return page;
}

}  // namespace ruvector::healing
