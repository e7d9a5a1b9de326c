#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/integrity/sensors/sense.h"
#include "pgext/integrity/sensors/table_visit.h"
extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "foreign/fdwapi.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace ruvector::sensors {
namespace {

using graph::Access;
using graph::TableObservation;
using pg::PgCall;

// A table gets at most this many sampled pages: beyond it the estimate of its
// bloat hardly improves.
constexpr int64_t kHeapPagesPerTable = 64;

void FillLastScans(const TableFacts& facts, TableObservation& table) {
  if (facts.has_entry) {
    table.last_seq_scan = ToTimeIfSet(RvLastScan(facts.entry));
  }
  if (facts.relation != nullptr) {
    table.last_idx_scan = ToTimeIfSet(facts.last_idx_scan);
  }
}

void FillCounters(const TableFacts& facts, TableObservation& table) {
  if (!facts.counted) return;
  // Without an entry nothing was counted since the last reset: cumulative
  // counters are 0, what the reset forgot about the rows is unknown.
  const PgStat_StatTabEntry empty{};
  const PgStat_StatTabEntry& entry = facts.has_entry ? facts.entry : empty;
  table.inserts = entry.tuples_inserted;
  table.updates = entry.tuples_updated;
  table.deletes = entry.tuples_deleted;
  table.seq_scans = entry.numscans;
  table.seq_tuples_read = entry.tuples_returned;
  if (facts.relation != nullptr) {  // else its indexes are not known
    table.idx_scans = facts.idx_scans;
    table.idx_tuples_fetched = facts.idx_fetched + entry.tuples_fetched;
  }
  FillLastScans(facts, table);
  if (!facts.has_entry) return;
  table.live_tuples = entry.RV_TABSTAT_LIVE_TUPLES;
  table.dead_tuples = entry.RV_TABSTAT_DEAD_TUPLES;
  table.modified_since_analyze = entry.RV_TABSTAT_MODIFIED;
  table.inserted_since_vacuum = entry.RV_TABSTAT_INSERTED;
  table.last_vacuum = ToTimeIfSet(
      Max(entry.RV_TABSTAT_VACUUM_TIME, entry.RV_TABSTAT_AUTOVACUUM_TIME));
  table.last_analyze = ToTimeIfSet(
      Max(entry.RV_TABSTAT_ANALYZE_TIME, entry.RV_TABSTAT_AUTOANALYZE_TIME));
}

void Fill(const TableFacts& facts, TableObservation& table) {
  if (facts.reltuples >= 0) table.estimated_rows = facts.reltuples;
  FillCounters(facts, table);
  if (facts.heap_bytes_known) table.heap_bytes = facts.heap_bytes;
  if (facts.index_bytes_known) table.index_bytes = facts.index_bytes;
  if (facts.xid_age >= 0) table.xid_age = facts.xid_age;
  if (facts.multixact_age >= 0) table.multixact_age = facts.multixact_age;
  table.freeze_max_age = facts.freeze_max_age;
  table.autovacuum_enabled = facts.autovacuum;
  if (facts.autovacuum) {
    table.autovacuum_threshold =
        static_cast<int64_t>(facts.autovacuum_threshold);
  }
}

void FillBloat(const HeapSample& sample, TableObservation& table) {
  if (sample.heap_pages_sampled + sample.toast_pages_sampled == 0) {
    table.bloat_source =
        sample.heap_pages == 0 ? "no pages" : "no page budget left";
    return;
  }
  table.bloat_fraction = std::clamp(sample.unused_share, 0.0, 1.0);
  table.bloat_source = absl::StrFormat(
      "%d of %d heap pages", sample.heap_pages_sampled, sample.heap_pages);
  if (sample.toast_pages > 0) {
    absl::StrAppendFormat(&table.bloat_source, ", %d of %d toast pages",
                          sample.toast_pages_sampled, sample.toast_pages);
  }
}

void Remember(Pass& pass, const TableFacts& facts) {
  for (int i = 0; i < facts.index_count; ++i) {
    const std::vector<uint32_t>& kept = pass.request.kept_indexes;
    if (std::find(kept.begin(), kept.end(), facts.indexes[i].oid) !=
        kept.end()) {
      continue;
    }
    pass.indexes.push_back(facts.indexes[i]);
  }
  for (int i = 0; i < facts.tablespace_count; ++i) {
    const Oid tablespace = facts.tablespaces[i];
    if (std::find(pass.tablespaces.begin(), pass.tablespaces.end(),
                  tablespace) == pass.tablespaces.end()) {
      pass.tablespaces.push_back(tablespace);
    }
  }
}

// Fills `table`; a failure after the catalog was read keeps what was read.
absl::Status VisitLeaf(Pass& pass, Oid oid, int64_t page_limit,
                       TableObservation& table) {
  TableFacts facts;
  const char* column = pass.request.column.c_str();
  RV_RETURN_IF_ERROR(PgCall([&] { VisitTable(oid, column, facts); }));
  if (facts.relation == nullptr) {
    table.access = Access::kNotSampled;
    table.access_reason = facts.locked ? "locked by another session"
                          : facts.unlogged_on_standby
                              ? "unlogged: a standby has no contents"
                              : "dropped meanwhile";
    if (facts.locked) FillCounters(facts, table);  // they need no lock
    return absl::OkStatus();
  }
  Fill(facts, table);
  Remember(pass, facts);
  if (facts.disk.error != 0) {
    table.access = Access::kUnreadable;
    table.access_reason = FileFault(facts.disk);
    table.heap_bytes.reset();
  } else {
    RV_ASSIGN_OR_RETURN(const HeapSample sample, PgCall([&] {
                          return SampleHeap(pass.pages, facts.relation,
                                            page_limit);
                        }));
    FillBloat(sample, table);
  }
  return PgCall([&] { CloseAndUnlock(facts.relation); });
}

absl::Status VisitForeignLeaf(Pass& pass, Oid oid, TableObservation& table) {
  struct Facts {
    Oid server;
    float reltuples;
  };
  RV_ASSIGN_OR_RETURN(
      const Facts facts, PgCall([&] {
        Facts found{GetForeignServerIdByRelId(oid), -1};
        HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
        if (HeapTupleIsValid(row)) {
          found.reltuples =
              reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->reltuples;
          ReleaseSysCache(row);
        }
        return found;
      }));
  if (facts.reltuples >= 0) table.estimated_rows = facts.reltuples;
  table.shard_id = facts.server;
  table.bloat_source = "a foreign table: its server is not asked";
  pass.foreign_leaves.push_back(
      {pass.observation().tables.size(), facts.server});
  return absl::OkStatus();
}

absl::Status CheckTarget(const Pass& pass) {
  const Oid oid = pass.request.table_oid;
  const char* column = pass.request.column.c_str();
  struct Target {
    char kind;
    bool has_column;
  };
  RV_ASSIGN_OR_RETURN(const Target target, PgCall([&] {
                        return Target{
                            get_rel_relkind(oid),
                            get_attnum(oid, column) != InvalidAttrNumber};
                      }));
  if (target.kind == '\0') {
    return absl::NotFoundError(
        absl::StrCat("table with oid \"", oid, "\" does not exist"));
  }
  if (target.kind != RELKIND_RELATION &&
      target.kind != RELKIND_PARTITIONED_TABLE &&
      target.kind != RELKIND_MATVIEW) {
    return absl::InvalidArgumentError(absl::StrCat(
        "relation with oid \"", oid, "\" is no table but of kind '",
        std::string(1, target.kind), "'"));
  }
  if (!target.has_column) {
    return absl::InvalidArgumentError(
        absl::StrCat("column \"", pass.request.column,
                     "\" does not exist in the table with oid \"", oid, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SenseTables(Pass& pass) {
  RV_RETURN_IF_ERROR(CheckTarget(pass));
  RV_ASSIGN_OR_RETURN(const LeafList list, PgCall([&] {
                        return ListLeaves(pass.request.table_oid);
                      }));
  const int64_t heap_budget = pass.request.page_budget / 4;
  const int64_t per_table =
      std::min(kHeapPagesPerTable,
               std::max<int64_t>(1, heap_budget / std::max(1, list.count)));
  for (int i = 0; i < list.count; ++i) {
    const Leaf& leaf = list.leaves[i];
    TableObservation table;
    table.oid = leaf.oid;
    RV_ASSIGN_OR_RETURN(table.name, RelationName(leaf.oid));
    const int64_t pages = std::min(per_table, heap_budget - pass.pages.read);
    const absl::Status status = Attempt([&] {
      return leaf.kind == RELKIND_FOREIGN_TABLE
                 ? VisitForeignLeaf(pass, leaf.oid, table)
                 : VisitLeaf(pass, leaf.oid, pages, table);
    });
    if (EndsPass(status)) return status;
    if (!status.ok()) {
      table.access = AccessAfter(status);
      table.access_reason = std::string(status.message());
    }
    pass.observation().tables.push_back(std::move(table));
  }
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
