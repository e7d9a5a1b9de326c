-- Journals of what healing does. They speak of this server's objects and
-- transactions, so they are not dumped: what a person wants to read later is in
-- ruvector.healing_actions.
CREATE TABLE ruvector.healing_acts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action_id   bigint NOT NULL,
    collection  text NOT NULL,
    kind        text NOT NULL,
    object      text NOT NULL,
    arguments   jsonb NOT NULL DEFAULT '{}',
    undo        jsonb,
    state       text NOT NULL DEFAULT 'intended'
                CHECK (state IN ('intended', 'done', 'partial', 'not_done', 'undoing', 'undone')),
    changed     boolean NOT NULL DEFAULT false,
    transient   boolean NOT NULL DEFAULT false,
    facts       jsonb NOT NULL DEFAULT '{}',
    rows        double precision,
    bytes       double precision,
    message     text,
    intended_at timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    undone_at   timestamptz
);
CREATE INDEX healing_acts_action_id_idx ON ruvector.healing_acts (action_id, id);
CREATE INDEX healing_acts_open_idx ON ruvector.healing_acts (action_id) WHERE state IN ('intended', 'undoing');
COMMENT ON TABLE ruvector.healing_acts IS 'journal of single acts of healing; a row is committed before its act changes anything';
COMMENT ON COLUMN ruvector.healing_acts.action_id IS 'the remediation that it belongs to: ruvector.healing_actions.id';
COMMENT ON COLUMN ruvector.healing_acts.undo IS 'what takes it back: kind, object and arguments; NULL: nothing can';
COMMENT ON COLUMN ruvector.healing_acts.state IS 'intended: may have happened, to be settled; partial: it failed midway and what is there can be taken back';
COMMENT ON COLUMN ruvector.healing_acts.changed IS 'false: it was so already';
COMMENT ON COLUMN ruvector.healing_acts.transient IS 'leaves nothing behind that could be taken back';
COMMENT ON COLUMN ruvector.healing_acts.facts IS 'what was found before the act, to settle and to undo it by';

-- Every index that an act makes or keeps, written before it exists: only what
-- stands here is ever dropped.
CREATE TABLE ruvector.healing_indexes (
    act_id      bigint NOT NULL REFERENCES ruvector.healing_acts (id) ON DELETE CASCADE,
    table_oid   oid NOT NULL,
    schema_name name NOT NULL,
    index_name  name NOT NULL,
    built_name  name NOT NULL,
    kept_name   name NOT NULL,
    old_oid     oid NOT NULL,
    new_oid     oid,
    partitioned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (act_id, table_oid)
);
COMMENT ON TABLE ruvector.healing_indexes IS 'indexes that an act of healing builds anew, one row per table of a partition tree';
COMMENT ON COLUMN ruvector.healing_indexes.index_name IS 'the name that users know: of the old index before the act, of the new one after it';
COMMENT ON COLUMN ruvector.healing_indexes.built_name IS 'name of the new index until it takes index_name, and again after an undo';
COMMENT ON COLUMN ruvector.healing_indexes.kept_name IS 'name of the old index while it is kept for an undo';
COMMENT ON COLUMN ruvector.healing_indexes.new_oid IS 'NULL until the new index is complete';

-- Which rows a move took where.
CREATE TABLE ruvector.healing_moved_rows (
    act_id     bigint NOT NULL REFERENCES ruvector.healing_acts (id) ON DELETE CASCADE,
    row_key    text[] NOT NULL,
    former_key text NOT NULL,
    moved_xmin xid NOT NULL
);
CREATE INDEX healing_moved_rows_act_id_idx ON ruvector.healing_moved_rows (act_id);
COMMENT ON TABLE ruvector.healing_moved_rows IS 'rows that MOVE_ROWS moved, until they are moved back or the move is final';
COMMENT ON COLUMN ruvector.healing_moved_rows.row_key IS 'primary key without the routing column, as text';
COMMENT ON COLUMN ruvector.healing_moved_rows.former_key IS 'routing key before the move';
COMMENT ON COLUMN ruvector.healing_moved_rows.moved_xmin IS 'transaction of the move: a row version of another one has been changed since';

-- The gate adds these to what the policy says; it never takes away.
CREATE TABLE ruvector.throttle_overrides (
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    operation     text NOT NULL,
    percent       double precision NOT NULL CHECK (percent BETWEEN 0 AND 100),
    set_by        text NOT NULL DEFAULT session_user,
    set_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection_id, operation)
);
COMMENT ON TABLE ruvector.throttle_overrides IS 'throttles in force beside the policies'', by operation, as healing sets them';
COMMENT ON COLUMN ruvector.throttle_overrides.percent IS 'share of the usual rate that is held back; 100 refuses all';

CREATE TABLE ruvector.held_jobs (
    job     text PRIMARY KEY,
    act_id  bigint NOT NULL,
    until   timestamptz NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ruvector.held_jobs IS 'maintenance jobs that healing holds; they go on at the latest when their time is over';

-- Old indexes beside the new ones that took their names: no longer what the
-- collection is searched with, so neither sensors nor the recall probe look.
CREATE VIEW ruvector.healing_kept_indexes AS
    SELECT h.act_id, c.oid AS index_oid, h.table_oid, h.schema_name, c.relname AS index_name
      FROM ruvector.healing_indexes h
      JOIN pg_catalog.pg_class c ON c.oid = h.old_oid AND c.relname = h.kept_name;
COMMENT ON VIEW ruvector.healing_kept_indexes IS 'old indexes that healing keeps until the new one is verified; left out of sensors and recall probes';

-- Invalid indexes that acts which have not been settled left behind: half-built
-- ones of ours, and what REINDEX CONCURRENTLY makes beside an index that one of
-- our acts was about. Nothing else is ever taken for ours.
CREATE VIEW ruvector.healing_leftovers AS
    SELECT h.act_id, i.indexrelid AS index_oid, i.indrelid AS table_oid, n.nspname AS schema_name,
           c.relname AS index_name, true AS built
      FROM ruvector.healing_indexes h
      JOIN pg_catalog.pg_index i ON i.indrelid = h.table_oid AND NOT i.indisvalid
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relname = h.built_name
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = h.schema_name
    UNION ALL
    SELECT a.id, i.indexrelid, i.indrelid, n.nspname, c.relname, false
      FROM ruvector.healing_acts a
     CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(a.facts -> 'leaves') l
      JOIN pg_catalog.pg_index i ON i.indrelid = (l ->> 'table')::pg_catalog.oid AND NOT i.indisvalid
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relname ~ '_cc(new|old)[0-9]*$'
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = l ->> 'schema'
     CROSS JOIN LATERAL pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') AS stem
     WHERE a.kind IN ('reindex', 'rebuild_index') AND a.state IN ('intended', 'partial', 'undoing')
       AND pg_catalog.starts_with(l ->> 'name', stem)
       AND (stem = l ->> 'name' OR pg_catalog.octet_length(stem) >= 50)
       AND NOT a.facts -> 'invalid' @> pg_catalog.to_jsonb(i.indexrelid::pg_catalog.int8);
COMMENT ON VIEW ruvector.healing_leftovers IS 'invalid indexes that are left of acts of healing; ours to drop';
