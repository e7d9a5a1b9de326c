// SQL: ruvector_register_collection, ruvector_unregister_collection, and the
// event triggers that follow the table.
#include <algorithm>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/gate/policy.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/outbox.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_compat.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/collections.h"
#include "pgext/integrity/gate_slots.h"
extern "C" {
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
}

namespace ruvector::integrity {
namespace {

using nlohmann::ordered_json;
using pg::PgError;

constexpr size_t kMaxConfigBytes = size_t{1} << 20;

struct Column {
  Oid table;
  std::string table_name;
  std::string column;
  std::string type;
  int64_t dimensions;  // 0: not fixed by the column
  std::string index_metric;
};

// No one drops or alters the table before this transaction ends: what it
// enrols is there when it commits.
absl::Status HoldTable(Oid table) {
  return pg::PgCall([&] { LockRelationOid(table, AccessShareLock); });
}

constexpr char kColumnSql[] =
    "SELECT c.oid::pg_catalog.regclass::pg_catalog.text, c.relkind,"
    " c.relpersistence, a.attname, t.typname, a.atttypmod, e.extname,"
    " pg_catalog.format_type(a.atttypid, a.atttypmod),"
    " (SELECT oc.opcname FROM pg_catalog.pg_index i"
    "   JOIN pg_catalog.pg_opclass oc ON oc.oid = ANY (i.indclass)"
    "   JOIN pg_catalog.pg_am am ON am.oid = oc.opcmethod"
    "  WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)"
    "    AND am.amname IN ('ivfflat', 'hnsw') ORDER BY i.indexrelid LIMIT 1),"
    " c.relnamespace::pg_catalog.regnamespace::pg_catalog.text,"
    " c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h"
    "   WHERE h.inhparent = c.oid)"
    " FROM pg_catalog.pg_class c"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
    "   AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " LEFT JOIN pg_catalog.pg_depend d"
    "   ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
    "   AND d.objid = t.oid AND d.deptype = 'e'"
    " LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
    " WHERE c.oid = $1::pg_catalog.oid";

std::string MetricOfOpclass(const std::string& opclass) {
  if (opclass.find("cosine") != std::string::npos) return "cosine";
  if (opclass.find("_ip_") != std::string::npos) return "ip";
  if (opclass.find("_l1_") != std::string::npos) return "l1";
  if (opclass.find("hamming") != std::string::npos) return "hamming";
  if (opclass.find("jaccard") != std::string::npos) return "jaccard";
  return "l2";
}

absl::StatusOr<Column> DescribeColumn(pg::SpiSession& spi, Oid table,
                                      const std::string& column) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(kColumnSql, {pg::SqlInt(int64_t{table}), pg::SqlText(column)}));
  if (rows.empty()) {
    return PgError(ERRCODE_UNDEFINED_TABLE,
                   absl::StrFormat("table with OID %u does not exist", table));
  }
  Column found;
  found.table = table;
  found.table_name = rows.TextOr(0, 0, "");
  const std::string kind = rows.TextOr(0, 1, "");
  if (kind != "r" && kind != "p") {
    return PgError(ERRCODE_WRONG_OBJECT_TYPE,
                   absl::StrCat("\"", found.table_name,
                                "\" is not a table or partitioned table"));
  }
  if (rows.TextOr(0, 2, "") == "t") {
    return PgError(
        ERRCODE_WRONG_OBJECT_TYPE,
        absl::StrCat("cannot enrol temporary table \"", found.table_name, "\""),
        "The integrity worker cannot see other sessions' temporary "
        "tables.");
  }
  const std::string schema = rows.TextOr(0, 9, "");
  if (schema == "ruvector" || schema == "pg_catalog") {
    return PgError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        absl::StrCat("cannot enrol system table \"", found.table_name, "\""));
  }
  if (rows.Bool(0, 10).value_or(false)) {
    return PgError(ERRCODE_FEATURE_NOT_SUPPORTED,
                   absl::StrCat("cannot enrol table \"", found.table_name,
                                "\": other tables inherit from it"),
                   "", "Enrol the tables one by one, or partition the table.");
  }
  if (!rows.Text(0, 3).has_value()) {
    return PgError(ERRCODE_UNDEFINED_COLUMN,
                   absl::StrCat("column \"", column, "\" of table \"",
                                found.table_name, "\" does not exist"),
                   "", "Name its column of a pgvector type.");
  }
  found.column = rows.TextOr(0, 3, "");
  found.type = rows.TextOr(0, 4, "");
  const std::string extension = rows.TextOr(0, 6, "");
  if (extension != "vector" && extension != "ruvector") {
    return PgError(
        ERRCODE_DATATYPE_MISMATCH,
        absl::StrCat("column \"", column, "\" of table \"", found.table_name,
                     "\" is not a vector column"),
        absl::StrCat("Its type is ", rows.TextOr(0, 7, ""), "."),
        "Enrol a column of pgvector's type vector, halfvec or sparsevec.");
  }
  found.dimensions = std::max<int64_t>(rows.Int(0, 5).value_or(-1), 0);
  found.index_metric = MetricOfOpclass(rows.TextOr(0, 8, ""));
  return found;
}

