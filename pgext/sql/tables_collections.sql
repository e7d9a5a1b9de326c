CREATE SCHEMA ruvector;
COMMENT ON SCHEMA ruvector IS 'ruvector: collections, their graph and state, policies and the signed event log';
GRANT USAGE ON SCHEMA ruvector TO ruvector_reader;

CREATE TABLE ruvector.collections (
    id              serial PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> '' AND octet_length(name) <= 255),
    table_oid       regclass NOT NULL,
    column_name     name NOT NULL,
    column_number   smallint NOT NULL,
    dimensions      integer CHECK (dimensions > 0),
    distance_metric text NOT NULL DEFAULT 'l2' CHECK (distance_metric IN ('l2', 'cosine', 'ip', 'l1', 'hamming', 'jaccard')),
    managed         boolean NOT NULL DEFAULT false,
    config          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (table_oid, column_name)
);
COMMENT ON TABLE ruvector.collections IS 'enrolled vector columns; table_oid follows renames, an event trigger follows drops';
SELECT pg_catalog.pg_extension_config_dump('ruvector.collections', '');
SELECT pg_catalog.pg_extension_config_dump('ruvector.collections_id_seq', '');

-- Which shape an index had when it was first seen after its build. Tied to
-- the file (relfilenode), so it is not dumped: a restore rebuilds indexes.
CREATE TABLE ruvector.index_baselines (
    index_oid     oid NOT NULL,
    relfilenode   oid NOT NULL,
    list_id       integer NOT NULL,
    rows_at_build real,
    mean_distance real,
    captured_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (index_oid, list_id)
);
COMMENT ON TABLE ruvector.index_baselines IS 'IVFFlat lists as first seen after the build of their index; list_id -1 is the whole index';

-- Replicas seen before, so that a replica that disappears is missed.
CREATE TABLE ruvector.known_replicas (
    application_name text PRIMARY KEY,
    synchronous      boolean NOT NULL,
    first_seen       timestamptz NOT NULL DEFAULT now(),
    last_seen        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ruvector.known_replicas IS 'replicas that have been connected; ruvector_forget_replica() for one that was retired on purpose';
