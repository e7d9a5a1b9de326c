#include "pgext/integrity/sensors/table_visit.h"

#include "pgext/bridge/pg_compat.h"
extern "C" {
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "postmaster/autovacuum.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace ruvector::sensors {
namespace {

void AddTablespace(TableFacts& facts, Relation relation) {
  facts.tablespaces[facts.tablespace_count++] = TablespaceOf(relation);
}

// A TOAST table with its index, as pg_table_size counts it.
void VisitToast(TableFacts& facts, Oid toast) {
  bool locked = false;
  Relation relation = OpenIfFree(toast, locked);
  if (relation == nullptr) {
    facts.heap_bytes_known = false;
    return;
  }
  const DiskUse use = DiskUseOf(relation);
  facts.heap_bytes += use.bytes;
  // Its values are the table's values: lost with it.
  if (use.error != 0) facts.disk = use;
  ListCell* cell;
  foreach (cell, RelationGetIndexList(relation)) {
    Relation index = OpenIfFree(lfirst_oid(cell), locked);
    if (index == nullptr) {
      facts.heap_bytes_known = false;
      continue;
    }
    const DiskUse index_use = DiskUseOf(index);
    facts.heap_bytes += index_use.bytes;
    if (index_use.error != 0) facts.heap_bytes_known = false;
    CloseAndUnlock(index);
  }
  const TransactionId frozen = relation->rd_rel->relfrozenxid;
  if (TransactionIdIsNormal(frozen)) {
    const int32_t age = static_cast<int32_t>(ReadNextTransactionId() - frozen);
    facts.xid_age = Max(facts.xid_age, age);
  }
  CloseAndUnlock(relation);
}

Oid AccessMethodOf(Oid index) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(row)) return InvalidOid;
  const Oid method = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relam;
  ReleaseSysCache(row);
  return method;
}

bool UsesColumn(HeapTuple index_row, AttrNumber column) {
  const AttrNumber first =
      reinterpret_cast<Form_pg_index>(GETSTRUCT(index_row))->indkey.values[0];
  if (first != 0) return first == column;
  bool is_null = false;
  const Datum stored =
      SysCacheGetAttr(INDEXRELID, index_row, Anum_pg_index_indexprs, &is_null);
  if (is_null) return false;
  auto* expressions =
      static_cast<Node*>(stringToNode(TextDatumGetCString(stored)));
  Bitmapset* attributes = nullptr;
  pull_varattnos(expressions, 1, &attributes);
  return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, attributes);
}

// True if the index's first key is the column, or the expressions use it. From
// the catalog, so that it is also known of an index that is locked.
bool IndexesColumn(Oid index, AttrNumber column) {
  HeapTuple row = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(row)) return false;
  const bool uses = UsesColumn(row, column);
  ReleaseSysCache(row);
  return uses;
}

void NoteVectorIndex(TableFacts& facts, Oid oid, AttrNumber column) {
  const char* method = get_am_name(AccessMethodOf(oid));
  if (method == nullptr || !IndexesColumn(oid, column)) return;
  VectorIndex index{oid, RelationGetRelid(facts.relation), IndexKind::kIvfflat};
  if (strcmp(method, "hnsw") == 0) {
    index.kind = IndexKind::kHnsw;
  } else if (strcmp(method, "ivfflat") != 0) {
    return;
  }
  facts.indexes[facts.index_count++] = index;
}

void VisitIndex(TableFacts& facts, Oid oid, AttrNumber column) {
  if (const PgStat_StatTabEntry* entry = pgstat_fetch_stat_tabentry(oid)) {
    facts.idx_scans += entry->numscans;
    facts.idx_fetched += entry->tuples_fetched;
    facts.last_idx_scan = Max(facts.last_idx_scan, RvLastScan(*entry));
  }
  NoteVectorIndex(facts, oid, column);
  bool locked = false;
  Relation index = OpenIfFree(oid, locked);
  if (index == nullptr) {
    facts.index_bytes_known = false;
    return;
  }
  // A missing file of an index is found again, and reported, by its sensor.
  const DiskUse use = DiskUseOf(index);
  facts.index_bytes += use.bytes;
  if (use.error != 0) facts.index_bytes_known = false;
  AddTablespace(facts, index);
  CloseAndUnlock(index);
}

