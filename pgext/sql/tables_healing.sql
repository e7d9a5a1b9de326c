-- One row, made by the first ruvector_healing_configure(): without it the
-- built-in settings hold.
CREATE TABLE ruvector.healing_config (
    id         boolean PRIMARY KEY DEFAULT true CHECK (id),
    config     jsonb NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE ruvector.healing_config IS 'how far healing may go in this database; no row: the built-in settings';
COMMENT ON COLUMN ruvector.healing_config.config IS 'the whole of it (docs/reference/healing-keys.md)';
COMMENT ON COLUMN ruvector.healing_config.parameters IS 'parameters of strategies that differ from their defaults, by strategy';
SELECT pg_catalog.pg_extension_config_dump('ruvector.healing_config', '');

-- One row, written by the supervisor with every change of an action.
CREATE TABLE ruvector.healing_memory (
    id         boolean PRIMARY KEY DEFAULT true CHECK (id),
    memory     jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE ruvector.healing_memory IS 'what the healing engine remembers: attempts, breakers, faults, what strategies have achieved';
SELECT pg_catalog.pg_extension_config_dump('ruvector.healing_memory', '');

-- `action` is the truth, as the engine wrote it; most other columns are read
-- from it. Written by the supervisor only.
CREATE TABLE ruvector.healing_actions (
    id             bigint PRIMARY KEY,
    collection     text GENERATED ALWAYS AS (action #>> '{incident,collection}') STORED,
    problem_class  text GENERATED ALWAYS AS (action #>> '{incident,class}') STORED,
    cause          text GENERATED ALWAYS AS (action #>> '{incident,cause}') STORED,
    strategy       text GENERATED ALWAYS AS (action ->> 'strategy') STORED,
    state          text GENERATED ALWAYS AS (action ->> 'state') STORED,
    reason         text GENERATED ALWAYS AS (action ->> 'reason') STORED,
    score          real GENERATED ALWAYS AS ((action #>> '{incident,severity}')::real
                                             * (action #>> '{incident,confidence}')::real) STORED,
    severity       real GENERATED ALWAYS AS ((action #>> '{incident,severity}')::real) STORED,
    confidence     real GENERATED ALWAYS AS ((action #>> '{incident,confidence}')::real) STORED,
    impact         real GENERATED ALWAYS AS ((action ->> 'impact')::real) STORED,
    is_executable  boolean GENERATED ALWAYS AS (action ->> 'state' = 'awaiting_approval') STORED,
    is_revertable  boolean GENERATED ALWAYS AS (action ->> 'state' = 'done'
                                                AND (action #>> '{acts,undos}')::bigint > 0
                                                AND NOT (action #>> '{acts,irreversible}')::boolean) STORED,
    initiated_by   text GENERATED ALWAYS AS (CASE WHEN action ->> 'initiated_by' = '' THEN 'system' ELSE 'user' END) STORED,
    requested_by   text GENERATED ALWAYS AS (nullif(action ->> 'initiated_by', '')) STORED,
    approved_by    jsonb GENERATED ALWAYS AS (action -> 'approved_by') STORED,
    created_at     timestamptz GENERATED ALWAYS AS (to_timestamp((action ->> 'created')::double precision / 1000000)) STORED,
    since          timestamptz GENERATED ALWAYS AS (to_timestamp((action ->> 'since')::double precision / 1000000)) STORED,
    started_at     timestamptz GENERATED ALWAYS AS (to_timestamp((action ->> 'started')::double precision / 1000000)) STORED,
    completed_at   timestamptz GENERATED ALWAYS AS (to_timestamp((action ->> 'completed')::double precision / 1000000)) STORED,
    ended_at       timestamptz,
    verified_at    timestamptz,
    target_metric  text GENERATED ALWAYS AS (action #>> '{expectations,0,metric}') STORED,
    before         double precision GENERATED ALWAYS AS ((action #>> '{before,0}')::double precision) STORED,
    after          double precision GENERATED ALWAYS AS ((action #>> '{after,0}')::double precision) STORED,
    improvement    double precision GENERATED ALWAYS AS ((action ->> 'improvement')::double precision) STORED,
    lambda_before  real,
    lambda_after   real,
    witness_edges  jsonb,
    steps          bigint GENERATED ALWAYS AS ((action #>> '{plan,steps}')::bigint) STORED,
    expected_rows  double precision GENERATED ALWAYS AS ((action #>> '{plan,rows}')::double precision) STORED,
    expected_bytes double precision GENERATED ALWAYS AS ((action #>> '{plan,bytes}')::double precision) STORED,
    expected_seconds double precision GENERATED ALWAYS AS ((action #>> '{plan,seconds}')::double precision) STORED,
    lock_level     text GENERATED ALWAYS AS (action #>> '{plan,lock_level}') STORED,
    undos_left     bigint GENERATED ALWAYS AS ((action #>> '{acts,undos}')::bigint) STORED,
    error          text GENERATED ALWAYS AS (CASE WHEN action ->> 'state' IN ('rolled_back', 'needs_human')
                                                  THEN action ->> 'reason' END) STORED,
    plan           jsonb,
    action         jsonb NOT NULL,
    execution      bytea,
    settled        boolean NOT NULL DEFAULT true
);
CREATE INDEX healing_actions_collection ON ruvector.healing_actions (collection, id DESC);
CREATE INDEX healing_actions_ended ON ruvector.healing_actions (ended_at);
CREATE INDEX healing_actions_open ON ruvector.healing_actions (id) WHERE ended_at IS NULL OR NOT settled;
COMMENT ON TABLE ruvector.healing_actions IS 'remediations, from the plan to their end: what, why, when, by whom, with what result';
COMMENT ON COLUMN ruvector.healing_actions.state IS 'one of the states of docs/concepts/healing.md';
COMMENT ON COLUMN ruvector.healing_actions.score IS 'severity times confidence of the problem when it was taken up';
COMMENT ON COLUMN ruvector.healing_actions.before IS 'target_metric when the action began';
COMMENT ON COLUMN ruvector.healing_actions.after IS 'target_metric after the stabilisation time';
COMMENT ON COLUMN ruvector.healing_actions.verified_at IS 'when it was found to have helped; stays when a person rolls it back later';
COMMENT ON COLUMN ruvector.healing_actions.improvement IS 'of the target metric, relative to before; NULL unknown';
COMMENT ON COLUMN ruvector.healing_actions.plan IS 'note and steps, each with statement, lock level, estimates and undo statement';
COMMENT ON COLUMN ruvector.healing_actions.action IS 'as the engine wrote it; most columns are read from here';
COMMENT ON COLUMN ruvector.healing_actions.execution IS 'the plan as the strategy is given it again';
COMMENT ON COLUMN ruvector.healing_actions.settled IS 'false: it has ended, and something that was kept for its undo is still to be cleaned away';
SELECT pg_catalog.pg_extension_config_dump('ruvector.healing_actions', '');

CREATE VIEW ruvector.healing_outcomes AS
    SELECT a.id, c.id AS collection_id, a.collection, a.problem_class, a.action -> 'incident' AS problem_details,
           a.strategy AS strategy_name, nullif(a.action ->> 'parameters', '')::jsonb AS strategy_params,
           a.started_at, a.completed_at,
           (extract(epoch FROM a.completed_at - a.started_at) * 1000)::bigint AS duration_ms,
           a.completed_at IS NOT NULL AND a.after IS NOT NULL AS success,
           a.state = 'done' AS verified, a.state, a.steps AS actions_planned,
           a.improvement * 100 AS improvement_pct, a.error AS error_message,
           a.lambda_before AS initial_lambda, a.lambda_after AS final_lambda, a.witness_edges,
           a.action -> 'expectations' AS expectations, a.action -> 'before' AS metrics_before,
           a.action -> 'after' AS metrics_after,
           extract(epoch FROM a.ended_at - a.created_at)::double precision AS seconds_to_end, a.created_at, a.ended_at
      FROM ruvector.healing_actions a LEFT JOIN ruvector.collections c ON c.name = a.collection
     WHERE a.ended_at IS NOT NULL AND a.started_at IS NOT NULL;
COMMENT ON VIEW ruvector.healing_outcomes IS 'remediations that began and have ended: what they achieved';
