// Rates, and since when partitions stand still: cumulative counters of the
// leaves.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "pgext/healing/metrics/facts.h"

namespace ruvector::metrics {
namespace {

using pg::SpiRows;
using pg::SpiSession;
using pg::SqlInt;

constexpr absl::Duration kLeastWindow = absl::Seconds(1);

// As pg_stat_all_tables adds them up.
constexpr char kCounters[] =
    " SELECT leaf.title, pg_catalog.pg_stat_get_tuples_returned(leaf.oid)"
    "   + pg_catalog.pg_stat_get_tuples_fetched(leaf.oid)"
    "   + COALESCE((SELECT"
    "      pg_catalog.sum(pg_catalog.pg_stat_get_tuples_fetched(i.indexrelid))"
    "      FROM pg_catalog.pg_index i WHERE i.indrelid = leaf.oid), 0)::int8,"
    "  pg_catalog.pg_stat_get_tuples_inserted(leaf.oid),"
    "  pg_catalog.pg_stat_get_tuples_updated(leaf.oid),"
    "  pg_catalog.pg_stat_get_tuples_deleted(leaf.oid)"
    " FROM leaf";

// The sum of all counters grows with every row that is touched.
constexpr char kNote[] =
    ", counted AS (SELECT leaf.oid, pg_catalog.pg_stat_get_numscans(leaf.oid)"
    "   + pg_catalog.pg_stat_get_tuples_returned(leaf.oid)"
    "   + pg_catalog.pg_stat_get_tuples_fetched(leaf.oid)"
    "   + COALESCE((SELECT"
    "      pg_catalog.sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))"
    "      FROM pg_catalog.pg_index i WHERE i.indrelid = leaf.oid), 0)::int8"
    "   + pg_catalog.pg_stat_get_tuples_inserted(leaf.oid)"
    "   + pg_catalog.pg_stat_get_tuples_updated(leaf.oid)"
    "   + pg_catalog.pg_stat_get_tuples_deleted(leaf.oid) AS touched"
    "  FROM leaf)"
    " INSERT INTO ruvector.partition_activity AS p"
    "  (collection_id, table_oid, touched, quiet_since)"
    "  SELECT $2::pg_catalog.int4, oid, touched, pg_catalog.now() FROM counted"
    "  WHERE NOT EXISTS (SELECT FROM ruvector.partition_activity a"
    "   WHERE a.collection_id = $2::pg_catalog.int4"
    "    AND a.table_oid = counted.oid AND a.touched = counted.touched)"
    " ON CONFLICT (collection_id, table_oid) DO UPDATE SET"
    "  touched = EXCLUDED.touched, quiet_since = EXCLUDED.quiet_since";

constexpr char kForget[] =
    "DELETE FROM ruvector.partition_activity p WHERE p.collection_id ="
    " $1::pg_catalog.int4 AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
    " WHERE c.oid = p.table_oid)";

// The statistics of this transaction may be a copy from its beginning.
absl::Status ForgetSnapshot(SpiSession& spi) {
  return spi.Query("SELECT pg_catalog.pg_stat_clear_snapshot()").status();
}

absl::StatusOr<CounterReading> Read(SpiSession& spi,
                                    const integrity::Collection& collection) {
  RV_RETURN_IF_ERROR(ForgetSnapshot(spi));
  CounterReading reading;
  reading.at = absl::Now();
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(absl::StrCat(kLeafTree, kCounters).c_str(),
                                {SqlInt(int64_t{collection.table_oid})}));
  for (size_t i = 0; i < rows.size(); ++i) {
    reading.tables[rows.TextOr(i, 0, "")] = {
        rows.Int(i, 1).value_or(0), rows.Int(i, 2).value_or(0),
        rows.Int(i, 3).value_or(0), rows.Int(i, 4).value_or(0)};
  }
  return reading;
}

absl::Status Wait(SpiSession& spi, absl::Duration window) {
  return spi
      .Query("SELECT pg_catalog.pg_sleep($1::pg_catalog.float8)",
             {pg::SqlReal(absl::ToDoubleSeconds(window))})
      .status();
}

}  // namespace

absl::StatusOr<CounterReading> ReadCounters(
    SpiSession& spi, const integrity::Collection& collection) {
  return Read(spi, collection);
}

absl::Status Facts::ReadRates(SpiSession& spi,
                              std::map<std::string, Rates>* into) {
  CounterReading before;
  if (options_.earlier != nullptr &&
      absl::Now() - options_.earlier->at >= kLeastWindow) {
    before = *options_.earlier;
  } else {
    RV_ASSIGN_OR_RETURN(before, Read(spi, collection_));
    RV_RETURN_IF_ERROR(Wait(spi, std::max(options_.window, kLeastWindow)));
  }
  RV_ASSIGN_OR_RETURN(const CounterReading now, Read(spi, collection_));
  const double seconds = absl::ToDoubleSeconds(now.at - before.at);
  for (const auto& [name, after] : now.tables) {
    const auto found = before.tables.find(name);
    if (found == before.tables.end()) continue;
    const CounterReading::Counters& b = found->second;
    if (after.read < b.read || after.inserted < b.inserted ||
        after.updated < b.updated || after.deleted < b.deleted) {
      continue;  // reset meanwhile
    }
    Rates rates;
    rates.reads = static_cast<double>(after.read - b.read) / seconds;
    rates.inserts = static_cast<double>(after.inserted - b.inserted) / seconds;
    rates.writes =
        rates.inserts + static_cast<double>(after.updated - b.updated +
                                            after.deleted - b.deleted) /
                            seconds;
    (*into)[name] = rates;
  }
  return absl::OkStatus();
}

absl::Status NoteActivity(SpiSession& spi,
                          const integrity::Collection& collection) {
  RV_RETURN_IF_ERROR(ForgetSnapshot(spi));
  RV_RETURN_IF_ERROR(spi.Execute(absl::StrCat(kLeafTree, kNote).c_str(),
                                 {SqlInt(int64_t{collection.table_oid}),
                                  SqlInt(int64_t{collection.id})})
                         .status());
  return spi.Execute(kForget, {SqlInt(int64_t{collection.id})}).status();
}

}  // namespace ruvector::metrics
