#include "pgext/healing/acts/objects.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"

namespace ruvector::healing {

using integrity::Collection;

absl::StatusOr<Object> FindObject(pg::SpiSession& spi,
                                  const Collection& collection,
                                  const std::string& name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname),"
          " c.relkind, t.relowner, t.oid, pg_catalog.format('%I.%I',"
          " tn.nspname, t.relname), CASE WHEN c.relkind IN ('p', 'I') THEN 0"
          " WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(c.oid)"
          " ELSE pg_catalog.pg_table_size(c.oid) END, t.reltuples,"
          " t.oid = $2::pg_catalog.oid OR t.oid IN (SELECT relid FROM"
          " pg_catalog.pg_partition_tree($2::pg_catalog.oid))"
          " FROM pg_catalog.pg_class c"
          " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
          " JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, c.oid)"
          " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
          " WHERE c.oid = pg_catalog.to_regclass($1)",
          {pg::SqlText(name), pg::SqlInt(int64_t{collection.table_oid})}));
  if (rows.empty()) {
    return pg::PgError(ERRCODE_UNDEFINED_TABLE,
                       absl::StrCat("relation ", name, " does not exist"));
  }
  if (!rows.Bool(0, 8).value_or(false)) {
    return absl::FailedPreconditionError(
        absl::StrCat("relation ", name, " is no part of collection \"",
                     collection.name, "\""));
  }
  Object object;
  object.oid = static_cast<uint32_t>(rows.Int(0, 0).value_or(0));
  object.name = rows.TextOr(0, 1, "");
  object.kind = rows.TextOr(0, 2, "r")[0];
  object.owner = static_cast<uint32_t>(rows.Int(0, 3).value_or(0));
  object.table_oid = static_cast<uint32_t>(rows.Int(0, 4).value_or(0));
  object.table = rows.TextOr(0, 5, "");
  object.bytes = rows.Int(0, 6).value_or(0);
  object.rows = rows.Real(0, 7).value_or(-1);
  return object;
}

absl::StatusOr<Object> FindTable(pg::SpiSession& spi,
                                 const Collection& collection,
                                 const std::string& name) {
  RV_ASSIGN_OR_RETURN(Object object, FindObject(spi, collection, name));
  if (!object.is_index()) return object;
  return absl::FailedPreconditionError(absl::StrCat(name, " is an index"));
}

absl::StatusOr<Object> FindIndex(pg::SpiSession& spi,
                                 const Collection& collection,
                                 const std::string& name) {
  RV_ASSIGN_OR_RETURN(Object object, FindObject(spi, collection, name));
  if (object.is_index()) return object;
  return absl::FailedPreconditionError(absl::StrCat(name, " is no index"));
}

absl::StatusOr<RoutedPartition> FindRoutedPartition(
    pg::SpiSession& spi, const Collection& collection,
    const std::string& name) {
  RoutedPartition found;
  RV_ASSIGN_OR_RETURN(found.table, FindTable(spi, collection, name));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT p.oid, pg_catalog.format('%I.%I', n.nspname, p.relname),"
          " p.relowner, pg_catalog.quote_ident(a.attname),"
          " pg_catalog.pg_get_expr(c.relpartbound, c.oid)"
          " FROM pg_catalog.pg_class c"
          " JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid"
          " JOIN pg_catalog.pg_class p ON p.oid = h.inhparent"
          " JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace"
          " JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = p.oid"
          " JOIN pg_catalog.pg_attribute a ON a.attrelid = p.oid"
          " AND a.attnum = k.partattrs[0] AND a.atttypid IN"
          " ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype,"
          " 'int8'::pg_catalog.regtype)"
          " JOIN ruvector.collections o ON o.id = $2::pg_catalog.int4"
          " AND o.managed AND o.table_oid = p.oid"
          " WHERE c.oid = $1::pg_catalog.oid AND k.partstrat = 'l'"
          " AND k.partnatts = 1 AND c.relkind IN ('r', 'p')",
          {pg::SqlInt(int64_t{found.table.oid}),
           pg::SqlInt(int64_t{collection.id})}));
  if (rows.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "rows of ", found.table.name,
        " are not routed: it is no partition of a collection that was made by "
        "ruvector_create_collection()"));
  }
  found.parent_oid = static_cast<uint32_t>(rows.Int(0, 0).value_or(0));
  found.parent = rows.TextOr(0, 1, "");
  found.parent_owner = static_cast<uint32_t>(rows.Int(0, 2).value_or(0));
  found.column = rows.TextOr(0, 3, "");
  RV_ASSIGN_OR_RETURN(const pg::SpiRows keys,
                      spi.Query("SELECT m[1] FROM pg_catalog.regexp_matches($1,"
                                " '(-?[0-9]+)', 'g') m WHERE $1 ~"
                                " '^FOR VALUES IN [(][-0-9, '']+[)]$'",
                                {pg::SqlText(rows.TextOr(0, 4, ""))}));
  for (size_t i = 0; i < keys.size(); ++i) {
    found.keys.push_back(keys.TextOr(i, 0, ""));
  }
  if (found.keys.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(found.table.name, " takes no routing key of its own"));
  }
  return found;
}

namespace {

std::string Doubled(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += c;
    quoted += c;
  }
  return quoted + quote;
}

}  // namespace

std::string QuoteName(std::string_view name) { return Doubled(name, '"'); }

std::string QuoteText(std::string_view text) {
  const std::string quoted = Doubled(text, '\'');
  if (quoted.find('\\') == std::string::npos) return quoted;
  std::string escaped = " E";
  for (const char c : quoted) {
    if (c == '\\') escaped += c;
    escaped += c;
  }
  return escaped;
}

}  // namespace ruvector::healing
