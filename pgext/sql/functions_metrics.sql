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
    ('ruvector_webhook_pending', 'gauge', '{collection}', 'Webhook messages waiting or under way'),
    ('ruvector_problem_severity', 'gauge', '{collection,problem_class,cause}', 'Severity of each confirmed problem, 0 to 1'),
    ('ruvector_recall_ratio', 'gauge', '{collection,index}', 'Recall of the last probe of a vector index'),
    ('ruvector_recall_low_ratio', 'gauge', '{collection,index}', 'Lower end of its 95 % interval'),
    ('ruvector_recall_high_ratio', 'gauge', '{collection,index}', 'Upper end of its 95 % interval'),
    ('ruvector_recall_target_ratio', 'gauge', '{collection,index}', 'Recall that the collection wants'),
    ('ruvector_healing_enabled', 'gauge', '{}', '1 while healing may act in this database'),
    ('ruvector_healing_attempts_total', 'counter', '{collection,strategy}', 'Remediations that began to act'),
    ('ruvector_healing_success_total', 'counter', '{collection,strategy}', 'Remediations that were verified'),
    ('ruvector_healing_needs_human_total', 'counter', '{collection,strategy}', 'Remediations that ended with something left for a person'),
    ('ruvector_healing_duration_seconds', 'summary', '{collection,strategy}', 'How long remediations acted'),
    ('ruvector_healing_active', 'gauge', '{collection}', 'Remediations that act, stabilise or are undone now'),
    ('ruvector_healing_awaiting_approval', 'gauge', '{collection}', 'Plans that wait for a person'),
    ('ruvector_healing_cooldown', 'gauge', '{collection}', '1 while healing pauses after an attempt'),
    ('ruvector_healing_breaker_open', 'gauge', '{collection}', 'Faults left to persons because healing did not help'),
    ('ruvector_healing_success_rate', 'gauge', '{collection}', 'Verified over ended remediations of the last 24 hours'),
    ('ruvector_healing_avg_improvement', 'gauge', '{collection}', 'Mean improvement of the target metric of those verified in the last 24 hours, relative'),
    ('ruvector_healing_time_to_recovery_seconds', 'gauge', '{collection}', 'Mean time from proposal to verification in the last 24 hours'),
    ('ruvector_strategy_quarantined', 'gauge', '{strategy}', '1 while a strategy is not used because its process failed repeatedly');
COMMENT ON VIEW ruvector.metric_definitions IS 'the metrics that ruvector_prometheus_metrics() may tell: name, type, labels and meaning';

