CREATE FUNCTION ruvector.require_collection(p_collection_name text) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found integer;
BEGIN
    IF p_collection_name IS NULL THEN
        RAISE EXCEPTION 'argument "p_collection_name" must not be null'
            USING ERRCODE = '22004',
                  HINT = 'SELECT * FROM ruvector_list_collections() lists the enrolled ones.';
    END IF;
    SELECT c.id INTO found FROM ruvector.collections c WHERE c.name = p_collection_name;
    IF found IS NULL THEN
        RAISE EXCEPTION 'collection "%" does not exist', p_collection_name
            USING ERRCODE = '42704',
                  HINT = 'SELECT * FROM ruvector_list_collections() lists the enrolled ones.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION ruvector.require_collection(text) IS 'id of a collection, or an error that says what to do';

CREATE FUNCTION ruvector.require_writable(what text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_require_writable' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector.require_writable(text) IS 'an error that names what was called, in a read-only transaction and on a standby';

CREATE VIEW ruvector.integrity AS
    SELECT c.id AS collection_id, c.name AS collection, c.table_oid AS "table", c.column_name,
           s.state, o.state AS override_state, o.reason AS override_reason, o.until AS override_until,
           s.lambda_cut, s.lambda_baseline, s.lambda_norm, s.service_norm,
           least(s.lambda_norm, s.service_norm) AS norm, s.cut_kind, s.nontrivial_cut, s.lambda2,
           -- witness_edges keeps the 50 weakest
           (SELECT count(*)::integer FROM ruvector.contracted_edges e
             WHERE e.collection_id = c.id AND e.in_cut) AS witness_edge_count,
           s.stale, s.sample_failures, s.last_sample, s.sample_count, s.sample_ms, s.merged_nodes,
           p.name AS policy, p.mode, p.threshold_high, p.threshold_low
      FROM ruvector.collections c
      JOIN ruvector.integrity_state s ON s.collection_id = c.id
      LEFT JOIN ruvector.integrity_overrides o ON o.collection_id = c.id
      LEFT JOIN LATERAL (SELECT q.* FROM ruvector.integrity_policies q
                          WHERE q.collection_id = c.id AND q.enabled
                          ORDER BY q.priority DESC, q.id DESC LIMIT 1) p ON true;
COMMENT ON VIEW ruvector.integrity IS 'state of every collection, a row each';

CREATE VIEW ruvector.witness_edges AS
    SELECT c.name AS collection, w.ordinality AS rank,
           w.edge ->> 'source_type' AS source_type, (w.edge ->> 'source_id')::bigint AS source_id,
           w.edge ->> 'source_name' AS source_name,
           w.edge ->> 'target_type' AS target_type, (w.edge ->> 'target_id')::bigint AS target_id,
           w.edge ->> 'target_name' AS target_name,
           w.edge ->> 'edge_type' AS edge_type, (w.edge ->> 'capacity')::real AS capacity,
           (w.edge ->> 'baseline')::real AS baseline, (w.edge ->> 'flow')::real AS flow,
           g.health_score AS source_health, h.health_score AS target_health
      FROM ruvector.collections c
      JOIN ruvector.integrity_state s ON s.collection_id = c.id
      CROSS JOIN LATERAL jsonb_array_elements(s.witness_edges) WITH ORDINALITY AS w (edge, ordinality)
      LEFT JOIN ruvector.contracted_graph g ON g.collection_id = c.id
           AND g.node_type = w.edge ->> 'source_type' AND g.node_id = (w.edge ->> 'source_id')::bigint
      LEFT JOIN ruvector.contracted_graph h ON h.collection_id = c.id
           AND h.node_type = w.edge ->> 'target_type' AND h.node_id = (w.edge ->> 'target_id')::bigint;
COMMENT ON VIEW ruvector.witness_edges IS 'edges of the cut that decides each collection''s state, weakest first';

CREATE FUNCTION ruvector_integrity_status(p_collection_name text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'collection', i.collection, 'state', i.state, 'lambda_cut', i.lambda_cut,
        'lambda_baseline', i.lambda_baseline, 'lambda_norm', i.lambda_norm,
        'service_norm', i.service_norm, 'norm', i.norm, 'cut_kind', i.cut_kind,
        'nontrivial_cut', i.nontrivial_cut, 'lambda2', i.lambda2, 'stale', i.stale,
        'sample_failures', i.sample_failures, 'last_sample', i.last_sample,
        'sample_count', i.sample_count, 'witness_edges', s.witness_edges,
        'cut_side', s.cut_side, 'merged_nodes', i.merged_nodes, 'controller', s.controller,
        'worker', (SELECT w.status FROM ruvector.workers w WHERE w.database = current_database()),
        'override', CASE WHEN i.override_state IS NOT NULL THEN jsonb_build_object(
            'state', i.override_state, 'reason', i.override_reason, 'until', i.override_until) END,
        'policy', jsonb_build_object('name', i.policy, 'mode', i.mode,
            'threshold_high', i.threshold_high, 'threshold_low', i.threshold_low))
      FROM ruvector.integrity i JOIN ruvector.integrity_state s USING (collection_id)
     WHERE i.collection_id = ruvector.require_collection(p_collection_name)
$$;
COMMENT ON FUNCTION ruvector_integrity_status(text) IS 'state, cut, witness edges and policy of a collection';

CREATE FUNCTION ruvector.sample_now(p_collection_name text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_sample_now' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector.sample_now(text) IS 'asks the integrity worker for a pass and waits for it';

CREATE FUNCTION ruvector_integrity_sample(p_collection_name text) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC -- bound to functions, not to the name of their schema
    SELECT ruvector.sample_now(p_collection_name);
    SELECT @extschema@.ruvector_integrity_status(p_collection_name);
END;
COMMENT ON FUNCTION ruvector_integrity_sample(text) IS 'one pass over a collection now, by the worker; its status afterwards';

CREATE FUNCTION ruvector_integrity_gate(p_collection_name text, p_operation text) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_integrity_gate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_gate(text, text) IS
    'would this operation be let in now: allow, throttle, defer or reject, and why';

CREATE FUNCTION ruvector_contracted_graph(p_collection_name text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH c AS (SELECT ruvector.require_collection(p_collection_name) AS id)
    SELECT jsonb_build_object(
        'nodes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'type', g.node_type, 'id', g.node_id, 'name', g.node_name,
                    'health', g.health_score, 'data', g.node_data) ORDER BY g.node_type, g.node_id), '[]')
                    FROM ruvector.contracted_graph g WHERE g.collection_id = c.id),
        'edges', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'source', e.source_type || ':' || e.source_id,
                    'target', e.target_type || ':' || e.target_id,
                    'type', e.edge_type, 'capacity', e.capacity, 'baseline_capacity', e.baseline_capacity,
                    'error_rate', e.error_rate, 'in_cut', e.in_cut) ORDER BY e.id), '[]')
                    FROM ruvector.contracted_edges e WHERE e.collection_id = c.id),
        'node_count', (SELECT count(*) FROM ruvector.contracted_graph g WHERE g.collection_id = c.id),
        'edge_count', (SELECT count(*) FROM ruvector.contracted_edges e WHERE e.collection_id = c.id))
      FROM c
