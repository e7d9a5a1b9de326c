// pgvector's indexes: centers that no longer fit, graphs full of the dead,
// answers that are missing, builds that failed.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/healing/detector.h"
#include "core/healing/hnsw_size.h"
#include "core/healing/wilson.h"

namespace ruvector::healing {
namespace {

using graph::HnswIndexObservation;
using graph::IvfContext;
using graph::IvfIndexObservation;
using graph::IvfListObservation;

constexpr size_t kListsNamed = 8;

template <typename Index>
bool Judgeable(const Index& index) {
  return !index.carried && index.access == graph::Access::kReadable &&
         index.valid.value_or(true);
}

// The pages of an index tell of rows that are not committed yet, those of its
// table's counters do not. What is built or planned by so many rows would be
// wrong a moment later: wait for the commit.
bool LoadsUncommitted(const Context& context, const IvfIndexObservation& index,
                      const IvfContext& sums) {
  const graph::TableObservation* table = context.Table(index.table_oid);
  if (table == nullptr || table->carried) return false;
  const Known rows = graph::KnownRows(*table);
  if (!rows.has_value() || !sums.rows.has_value()) return false;
  return *sums.rows > context.limits.uncommitted_rows *
                          (*rows + ToDouble(table->dead_tuples).value_or(0));
}

struct FewRows {
  double degree = 0;
  bool seen_build = true;
};

// Nobody saw the build: lists without a row tell.
std::optional<FewRows> FromEmptyLists(const IvfIndexObservation& index,
                                      const IvfContext& sums,
                                      const HealingLimits& limits) {
  const auto lists = static_cast<double>(index.lists.size());
  if (!sums.rows.has_value() || index.declared_lists != index.lists.size() ||
      *sums.rows < limits.empty_lists_min_rows_per_list * lists) {
    return std::nullopt;
  }
  double empty = 0;
  for (const IvfListObservation& list : index.lists) {
    if (*list.rows == 0 && !list.rows_estimated) ++empty;
  }
  const Known degree = Degree(empty / lists, limits.empty_lists);
  if (!degree.has_value()) return std::nullopt;
  return FewRows{*degree, false};
}

std::optional<FewRows> BuiltOnFewRows(const IvfIndexObservation& index,
                                      const IvfContext& sums, Known built,
                                      const graph::Health& growth,
                                      const HealingLimits& limits) {
  if (!built.has_value()) return FromEmptyLists(index, sums, limits);
  Known degree = HealthDegree(growth.value, limits.health.band.Degraded(),
                              limits.health.band);
  const Known lists = ToDouble(index.declared_lists);
  if (sums.rows.has_value() && lists.has_value() &&
      *sums.rows >= static_cast<double>(limits.few_rows_min_rows) &&
      *built < limits.few_rows_per_list * *lists) {
    degree = Larger(degree, LogDegree(*sums.rows / std::max(*built, 1.0),
                                      limits.few_rows_growth));
  }
  if (!degree.has_value()) return std::nullopt;
  return FewRows{*degree, true};
}

}  // namespace

void DetectIvfflat(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  Finding few(Cause::kIvfflatFewRows, limits);
  Finding drift(Cause::kIvfflatDrift, limits);
  for (const IvfIndexObservation& index : context.now.ivf_indexes) {
    if (!Judgeable(index) || index.lists.empty()) continue;
    const IvfContext sums = graph::IvfContextOf(index);
    if (LoadsUncommitted(context, index, sums)) continue;
    const Known built = index.rows_at_build.has_value() ? index.rows_at_build
                                                        : sums.rows_at_build;
    const graph::Health growth = graph::IvfIndexHealth(index, limits.health);
    Subject subject = IndexSubject(index.name, index.oid, index.table_oid);
    if (const auto found = BuiltOnFewRows(index, sums, built, growth, limits)) {
      const char* source = "IVFFlat list and meta pages, captured at build";
      const Known lists = ToDouble(index.declared_lists);
      few.Note("rows", index.name, sums.rows, source);
      few.Note("rows_at_build", index.name, built, source,
               lists.has_value() ? Known(limits.few_rows_per_list * *lists)
                                 : std::nullopt);
      few.Note("lists", index.name, lists, source);
      if (!found->seen_build) few.Limit(limits.without_history);
      few.Blame(subject, found->degree, 1 + found->degree);
    }

    double known = 0, bad = 0;
    std::string worst;
    size_t named = 0;
    for (const IvfListObservation& list : index.lists) {
      const graph::Health health =
          graph::IvfListHealth(list, sums, limits.health);
      if (!health.value.has_value()) continue;
      // An emptied list still stands for what it was built for.
      const double weight = std::max(
          {list.rows.value_or(0), list.rows_at_build.value_or(0), 1.0});
      known += weight;
      if (*health.value >= limits.health.band.high) continue;
      bad += weight;
      subject.nodes.push_back(
          {graph::NodeType::kCentroid,
           (static_cast<int64_t>(index.oid) << 16) | list.id, ""});
      if (named++ < kListsNamed) {
        absl::StrAppend(&worst, worst.empty() ? "" : ", ", list.id);
      }
    }
    if (known == 0) continue;
    const Known degree = Degree(bad / known, limits.drifted_share);
    if (!degree.has_value()) continue;
    const char* source =
        "IVFFlat entry pages: mean distance to the center and rows per list, "
        "over the same after the build";
    drift.Note("drifted_share", index.name, bad / known, source,
               limits.drifted_share.fire);
    drift.Note("drifted_lists", index.name, static_cast<double>(named), source);
    drift.Note("lists", index.name, worst, source);
    drift.Blame(std::move(subject), *degree, bad / known);
  }
  std::move(few).AddTo(problems);
  std::move(drift).AddTo(problems);
}

void DetectHnsw(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  Finding finding(Cause::kHnswBloat, limits);
  for (const HnswIndexObservation& index : context.now.hnsw_indexes) {
    if (!Judgeable(index)) continue;
    const graph::Health dead = graph::HnswHealth(index, limits.health);
    Known degree = HealthDegree(dead.value, limits.health.band.Degraded(),
                                limits.health.band);
    const graph::TableObservation* table = context.Table(index.table_oid);
    const Known rows = table == nullptr || table->carried
                           ? std::nullopt
                           : graph::KnownRows(*table);
    const Known needed = HnswBytesNeeded(index, rows);
    Known over;
    if (needed.has_value() &&
        index.bytes.value_or(0) >= limits.hnsw_min_bytes) {
      over = static_cast<double>(*index.bytes) / *needed;
      degree = Larger(degree, Degree(over, limits.hnsw_bytes));
    }
    if (!degree.has_value()) continue;
    for (const graph::Aspect& aspect : dead.aspects) {
      finding.Note(aspect, index.name);
    }
    finding.Note("bytes", index.name, ToDouble(index.bytes),
                 "pg_relation_size");
    finding.Note("bytes_over_needed", index.name, over,
                 "pg_relation_size over rows * element size at m, dimensions",
                 limits.hnsw_bytes.fire);
    finding.Blame(IndexSubject(index.name, index.oid, index.table_oid), *degree,
                  1 + *degree);
  }
  std::move(finding).AddTo(problems);
}

void DetectRecall(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  Finding ivfflat(Cause::kIvfflatRecall, limits);
  Finding hnsw(Cause::kHnswRecall, limits);
  for (const RecallProbe& probe : context.in.recall_probes) {
    if (!probe.successes.has_value() || !probe.trials.has_value() ||
        !probe.target.has_value() || *probe.trials <= 0 || *probe.target <= 0) {
      continue;
    }
    const double hits =
        static_cast<double>(*probe.successes) / limits.recall_design_effect;
    const double trials =
        static_cast<double>(*probe.trials) / limits.recall_design_effect;
    const Interval recall = WilsonInterval(hits, trials, limits.recall_z);
    if (!(recall.high < *probe.target)) continue;
    const double deficit = (*probe.target - hits / trials) / *probe.target;
    const double degree = std::min(1.0, deficit / limits.recall_worst_deficit);
    Finding& finding = probe.ivfflat ? ivfflat : hnsw;
    const char* source = "recall probe: index answers beside exact ones";
    finding.Note("recall", probe.name, hits / trials, source);
    finding.Note("recall_low", probe.name, recall.low, source);
    finding.Note("recall_high", probe.name, recall.high, source, probe.target);
    finding.Note("recall_target", probe.name, *probe.target,
                 "recall_target of the collection");
    finding.Note("trials", probe.name, ToDouble(probe.trials), source);
    finding.Blame(IndexSubject(probe.name, probe.index_oid, probe.table_oid),
                  degree, deficit);
  }
  std::move(ivfflat).AddTo(problems);
  std::move(hnsw).AddTo(problems);
}

void DetectInvalidIndexes(const Context& context,
                          std::vector<Problem>* problems) {
  if (!context.in.invalid_indexes.has_value()) return;
  const char* source = "pg_index.indisvalid, pg_stat_progress_create_index";
  Finding finding(Cause::kInvalidIndex, context.limits);
  for (const InvalidIndex& index : *context.in.invalid_indexes) {
    if (index.being_built.value_or(true)) continue;
    finding.Note("made_by", index.name,
                 std::string(!index.ours.has_value() ? "unknown"
                             : *index.ours           ? "ruvector"
                                                     : "someone else"),
                 "journal of healing actions");
    finding.Note("bytes", index.name, ToDouble(index.bytes), source);
    // It slows writes and serves nobody, but nothing gets worse by the minute:
    // just beyond doubt.
    finding.Blame(IndexSubject(index.name, index.oid, index.table_oid),
                  context.limits.sure_degree,
                  1 + ToDouble(index.bytes).value_or(0));
  }
  std::move(finding).AddTo(problems);
}

}  // namespace ruvector::healing