absl::Status CheckMetric(const std::string& metric) {
  constexpr const char* kMetrics[] = {"l2", "cosine",  "ip",
                                      "l1", "hamming", "jaccard"};
  if (std::find(std::begin(kMetrics), std::end(kMetrics), metric) !=
      std::end(kMetrics)) {
    return absl::OkStatus();
  }
  return PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                 absl::StrCat("invalid metric \"", metric.substr(0, 64), "\""),
                 "", "Metrics are l2, cosine, ip, l1, hamming and jaccard.");
}

constexpr int64_t kMaxDimensions = 1'000'000'000;  // of a sparsevec

absl::Status CheckDimensions(Column& column, std::optional<int64_t> wanted) {
  if (!wanted.has_value()) return absl::OkStatus();
  if (*wanted < 1 || *wanted > kMaxDimensions) {
    return PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                   absl::StrFormat("dimensions must be between 1 and %d, "
                                   "not %d",
                                   kMaxDimensions, *wanted),
                   "",
                   "Leave \"dimensions\" out to take those of the column's "
                   "type.");
  }
  if (column.dimensions != 0 && column.dimensions != *wanted) {
    return PgError(ERRCODE_DATATYPE_MISMATCH,
                   absl::StrFormat("column \"%s\" has %d dimensions, not %d",
                                   column.column, column.dimensions, *wanted),
                   "",
                   "Leave \"dimensions\" out to take those of the column's "
                   "type, or change the type with ALTER TABLE first.");
  }
  column.dimensions = *wanted;
  return absl::OkStatus();
}

absl::Status CheckRoom() {
  RV_RETURN_IF_ERROR(boot::RequireDatabaseEntry());
  if (GateSlotsFree() != 0) return absl::OkStatus();
  return PgError(
      ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
      "no free slot for another collection",
      absl::StrFormat("All %d slots of ruvector.max_collections are in use.",
                      GateSlotsTotal()),
      "Raise ruvector.max_collections and restart, or unregister a "
      "collection.");
}

absl::StatusOr<int64_t> InsertCollection(pg::SpiSession& spi,
                                         const std::string& name,
                                         const Column& column,
                                         const std::string& metric,
                                         const std::string& mode,
                                         const std::string& config) {
  absl::StatusOr<pg::SpiRows> inserted = spi.Query(
      "INSERT INTO ruvector.collections (name, table_oid,"
      " column_name, column_number, dimensions, distance_metric,"
      " config) SELECT $1, attrelid::pg_catalog.regclass, attname,"
      " attnum, $4::pg_catalog.int4, $5, $6::pg_catalog.jsonb"
      " FROM pg_catalog.pg_attribute WHERE attrelid ="
      " $2::pg_catalog.oid AND attname = $3"
      " RETURNING id",
      {pg::SqlText(name), pg::SqlInt(int64_t{column.table}),
       pg::SqlText(column.column),
       column.dimensions == 0 ? pg::SqlNullParam()
                              : pg::SqlInt(column.dimensions),
       pg::SqlText(metric), pg::SqlText(config)});
  if (pg::SqlStateOf(inserted.status()) == ERRCODE_UNIQUE_VIOLATION) {
    return PgError(ERRCODE_DUPLICATE_OBJECT,
                   absl::StrCat("collection \"", name,
                                "\" or the column has just been enrolled by "
                                "another session"),
                   pg::DetailOf(inserted.status()));
  }
  RV_RETURN_IF_ERROR(inserted.status());
  if (inserted->empty()) {
    return PgError(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
                   absl::StrCat("a trigger kept collection \"", name,
                                "\" out of ruvector.collections"));
  }
  const int64_t id = *inserted->Int(0, 0);
  RV_ASSIGN_OR_RETURN(
      const gate::Policy policy,
      gate::MergePolicy(gate::Policy(), ordered_json{{"mode", mode}}.dump()));
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.integrity_policies"
                  " (collection_id, name, policy)"
                  " VALUES ($1::pg_catalog.int4, 'default',"
                  " $2::pg_catalog.jsonb)",
                  {pg::SqlInt(id), pg::SqlText(gate::PolicyToJson(policy))})
          .status());
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.integrity_state"
                  " (collection_id) VALUES ($1::pg_catalog.int4)",
                  {pg::SqlInt(id)})
          .status());
  return id;
}

