-- The log: verification, checkpoints, proofs, export, keys, pruning.
\set SHOW_CONTEXT never
SELECT sealed();
SELECT ok, events_checked > 10 AS checked, events_pruned, first_bad_event, reason, unsealed, overflowed
  FROM ruvector_verify_chain();
SELECT ok, events_checked FROM ruvector_verify_chain(p_from => 2, p_to => 4);
SELECT ok, events_checked > 0 AS checked FROM ruvector_verify_chain('docs');
SELECT ok, events_checked > 0 AS checked FROM ruvector_verify_chain('spare');
SELECT ruvector_verify_event_signature(0) AS first, ruvector_verify_event_signature(-1) AS before,
       ruvector_verify_event_signature(1000000) AS beyond;
SELECT * FROM ruvector_verify_chain('nope');
\echo :SQLSTATE
SELECT * FROM ruvector_verify_chain(p_from => 4, p_to => 2);
\echo :SQLSTATE
SELECT * FROM ruvector_verify_chain(p_from => -1);
\echo :SQLSTATE
SELECT count(*) = max(id) + 1 AS without_gaps, min(id) FROM ruvector.integrity_events;
SELECT event_type, metadata ->> 'reason' AS reason FROM ruvector.integrity_events WHERE event_type = 'resume';
SELECT DISTINCT octet_length(signature) AS signature, octet_length(previous_hash) AS previous,
       leaf_hash = sha256('\x00' || payload) AS leaf FROM ruvector.integrity_events;

-- Checkpoints.
SELECT ruvector_audit_checkpoint_text() IS NULL AS none_yet;
SELECT ruvector_audit_export();
\echo :SQLSTATE
SELECT ruvector_audit_checkpoint();
SELECT ruvector_audit_checkpoint();
SELECT id, tree_size = (SELECT count(*) FROM ruvector.integrity_events) AS whole, octet_length(payload) AS bytes,
       octet_length(signature) AS signature, previous_hash = '\x0000000000000000000000000000000000000000000000000000000000000000' AS first
  FROM ruvector.audit_checkpoints ORDER BY id;
SELECT ruvector_audit_checkpoint_text(2) ~ '^ruvector-checkpoint-1 ([A-Za-z0-9+/]{134}){2} [A-Za-z0-9+/]{86}==$' AS line,
       ruvector_audit_checkpoint_text(2) = ruvector_audit_checkpoint_text() AS newest,
       ruvector_audit_checkpoint_text(3) AS none;
BEGIN READ ONLY;
SELECT ruvector_audit_checkpoint();
\echo :SQLSTATE
ROLLBACK;

-- Export and keys.
SELECT split_part(line, ' ', 1) AS kind, count(*) > 1 AS several FROM ruvector_audit_export() line
 GROUP BY 1 ORDER BY 1;
SELECT split_part(ruvector_audit_keys(), E'\n', 1) AS header,
       split_part(ruvector_audit_keys(), E'\n', 2) ~ '^[0-9a-f]{64} \S+Z - -$' AS key;

-- Proofs.
SELECT p ->> 'id' AS id, p ->> 'tree_size' AS size, jsonb_array_length(p -> 'proof') AS nodes,
       p ->> 'leaf_hash' = (SELECT encode(leaf_hash, 'hex') FROM ruvector.integrity_events WHERE id = 3) AS leaf
  FROM ruvector_audit_inclusion_proof(3, 8) p;
SELECT p ->> 'old_size' AS old, p ->> 'new_size' AS new, jsonb_array_length(p -> 'proof') AS nodes
  FROM ruvector_audit_consistency_proof(4, 8) p;
SELECT ruvector_audit_inclusion_proof(NULL);
\echo :SQLSTATE
\set VERBOSITY sqlstate
SELECT ruvector_audit_inclusion_proof(1000000);
SELECT ruvector_audit_inclusion_proof(8, 8);
SELECT ruvector_audit_consistency_proof(0, 8);
SELECT ruvector_audit_consistency_proof(9, 8);
\set VERBOSITY default

-- The log only grows.
DELETE FROM ruvector.integrity_events;
\echo :SQLSTATE
UPDATE ruvector.integrity_events SET metadata = '{}';
\echo :SQLSTATE
TRUNCATE ruvector.integrity_events;
\echo :SQLSTATE
DELETE FROM ruvector.audit_checkpoints;
\echo :SQLSTATE
UPDATE ruvector.signing_keys SET expires_at = now();
\echo :SQLSTATE
TRUNCATE ruvector.audit_pruned_leaves;
\echo :SQLSTATE

-- History.
SELECT event_type, is_signed, is_verified FROM ruvector_integrity_history('docs', 'enrolment');
SELECT count(*) FROM ruvector_integrity_history('docs', p_limit => 3);
SELECT count(*) FROM ruvector_integrity_history('docs', p_since => 'infinity');
SELECT ruvector_integrity_history('nope');
\echo :SQLSTATE
SELECT ruvector_integrity_history('docs', 'bogus');
\echo :SQLSTATE
SELECT ruvector_integrity_history('docs', p_since => NULL);
\echo :SQLSTATE

-- Keys change, old events stay valid.
SELECT id AS old_key FROM ruvector.signing_keys \gset
SELECT ruvector_revoke_signing_key('nope', 'why');
\echo :SQLSTATE
SELECT ruvector_revoke_signing_key(:'old_key', '');
\echo :SQLSTATE
\set VERBOSITY terse
SELECT ruvector_revoke_signing_key(:'old_key', 'in use');
\echo :SQLSTATE
\set VERBOSITY default
SELECT ruvector_rotate_signing_key() <> :'old_key' AS another;
SELECT ruvector_revoke_signing_key(:'old_key', 'leaked');
SELECT expires_at IS NOT NULL AS ended, revoked_at IS NOT NULL AS revoked, revocation_reason
  FROM ruvector.signing_keys ORDER BY valid_from;
SELECT event_type FROM ruvector.integrity_events WHERE event_type LIKE 'key%' ORDER BY id;
SELECT ok FROM ruvector_verify_chain();

-- Old events go, their hashes stay.
SELECT ruvector_audit_prune('infinity');
\echo :SQLSTATE
SELECT ruvector_audit_prune(NULL);
\echo :SQLSTATE
SELECT ruvector_audit_prune('2000-01-01');
SELECT created_at AS middle FROM ruvector.integrity_events WHERE id = 5 \gset
SELECT ruvector_audit_prune(:'middle') > 0 AS pruned;
SELECT ok, events_pruned > 0 AS pruned FROM ruvector_verify_chain();
SELECT jsonb_array_length(ruvector_audit_inclusion_proof(3, 8) -> 'proof') AS nodes;