// The threshold of autovacuum.c's relation_needs_vacanalyze().
void ReadAutovacuum(Relation table, TableFacts& facts) {
  double base = autovacuum_vac_thresh;
  double scale = autovacuum_vac_scale;
  facts.freeze_max_age = autovacuum_freeze_max_age;
  facts.autovacuum = autovacuum_start_daemon && pgstat_track_counts;
  if (table->rd_options != nullptr) {
    const AutoVacOpts& own =
        reinterpret_cast<StdRdOptions*>(table->rd_options)->autovacuum;
    facts.autovacuum = facts.autovacuum && own.enabled;
    if (own.vacuum_threshold >= 0) base = own.vacuum_threshold;
    if (own.vacuum_scale_factor >= 0) scale = own.vacuum_scale_factor;
    if (own.freeze_max_age >= 0) {
      facts.freeze_max_age = Min(facts.freeze_max_age, own.freeze_max_age);
    }
  }
  facts.autovacuum_threshold = base + scale * Max(facts.reltuples, 0.0f);
}

}  // namespace

LeafList ListLeaves(Oid root) {
  List* oids = find_all_inheritors(root, NoLock, nullptr);
  LeafList result{static_cast<Leaf*>(palloc(sizeof(Leaf) * list_length(oids))),
                  0};
  ListCell* cell;
  foreach (cell, oids) {
    const Oid oid = lfirst_oid(cell);
    const char kind = get_rel_relkind(oid);
    const bool holds_rows = kind == RELKIND_RELATION ||
                            kind == RELKIND_MATVIEW ||
                            kind == RELKIND_FOREIGN_TABLE;
    if (holds_rows) result.leaves[result.count++] = {oid, kind};
  }
  return result;
}

void VisitTable(Oid oid, const char* column, TableFacts& facts) {
  facts.counted = pgstat_track_counts;
  if (const PgStat_StatTabEntry* entry = pgstat_fetch_stat_tabentry(oid)) {
    facts.has_entry = true;
    facts.entry = *entry;
  }
  facts.relation = OpenIfFree(oid, facts.locked);
  if (facts.relation == nullptr) return;
  Relation table = facts.relation;
  const FormData_pg_class& row = *table->rd_rel;
  if (row.relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress()) {
    facts.unlogged_on_standby = true;
    CloseAndUnlock(table);
    facts.relation = nullptr;
    return;
  }
  facts.reltuples = row.reltuples;
  if (TransactionIdIsNormal(row.relfrozenxid)) {
    facts.xid_age =
        static_cast<int32_t>(ReadNextTransactionId() - row.relfrozenxid);
  }
  if (MultiXactIdIsValid(row.relminmxid)) {
    facts.multixact_age =
        static_cast<int32_t>(ReadNextMultiXactId() - row.relminmxid);
  }
  ReadAutovacuum(table, facts);

  List* indexes = RelationGetIndexList(table);
  const int count = list_length(indexes);
  facts.indexes =
      static_cast<VectorIndex*>(palloc(sizeof(VectorIndex) * (count + 1)));
  facts.tablespaces = static_cast<Oid*>(palloc(sizeof(Oid) * (count + 1)));
  AddTablespace(facts, table);
  facts.disk = DiskUseOf(table);
  facts.heap_bytes = facts.disk.bytes;
  if (OidIsValid(row.reltoastrelid)) VisitToast(facts, row.reltoastrelid);
  const AttrNumber attribute = get_attnum(oid, column);
  ListCell* cell;
  foreach (cell, indexes) VisitIndex(facts, lfirst_oid(cell), attribute);
}

}  // namespace ruvector::sensors
