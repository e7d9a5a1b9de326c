-- Managed collections.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT ruvector_create_collection('memories', 3, 4) > 0 AS made;
SELECT name, table_schema, table_name, column_name, dimensions, distance_metric, mode, managed
  FROM ruvector_list_collections() WHERE name = 'memories';
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity
  FROM pg_attribute a WHERE a.attrelid = 'memories'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT inhrelid::regclass, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits
  JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'memories'::regclass ORDER BY c.relname;
SELECT routing_key, weight FROM ruvector.routing_weights ORDER BY 1;

-- Rows go where there is weight.
UPDATE ruvector.routing_weights SET weight = (routing_key = 2)::int;
INSERT INTO memories (embedding) SELECT '[1,2,3]' FROM generate_series(1, 50);
SELECT tableoid::regclass, count(*) FROM memories GROUP BY 1;
INSERT INTO memories (embedding, routing_key) VALUES ('[1,2,3]', 0);
SELECT tableoid::regclass::text AS partition, count(*) FROM memories GROUP BY 1 ORDER BY 1;
UPDATE ruvector.routing_weights SET weight = -1;
\echo :SQLSTATE
UPDATE ruvector.routing_weights SET weight = 'NaN';
\echo :SQLSTATE
INSERT INTO memories (embedding) VALUES ('[1,2]');
\echo :SQLSTATE

SELECT ruvector_create_collection('elsewhere', 2, p_partitions => 1, p_metric => 'cosine', p_schema => 'ruvector_x');
\echo :SQLSTATE
CREATE SCHEMA ruvector_x;
SELECT ruvector_create_collection('elsewhere', 2, p_partitions => 1, p_metric => 'cosine', p_schema => 'ruvector_x', p_mode => 'off') > 0 AS made;
SELECT table_schema, distance_metric, mode FROM ruvector_list_collections() WHERE name = 'elsewhere';
SELECT ruvector_create_collection('memories', 3);
\echo :SQLSTATE
SELECT ruvector_create_collection('bad name', 3);
\echo :SQLSTATE
SELECT ruvector_create_collection('x', 0);
\echo :SQLSTATE
SELECT ruvector_create_collection('x', NULL);
\echo :SQLSTATE
SELECT ruvector_create_collection('x', 3, 0);
\echo :SQLSTATE
SELECT ruvector_create_collection('x', 3, 1001);
\echo :SQLSTATE
SELECT ruvector_create_collection('x', 3, 2, 'nan');
\echo :SQLSTATE
SELECT to_regclass('x') IS NULL AS nothing_half_done;

-- Nothing is left of it.
DROP TABLE memories;
DROP SCHEMA ruvector_x CASCADE;
SELECT count(*) FROM ruvector.routing_weights;
SELECT name FROM ruvector_list_collections();
