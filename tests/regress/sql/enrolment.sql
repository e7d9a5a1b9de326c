-- Enrolling, listing, following and forgetting collections.
\set SHOW_CONTEXT never
SELECT ruvector_register_collection('docs', 'docs', 'embedding') > 0 AS enrolled;
SELECT ruvector_register_collection('quoted', '"Sch""ema"."Ta ble"', 'Co lumn', metric => 'cosine', mode => 'shadow') > 0 AS enrolled;
SELECT ruvector_register_collection('spare', 'spare', 'embedding', dimensions => 4, mode => 'off', config => '{"owner": "me"}') > 0 AS enrolled;
-- A second column of the same table.
SELECT ruvector_register_collection('spare_other', 'spare', 'other', metric => 'ip') > 0 AS enrolled;
SELECT name, table_schema, table_name, column_name, dimensions, distance_metric, mode, managed
  FROM ruvector_list_collections();
SELECT name, config FROM ruvector.collections WHERE name IN ('docs', 'spare') ORDER BY name;

-- A partition is a table like any other.
SELECT ruvector_register_collection('leaf', 'docs_0', 'embedding') > 0 AS enrolled;
SELECT ruvector_unregister_collection('leaf');

-- What cannot be enrolled, and why.
SELECT ruvector_register_collection(NULL, 'docs', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('', 'spare', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('docs', 'spare', 'plain', dimensions => 4);
\echo :SQLSTATE
SELECT ruvector_register_collection('again', 'docs', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'nothing', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'docs', 'missing');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'docs', 'id');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'a_view', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'mother', 'embedding');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'spare', 'plain');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'spare', 'plain', dimensions => 0);
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'spare', 'plain', dimensions => 3, metric => 'nan');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'spare', 'plain', dimensions => 3, mode => 'loud');
\echo :SQLSTATE
SELECT ruvector_register_collection('x', 'spare', 'plain', dimensions => 3, config => '[]');
\echo :SQLSTATE
BEGIN READ ONLY;
SELECT ruvector_register_collection('x', 'spare', 'plain', dimensions => 3);
\echo :SQLSTATE
ROLLBACK;

-- A collection follows its table and its column, and rolls back with what made it.
ALTER TABLE "Sch""ema"."Ta ble" RENAME TO renamed;
ALTER TABLE "Sch""ema".renamed RENAME COLUMN "Co lumn" TO v;
SELECT name, table_schema, table_name, column_name FROM ruvector_list_collections() WHERE name = 'quoted';
BEGIN;
DROP TABLE "Sch""ema".renamed;
SELECT count(*) FROM ruvector_list_collections() WHERE name = 'quoted';
ROLLBACK;
SELECT count(*) FROM ruvector_list_collections() WHERE name = 'quoted';
ALTER TABLE spare DROP COLUMN other;
DROP SCHEMA "Sch""ema" CASCADE;
SELECT name FROM ruvector_list_collections();

SELECT ruvector_unregister_collection('spare');
SELECT ruvector_unregister_collection('spare');
SELECT ruvector_unregister_collection(NULL);
\echo :SQLSTATE
SELECT name FROM ruvector_list_collections();
SELECT (SELECT count(*) FROM ruvector.integrity_policies) AS policies,
       (SELECT count(*) FROM ruvector.integrity_state) AS states;

-- The log outlives what it is about.
SELECT sealed();
SELECT collection_name, metadata ->> 'action' AS action, metadata ->> 'user' AS by
  FROM ruvector.integrity_events WHERE event_type = 'enrolment' ORDER BY id;
SELECT event_type, is_signed, is_verified FROM ruvector_integrity_history('spare', 'enrolment') ORDER BY id;
DROP VIEW a_view;