absl::Status AlreadyEnrolled(pg::SpiSession& spi, const std::string& name,
                             const Column& column) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT name OPERATOR(pg_catalog.=) $1, name FROM"
                " ruvector.collections WHERE name OPERATOR(pg_catalog.=) $1 OR"
                " (table_oid OPERATOR(pg_catalog.=) $2::pg_catalog.oid"
                " AND column_name OPERATOR(pg_catalog.=) $3::pg_catalog.name)",
                {pg::SqlText(name), pg::SqlInt(int64_t{column.table}),
                 pg::SqlText(column.column)}));
  if (rows.empty()) return absl::OkStatus();
  if (rows.Bool(0, 0).value_or(false)) {
    return PgError(ERRCODE_DUPLICATE_OBJECT,
                   absl::StrCat("collection \"", name, "\" already exists"), "",
                   "Choose another name, or unregister that one first.");
  }
  return PgError(
      ERRCODE_DUPLICATE_OBJECT,
      absl::StrCat("column \"", column.column, "\" of table \"",
                   column.table_name, "\" is already enrolled as collection \"",
                   rows.TextOr(0, 1, ""), "\""),
      "", "A column can be in one collection; use that one, or unregister it.");
}

absl::Status Unregister(pg::SpiSession& spi, const Collection& collection,
                        const std::string& reason, const std::string& user) {
  for (const char* statement :
       {"DELETE FROM ruvector.collections WHERE id = $1::pg_catalog.int4",
        "DELETE FROM ruvector.integrity_policies"
        " WHERE collection_id = $1::pg_catalog.int4"}) {
    RV_RETURN_IF_ERROR(
        spi.Execute(statement, {pg::SqlInt(int64_t{collection.id})}).status());
  }
  audit::OutboxEvent event;
  event.collection_id = collection.id;
  event.collection_name = collection.name;
  event.event_type = "enrolment";
  event.metadata =
      ordered_json{{"action", "unregister"}, {"reason", reason}}.dump();
  event.user = user;
  RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
  RV_FAILPOINT("integrity.unregister.before_commit");
  return absl::OkStatus();
}

}  // namespace
}  // namespace ruvector::integrity

// (name, table, column, metric, dimensions, mode, config) -> id
RV_SQL_FUNCTION(ruvector_register_collection) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "name"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 1, "table"));
  const Oid table = PG_GETARG_OID(1);
  RV_ASSIGN_OR_RETURN(const std::string column,
                      pg::NameArgument(fcinfo, 2, "column"));
  RV_ASSIGN_OR_RETURN(std::optional<std::string> metric,
                      pg::OptionalTextArgument(fcinfo, 3));
  std::optional<int64_t> dimensions;
  if (!PG_ARGISNULL(4)) dimensions = PG_GETARG_INT32(4);
  RV_ASSIGN_OR_RETURN(const std::string mode,
                      pg::TextArgument(fcinfo, 5, "mode"));
  RV_ASSIGN_OR_RETURN(const std::string config,
                      pg::JsonbArgument(fcinfo, 6, "config"));
  if (metric.has_value()) RV_RETURN_IF_ERROR(CheckMetric(*metric));
  if (config.empty() || config[0] != '{') {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "argument \"config\" must be a JSON object");
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_register_collection()"));
  if (config.size() > kMaxConfigBytes) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "argument \"config\" is longer than 1 MiB");
  }
  if (name.empty() || name.size() > 255) {
    return pg::PgError(ERRCODE_INVALID_NAME,
                       "collection name must have 1 to 255 bytes");
  }
  RV_RETURN_IF_ERROR(RequireTableOwner(table));
  RV_RETURN_IF_ERROR(HoldTable(table));
  RV_RETURN_IF_ERROR(RequireTableOwner(table));  // it may have changed hands
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());

  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(Column described, DescribeColumn(spi, table, column));
  RV_RETURN_IF_ERROR(CheckDimensions(described, dimensions));
  RV_RETURN_IF_ERROR(AlreadyEnrolled(spi, name, described));
  RV_RETURN_IF_ERROR(CheckRoom());
  RV_ASSIGN_OR_RETURN(
      const int64_t id,
      InsertCollection(spi, name, described,
                       metric.value_or(described.index_metric), mode, config));
  audit::OutboxEvent event;
  event.collection_id = id;
  event.collection_name = name;
  event.event_type = "enrolment";
  event.metadata = nlohmann::ordered_json{
      {"action", "register"},
      {"table", described.table_name},
      {"column", described.column},
      {"mode", mode}}.dump();
  event.user = user;
  RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
  RV_FAILPOINT("integrity.register.before_commit");
  if (boot::Databases() == nullptr) {
    pg::RunOrLog(WARNING, [] {
      return pg::PgError(
          ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          "the collection is enrolled, but nothing watches or gates it",
          "\"ruvector\" is not in shared_preload_libraries.",
          "Add it there and restart the server.");
    });
  }
  return Int32GetDatum(static_cast<int32>(id));
}

