// One look at a leaf table and its indexes: catalog, statistics, files.
// [backend-main] Plain data; the functions raise: inside PgCall only.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_TABLE_VISIT_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_TABLE_VISIT_H_

#include "pgext/integrity/sensors/pass.h"
extern "C" {
#include "pgstat.h"
}

namespace ruvector::sensors {

struct Leaf {
  Oid oid;
  char kind;  // pg_class.relkind
};

struct LeafList {
  Leaf* leaves;  // palloc'd
  int count;
};

// What one visit of a table brings home, as plain data.
struct TableFacts {
  Relation relation = nullptr;  // open until CloseAndUnlock
  bool locked = false;
  bool unlogged_on_standby = false;  // has no contents there
  DiskUse disk;  // of the table itself; its error is the table's

  float reltuples = -1;
  int64_t heap_bytes = 0;
  int64_t index_bytes = 0;
  bool heap_bytes_known = true;
  bool index_bytes_known = true;
  int32_t xid_age = -1;
  int32_t multixact_age = -1;
  int32_t freeze_max_age = 0;
  bool autovacuum = false;
  double autovacuum_threshold = 0;

  bool counted = false;    // track_counts
  bool has_entry = false;  // a statistics entry exists
  PgStat_StatTabEntry entry;
  int64_t idx_scans = 0;
  int64_t idx_fetched = 0;
  TimestampTz last_idx_scan = 0;  // 0: not known

  VectorIndex* indexes;  // palloc'd
  int index_count = 0;
  Oid* tablespaces;  // palloc'd, with duplicates
  int tablespace_count = 0;
};

// The relations below `root`, or itself, that hold rows: tables, materialized
// views, foreign tables.
LeafList ListLeaves(Oid root);

// Visits a table whose enrolled column is `column`. Leaves it open in
// facts.relation, unless it is locked or gone (then only the counters are
// filled).
void VisitTable(Oid oid, const char* column, TableFacts& facts);

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_TABLE_VISIT_H_
