CREATE FUNCTION ruvector_healing_configure(config jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_healing_configure' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_configure(jsonb) IS
    'change settings of healing: keys given are merged over the stored ones; the whole configuration';

CREATE FUNCTION ruvector_healing_config() RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_healing_config' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_healing_config() IS 'the whole configuration of healing in this database';

CREATE FUNCTION ruvector_strategy_configure(name text, config jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_strategy_configure' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_strategy_configure(text, jsonb) IS
    'change settings of one strategy, and under "parameters" its own; what is stored for it';

CREATE FUNCTION ruvector_healing_trigger(collection text) RETURNS bigint
AS 'MODULE_PATHNAME', 'ruvector_healing_trigger' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_trigger(text) IS
    'sample a collection and heal what is found worst, now; the id of the action';

CREATE FUNCTION ruvector_healing_execute(collection text, strategy text, parameters jsonb DEFAULT '{}') RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_healing_execute' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_execute(text, text, jsonb) IS
    'use a strategy on a collection: with dry_run the plan, else the id of the action';

CREATE FUNCTION ruvector_healing_plan(
    collection text, strategy text DEFAULT NULL, parameters jsonb DEFAULT '{}')
RETURNS TABLE (step integer, strategy_name text, kind text, object text, statement text, lock_level text,
               expected_rows double precision, expected_bytes double precision, expected_seconds double precision,
               expected_effect text, undo_statement text, note text)
AS 'MODULE_PATHNAME', 'ruvector_healing_plan' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_plan(text, text, jsonb) IS
    'what healing would do now, a row for each step: nothing is changed';

CREATE FUNCTION ruvector_healing_approve(action_id bigint) RETURNS text
AS 'MODULE_PATHNAME', 'ruvector_healing_approve' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_approve(bigint) IS
    'approve an action that waits for it: "approved", or "second person needed"';

CREATE FUNCTION ruvector_healing_reject(action_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_healing_reject' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_reject(bigint) IS 'refuse an action that waits for approval';

CREATE FUNCTION ruvector_healing_abort(action_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_healing_abort' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_abort(bigint) IS
    'stop an action that has not ended; what it did is undone where that is possible';

CREATE FUNCTION ruvector_healing_rollback(collection text) RETURNS bigint
AS 'MODULE_PATHNAME', 'ruvector_healing_rollback' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_rollback(text) IS
    'undo the last action of a collection that was done; its id';

CREATE FUNCTION ruvector_healing_reset_breaker(collection text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_healing_reset_breaker' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_reset_breaker(text) IS
    'let the engine try again where healing did not help';

CREATE FUNCTION ruvector_strategy_release(name text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_strategy_release' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_strategy_release(text) IS 'end the quarantine of a strategy';

CREATE FUNCTION ruvector_healing_reset_learning(strategy text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_healing_reset_learning' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_reset_learning(text) IS
    'forget what was learned of a strategy, or of all of them';

CREATE FUNCTION ruvector.strategies()
RETURNS TABLE (name text, version text, description text, handles text[], impact double precision,
               reversible boolean, asks_first boolean, mode text, quarantined boolean, faults bigint,
               target_metric text, guard_metrics text[], parameters jsonb, settings jsonb)
AS 'MODULE_PATHNAME', 'ruvector_strategies' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION ruvector.strategies() IS 'scans the plugin directory for strategies and says how each may be used';
CREATE VIEW ruvector.strategies AS SELECT * FROM ruvector.strategies();
COMMENT ON VIEW ruvector.strategies IS 'remediation strategies: what they handle, how they may be used, whether they are in quarantine';

CREATE FUNCTION ruvector.healing_workers()
RETURNS TABLE (pid integer, action_id bigint, work text, phase text, deadline timestamptz, started_at timestamptz,
               acts bigint, message text, strategy_pid integer, stop_requested text)
AS 'MODULE_PATHNAME', 'ruvector_healing_workers' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION ruvector.healing_workers() IS 'action workers of this database as shared memory has them';

CREATE VIEW ruvector.stat_progress_healing AS
    SELECT w.pid, a.id AS action_id, a.collection, a.problem_class, a.cause, a.strategy, a.state AS phase, w.work,
           a.reason, a.steps AS acts_total, w.acts AS acts_done, w.message, a.since, w.started_at, w.deadline,
           w.strategy_pid, w.stop_requested
      FROM ruvector.healing_actions a
      LEFT JOIN ruvector.healing_workers() w ON w.action_id = a.id
     WHERE a.ended_at IS NULL OR w.pid IS NOT NULL;
COMMENT ON VIEW ruvector.stat_progress_healing IS 'remediations that have not ended, and what each one''s worker is doing';

CREATE FUNCTION ruvector.healing_deferred()
RETURNS TABLE (collection text, problem_class text, cause text, breaker_open boolean, ineffective_attempts bigint,
               pause_until timestamptz, attempts_in_window bigint)
AS 'MODULE_PATHNAME', 'ruvector_healing_deferred' LANGUAGE C STABLE ROWS 20;
COMMENT ON FUNCTION ruvector.healing_deferred() IS 'what the engine remembers of faults and collections: breakers, pauses, attempts';

CREATE FUNCTION ruvector_healing_effectiveness()
RETURNS TABLE (strategy text, problem_class text, cause text, attempts bigint, verified bigint,
               success_rate double precision, weight double precision, posterior_mean double precision,
               alpha double precision, beta double precision, avg_improvement double precision,
               avg_seconds_to_recovery double precision)
AS 'MODULE_PATHNAME', 'ruvector_healing_effectiveness' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_healing_effectiveness() IS 'what each strategy has achieved against each problem, and what is believed of it';

CREATE FUNCTION ruvector.healing_enabled() RETURNS text
AS 'MODULE_PATHNAME', 'ruvector_healing_enabled' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector.healing_enabled() IS 'NULL when healing may act in this database, else why it may not';

CREATE FUNCTION ruvector_healing_status() RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH why AS (SELECT ruvector.healing_enabled() AS disabled_because)
    SELECT jsonb_build_object(
        'enabled', why.disabled_because IS NULL,
        'disabled_because', why.disabled_because,
        'last_healing', (SELECT max(coalesce(a.completed_at, a.started_at)) FROM ruvector.healing_actions a),
        'total_healings_24h', (SELECT count(*) FROM ruvector.healing_actions a
                                WHERE a.started_at > now() - interval '24 hours'),
        'success_rate', (SELECT avg((a.state = 'done')::integer)::real FROM ruvector.healing_actions a
                          WHERE a.started_at > now() - interval '24 hours' AND a.ended_at IS NOT NULL),
        'active_remediations', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'action_id', a.id, 'collection', a.collection, 'problem', a.problem_class, 'cause', a.cause,
                'strategy', a.strategy, 'state', a.state, 'reason', a.reason, 'since', a.since) ORDER BY a.id), '[]')
            FROM ruvector.healing_actions a WHERE a.ended_at IS NULL),
        'cooldown_until', (SELECT max(d.pause_until) FROM ruvector.healing_deferred() d WHERE d.pause_until > now()),
        'breakers_open', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'collection', d.collection, 'problem', d.problem_class, 'cause', d.cause)), '[]')
            FROM ruvector.healing_deferred() d WHERE d.breaker_open),
        'quarantined', (SELECT coalesce(jsonb_agg(s ->> 'name'), '[]')
                          FROM ruvector.healing_memory m, jsonb_array_elements(m.memory -> 'strategies') s
                         WHERE (s ->> 'quarantined')::boolean))
      FROM why
$$;
COMMENT ON FUNCTION ruvector_healing_status() IS 'whether healing may act, what it is doing, how it has fared';

CREATE FUNCTION ruvector_healing_history(since timestamptz DEFAULT now() - interval '24 hours', limit_ integer DEFAULT 100)
RETURNS TABLE (action_id bigint, collection text, problem_class text, cause text, strategy text, state text,
               reason text, initiated_by text, created_at timestamptz, started_at timestamptz,
               completed_at timestamptz, ended_at timestamptz, target_metric text, before double precision,
               after double precision, improvement double precision, lambda_before real, lambda_after real)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, a.collection, a.problem_class, a.cause, a.strategy, a.state, a.reason,
           coalesce(a.requested_by, 'system'), a.created_at, a.started_at, a.completed_at, a.ended_at,
           a.target_metric, a.before, a.after, a.improvement, a.lambda_before, a.lambda_after
      FROM ruvector.healing_actions a WHERE a.created_at >= ruvector_healing_history.since ORDER BY a.id DESC LIMIT limit_
$$;
COMMENT ON FUNCTION ruvector_healing_history(timestamptz, integer) IS 'remediations, newest first';
