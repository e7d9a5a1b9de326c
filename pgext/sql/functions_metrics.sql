-- Metrics for Prometheus. ruvector.metric_definitions says what there is,
-- ruvector.metrics has the samples; text and exporters are made of the two. A
-- value that is not known makes no sample.
CREATE VIEW ruvector.metric_definitions (name, type, labels, help) AS VALUES
    ('ruvector_up', 'gauge', '{}'::text[], '1 while the integrity worker of this database runs'),
    ('ruvector_worker_last_pass_timestamp_seconds', 'gauge', '{}', 'End of the worker''s last round, Unix time'),
    ('ruvector_integrity_state', 'gauge', '{collection}', 'State in force: 0 normal, 1 stress, 2 critical'),
    ('ruvector_integrity_norm', 'gauge', '{collection}', 'The cut that decides the state over its healthy value: 1 is healthy'),
    ('ruvector_integrity_lambda_cut', 'gauge', '{collection}', 'Exact global minimum cut, in capacity'),
    ('ruvector_integrity_lambda_norm_ratio', 'gauge', '{collection}', 'Global minimum cut over its healthy value'),
    ('ruvector_integrity_service_norm_ratio', 'gauge', '{collection}', 'Smallest terminal cut over its healthy value'),
    ('ruvector_integrity_lambda2', 'gauge', '{collection}', 'Algebraic connectivity of the graph'),
    ('ruvector_integrity_witness_edges', 'gauge', '{collection}', 'Edges of the deciding cut'),
    ('ruvector_integrity_stale', 'gauge', '{collection}', '1 when the last pass could not read a sensor that it needs'),
    ('ruvector_integrity_overridden', 'gauge', '{collection}', '1 while the state is set by hand'),
    ('ruvector_integrity_last_sample_timestamp_seconds', 'gauge', '{collection}', 'When the last pass was, Unix time'),
    ('ruvector_integrity_samples_total', 'counter', '{collection}', 'Passes so far'),
    ('ruvector_integrity_sample_duration_seconds', 'gauge', '{collection}', 'How long the last pass took'),
    ('ruvector_gate_decisions_total', 'counter', '{collection,operation,outcome}', 'Statements by what the gate did with them, since the server started'),
    ('ruvector_gate_in_flight', 'gauge', '{collection,operation}', 'Statements that run and were let in by the gate'),
    ('ruvector_audit_events', 'gauge', '{}', 'Signed events so far, the pruned ones included'),
    ('ruvector_audit_unsealed_events', 'gauge', '{}', 'Events that wait to be signed'),
    ('ruvector_audit_oldest_unsealed_seconds', 'gauge', '{}', 'How long the oldest of them has waited'),
    ('ruvector_audit_overflowed_total', 'counter', '{}', 'Events lost because too many waited, since the server started'),
    ('ruvector_audit_chain_ok', 'gauge', '{}', '1 when the newest 256 events verify: signatures, links and columns'),
    ('ruvector_audit_last_checkpoint_timestamp_seconds', 'gauge', '{}', 'When the log was last committed to, Unix time'),
    ('ruvector_webhook_messages_total', 'counter', '{collection,outcome}', 'Webhook messages by what became of them'),
    ('ruvector_webhook_pending', 'gauge', '{collection}', 'Webhook messages waiting or under way');
COMMENT ON VIEW ruvector.metric_definitions IS 'the metrics that ruvector_prometheus_metrics() may tell: name, type, labels and meaning';

