-- What the gate answers in each state, reached by override, and what it does.
\set SHOW_CONTEXT never
SELECT (ruvector_integrity_sample('docs') ->> 'state') AS state;
CREATE VIEW answers AS
    SELECT o.name AS operation, a ->> 'allowed' AS allowed, a ->> 'response' AS response,
           a ->> 'risk_level' AS risk, a ->> 'throttle_pct' AS cut, a ->> 'reason' AS reason
      FROM unnest(ARRAY['search', 'insert', 'bulk_insert', 'update', 'delete', 'bulk_delete', 'merge', 'truncate',
                        'index_build', 'index_rewire', 'compression', 'table_rewrite', 'centroid_update',
                        'graph_edge_add', 'graph_edge_remove', 'shard_move', 'replication',
                        'replication_reshuffle', 'backup', 'gnn_train', 'tier_manage'])
             WITH ORDINALITY o (name, ord),
           ruvector_integrity_gate('docs', o.name) a
     ORDER BY o.ord;
SELECT reached('normal');
SELECT * FROM answers;
SELECT force('stress');
SELECT reached('stress');
SELECT * FROM answers;
SELECT force('critical');
SELECT reached('critical');
SELECT * FROM answers;

-- Other names for the same operations; names that are none.
SELECT name, ruvector_integrity_gate('docs', name) ->> 'operation' AS operation
  FROM unnest(ARRAY['read', 'point_insert', 'copy', 'point_delete', 'index_rebuild', 'reindex', 'hnsw_rewire',
                    'compact', 'compaction', 'vacuum_full', 'cluster', 'alter_table', 'tier_demotion']) name;
SELECT ruvector_integrity_gate('docs', 'everything');
\echo :SQLSTATE
SELECT ruvector_integrity_gate('docs', NULL);
\echo :SQLSTATE
SELECT ruvector_integrity_gate('nope', 'insert');
\echo :SQLSTATE

-- Enforced: the messages tell the time, so only their SQLSTATE is shown.
\set VERBOSITY sqlstate
INSERT INTO docs VALUES (1, 0, '[1,2,3,4]');
INSERT INTO docs_0 VALUES (1, 0, '[1,2,3,4]');
INSERT INTO docs SELECT * FROM docs;
UPDATE docs SET id = id WHERE id = 1;
DELETE FROM docs WHERE id = 1;
MERGE INTO docs d USING (SELECT -1 AS id) s ON d.id = s.id WHEN MATCHED THEN DELETE;
TRUNCATE docs;
COPY docs FROM stdin;
1	0	[1,2,3,4]
\.
CREATE INDEX refused ON docs_0 (id);
ALTER TABLE docs ALTER COLUMN id TYPE numeric;
VACUUM FULL docs_0;
\set VERBOSITY default
-- Reading goes on, and so does whoever may and does go round the gate.
SELECT count(*) FROM docs;
BEGIN;
SET LOCAL ruvector.bypass = on;
INSERT INTO docs VALUES (401, 1, '[1,2,3,4]');
COMMIT;
SELECT count(*) FROM docs;

-- In shadow nothing is refused, in off nothing is judged.
SELECT ruvector_integrity_policy_set('docs', 'default', '{"mode": "shadow"}') -> 'mode' AS mode;
SELECT wait_until($$ruvector_integrity_gate('docs', 'insert') ->> 'mode' = 'shadow'$$);
INSERT INTO docs VALUES (402, 1, '[1,2,3,4]');
SELECT operation, rejected > 0 AS rejected, shadowed, bypassed FROM ruvector.gate_stats
 WHERE collection = 'docs' AND operation = 'insert';
SELECT ruvector_integrity_policy_set('docs', 'default', '{"mode": "enforce"}') -> 'mode' AS mode;
SELECT wait_until($$ruvector_integrity_gate('docs', 'insert') ->> 'mode' = 'enforce'$$);

-- Back, and what the log has of it.
SELECT ruvector_integrity_override_clear('docs');
SELECT ruvector_integrity_override_clear('docs');
SELECT reached('normal');
INSERT INTO docs VALUES (403, 1, '[1,2,3,4]');
SELECT ruvector_integrity_override('docs', 'fine', 'why', 1);
\echo :SQLSTATE
SELECT ruvector_integrity_override('docs', 'normal', '', 1);
\echo :SQLSTATE
SELECT ruvector_integrity_override('docs', 'normal', 'why', 0);
\echo :SQLSTATE
SELECT ruvector_integrity_override('nope', 'normal', 'why', 1);
\echo :SQLSTATE
SELECT ruvector_integrity_override_clear('nope');
\echo :SQLSTATE
SELECT ruvector_integrity_sample('nope');
\echo :SQLSTATE
SELECT ruvector_integrity_status('nope');
\echo :SQLSTATE
SELECT sealed();
SELECT new_state, metadata ->> 'operation' AS operation, count(*) > 0 AS refused
  FROM ruvector.integrity_events WHERE event_type = 'gate_refusal' AND collection_name = 'docs'
 GROUP BY 1, 2 ORDER BY 1, 2;
