// What both kinds of vector index have in common: lock, files, validity,
// scans. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_INDEX_VISIT_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_INDEX_VISIT_H_

#include "pgext/integrity/sensors/pass.h"

namespace ruvector::sensors {

struct IndexVisit {
  Oid oid = InvalidOid;
  Relation relation = nullptr;  // nullptr: locked or gone
  bool locked = false;
  Oid relfilenode = InvalidOid;
  bool valid = false;  // indisvalid and indisready
  DiskUse disk;
  bool counted = false;
  int64_t scans = 0;
};

// Opens the index if it is free; EndVisit closes it. Raise: inside PgCall only.
void VisitIndex(Oid oid, IndexVisit& visit);
void EndVisit(IndexVisit& visit);

// Copies what the visit found into an IvfIndexObservation or
// HnswIndexObservation. False when its pages are not to be read.
template <class Index>
bool FillVisit(const IndexVisit& visit, Index& index) {
  if (visit.relation == nullptr) {
    index.access = graph::Access::kNotSampled;
    index.access_reason =
        visit.locked ? "locked by another session" : "dropped meanwhile";
    return false;
  }
  index.valid = visit.valid;
  if (visit.counted) index.scans = visit.scans;
  if (visit.disk.error != 0) {
    index.access = graph::Access::kUnreadable;
    index.access_reason = FileFault(visit.disk);
    return false;
  }
  index.bytes = visit.disk.bytes;
  // An index that no query uses: a concurrent build is under way or failed.
  return visit.valid;
}

template <class Index>
void FillFailure(const absl::Status& status, Index& index) {
  if (status.ok()) return;
  index.access = AccessAfter(status);
  index.access_reason = std::string(status.message());
}

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_INDEX_VISIT_H_
