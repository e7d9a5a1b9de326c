-- What the classifier found. Written by the integrity worker in each pass's
-- transaction. Not dumped: it tells of this server, and the next pass finds
-- again what is still wrong.
CREATE TABLE ruvector.diagnoses (
    collection_id integer PRIMARY KEY REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    pass          bigint NOT NULL,
    at            timestamptz NOT NULL,
    milliseconds  real,
    unread        jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
COMMENT ON TABLE ruvector.diagnoses IS 'the last classification of each collection';
COMMENT ON COLUMN ruvector.diagnoses.pass IS 'grows by one with each pass';
COMMENT ON COLUMN ruvector.diagnoses.milliseconds IS 'CPU time of the senses of healing and the classifier in that pass';
COMMENT ON COLUMN ruvector.diagnoses.unread IS 'what could not be read in that pass, and why: nothing is said about it';

CREATE TABLE ruvector.problems (
    id             bigserial PRIMARY KEY,
    collection     text NOT NULL REFERENCES ruvector.collections (name) ON UPDATE CASCADE ON DELETE CASCADE,
    problem_class  text NOT NULL CHECK (problem_class IN
                       ('hotspot_congestion', 'centroid_skew', 'replication_lag', 'maintenance_contention',
                        'index_fragmentation', 'memory_pressure', 'unknown')),
    cause          text NOT NULL,
    severity       real NOT NULL CHECK (severity BETWEEN 0 AND 1),
    confidence     real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    rank           integer NOT NULL,
    confirmed      boolean NOT NULL DEFAULT false,
    explained_by   text,
    explanation    text NOT NULL DEFAULT '',
    gate_state     text NOT NULL CHECK (gate_state IN ('normal', 'stress', 'critical')),
    subjects       jsonb NOT NULL DEFAULT '[]',
    subjects_found bigint NOT NULL DEFAULT 0,
    evidence       jsonb NOT NULL DEFAULT '{}',
    passes         integer NOT NULL DEFAULT 1,
    missed         integer NOT NULL DEFAULT 0,
    first_seen     timestamptz NOT NULL,
    last_seen      timestamptz NOT NULL,
    confirmed_at   timestamptz,
    resolved_at    timestamptz
);
COMMENT ON TABLE ruvector.problems IS 'what is or was wrong with each collection: one row per cause while it lasts, then kept for ruvector.problem_retention';
COMMENT ON COLUMN ruvector.problems.rank IS '1 is what to look at first; symptoms come after what explains them';
COMMENT ON COLUMN ruvector.problems.confirmed IS 'seen in enough consecutive passes to be no accident; only confirmed problems are acted on';
COMMENT ON COLUMN ruvector.problems.explained_by IS 'the cause of which this one is a symptom';
COMMENT ON COLUMN ruvector.problems.evidence IS 'metrics (value, threshold, source) and witness edges of the last pass that saw it';
COMMENT ON COLUMN ruvector.problems.passes IS 'consecutive passes that saw it with a subject in common';
COMMENT ON COLUMN ruvector.problems.missed IS 'consecutive passes, up to the last one, that did not see it';
CREATE UNIQUE INDEX problems_open ON ruvector.problems (collection, cause) WHERE resolved_at IS NULL;
CREATE INDEX problems_resolved ON ruvector.problems (resolved_at) WHERE resolved_at IS NOT NULL;

-- Real queries, a uniform sample of the searches on a collection. They are
-- data of its users: readable by ruvector_admin only.
CREATE TABLE ruvector.recall_queries (
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    slot          integer NOT NULL,
    query         text NOT NULL,
    query_type    text NOT NULL,
    k             integer NOT NULL CHECK (k > 0),
    ef_search     integer,
    probes        integer,
    captured_at   timestamptz NOT NULL,
    PRIMARY KEY (collection_id, slot)
);
COMMENT ON TABLE ruvector.recall_queries IS 'a uniform sample of the searches seen, for the recall probe; data of the users';

CREATE TABLE ruvector.recall_probes (
    id            bigserial PRIMARY KEY,
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    index_oid     oid NOT NULL,
    relfilenode   oid NOT NULL,
    index_name    text NOT NULL,
    at            timestamptz NOT NULL,
    queries       integer NOT NULL,
    hits          bigint NOT NULL,
    trials        bigint NOT NULL,
    recall        real,
    recall_low    real,
    recall_high   real,
    target        real,
    rows_compared bigint NOT NULL,
    sampled       boolean NOT NULL,
    milliseconds  real NOT NULL,
    note          text NOT NULL DEFAULT ''
);
COMMENT ON TABLE ruvector.recall_probes IS 'recall of each vector index: its answers beside exact ones, for sampled real queries';
COMMENT ON COLUMN ruvector.recall_probes.hits IS 'true nearest neighbours that the index returned';
COMMENT ON COLUMN ruvector.recall_probes.trials IS 'true nearest neighbours asked for';
COMMENT ON COLUMN ruvector.recall_probes.recall_low IS 'of a 95 % Wilson interval';
COMMENT ON COLUMN ruvector.recall_probes.target IS 'recall_target of the collection at that time; NULL: none, the recall is not judged';
COMMENT ON COLUMN ruvector.recall_probes.rows_compared IS 'rows of the table that exact answers were computed over';
COMMENT ON COLUMN ruvector.recall_probes.sampled IS 'over a sample of the rows, for the budget did not allow all';
CREATE INDEX recall_probes_newest ON ruvector.recall_probes (collection_id, index_oid, at DESC);
