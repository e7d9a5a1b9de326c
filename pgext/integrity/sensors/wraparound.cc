#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_database.h"
#include "storage/procarray.h"
}

namespace ruvector::sensors {
namespace {

// SetTransactionIdLimit (varsup.c): assignment stops three million before the
// oldest id would wrap, which is half of the id space ahead.
constexpr int64_t kStopAge = int64_t{MaxTransactionId >> 1} - 3000000;

struct Ages {
  int32_t database = 0;
  int32_t cluster = 0;
  int32_t database_multixact = 0;
  int32_t cluster_multixact = 0;
  int32_t oldest_xmin = 0;
};

Ages ReadAges() {
  Ages ages;
  const TransactionId next = ReadNextTransactionId();
  const MultiXactId next_multixact = ReadNextMultiXactId();
  Relation databases = table_open(DatabaseRelationId, AccessShareLock);
  SysScanDesc scan =
      systable_beginscan(databases, InvalidOid, false, nullptr, 0, nullptr);
  HeapTuple tuple;
  while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
    const auto* row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    const auto age = static_cast<int32_t>(next - row->datfrozenxid);
    const auto multixact_age =
        static_cast<int32_t>(next_multixact - row->datminmxid);
    if (row->oid == MyDatabaseId) {
      ages.database = age;
      ages.database_multixact = multixact_age;
    }
    ages.cluster = Max(ages.cluster, age);
    ages.cluster_multixact = Max(ages.cluster_multixact, multixact_age);
  }
  systable_endscan(scan);
  table_close(databases, AccessShareLock);
  // Over all sessions, slots and prepared transactions.
  const TransactionId oldest = GetOldestNonRemovableTransactionId(nullptr);
  ages.oldest_xmin = static_cast<int32_t>(next - oldest);
  return ages;
}

}  // namespace

absl::Status SenseWraparound(Pass& pass) {
  RV_ASSIGN_OR_RETURN(const Ages ages, pg::PgCall(ReadAges));
  graph::XidObservation& out = pass.observation().xid;
  out.database_age = ages.database;
  out.cluster_age = ages.cluster;
  out.database_multixact_age = ages.database_multixact;
  out.cluster_multixact_age = ages.cluster_multixact;
  out.oldest_xmin_age = ages.oldest_xmin;
  out.stop_age = kStopAge;
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
