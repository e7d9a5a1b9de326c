-- `policy` is the whole policy, merged over the defaults when it was written;
-- the other columns are read from it.
-- No foreign key: a parallel restore fills tables in any order.
CREATE TABLE ruvector.integrity_policies (
    id               serial PRIMARY KEY,
    collection_id    integer NOT NULL,
    name             text NOT NULL CHECK (name <> '' AND octet_length(name) <= 255),
    policy           jsonb NOT NULL,
    enabled          boolean NOT NULL DEFAULT true,
    description      text GENERATED ALWAYS AS (policy ->> 'description') STORED,
    priority         integer GENERATED ALWAYS AS ((policy ->> 'priority')::integer) STORED,
    mode             text GENERATED ALWAYS AS (policy ->> 'mode') STORED,
    threshold_high   real GENERATED ALWAYS AS ((policy ->> 'threshold_high')::real) STORED,
    threshold_low    real GENERATED ALWAYS AS ((policy ->> 'threshold_low')::real) STORED,
    normal_actions   jsonb GENERATED ALWAYS AS (policy -> 'normal_actions') STORED,
    stress_actions   jsonb GENERATED ALWAYS AS (policy -> 'stress_actions') STORED,
    critical_actions jsonb GENERATED ALWAYS AS (policy -> 'critical_actions') STORED,
    hysteresis       jsonb GENERATED ALWAYS AS (policy -> 'hysteresis') STORED,
    notifications    jsonb GENERATED ALWAYS AS (policy -> 'notifications') STORED,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection_id, name)
);
COMMENT ON TABLE ruvector.integrity_policies IS 'policies; in force is the enabled one of highest priority, then the newest';
SELECT pg_catalog.pg_extension_config_dump('ruvector.integrity_policies', '');
SELECT pg_catalog.pg_extension_config_dump('ruvector.integrity_policies_id_seq', '');

CREATE TABLE ruvector.integrity_state (
    collection_id     integer PRIMARY KEY REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    state             text NOT NULL DEFAULT 'normal' CHECK (state IN ('normal', 'stress', 'critical')),
    lambda_cut        real,
    lambda_baseline   real,
    lambda_norm       real,
    service_norm      real,
    lambda2           real,
    nontrivial_cut    real,
    witness_edges     jsonb NOT NULL DEFAULT '[]',
    cut_kind          text,
    cut_side          jsonb NOT NULL DEFAULT '[]',
    nontrivial_side   jsonb NOT NULL DEFAULT '[]',
    stale             boolean NOT NULL DEFAULT true,
    sample_failures   jsonb NOT NULL DEFAULT '[]',
    last_sample       timestamptz,
    sample_count      bigint NOT NULL DEFAULT 0,
    sample_ms         real,
    policy_id         integer,
    controller        jsonb NOT NULL DEFAULT '{}',
    accepted_rates    jsonb NOT NULL DEFAULT '{}',
    merged_nodes      integer NOT NULL DEFAULT 0,
    updated_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ruvector.integrity_state IS 'state of each collection as of the last pass; written by the integrity worker only';
COMMENT ON COLUMN ruvector.integrity_state.state IS 'state in force, an override included';
COMMENT ON COLUMN ruvector.integrity_state.lambda_cut IS 'exact global minimum cut, in capacity';
COMMENT ON COLUMN ruvector.integrity_state.lambda_norm IS 'lambda_cut over the cut of the same graph in full health';
COMMENT ON COLUMN ruvector.integrity_state.controller IS 'hysteresis counters and times';
COMMENT ON COLUMN ruvector.integrity_state.stale IS 'no fresh value: a sensor could not be read, or no pass has run';

-- A person's word over the controller's, for a while; the worker takes it up.
CREATE TABLE ruvector.integrity_overrides (
    collection_id integer PRIMARY KEY REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    state         text NOT NULL CHECK (state IN ('normal', 'stress', 'critical')),
    reason        text NOT NULL CHECK (reason <> ''),
    set_by        name NOT NULL,
    set_at        timestamptz NOT NULL DEFAULT now(),
    until         timestamptz NOT NULL
);
COMMENT ON TABLE ruvector.integrity_overrides IS 'manual overrides in force; the worker removes one when its time is over';
