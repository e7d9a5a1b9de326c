CREATE TABLE ruvector.signing_keys (
    id                text PRIMARY KEY,
    public_key        bytea NOT NULL CHECK (octet_length(public_key) = 32),
    description       text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    valid_from        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz,
    revoked_at        timestamptz,
    revocation_reason text
);
COMMENT ON TABLE ruvector.signing_keys IS 'public keys that signed the log; id is the fingerprint of the key';
SELECT pg_catalog.pg_extension_config_dump('ruvector.signing_keys', '');

-- No foreign key to collections: the log outlives what it is about.
CREATE TABLE ruvector.integrity_events (
    id              bigint PRIMARY KEY CHECK (id >= 0),
    sequence        bigint GENERATED ALWAYS AS (id) STORED,
    collection_id   integer,
    collection_name text NOT NULL DEFAULT '',
    event_type      text NOT NULL,
    previous_state  text,
    new_state       text,
    lambda_cut      real,
    lambda_norm     real,
    lambda2         real,
    witness_edges   jsonb,
    metadata        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    signer_id       text NOT NULL,
    signature       bytea NOT NULL,
    payload         bytea NOT NULL,
    previous_hash   bytea NOT NULL,
    leaf_hash       bytea NOT NULL
);
COMMENT ON TABLE ruvector.integrity_events IS 'the signed, chained event log; payload is what was signed (docs/formats/audit-log.md)';
COMMENT ON COLUMN ruvector.integrity_events.id IS 'position in the chain, without gaps';
CREATE INDEX ON ruvector.integrity_events (collection_id, created_at DESC);
CREATE INDEX ON ruvector.integrity_events (event_type, created_at DESC);
SELECT pg_catalog.pg_extension_config_dump('ruvector.integrity_events', '');

-- What a transaction of a user did, committed with it, not sealed yet.
CREATE TABLE ruvector.audit_outbox (
    id              bigserial PRIMARY KEY,
    collection_id   integer,
    collection_name text NOT NULL DEFAULT '',
    event_type      text NOT NULL,
    previous_state  text,
    new_state       text,
    lambda_cut      real,
    lambda_norm     real,
    lambda2         real,
    witness_edges   jsonb,
    metadata        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ruvector.audit_outbox IS 'events that the integrity worker has yet to sequence, chain and sign';
SELECT pg_catalog.pg_extension_config_dump('ruvector.audit_outbox', '');
SELECT pg_catalog.pg_extension_config_dump('ruvector.audit_outbox_id_seq', '');

CREATE TABLE ruvector.audit_pruned_leaves (
    id        bigint PRIMARY KEY CHECK (id >= 0),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);
COMMENT ON TABLE ruvector.audit_pruned_leaves IS 'leaf hashes of pruned events: proofs and the chain keep working';
SELECT pg_catalog.pg_extension_config_dump('ruvector.audit_pruned_leaves', '');

CREATE TABLE ruvector.audit_checkpoints (
    id            bigint PRIMARY KEY CHECK (id > 0),
    tree_size     bigint NOT NULL,
    root_hash     bytea NOT NULL,
    head_hash     bytea NOT NULL,
    previous_hash bytea NOT NULL,
    frontier      bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    signer_id     text NOT NULL,
    payload       bytea NOT NULL,
    signature     bytea NOT NULL
);
COMMENT ON TABLE ruvector.audit_checkpoints IS 'signed commitments to the whole log; export them off this machine';
COMMENT ON COLUMN ruvector.audit_checkpoints.id IS 'its number, signed with it, without gaps';
SELECT pg_catalog.pg_extension_config_dump('ruvector.audit_checkpoints', '');

CREATE FUNCTION ruvector.refuse_log_change() RETURNS trigger
AS 'MODULE_PATHNAME', 'ruvector_refuse_log_change' LANGUAGE C;
COMMENT ON FUNCTION ruvector.refuse_log_change() IS 'trigger: refuses UPDATE, DELETE and TRUNCATE of the log';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ruvector.integrity_events
    FOR EACH ROW EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ruvector.integrity_events
    FOR EACH STATEMENT EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ruvector.audit_pruned_leaves
    FOR EACH ROW EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ruvector.audit_pruned_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ruvector.audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ruvector.audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ruvector.signing_keys
    FOR EACH ROW EXECUTE FUNCTION ruvector.refuse_log_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ruvector.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION ruvector.refuse_log_change();
