CREATE FUNCTION ruvector_verify_event_signature(p_event_id bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'ruvector_verify_event' LANGUAGE C STABLE
SET extra_float_digits = 1;
COMMENT ON FUNCTION ruvector_verify_event_signature(bigint) IS
    'whether an event is what was signed, by a key valid then; NULL when there is no such event';

CREATE FUNCTION ruvector_verify_chain(p_collection_name text DEFAULT NULL, p_from bigint DEFAULT NULL,
                                      p_to bigint DEFAULT NULL,
    OUT ok boolean, OUT events_checked bigint, OUT events_pruned bigint, OUT first_bad_event bigint,
    OUT reason text, OUT unsealed bigint, OUT oldest_unsealed_secs double precision, OUT overflowed bigint)
AS 'MODULE_PATHNAME', 'ruvector_verify_chain' LANGUAGE C STABLE
SET extra_float_digits = 1;
COMMENT ON FUNCTION ruvector_verify_chain(text, bigint, bigint) IS
    'verify the log: signatures, links, columns, checkpoints; the first bad event and why; what waits unsealed';

CREATE FUNCTION ruvector_audit_checkpoint() RETURNS bigint
AS 'MODULE_PATHNAME', 'ruvector_audit_checkpoint' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_audit_checkpoint() IS 'sign a commitment to the whole log; id in ruvector.audit_checkpoints';

CREATE FUNCTION ruvector_audit_checkpoint_text(p_id bigint DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'ruvector_audit_checkpoint_text' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_audit_checkpoint_text(bigint) IS
    'a checkpoint, or the newest, as the line that ruvector-verify takes; NULL when there is none';

CREATE FUNCTION ruvector_audit_inclusion_proof(p_event_id bigint, p_tree_size bigint DEFAULT NULL) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_audit_inclusion_proof' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_audit_inclusion_proof(bigint, bigint) IS
    'RFC 9162 proof that an event is in the log of that size';

CREATE FUNCTION ruvector_audit_consistency_proof(p_old_size bigint, p_new_size bigint DEFAULT NULL) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_audit_consistency_proof' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_audit_consistency_proof(bigint, bigint) IS
    'RFC 9162 proof that the log of the old size is the beginning of the new one';

CREATE FUNCTION ruvector_audit_export() RETURNS SETOF text
AS 'MODULE_PATHNAME', 'ruvector_audit_export' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_audit_export() IS
    'the lines of an export file for ruvector-verify, up to the newest checkpoint';

CREATE FUNCTION ruvector_audit_keys() RETURNS text
AS 'MODULE_PATHNAME', 'ruvector_audit_keys' LANGUAGE C STABLE;
COMMENT ON FUNCTION ruvector_audit_keys() IS 'the public keys as a file for ruvector-verify';

CREATE FUNCTION ruvector_rotate_signing_key() RETURNS text
AS 'MODULE_PATHNAME', 'ruvector_rotate_signing_key' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_rotate_signing_key() IS
    'begin a new signing key, end the old one; not part of the transaction; the new key''s id';

CREATE FUNCTION ruvector_revoke_signing_key(p_key_id text, p_reason text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_revoke_signing_key' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_revoke_signing_key(text, text) IS
    'trust nothing that a key signs from now on; not part of the transaction';

CREATE FUNCTION ruvector_audit_prune(p_before timestamptz) RETURNS bigint
AS 'MODULE_PATHNAME', 'ruvector_audit_prune' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_audit_prune(timestamptz) IS
    'remove the events before a time, keep their leaf hashes; how many; not part of the transaction';
