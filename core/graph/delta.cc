#include "core/graph/delta.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"

namespace ruvector::graph {
namespace {

using Counter = std::optional<int64_t>;

Counter Difference(Counter last, Counter now) {
  if (!last.has_value() || !now.has_value() || *now < *last) {
    return std::nullopt;
  }
  return *now - *last;
}

// Unknown unless every part is known: a sum of some would be too small.
Counter Sum(std::initializer_list<Counter> parts) {
  int64_t sum = 0;
  for (Counter part : parts) {
    if (!part.has_value()) return std::nullopt;
    sum += *part;
  }
  return sum;
}

bool SameCounters(const Observation& last, const Observation& now) {
  return last.collection_id == now.collection_id && last.at < now.at &&
         last.server_start == now.server_start &&
         last.stats_reset == now.stats_reset;
}

TableDelta Between(const TableObservation& last, const TableObservation& now) {
  TableDelta delta;
  delta.rows_before = KnownRows(last);
  if (now.carried || last.carried) return delta;
  delta.written = Sum({Difference(last.inserts, now.inserts),
                       Difference(last.updates, now.updates),
                       Difference(last.deletes, now.deletes)});
  // A table without any index has no idx_tup_fetch.
  const Counter fetched =
      last.idx_tuples_fetched.has_value() || now.idx_tuples_fetched.has_value()
          ? Difference(last.idx_tuples_fetched, now.idx_tuples_fetched)
          : Counter(0);
  delta.read =
      Sum({Difference(last.seq_tuples_read, now.seq_tuples_read), fetched});
  return delta;
}

}  // namespace

std::optional<double> KnownRows(const TableObservation& table) {
  if (!table.live_tuples.has_value()) return table.estimated_rows;
  const auto live = static_cast<double>(*table.live_tuples);
  return std::max(live, table.estimated_rows.value_or(live));
}

Delta Between(const Observation* last, const Observation& now) {
  Delta delta;
  delta.tables.resize(now.tables.size());
  if (last == nullptr || !SameCounters(*last, now)) return delta;
  delta.interval = now.at - last->at;

  absl::flat_hash_map<uint32_t, const TableObservation*> before;
  for (const TableObservation& table : last->tables) {
    before[table.oid] = &table;
  }
  for (size_t i = 0; i < now.tables.size(); ++i) {
    if (auto it = before.find(now.tables[i].oid); it != before.end()) {
      delta.tables[i] = Between(*it->second, now.tables[i]);
    }
  }
  if (!now.archiver.carried && !last->archiver.carried) {
    delta.wal_archived =
        Difference(last->archiver.archived_count, now.archiver.archived_count);
    delta.wal_failed =
        Difference(last->archiver.failed_count, now.archiver.failed_count);
  }
  if (!now.checkpointer.carried && !last->checkpointer.carried) {
    delta.checkpoints_timed =
        Difference(last->checkpointer.timed, now.checkpointer.timed);
    delta.checkpoints_requested =
        Difference(last->checkpointer.requested, now.checkpointer.requested);
  }
  return delta;
}

}  // namespace ruvector::graph
