#include "pgext/integrity/sensors/index_visit.h"

extern "C" {
#include "pgstat.h"
}

namespace ruvector::sensors {

void VisitIndex(Oid oid, IndexVisit& visit) {
  visit.oid = oid;
  visit.relation = OpenIfFree(oid, visit.locked);
  if (visit.relation == nullptr) return;
  const Relation index = visit.relation;
  visit.relfilenode = index->rd_rel->relfilenode;
  visit.valid = index->rd_index->indisvalid && index->rd_index->indisready;
  visit.disk = DiskUseOf(index);
  visit.counted = pgstat_track_counts;
  if (const PgStat_StatTabEntry* entry = pgstat_fetch_stat_tabentry(oid)) {
    visit.scans = entry->numscans;
  }
}

void EndVisit(IndexVisit& visit) {
  if (visit.relation != nullptr) CloseAndUnlock(visit.relation);
  visit.relation = nullptr;
}

}  // namespace ruvector::sensors