CREATE FUNCTION ruvector.webhook_metrics()
RETURNS TABLE (collection text, delivered bigint, failed bigint, dropped bigint, pending bigint)
LANGUAGE sql STABLE ROWS 20 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
      FROM ruvector.webhook_metrics() w
    UNION ALL
    SELECT 'ruvector_problem_severity', '',
           jsonb_build_object('collection', p.collection, 'problem_class', p.problem_class, 'cause', p.cause), p.severity
      FROM ruvector.problems p WHERE p.confirmed AND p.resolved_at IS NULL
    UNION ALL
    SELECT m.family, '', jsonb_build_object('collection', r.name, 'index', r.index_name), m.value
      FROM (SELECT DISTINCT ON (q.collection_id, q.index_oid) c.name, q.*
              FROM ruvector.recall_probes q JOIN ruvector.collections c ON c.id = q.collection_id
             ORDER BY q.collection_id, q.index_oid, q.at DESC) r
      CROSS JOIN LATERAL (VALUES ('ruvector_recall_ratio', r.recall), ('ruvector_recall_low_ratio', r.recall_low),
        ('ruvector_recall_high_ratio', r.recall_high), ('ruvector_recall_target_ratio', r.target)) AS m (family, value)
    UNION ALL
    SELECT 'ruvector_healing_enabled', '', '{}', (ruvector.healing_enabled() IS NULL)::int
    UNION ALL
    SELECT m.family, m.suffix, jsonb_build_object('collection', k.collection, 'strategy', k.strategy), m.value
      -- From 0 on: what appears as 1 is no increase to Prometheus.
      FROM (SELECT c.name AS collection, s.name AS strategy FROM ruvector.collections c, ruvector.strategies() s
            UNION SELECT a.collection, a.strategy FROM ruvector.healing_actions a) k
      LEFT JOIN (
            SELECT a.collection, a.strategy, count(*) AS attempts, count(a.verified_at) AS verified,
                   count(*) FILTER (WHERE a.state = 'needs_human') AS needs_human,
                   count(a.completed_at) AS completed,
                   sum(extract(epoch FROM a.completed_at - a.started_at)) AS seconds
              FROM ruvector.healing_actions a WHERE a.started_at IS NOT NULL GROUP BY 1, 2) h USING (collection, strategy)
      CROSS JOIN LATERAL (VALUES
        ('ruvector_healing_attempts_total', '', coalesce(h.attempts, 0)),
        ('ruvector_healing_success_total', '', coalesce(h.verified, 0)),
        ('ruvector_healing_needs_human_total', '', coalesce(h.needs_human, 0)),
        ('ruvector_healing_duration_seconds', '_count', coalesce(h.completed, 0)),
        ('ruvector_healing_duration_seconds', '_sum', coalesce(h.seconds, 0)))
        AS m (family, suffix, value)
    UNION ALL
    SELECT 'ruvector_healing_duration_seconds', '',
           jsonb_build_object('collection', h.collection, 'strategy', h.strategy, 'quantile', q.quantile),
           h.seconds[q.place]
      FROM (SELECT a.collection, a.strategy,
                   percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                       ORDER BY extract(epoch FROM a.completed_at - a.started_at)::double precision) AS seconds
              FROM ruvector.healing_actions a WHERE a.completed_at IS NOT NULL GROUP BY 1, 2) h
      CROSS JOIN (VALUES ('0.5', 1), ('0.99', 2)) AS q (quantile, place)
    UNION ALL
    SELECT m.family, '', jsonb_build_object('collection', c.name), m.value
      FROM ruvector.collections c
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE a.state IN ('executing', 'verifying', 'rolling_back')) AS active,
               count(*) FILTER (WHERE a.state = 'awaiting_approval') AS asking
          FROM ruvector.healing_actions a WHERE a.collection = c.name AND a.ended_at IS NULL) o
      CROSS JOIN LATERAL (
        SELECT avg((a.verified_at IS NOT NULL)::int) AS rate,
               avg(a.improvement) FILTER (WHERE a.verified_at IS NOT NULL) AS improvement,
               avg(extract(epoch FROM a.verified_at - a.created_at)) AS recovery
          FROM ruvector.healing_actions a
         WHERE a.collection = c.name AND a.started_at > now() - interval '24 hours' AND a.ended_at IS NOT NULL) d
      LEFT JOIN (SELECT f.collection, max(f.pause_until) AS pause_until,
                        count(*) FILTER (WHERE f.breaker_open) AS breakers
                   FROM ruvector.healing_deferred() f GROUP BY 1) f ON f.collection = c.name
      CROSS JOIN LATERAL (VALUES
        ('ruvector_healing_active', o.active),
        ('ruvector_healing_awaiting_approval', o.asking),
        ('ruvector_healing_cooldown', coalesce(f.pause_until > now(), false)::int),
        ('ruvector_healing_breaker_open', coalesce(f.breakers, 0)),
        ('ruvector_healing_success_rate', d.rate),
        ('ruvector_healing_avg_improvement', d.improvement),
        ('ruvector_healing_time_to_recovery_seconds', d.recovery)) AS m (family, value)
    UNION ALL
    SELECT 'ruvector_strategy_quarantined', '', jsonb_build_object('strategy', s.name), s.quarantined::int
      FROM ruvector.strategies() s;
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
