-- Reading is ruvector_reader's, operating ruvector_operator's, keys and the
-- log ruvector_admin's. Nothing is PUBLIC's but what tells nothing. The URL of
-- a webhook can be a secret: those who set it may read it.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
              JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass
               AND d.objid = p.oid AND d.deptype = 'e'
              JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END
$$;
GRANT SELECT ON ALL TABLES IN SCHEMA ruvector TO ruvector_reader;
REVOKE SELECT ON ruvector.webhook_deliveries, ruvector.webhooks, ruvector.integrity_policies FROM ruvector_reader;
GRANT SELECT ON ruvector.webhook_deliveries, ruvector.webhooks, ruvector.integrity_policies TO ruvector_operator;
REVOKE SELECT ON ruvector.recall_queries FROM ruvector_reader;
GRANT SELECT ON ruvector.recall_queries TO ruvector_admin;
GRANT SELECT (id, collection_id, name, enabled, description, priority, mode, threshold_high, threshold_low,
              normal_actions, stress_actions, critical_actions, hysteresis, created_at, updated_at)
    ON ruvector.integrity_policies TO ruvector_reader;
GRANT EXECUTE ON FUNCTION
    ruvector_list_collections(), ruvector_integrity_status(text), ruvector_integrity_gate(text, text),
    ruvector_contracted_graph(text), ruvector_contracted_graph_dot(text),
    ruvector_integrity_history(text, text, timestamptz, integer),
    ruvector_integrity_policy_list(text),
    ruvector_integrity_policy_defaults(), ruvector_verify_event_signature(bigint),
    ruvector_verify_chain(text, bigint, bigint), ruvector_audit_inclusion_proof(bigint, bigint), ruvector_audit_checkpoint_text(bigint),
    ruvector_audit_consistency_proof(bigint, bigint), ruvector_audit_export(), ruvector_audit_keys(),
    ruvector_prometheus_metrics(), ruvector.webhook_metrics(),
    ruvector.require_collection(text), ruvector.gate_stats(), ruvector.workers(), ruvector.plugins(),
    ruvector_healing_status(), ruvector_healing_history(timestamptz, integer), ruvector_healing_effectiveness(),
    ruvector_healing_config(), ruvector.strategies(), ruvector.healing_workers(), ruvector.healing_deferred(),
    ruvector.healing_enabled()
    TO ruvector_reader;
-- Who may approve says the configuration, and the function looks.
GRANT EXECUTE ON FUNCTION ruvector_healing_approve(bigint), ruvector_healing_reject(bigint) TO ruvector_reader;
GRANT EXECUTE ON FUNCTION
    ruvector_register_collection(text, regclass, name, text, integer, text, jsonb),
    ruvector_create_collection(text, integer, integer, text, name, text), ruvector.require_writable(text), ruvector.set_managed(text, integer),
    ruvector_routing_weight_set(text, integer, double precision), ruvector_forget_replica(text),
    ruvector_unregister_collection(text), ruvector_integrity_sample(text), ruvector.sample_now(text),
    ruvector_rebuild_contracted_graph(text), ruvector_integrity_override(text, text, text, integer),
    ruvector_integrity_override_clear(text), ruvector_integrity_policy_set(text, text, jsonb),
    ruvector_integrity_policy_get(text, text),
    ruvector_integrity_policy_drop(text, text), ruvector_integrity_policy_enable(text, text, boolean),
    ruvector_audit_checkpoint(), ruvector_healing_configure(jsonb), ruvector_strategy_configure(text, jsonb),
    ruvector_healing_trigger(text), ruvector_healing_execute(text, text, jsonb),
    ruvector_healing_plan(text, text, jsonb), ruvector_healing_abort(bigint), ruvector_healing_rollback(text),
    ruvector_healing_reset_breaker(text), ruvector_strategy_release(text), ruvector_healing_reset_learning(text),
    ruvector_healing_metrics(text, text),
    ruvector_collection_set_recall_target(text, double precision)
    TO ruvector_operator;
GRANT EXECUTE ON FUNCTION
    ruvector.probe_now(text), ruvector_recall_probe(text), ruvector_reload_plugins(), ruvector_rotate_signing_key(), ruvector_revoke_signing_key(text, text), ruvector_audit_prune(timestamptz)
    TO ruvector_admin;
-- Attention computes and changes nothing; what auto learns is an operator's.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
              JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass
               AND d.objid = p.oid AND d.deptype = 'e'
              JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
             WHERE p.proname ~ '^ruvector_attention(_|$)' AND p.proname <> 'ruvector_attention_reward'
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO ruvector_reader', f);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION ruvector_attention_reward(text, double precision) TO ruvector_operator;
GRANT USAGE ON SCHEMA ruvector_dag TO ruvector_reader;
GRANT SELECT ON ruvector_dag.attention_arms TO ruvector_reader;
-- Agent memory is for applications: the functions are caliber_user's, what they
-- may see and change is what the tables say.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
              JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass
               AND d.objid = p.oid AND d.deptype = 'e'
              JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
             WHERE p.proname LIKE 'caliber\_%' AND p.proname NOT IN ('caliber_init', 'caliber_upgrade')
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO caliber_user', f);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION
    caliber_init(), caliber_upgrade(), caliber.create_tables(), caliber.touch_updated_at(), caliber.notify_message()
    TO ruvector_admin;
-- The default of a managed table's column: whoever may insert may route.
GRANT EXECUTE ON FUNCTION ruvector_route(integer) TO PUBLIC;