CREATE FUNCTION ruvector.webhook_metrics()
RETURNS TABLE (collection text, delivered bigint, failed bigint, dropped bigint, pending bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- By collection: a URL can be a secret, how many got through is none.
    SELECT c.name, sum(d.delivered)::bigint, sum(d.failed)::bigint, sum(d.dropped)::bigint, sum(d.pending)::bigint
      FROM ruvector.webhook_deliveries d JOIN ruvector.collections c ON c.id = d.collection_id
     GROUP BY c.name
$$;
COMMENT ON FUNCTION ruvector.webhook_metrics() IS 'webhook counters of each collection, without the URLs';

CREATE VIEW ruvector.metrics (family, suffix, labels, value) AS
    SELECT m.family, '', '{}'::jsonb, m.value
      FROM ruvector.workers w
      CROSS JOIN LATERAL (VALUES
        ('ruvector_up', (w.worker_pid IS NOT NULL)::int::double precision),
        ('ruvector_worker_last_pass_timestamp_seconds', extract(epoch FROM w.last_pass)::double precision))
        AS m (family, value)
     WHERE w.database = current_database()
    UNION ALL
    SELECT m.family, '', jsonb_build_object('collection', i.collection), m.value
      FROM ruvector.integrity i
      CROSS JOIN LATERAL (VALUES
        ('ruvector_integrity_state', array_position(ARRAY['normal', 'stress', 'critical'], i.state) - 1),
        ('ruvector_integrity_norm', i.norm),
        ('ruvector_integrity_lambda_cut', i.lambda_cut),
        ('ruvector_integrity_lambda_norm_ratio', i.lambda_norm),
        ('ruvector_integrity_service_norm_ratio', i.service_norm),
        ('ruvector_integrity_lambda2', i.lambda2),
        ('ruvector_integrity_witness_edges', i.witness_edge_count),
        ('ruvector_integrity_stale', i.stale::int),
        ('ruvector_integrity_overridden', (i.override_state IS NOT NULL)::int),
        ('ruvector_integrity_last_sample_timestamp_seconds', extract(epoch FROM i.last_sample)::double precision),
        ('ruvector_integrity_samples_total', i.sample_count),
        ('ruvector_integrity_sample_duration_seconds', i.sample_ms::double precision / 1000))
        AS m (family, value)
    UNION ALL
    SELECT 'ruvector_gate_decisions_total', '',
           jsonb_build_object('collection', g.collection, 'operation', g.operation, 'outcome', m.outcome), m.value
      FROM ruvector.gate_stats g
      CROSS JOIN LATERAL (VALUES ('allowed', g.allowed), ('throttled', g.throttled), ('deferred', g.deferred),
        ('rejected', g.rejected), ('shadowed', g.shadowed), ('bypassed', g.bypassed)) AS m (outcome, value)
    UNION ALL
    SELECT 'ruvector_gate_in_flight', '',
           jsonb_build_object('collection', g.collection, 'operation', g.operation), g.in_flight
      FROM ruvector.gate_stats g
    UNION ALL
    SELECT m.family, '', '{}', m.value
      FROM (SELECT max(e.id) AS newest FROM ruvector.integrity_events e) h
      CROSS JOIN LATERAL (SELECT v.* FROM @extschema@.ruvector_verify_chain(NULL, greatest(h.newest - 255, 0), NULL) v) v
      CROSS JOIN LATERAL (VALUES
        ('ruvector_audit_events', h.newest + 1),
        ('ruvector_audit_unsealed_events', v.unsealed),
        ('ruvector_audit_oldest_unsealed_seconds', v.oldest_unsealed_secs),
        ('ruvector_audit_overflowed_total', v.overflowed),
        ('ruvector_audit_chain_ok', v.ok::int))
        AS m (family, value)
    UNION ALL
    SELECT 'ruvector_audit_last_checkpoint_timestamp_seconds', '', '{}',
           extract(epoch FROM max(c.created_at))::double precision
      FROM ruvector.audit_checkpoints c
    UNION ALL
    SELECT 'ruvector_webhook_messages_total', '',
           jsonb_build_object('collection', w.collection, 'outcome', m.outcome), m.value
      FROM ruvector.webhook_metrics() w
      CROSS JOIN LATERAL (VALUES ('delivered', w.delivered), ('failed', w.failed), ('dropped', w.dropped))
        AS m (outcome, value)
    UNION ALL
    SELECT 'ruvector_webhook_pending', '', jsonb_build_object('collection', w.collection), w.pending
      FROM ruvector.webhook_metrics() w;
COMMENT ON VIEW ruvector.metrics IS 'the samples of ruvector_prometheus_metrics() as rows; a value that is not known is NULL';

CREATE FUNCTION ruvector_prometheus_metrics() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    WITH sample (family, ord, txt) AS (
        SELECT m.family, row_number() OVER (ORDER BY m.labels, m.suffix),
               m.family || m.suffix
               || coalesce((SELECT '{' || string_agg(
                        format('%s="%s"', l.key,
                               replace(replace(replace(l.value, '\', '\\'), '"', '\"'), E'\n', '\n')),
                        ',' ORDER BY l.key) || '}' FROM jsonb_each_text(m.labels) l), '')
               || ' ' || CASE m.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf'
                                      ELSE m.value::text END
          FROM ruvector.metrics m WHERE m.value IS NOT NULL)
    SELECT coalesce(string_agg(f.txt, '' ORDER BY f.name COLLATE "C"), '')
      FROM (SELECT d.name, format(E'# HELP %s %s\n# TYPE %s %s\n', d.name, d.help, d.name, d.type)
                   || string_agg(s.txt || E'\n', '' ORDER BY s.ord) AS txt
              FROM ruvector.metric_definitions d JOIN sample s ON s.family = d.name
             GROUP BY d.name, d.help, d.type) f
$$;
COMMENT ON FUNCTION ruvector_prometheus_metrics() IS 'all metrics of this database in the text format of Prometheus';
