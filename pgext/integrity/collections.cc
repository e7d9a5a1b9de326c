#include "pgext/integrity/collections.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace ruvector::integrity {
namespace {

#define RV_COLLECTION_COLUMNS                                            \
  "id, name, table_oid::pg_catalog.oid, table_oid::pg_catalog.text,"     \
  " column_name, dimensions, distance_metric, EXISTS (SELECT FROM"       \
  " ruvector.integrity_state s WHERE s.collection_id = collections.id)," \
  " column_number"

Collection FromRow(const pg::SpiRows& rows, size_t i) {
  Collection c;
  c.id = static_cast<int32_t>(rows.Int(i, 0).value_or(0));
  c.name = rows.TextOr(i, 1, "");
  c.table_oid = static_cast<uint32_t>(rows.Int(i, 2).value_or(0));
  c.table = rows.TextOr(i, 3, "");
  c.column = rows.TextOr(i, 4, "");
  c.dimensions = rows.Int(i, 5).value_or(0);
  c.metric = rows.TextOr(i, 6, "l2");
  c.has_state = rows.Bool(i, 7).value_or(false);
  c.column_number = static_cast<int16_t>(rows.Int(i, 8).value_or(0));
  return c;
}

}  // namespace

absl::StatusOr<Collection> FindCollection(pg::SpiSession& spi,
                                          std::string_view name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT " RV_COLLECTION_COLUMNS
          " FROM ruvector.collections WHERE name OPERATOR(pg_catalog.=) $1",
          {pg::SqlText(name)}));
  if (rows.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("collection \"",
                     absl::string_view(name.data(), name.size()),
                     "\" does not exist"),
        "",
        "SELECT * FROM ruvector_list_collections() lists the enrolled ones.");
  }
  return FromRow(rows, 0);
}

absl::StatusOr<std::vector<Collection>> ListCollections(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT " RV_COLLECTION_COLUMNS
                                " FROM ruvector.collections ORDER BY id"));
  std::vector<Collection> collections;
  collections.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    collections.push_back(FromRow(rows, i));
  }
  return collections;
}

absl::Status AddMissingState(pg::SpiSession& spi,
                             const Collection& collection) {
  return spi
      .Execute(
          "INSERT INTO ruvector.integrity_state (collection_id)"
          " VALUES ($1::pg_catalog.int4) ON CONFLICT DO NOTHING",
          {pg::SqlInt(int64_t{collection.id})})
      .status();
}

absl::StatusOr<std::string> OtherColumnType(pg::SpiSession& spi,
                                            const Collection& collection) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)"
                " FROM pg_catalog.pg_attribute a WHERE a.attrelid ="
                " $1::pg_catalog.oid AND a.attname = $2 AND NOT a.attisdropped"
                " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
                " JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
                " WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
                " AND d.objid = a.atttypid AND d.deptype = 'e'"
                " AND e.extname IN ('vector', 'ruvector'))",
                {pg::SqlInt(int64_t{collection.table_oid}),
                 pg::SqlText(collection.column)}));
  return rows.empty() ? std::string() : rows.TextOr(0, 0, "");
}

absl::Status LockCollection(pg::SpiSession& spi, int32_t id) {
  return spi
      .Query(
          "SELECT FROM ruvector.collections WHERE id = $1::pg_catalog.int4"
          " FOR NO KEY UPDATE",
          {pg::SqlInt(int64_t{id})})
      .status();
}

absl::Status RequireTableOwner(uint32_t table) {
  struct Answer {
    bool owner;
    const char* name;
  };
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        const char* name = get_rel_name(table);
        return Answer{name == nullptr || RV_OWNS_TABLE(table, GetUserId()),
                      name};
      }));
  if (answer.owner) return absl::OkStatus();
  return pg::PgError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                     absl::StrCat("must be owner of table ", answer.name), "",
                     "Ask the owner, or a member of the owner's role.");
}

absl::StatusOr<bool> IsBeingFilled(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_copy p"
                " WHERE p.datname = pg_catalog.current_database()"
                " AND p.command = 'COPY FROM') OR EXISTS (SELECT FROM"
                " pg_catalog.pg_stat_activity a WHERE a.datname ="
                " pg_catalog.current_database()"
                " AND a.application_name = 'pg_restore')"));
  return rows.Bool(0, 0).value_or(false);
}

absl::Status RefreshColumnNumbers(pg::SpiSession& spi) {
  return spi
      .Execute(
          "UPDATE ruvector.collections c SET column_number = a.attnum"
          " FROM pg_catalog.pg_attribute a"
          " WHERE a.attrelid = c.table_oid::pg_catalog.oid"
          " AND a.attname = c.column_name AND NOT a.attisdropped"
          " AND a.attnum <> c.column_number")
      .status();
}

}  // namespace ruvector::integrity