// (name) -> bool: false when there was none.
RV_SQL_FUNCTION(ruvector_unregister_collection) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "name"));
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_unregister_collection()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  Collection collection;
  {
    pg::AsExtensionOwner owner;
    RV_RETURN_IF_ERROR(owner.Begin());
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    absl::StatusOr<Collection> found = FindCollection(spi, name);
    if (absl::IsNotFound(found.status())) return BoolGetDatum(false);
    RV_RETURN_IF_ERROR(found.status());
    collection = *std::move(found);
  }
  RV_RETURN_IF_ERROR(RequireTableOwner(collection.table_oid));
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_RETURN_IF_ERROR(Unregister(spi, collection, "asked for", user));
  return BoolGetDatum(true);
}

// Event trigger on sql_drop: a collection goes with its table or column.
RV_SQL_FUNCTION(ruvector_on_sql_drop) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  pg::AsExtensionOwner owner;
  if (absl::IsNotFound(owner.Begin())) return pg::SqlNull(fcinfo);
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows gone,
      spi.Query("SELECT c.id, c.name FROM ruvector.collections c"
                " WHERE EXISTS (SELECT FROM"
                " pg_catalog.pg_event_trigger_dropped_objects() o"
                " WHERE o.classid ="
                " 'pg_catalog.pg_class'::pg_catalog.regclass"
                " AND o.objid = c.table_oid::pg_catalog.oid"
                " AND (o.objsubid = 0 OR o.address_names[3] ="
                " c.column_name::pg_catalog.text))"));
  for (size_t i = 0; i < gone.size(); ++i) {
    Collection collection;
    collection.id = static_cast<int32_t>(*gone.Int(i, 0));
    collection.name = gone.TextOr(i, 1, "");
    RV_RETURN_IF_ERROR(
        Unregister(spi, collection, "its table or column was dropped", user));
    RV_RETURN_IF_ERROR(spi.Execute("DELETE FROM ruvector.routing_weights"
                                   " WHERE collection_id ="
                                   " $1::pg_catalog.int4",
                                   {pg::SqlInt(int64_t{collection.id})})
                           .status());
  }
  return pg::SqlNull(fcinfo);
}

// Event trigger on ALTER TABLE and ALTER TYPE: a renamed column is followed by
// its number, the dimensions by its type.
RV_SQL_FUNCTION(ruvector_on_alter_table) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  pg::AsExtensionOwner owner;
  if (absl::IsNotFound(owner.Begin())) return pg::SqlNull(fcinfo);
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.collections c SET column_name = a.attname,"
                  " updated_at = pg_catalog.now()"
                  " FROM pg_catalog.pg_attribute a"
                  " WHERE a.attrelid = c.table_oid::pg_catalog.oid"
                  " AND a.attnum = c.column_number AND NOT a.attisdropped"
                  " AND a.attname <> c.column_name"
                  // After a restore numbers may differ; a name that exists
                  // was not renamed away.
                  " AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute o"
                  " WHERE o.attrelid = a.attrelid AND NOT o.attisdropped"
                  " AND o.attname = c.column_name)")
          .status());
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.collections c SET dimensions ="
                  " a.atttypmod, updated_at = pg_catalog.now()"
                  " FROM pg_catalog.pg_attribute a"
                  " JOIN pg_catalog.pg_depend d ON d.objid = a.atttypid"
                  " AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
                  " AND d.deptype = 'e'"
                  " JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
                  " AND e.extname IN ('vector', 'ruvector')"
                  " WHERE a.attrelid = c.table_oid::pg_catalog.oid"
                  " AND a.attname = c.column_name AND NOT a.attisdropped"
                  " AND a.atttypmod > 0"
                  " AND a.atttypmod IS DISTINCT FROM c.dimensions")
          .status());
  // Renamed tables and columns show in the gate's messages as well.
  audit::WakeWorkerAtCommit();
  return pg::SqlNull(fcinfo);
}
