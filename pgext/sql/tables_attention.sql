CREATE SCHEMA ruvector_dag;
COMMENT ON SCHEMA ruvector_dag IS 'what the neural DAG has learned';

-- Learned here, and learned anew after a restore: it is not dumped.
CREATE TABLE ruvector_dag.attention_arms (
    mechanism  text PRIMARY KEY,
    pulls      double precision NOT NULL CHECK (pulls >= 0),
    reward_sum double precision NOT NULL CHECK (reward_sum >= 0 AND reward_sum <= pulls),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ruvector_dag.attention_arms IS 'rewards of each attention mechanism, by which ruvector_attention_auto chooses';
COMMENT ON COLUMN ruvector_dag.attention_arms.pulls IS 'how often it was rewarded';
COMMENT ON COLUMN ruvector_dag.attention_arms.reward_sum IS 'sum of the rewards, each from 0 to 1';
