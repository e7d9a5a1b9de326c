CREATE FUNCTION ruvector_register_collection(
    name text, "table" regclass, "column" name,
    metric text DEFAULT NULL, dimensions integer DEFAULT NULL,
    mode text DEFAULT 'enforce', config jsonb DEFAULT '{}')
RETURNS integer AS 'MODULE_PATHNAME', 'ruvector_register_collection' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_register_collection(text, regclass, name, text, integer, text, jsonb) IS
    'enrol a vector column: watch it, gate it, audit it; mode is off, shadow or enforce';

CREATE FUNCTION ruvector_unregister_collection(name text)
RETURNS boolean AS 'MODULE_PATHNAME', 'ruvector_unregister_collection' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_unregister_collection(text) IS
    'forget a collection; its table and its events stay';

CREATE FUNCTION ruvector_list_collections()
RETURNS TABLE (id integer, name text, table_schema name, table_name name, column_name name,
               dimensions integer, distance_metric text, mode text, state text, lambda_norm real,
               managed boolean, created_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.name, n.nspname, r.relname, c.column_name, c.dimensions, c.distance_metric,
           (SELECT p.mode FROM ruvector.integrity_policies p
             WHERE p.collection_id = c.id AND p.enabled ORDER BY p.priority DESC, p.id DESC LIMIT 1),
           s.state, s.lambda_norm, c.managed, c.created_at
      FROM ruvector.collections c
      LEFT JOIN pg_class r ON r.oid = c.table_oid
      LEFT JOIN pg_namespace n ON n.oid = r.relnamespace
      LEFT JOIN ruvector.integrity_state s ON s.collection_id = c.id
     ORDER BY c.name
$$;
COMMENT ON FUNCTION ruvector_list_collections() IS 'the enrolled collections';

CREATE FUNCTION ruvector.on_sql_drop() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'ruvector_on_sql_drop' LANGUAGE C;
COMMENT ON FUNCTION ruvector.on_sql_drop() IS 'event trigger: a collection goes with its table or column';
-- Of every command: a table or column also goes with its type, its access
-- method or a function that it needs.
CREATE EVENT TRIGGER ruvector_on_sql_drop ON sql_drop
    EXECUTE FUNCTION ruvector.on_sql_drop();

CREATE FUNCTION ruvector.on_alter_table() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'ruvector_on_alter_table' LANGUAGE C;
COMMENT ON FUNCTION ruvector.on_alter_table() IS 'event trigger: a collection follows the renaming of its column';
CREATE EVENT TRIGGER ruvector_on_alter_table ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
    EXECUTE FUNCTION ruvector.on_alter_table();

CREATE FUNCTION ruvector.on_table_rewrite() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'ruvector_on_table_rewrite' LANGUAGE C;
COMMENT ON FUNCTION ruvector.on_table_rewrite() IS 'event trigger: a rewriting ALTER TABLE passes the gate';
CREATE EVENT TRIGGER ruvector_on_table_rewrite ON table_rewrite
    EXECUTE FUNCTION ruvector.on_table_rewrite();
-- session_replication_role is no way around them.
ALTER EVENT TRIGGER ruvector_on_table_rewrite ENABLE ALWAYS;
ALTER EVENT TRIGGER ruvector_on_sql_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER ruvector_on_alter_table ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER ruvector_on_table_rewrite IS 'a rewriting ALTER TABLE passes the gate';
COMMENT ON EVENT TRIGGER ruvector_on_sql_drop IS 'a collection goes with its table or column';
COMMENT ON EVENT TRIGGER ruvector_on_alter_table IS 'a collection follows the renaming of its column';
