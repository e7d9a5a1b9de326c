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
