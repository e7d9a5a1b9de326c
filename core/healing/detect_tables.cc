// Partitions and their upkeep: traffic, dead tuples, bloat, statistics.
#include <algorithm>
#include <vector>

#include "core/healing/detector.h"

namespace ruvector::healing {
namespace {

using graph::TableObservation;

// One problem out of one aspect of all tables, as core/graph judges it.
void FromAspect(const Context& context, Cause cause, const char* name,
                double worst, bool dependency_vacuum,
                std::vector<Problem>* problems) {
  Finding finding(cause, context.limits);
  for (size_t i = 0; i < context.tables.size(); ++i) {
    if (!context.tables[i].has_value()) continue;
    const graph::Aspect* aspect = FindAspect(*context.tables[i], name);
    const Known degree =
        HealthDegree(aspect->health, worst, context.limits.health.band);
    if (!degree.has_value()) continue;
    const TableObservation& table = context.now.tables[i];
    Subject subject = PartitionSubject(table);
    if (dependency_vacuum) {
      subject.nodes.push_back(
          {graph::NodeType::kMaintenanceDep, graph::kVacuum, ""});
    }
    finding.Note(*aspect, table.name);
    finding.Blame(std::move(subject), *degree, 1 - *aspect->health);
  }
  std::move(finding).AddTo(problems);
}

std::optional<int64_t> AnalyzeThreshold(const Context& context, uint32_t oid) {
  for (const TableStatistics& statistics : context.in.statistics) {
    if (statistics.table_oid == oid) return statistics.analyze_threshold;
  }
  return std::nullopt;
}

bool JustAnalyzed(const Context& context, const TableObservation& table) {
  return table.autovacuum_enabled.value_or(true) &&
         table.last_analyze.has_value() &&
         context.now.at - *table.last_analyze <
             absl::Seconds(context.limits.analyze_grace_s);
}

}  // namespace

void DetectHotPartitions(const Context& context,
                         std::vector<Problem>* problems) {
  FromAspect(context, Cause::kHotPartition, "hot",
             context.limits.health.band.Degraded(), false, problems);
}

void DetectDeadTuples(const Context& context, std::vector<Problem>* problems) {
  FromAspect(context, Cause::kDeadTuples, "vacuum_debt", 0, true, problems);
}

void DetectHeapBloat(const Context& context, std::vector<Problem>* problems) {
  FromAspect(context, Cause::kHeapBloat, "heap_bloat",
             context.limits.health.band.Degraded(), false, problems);
}

void DetectUnreadable(const Context& context, std::vector<Problem>* problems) {
  using graph::Access;
  const char* source = "first block, catalog or probe of the node";
  Finding finding(Cause::kDataUnreadable, context.limits);
  const auto blame = [&](const auto& thing, Subject subject) {
    if (thing.access != Access::kUnreadable || thing.carried) return;
    finding.Note("reason", subject.name, thing.access_reason, source);
    finding.Blame(std::move(subject), 1, 1);
  };
  for (const TableObservation& table : context.now.tables) {
    blame(table, PartitionSubject(table));
  }
  for (const auto& index : context.now.ivf_indexes) {
    blame(index, IndexSubject(index.name, index.oid, index.table_oid));
  }
  for (const auto& index : context.now.hnsw_indexes) {
    blame(index, IndexSubject(index.name, index.oid, index.table_oid));
  }
  for (const graph::ShardObservation& shard : context.now.shards) {
    Subject subject;
    subject.kind = "node";
    subject.name = shard.name;
    subject.nodes = {{graph::NodeType::kShard, shard.id, ""}};
    blame(shard, std::move(subject));
  }
  std::move(finding).AddTo(problems);
}

void DetectStaleStatistics(const Context& context,
                           std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  Finding finding(Cause::kStaleStatistics, limits);
  for (const TableObservation& table : context.now.tables) {
    if (table.carried || !table.modified_since_analyze.has_value() ||
        JustAnalyzed(context, table)) {
      continue;
    }
    const Known rows = graph::KnownRows(table);
    if (!rows.has_value()) continue;
    const double modified = static_cast<double>(*table.modified_since_analyze);
    if (modified < static_cast<double>(limits.analyze_min_rows)) continue;
    const double threshold = std::max(
        1.0,
        ToDouble(AnalyzeThreshold(context, table.oid))
            .value_or(limits.analyze_base +
                      limits.analyze_scale * table.estimated_rows.value_or(0)));
    const Known degree = LogDegree(modified / threshold, limits.analyze_debt);
    if (!degree.has_value()) continue;
    const char* source =
        "pg_stat_all_tables.n_mod_since_analyze over the autoanalyze threshold";
    finding.Note("modified_rows", table.name, modified, source,
                 limits.analyze_debt.fire * threshold);
    finding.Note("analyze_threshold_rows", table.name, threshold, source);
    finding.Note("planner_rows", table.name, table.estimated_rows,
                 "pg_class.reltuples");
    finding.Note("actual_rows", table.name, rows,
                 "pg_stat_all_tables.n_live_tup, pg_class.reltuples");
    finding.Blame(PartitionSubject(table), *degree, modified / threshold);
  }
  std::move(finding).AddTo(problems);
}

}  // namespace ruvector::healing
