-- Who may do what.
\set SHOW_CONTEXT never
SELECT p.oid::regprocedure AS function,
       has_function_privilege('public', p.oid, 'EXECUTE') AS public,
       has_function_privilege('ruvector_reader', p.oid, 'EXECUTE') AS reader,
       has_function_privilege('ruvector_operator', p.oid, 'EXECUTE') AS operator,
       has_function_privilege('ruvector_admin', p.oid, 'EXECUTE') AS admin
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
 WHERE p.proname ~ '^ruvector_(register|unregister|list|create|route|integrity|contracted|rebuild|verify|audit|rotate|revoke)'
 ORDER BY p.proname;
SELECT p.proname, p.proconfig FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
 WHERE p.prosecdef AND NOT coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path=pg_catalog';
CREATE VIEW log_and_state AS
    SELECT unnest(ARRAY['audit_checkpoints', 'audit_outbox', 'audit_pruned_leaves', 'collections', 'contracted_edges',
                        'contracted_graph', 'integrity', 'integrity_events', 'integrity_overrides',
                        'integrity_policies', 'integrity_state', 'gate_stats', 'routing_weights', 'signing_keys',
                        'webhook_deliveries', 'witness_edges', 'workers']) AS name;
SELECT name, has_table_privilege('ruvector_reader', 'ruvector.' || name, 'SELECT') AS reader,
       has_table_privilege('ruvector_operator', 'ruvector.' || name, 'SELECT') AS operator,
       has_table_privilege('ruvector_admin', 'ruvector.' || name, 'INSERT, UPDATE, DELETE, TRUNCATE') AS admin_writes
  FROM log_and_state ORDER BY name;
SELECT r.rolname, m.rolname AS member_of FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.member
  JOIN pg_roles m ON m.oid = a.roleid WHERE r.rolname LIKE 'ruvector%' ORDER BY 1, 2;

-- And in fact.
CREATE ROLE regress_nobody;
CREATE ROLE regress_reader IN ROLE ruvector_reader;
CREATE ROLE regress_operator IN ROLE ruvector_operator;
CREATE ROLE regress_admin IN ROLE ruvector_admin;
SET ROLE regress_nobody;
SELECT ruvector_integrity_status('docs');
\echo :SQLSTATE
SELECT * FROM ruvector.integrity;
\echo :SQLSTATE
SELECT ruvector_register_collection('mine', 'spare', 'embedding');
\echo :SQLSTATE
SET ROLE regress_reader;
SELECT ruvector_integrity_status('docs') ->> 'collection' AS collection;
SELECT ok FROM ruvector_verify_chain();
SELECT ruvector_integrity_override('docs', 'normal', 'why', 1);
\echo :SQLSTATE
SELECT ruvector_audit_checkpoint();
\echo :SQLSTATE
SELECT policy FROM ruvector.integrity_policies;
\echo :SQLSTATE
INSERT INTO ruvector.audit_outbox (event_type) VALUES ('alert');
\echo :SQLSTATE
SET ROLE regress_operator;
SELECT ruvector_audit_checkpoint() > 2 AS signed;
SELECT ruvector_integrity_policy_set('docs', 'operators', '{}') ->> 'mode' AS mode;
SELECT ruvector_integrity_policy_drop('docs', 'operators');
SELECT ruvector_rotate_signing_key();
\echo :SQLSTATE
SELECT ruvector_audit_prune('2000-01-01');
\echo :SQLSTATE
-- Enrolling takes the table's owner besides.
\set VERBOSITY sqlstate
SELECT ruvector_register_collection('mine', 'spare', 'embedding');
\set VERBOSITY default
SET ROLE regress_admin;
SELECT ruvector_audit_prune('2000-01-01');
DELETE FROM ruvector.integrity_events;
\echo :SQLSTATE
RESET ROLE;
DROP ROLE regress_nobody, regress_reader, regress_operator, regress_admin;
DROP VIEW log_and_state;
