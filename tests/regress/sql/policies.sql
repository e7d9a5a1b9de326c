-- Policies: the built-in one, setting, reading, ordering, dropping, errors.
\set SHOW_CONTEXT never
SELECT jsonb_object_keys(ruvector_integrity_policy_defaults()) AS key ORDER BY key;
SELECT ruvector_integrity_policy_defaults() -> 'threshold_high' AS high,
       ruvector_integrity_policy_defaults() -> 'threshold_low' AS low,
       jsonb_pretty(ruvector_integrity_policy_defaults() -> 'stress_actions') AS stress;
SELECT name, enabled, in_force, priority, mode, threshold_high, threshold_low
  FROM ruvector_integrity_policy_list('docs');
SELECT ruvector_integrity_policy_get('docs') = ruvector_integrity_policy_get('docs', 'default') AS the_default_is_in_force;

-- Given keys are merged over the stored ones or the defaults.
SELECT policy -> 'threshold_high' AS high, policy -> 'threshold_low' AS low, policy -> 'priority' AS priority
  FROM ruvector_integrity_policy_set('docs', 'night', '{"threshold_high": 0.75, "priority": 5, "description": "at night"}') policy;
SELECT policy -> 'threshold_high' AS high, policy -> 'threshold_low' AS low, policy -> 'priority' AS priority
  FROM ruvector_integrity_policy_set('docs', 'night', '{"threshold_low": 0.25}') policy;
SELECT name, enabled, in_force, priority, threshold_high, threshold_low, description
  FROM ruvector_integrity_policy_list('docs');
SELECT ruvector_integrity_policy_get('docs') -> 'threshold_low' AS low_in_force;
SELECT ruvector_integrity_policy_enable('docs', 'night', false) AS was_enabled;
SELECT ruvector_integrity_policy_enable('docs', 'night', false) AS was_enabled;
SELECT name, enabled, in_force FROM ruvector_integrity_policy_list('docs');
SELECT ruvector_integrity_policy_enable('docs', 'night') AS was_enabled;
SELECT ruvector_integrity_policy_get('docs', 'nope') IS NULL AS none;
SELECT ruvector_integrity_policy_drop('docs', 'night');
SELECT ruvector_integrity_policy_drop('docs', 'night');

-- Errors name the key.
SELECT ruvector_integrity_policy_set('docs', 'p', '{"treshold_high": 0.9}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"threshold_high": "high"}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"threshold_high": 0.2, "threshold_low": 0.3}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"threshold_high": 0.5, "threshold_low": 0.5}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"threshold_high": 1.5}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"threshold_low": -0.1}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"stress_actions": {"throttle_inserts_pct": 101}}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"stress_actions": {"allow_everything": true}}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"critical_actions": {"allow_deletes": "no"}}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '{"mode": "loud"}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', '[]');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', 'p', NULL);
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('docs', '', '{}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_set('nope', 'p', '{}');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_get('nope');
\echo :SQLSTATE
SELECT * FROM ruvector_integrity_policy_list('nope');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_enable('docs', 'nope');
\echo :SQLSTATE
SELECT ruvector_integrity_policy_drop('nope', 'p');
\echo :SQLSTATE
BEGIN READ ONLY;
SELECT ruvector_integrity_policy_set('docs', 'p', '{}');
\echo :SQLSTATE
ROLLBACK;
SELECT name FROM ruvector_integrity_policy_list('docs');

-- Every change is an event with the old and the new.
SELECT sealed();
SELECT metadata ->> 'action' AS action, metadata ->> 'policy' AS policy,
       metadata -> 'changes' AS changes, metadata -> 'new' AS new,
       CASE WHEN jsonb_typeof(metadata -> 'old') = 'object' THEN metadata -> 'old' -> 'threshold_low'
            ELSE metadata -> 'old' END AS old
  FROM ruvector.integrity_events WHERE event_type = 'policy_update' AND collection_name = 'docs' ORDER BY id;