$$;
COMMENT ON FUNCTION ruvector_contracted_graph(text) IS 'the operational graph of a collection as of the last pass';

CREATE FUNCTION ruvector_rebuild_contracted_graph(p_collection_name text) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_rebuild_contracted_graph' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_rebuild_contracted_graph(text) IS
    'sense and build the graph anew, now; what was built and what was merged';

CREATE FUNCTION ruvector_contracted_graph_dot(p_collection_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH c AS (SELECT ruvector.require_collection(p_collection_name) AS id),
    line (part, ord, txt) AS (
        SELECT 0, 0::bigint, format('graph %s {', to_json(p_collection_name)::text)
        -- rings around the server: what hangs off the same node stays together
        UNION ALL SELECT 0, 1, '  graph [layout=twopi, root="shard:0", overlap=prism, ranksep=2.2, splines=true, '
                               || 'fontname="Helvetica"];'
        UNION ALL SELECT 0, 2, '  node [style=filled, fontname="Helvetica", fontsize=10];'
        UNION ALL
        SELECT 1, row_number() OVER (ORDER BY g.node_type, g.node_id),
               format('  "%s:%s" [label=%s, shape=%s, fillcolor="%s"%s];', g.node_type, g.node_id,
                      to_json(coalesce(g.node_name, '') || E'\n'
                              || coalesce(round(g.health_score::numeric, 2)::text, 'not measured'))::text,
                      CASE g.node_type WHEN 'partition' THEN 'box' WHEN 'centroid' THEN 'ellipse'
                           WHEN 'shard' THEN 'box3d' WHEN 'replication_target' THEN 'cylinder'
                           ELSE 'hexagon' END,
                      CASE WHEN g.health_score IS NULL THEN '#d9d9d9'
                           -- hue from red (0) over yellow to green (1/3)
                           ELSE format('%s 0.55 0.95', round((g.health_score / 3)::numeric, 3)) END,
                      CASE WHEN (g.node_data ->> 'stale')::boolean THEN ', style="filled,dashed"' END)
          FROM ruvector.contracted_graph g, c WHERE g.collection_id = c.id
        UNION ALL
        SELECT 2, row_number() OVER (ORDER BY e.id),
               format('  "%s:%s" -- "%s:%s" [%s];', e.source_type, e.source_id, e.target_type, e.target_id,
                      CASE WHEN e.in_cut
                           THEN format('color=red, style=dashed, penwidth=3, fontcolor=red, label="%s"',
                                       round((e.capacity * (1 - e.error_rate))::numeric, 2))
                           ELSE 'color="#888888"' END)
          FROM ruvector.contracted_edges e, c WHERE e.collection_id = c.id
        UNION ALL SELECT 3, 0, '}')
    SELECT string_agg(txt, E'\n' ORDER BY part, ord) FROM line
$$;
COMMENT ON FUNCTION ruvector_contracted_graph_dot(text) IS
    'the graph as Graphviz text: health in colour, the cut dashed in red';

CREATE FUNCTION ruvector_integrity_override(p_collection_name text, p_new_state text, p_reason text,
                                            p_duration_secs integer) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_integrity_override' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_override(text, text, text, integer) IS
    'force a state for a while; the controller goes on underneath';
CREATE FUNCTION ruvector_integrity_override_clear(p_collection_name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ruvector_integrity_override_clear' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_override_clear(text) IS 'take an override back';

CREATE FUNCTION ruvector_integrity_history(
    p_collection_name text, p_event_type text DEFAULT NULL,
    p_since timestamptz DEFAULT now() - interval '24 hours', p_limit integer DEFAULT 100)
RETURNS TABLE (id bigint, event_type text, previous_state text, new_state text, lambda_cut real,
               witness_edge_count integer, is_signed boolean, is_verified boolean, created_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Of docs/formats/audit-log.md; others count once the log has one.
    known_types CONSTANT text[] := ARRAY[
        'alert', 'audit', 'checkpoint', 'enrolment', 'gate_refusal', 'key_revocation', 'key_rotation',
        'manual_override', 'policy_update', 'prune', 'recovery', 'resume', 'sample', 'state_change', 'unsealable'];
    home text; -- may have been renamed since CREATE EXTENSION
BEGIN
    IF p_collection_name IS NULL THEN
        RAISE EXCEPTION 'argument "p_collection_name" must not be null' USING ERRCODE = '22004';
    END IF;
    IF p_since IS NULL THEN
        RAISE EXCEPTION 'argument "p_since" must not be null'
            USING ERRCODE = '22004', HINT = 'The time ''-infinity'' stands for the whole log.';
    END IF;
    -- A collection may be gone and its events still be there.
    IF NOT EXISTS (SELECT FROM ruvector.collections c WHERE c.name = p_collection_name)
       AND NOT EXISTS (SELECT FROM ruvector.integrity_events e WHERE e.collection_name = p_collection_name) THEN
        PERFORM ruvector.require_collection(p_collection_name);
    END IF;
    IF NOT p_event_type = ANY (known_types)
       AND NOT EXISTS (SELECT FROM ruvector.integrity_events e WHERE e.event_type = p_event_type) THEN
        RAISE EXCEPTION 'unknown event type "%"', p_event_type
            USING ERRCODE = '22023', HINT = 'Known are ' || array_to_string(known_types, ', ') || '.';
    END IF;
    SELECT x.extnamespace::regnamespace INTO home FROM pg_extension x WHERE x.extname = 'ruvector';
    RETURN QUERY EXECUTE format($query$
    SELECT e.id, e.event_type, e.previous_state, e.new_state, e.lambda_cut,
           jsonb_array_length(coalesce(e.witness_edges, '[]')),
           octet_length(e.signature) = 64, %s.ruvector_verify_event_signature(e.id), e.created_at
      FROM ruvector.integrity_events e
     WHERE e.collection_name = $1 AND e.created_at >= $3
       AND ($2 IS NULL OR e.event_type = $2)
     ORDER BY e.id DESC LIMIT $4
    $query$, home) USING p_collection_name, p_event_type, p_since, p_limit;
END
$$;
COMMENT ON FUNCTION ruvector_integrity_history(text, text, timestamptz, integer) IS
    'recent events of a collection, newest first, each verified';

CREATE FUNCTION ruvector.gate_stats()
RETURNS TABLE (collection text, operation text, response text, allowed bigint, throttled bigint,
               deferred bigint, rejected bigint, shadowed bigint, bypassed bigint,
               in_flight bigint, throttle_rate double precision)
AS 'MODULE_PATHNAME', 'ruvector_gate_stats' LANGUAGE C VOLATILE ROWS 100;
COMMENT ON FUNCTION ruvector.gate_stats() IS 'counters of the gate since the server started';
CREATE VIEW ruvector.gate_stats AS SELECT * FROM ruvector.gate_stats();
COMMENT ON VIEW ruvector.gate_stats IS 'counters of the gate since the server started, per collection and operation';

CREATE FUNCTION ruvector.workers()
RETURNS TABLE (database_oid oid, database name, status text, worker_pid integer,
               status_since timestamptz, last_pass timestamptz, passes bigint,
               healing_status text, healing_pid integer, healing_since timestamptz, healing_note text,
               note text)
AS 'MODULE_PATHNAME', 'ruvector_workers' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION ruvector.workers() IS 'databases as the launcher knows them';
CREATE VIEW ruvector.workers AS SELECT * FROM ruvector.workers();
COMMENT ON VIEW ruvector.workers IS 'which database is served by a worker, and why not';
