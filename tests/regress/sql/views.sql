-- The columns that views and tables promise, in their order.
\set SHOW_CONTEXT never
SELECT c.relname AS name, a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'ruvector'::regnamespace
   AND c.relname IN ('integrity', 'gate_stats', 'witness_edges', 'workers', 'plugins', 'webhooks')
 ORDER BY c.relname, a.attnum;
SELECT c.relname AS name, a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "not null"
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'ruvector'::regnamespace
   AND c.relname IN ('collections', 'contracted_graph', 'contracted_edges', 'integrity_state', 'integrity_policies',
                     'integrity_overrides', 'integrity_events', 'signing_keys', 'audit_outbox', 'audit_checkpoints',
                     'audit_pruned_leaves', 'routing_weights')
 ORDER BY c.relname, a.attnum;
-- A pass of its own accord may have met a lock of an earlier test.
SELECT name, ruvector_integrity_sample(name) IS NOT NULL AS sampled FROM ruvector.collections ORDER BY name;
SELECT collection, state, override_state, stale, sample_failures, policy, mode FROM ruvector.integrity ORDER BY collection;
SELECT d.datname = current_database() AS here, w.status, w.worker_pid IS NOT NULL AS runs
  FROM ruvector.workers w JOIN pg_database d ON d.oid = w.database_oid WHERE d.datname = current_database();
SELECT operation FROM ruvector.gate_stats WHERE collection = 'docs' ORDER BY operation;
-- Configuration and history go with a dump.
SELECT c.relname FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t
 WHERE e.extname = 'ruvector' AND c.relname ~ '^(audit|collections|integrity|routing|signing)' ORDER BY 1;
