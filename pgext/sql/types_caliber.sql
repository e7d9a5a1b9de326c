-- CALIBER: agent memory. The schema, the row types and the functions are the
-- extension's; the tables are made by caliber_init() and are not, because a dump
-- would lose what users do to member tables (docs/concepts/agent-memory.md).
CREATE SCHEMA caliber;
COMMENT ON SCHEMA caliber IS 'CALIBER: row types and tables of agent memory; SELECT caliber_init() makes the tables';
GRANT USAGE ON SCHEMA caliber TO caliber_user;
GRANT CREATE ON SCHEMA caliber TO ruvector_admin;

-- What functions take and return: the columns that they know, in a fixed order.
-- core/memory/entities.cc has the same lists.
CREATE TYPE caliber.trajectory AS (
    trajectory_id uuid, name text, description text, status text, parent_trajectory_id uuid, root_trajectory_id uuid,
    agent_id uuid, created_at timestamptz, updated_at timestamptz, completed_at timestamptz, outcome jsonb, metadata jsonb);
COMMENT ON TYPE caliber.trajectory IS 'a task, in a tree of tasks';
CREATE TYPE caliber.scope AS (
    scope_id uuid, trajectory_id uuid, parent_scope_id uuid, name text, purpose text, is_active boolean,
    created_at timestamptz, closed_at timestamptz, checkpoint jsonb, token_budget integer, tokens_used integer, metadata jsonb);
COMMENT ON TYPE caliber.scope IS 'a context window of a trajectory, with a budget of tokens';
CREATE TYPE caliber.artifact AS (
    artifact_id uuid, trajectory_id uuid, scope_id uuid, artifact_type text, name text, content text, content_hash bytea,
    embedding vector, provenance jsonb, ttl text, created_at timestamptz, updated_at timestamptz, superseded_by uuid,
    metadata jsonb, embedding_model text);
COMMENT ON TYPE caliber.artifact IS 'what a scope produced; outlives the scope';
CREATE TYPE caliber.note AS (
    note_id uuid, note_type text, title text, content text, content_hash bytea, embedding vector,
    source_trajectory_ids uuid[], source_artifact_ids uuid[], ttl text, created_at timestamptz, updated_at timestamptz,
    accessed_at timestamptz, access_count integer, superseded_by uuid, metadata jsonb, embedding_model text);
COMMENT ON TYPE caliber.note IS 'knowledge that belongs to no single trajectory';
CREATE TYPE caliber.turn AS (
    turn_id uuid, scope_id uuid, sequence integer, role text, content text, token_count integer, created_at timestamptz,
    tool_calls jsonb, tool_results jsonb, metadata jsonb);
COMMENT ON TYPE caliber.turn IS 'one message of the conversation within a scope';
CREATE TYPE caliber.lock AS (
    lock_id uuid, resource_type text, resource_id uuid, holder_agent_id uuid, acquired_at timestamptz,
    expires_at timestamptz, mode text);
COMMENT ON TYPE caliber.lock IS 'who holds an advisory lock';
CREATE TYPE caliber.message AS (
    message_id uuid, from_agent_id uuid, to_agent_id uuid, to_agent_type text, message_type text, payload text,
    trajectory_id uuid, scope_id uuid, artifact_ids uuid[], created_at timestamptz, delivered_at timestamptz,
    acknowledged_at timestamptz, priority text, expires_at timestamptz, delivery_count integer, visible_at timestamptz,
    dead_at timestamptz);
COMMENT ON TYPE caliber.message IS 'from one agent to another, to all of a type, or to all';
CREATE TYPE caliber.agent AS (
    agent_id uuid, agent_type text, capabilities text[], memory_access jsonb, status text, current_trajectory_id uuid,
    current_scope_id uuid, can_delegate_to text[], reports_to uuid, created_at timestamptz, last_heartbeat timestamptz);
COMMENT ON TYPE caliber.agent IS 'a worker';
CREATE TYPE caliber.delegation AS (
    delegation_id uuid, delegator_agent_id uuid, delegatee_agent_id uuid, delegatee_agent_type text, task_description text,
    parent_trajectory_id uuid, child_trajectory_id uuid, shared_artifacts uuid[], shared_notes uuid[],
    additional_context text, constraints text, deadline timestamptz, status text, result jsonb, created_at timestamptz,
    accepted_at timestamptz, completed_at timestamptz);
COMMENT ON TYPE caliber.delegation IS 'a part of a task, given away; the control stays';
CREATE TYPE caliber.handoff AS (
    handoff_id uuid, from_agent_id uuid, to_agent_id uuid, to_agent_type text, trajectory_id uuid, scope_id uuid,
    context_snapshot_id uuid, handoff_notes text, next_steps text[], blockers text[], open_questions text[], status text,
    initiated_at timestamptz, accepted_at timestamptz, completed_at timestamptz, reason text);
COMMENT ON TYPE caliber.handoff IS 'a task, given away with the control';
CREATE TYPE caliber.conflict AS (
    conflict_id uuid, conflict_type text, item_a_type text, item_a_id uuid, item_b_type text, item_b_id uuid,
    agent_a_id uuid, agent_b_id uuid, trajectory_id uuid, status text, resolution jsonb, detected_at timestamptz,
    resolved_at timestamptz);
COMMENT ON TYPE caliber.conflict IS 'two items that contradict each other';

-- Triggers of the tables. That they are the extension's makes DROP EXTENSION
-- refuse while the tables are there.
CREATE FUNCTION caliber.touch_updated_at() RETURNS trigger
AS 'MODULE_PATHNAME', 'caliber_touch_updated_at' LANGUAGE C;
COMMENT ON FUNCTION caliber.touch_updated_at() IS 'trigger: updated_at is the time of the transaction that changed the row';

CREATE FUNCTION caliber.notify_message() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payload text := json_build_object('message_id', NEW.message_id, 'type', NEW.message_type,
                                      'priority', NEW.priority, 'from_agent_id', NEW.from_agent_id)::text;
BEGIN
    IF NEW.to_agent_id IS NOT NULL THEN
        PERFORM pg_notify('caliber_agent_' || NEW.to_agent_id, payload);
    END IF;
    IF NEW.to_agent_type = '*' THEN
        PERFORM pg_notify('caliber_broadcast', payload);
    ELSIF NEW.to_agent_type IS NOT NULL THEN
        PERFORM pg_notify('caliber_type_' || NEW.to_agent_type, payload);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION caliber.notify_message() IS
    'trigger: NOTIFY on caliber_agent_<id>, caliber_type_<type> or caliber_broadcast';
