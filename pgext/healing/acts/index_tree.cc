#include "pgext/healing/acts/index_tree.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/healing/acts/objects.h"

namespace ruvector::healing {
namespace {

// pg_get_indexdef is taken apart by what must be its ends, never by searching:
// CREATE INDEX <name> ON [ONLY] <table> <body>[ WITH (<options>)][ WHERE <p>].
constexpr char kTree[] =
    "WITH tree AS (SELECT $1::pg_catalog.oid AS oid, 0 AS level,"
    " 0::pg_catalog.oid AS parent UNION SELECT relid, level, parentrelid FROM"
    " pg_catalog.pg_partition_tree($1::pg_catalog.oid) WHERE level > 0),"
    " parts AS (SELECT c.oid, x.level, x.parent, i.indrelid, t.relname AS"
    " table_name, tn.nspname AS table_schema, n.nspname, c.relname, c.relkind,"
    " i.indisvalid, c.relispartition AND x.level = 0 AS attached,"
    " c.reloptions, am.amname, ' TABLESPACE ' ||"
    " pg_catalog.quote_ident(s.spcname) AS tablespace, ' WHERE ' || "
    "pg_catalog.pg_get_expr(i.indpred,"
    " i.indrelid) AS predicate, pg_catalog.quote_literal("
    "pg_catalog.obj_description(c.oid, 'pg_class')) AS comment,"
    " CASE WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(c.oid)"
    " ELSE 0 END AS bytes, CASE WHEN i.indisunique OR i.indisexclusion THEN"
    " 'it enforces a constraint' WHEN i.indisclustered THEN"
    " 'the table is clustered by it' WHEN i.indisreplident THEN"
    " 'it is the replica identity' WHEN EXISTS (SELECT FROM"
    " pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND"
    " coalesce(a.attstattarget, -1) <> -1) THEN"
    " 'it has statistics targets' END AS obstacle,"
    " pg_catalog.pg_get_indexdef(c.oid) AS def,"
    " 'CREATE INDEX ' || pg_catalog.quote_ident(c.relname) || ' ON ' ||"
    " CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END ||"
    " pg_catalog.format('%I.%I ', tn.nspname, t.relname) AS head,"
    " (SELECT ' WITH (' || pg_catalog.string_agg(pg_catalog.quote_ident("
    "o.option_name) || '=' || CASE WHEN pg_catalog.quote_ident(o.option_value)"
    " = o.option_value THEN o.option_value ELSE"
    " pg_catalog.quote_literal(o.option_value) END, ', ') || ')' FROM"
    " pg_catalog.pg_options_to_table(c.reloptions) o) AS options,"
    " (SELECT o.option_value FROM pg_catalog.pg_options_to_table("
    "c.reloptions) o WHERE o.option_name = 'lists') AS lists"
    " FROM tree x JOIN pg_catalog.pg_class c ON c.oid = x.oid"
    " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
    " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
    " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_am am ON am.oid = c.relam"
    " LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace)"
    " SELECT oid, parent, indrelid, pg_catalog.format('%I.%I', table_schema,"
    " table_name), nspname, relname, relkind = 'I', indisvalid, attached,"
    " reloptions::pg_catalog.text, lists, CASE WHEN NOT"
    " pg_catalog.starts_with(def, head) OR pg_catalog.right(def,"
    " pg_catalog.length(coalesce(options, '') || coalesce(predicate, ''))) <>"
    " coalesce(options, '') || coalesce(predicate, '') THEN"
    " 'its definition is of an unknown form' ELSE obstacle END, amname,"
    " pg_catalog.substr(def, pg_catalog.length(head) + 1,"
    " pg_catalog.length(def) - pg_catalog.length(head) -"
    " pg_catalog.length(coalesce(options, '') || coalesce(predicate, ''))),"
    " coalesce(tablespace, ''), coalesce(predicate, ''), comment, bytes,"
    " coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident("
    "o.option_name) || '=' || pg_catalog.quote_literal(o.option_value), ', ')"
    " FROM pg_catalog.pg_options_to_table(reloptions) o WHERE o.option_name"
    " <> 'lists'), '') FROM parts ORDER BY level, oid";

}  // namespace

std::string IndexNode::Qualified() const {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(name));
}

absl::StatusOr<std::vector<IndexNode>> LoadIndexTree(pg::SpiSession& spi,
                                                     uint32_t oid) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query(kTree, {pg::SqlInt(int64_t{oid})}));
  std::vector<IndexNode> tree;
  for (size_t i = 0; i < rows.size(); ++i) {
    IndexNode node;
    node.oid = static_cast<uint32_t>(rows.Int(i, 0).value_or(0));
    node.parent = static_cast<uint32_t>(rows.Int(i, 1).value_or(0));
    node.table_oid = static_cast<uint32_t>(rows.Int(i, 2).value_or(0));
    node.table = rows.TextOr(i, 3, "");
    node.schema = rows.TextOr(i, 4, "");
    node.name = rows.TextOr(i, 5, "");
    node.partitioned = rows.Bool(i, 6).value_or(false);
    node.valid = rows.Bool(i, 7).value_or(false);
    node.attached = rows.Bool(i, 8).value_or(false);
    node.lists = rows.TextOr(i, 10, "");
    node.obstacle = rows.TextOr(i, 11, "");
    node.method = rows.TextOr(i, 12, "");
    node.body = rows.TextOr(i, 13, "");
    node.tablespace = rows.TextOr(i, 14, "");
    node.predicate = rows.TextOr(i, 15, "");
    node.comment = rows.TextOr(i, 16, "");
    node.bytes = rows.Int(i, 17).value_or(0);
    node.options = rows.TextOr(i, 18, "");
    tree.push_back(std::move(node));
  }
  if (tree.empty()) return absl::NotFoundError("the index is gone");
  return tree;
}

std::string CreateStatement(const IndexNode& node, const std::string& name) {
  std::string options = node.options;
  if (!node.lists.empty()) {
    absl::StrAppend(&options, options.empty() ? "" : ", ",
                    "lists=", QuoteText(node.lists));
  }
  return absl::StrCat(
      "CREATE INDEX ", node.partitioned ? "" : "CONCURRENTLY ", QuoteName(name),
      " ON ", node.partitioned ? "ONLY " : "", node.table, " ", node.body,
      options.empty() ? "" : absl::StrCat(" WITH (", options, ")"),
      node.tablespace, node.predicate);
}

absl::StatusOr<uint32_t> FindIndexByName(pg::SpiSession& spi,
                                         uint32_t table_oid,
                                         const std::string& schema,
                                         const std::string& name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT c.oid FROM pg_catalog.pg_class c"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
                " WHERE i.indrelid = $1::pg_catalog.oid AND n.nspname = $2"
                " AND c.relname = $3",
                {pg::SqlInt(int64_t{table_oid}), pg::SqlText(schema),
                 pg::SqlText(name)}));
  if (rows.empty()) return 0;
  return static_cast<uint32_t>(rows.Int(0, 0).value_or(0));
}

}  // namespace ruvector::healing
