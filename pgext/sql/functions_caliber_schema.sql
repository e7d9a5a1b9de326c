-- caliber_init() and what belongs to it. The tables are ordinary ones of
-- whoever calls it: see docs/concepts/agent-memory.md.
CREATE FUNCTION caliber.create_tables() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ruvector.require_writable('caliber.create_tables()');
    CREATE TABLE caliber.caliber_trajectory (
        trajectory_id uuid PRIMARY KEY,
        name text NOT NULL,
        description text,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'failed', 'suspended')),
        parent_trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        root_trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        agent_id uuid,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        completed_at timestamptz,
        outcome jsonb,
        metadata jsonb
    );
    COMMENT ON TABLE caliber.caliber_trajectory IS 'CALIBER: tasks';
    CREATE INDEX caliber_trajectory_status_idx ON caliber.caliber_trajectory (status, created_at, trajectory_id);
    CREATE INDEX caliber_trajectory_agent_idx ON caliber.caliber_trajectory (agent_id) WHERE agent_id IS NOT NULL;
    CREATE INDEX caliber_trajectory_parent_idx
        ON caliber.caliber_trajectory (parent_trajectory_id, created_at, trajectory_id);
    CREATE INDEX caliber_trajectory_root_idx ON caliber.caliber_trajectory (root_trajectory_id);
    CREATE INDEX caliber_trajectory_created_idx ON caliber.caliber_trajectory (created_at);
    CREATE TRIGGER caliber_trajectory_touch BEFORE UPDATE ON caliber.caliber_trajectory
        FOR EACH ROW EXECUTE FUNCTION caliber.touch_updated_at();

    CREATE TABLE caliber.caliber_scope (
        scope_id uuid PRIMARY KEY,
        trajectory_id uuid NOT NULL REFERENCES caliber.caliber_trajectory,
        parent_scope_id uuid REFERENCES caliber.caliber_scope,
        name text NOT NULL,
        purpose text,
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        closed_at timestamptz,
        checkpoint jsonb,
        token_budget integer NOT NULL CHECK (token_budget >= 0),
        tokens_used integer NOT NULL DEFAULT 0 CHECK (tokens_used >= 0),
        metadata jsonb
    );
    COMMENT ON TABLE caliber.caliber_scope IS 'CALIBER: context windows of trajectories';
    CREATE INDEX caliber_scope_trajectory_idx ON caliber.caliber_scope (trajectory_id, created_at, scope_id);
    CREATE INDEX caliber_scope_active_idx
        ON caliber.caliber_scope (trajectory_id, created_at, scope_id) WHERE is_active;
    CREATE INDEX caliber_scope_parent_idx
        ON caliber.caliber_scope (parent_scope_id) WHERE parent_scope_id IS NOT NULL;
    CREATE INDEX caliber_scope_created_idx ON caliber.caliber_scope (created_at);

    CREATE TABLE caliber.caliber_artifact (
        artifact_id uuid PRIMARY KEY,
        trajectory_id uuid NOT NULL REFERENCES caliber.caliber_trajectory,
        scope_id uuid NOT NULL REFERENCES caliber.caliber_scope,
        artifact_type text NOT NULL
            CHECK (artifact_type IN ('error_log', 'code_patch', 'design_decision', 'user_preference',
                'fact', 'constraint', 'tool_result', 'custom', 'intermediate_output', 'code', 'document',
                'data', 'config', 'log', 'summary', 'decision', 'plan', 'model')),
        name text NOT NULL,
        content text NOT NULL,
        content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
        provenance jsonb NOT NULL DEFAULT '{"source_turn": 0, "extraction_method": "Explicit", "confidence": null}',
        ttl text NOT NULL DEFAULT 'persistent'
            CHECK (ttl IN ('persistent', 'permanent', 'session', 'scope', 'ephemeral', 'short_term',
                'medium_term', 'long_term')
               OR (ttl ~ '^duration:[0-9]{1,15}$' AND substr(ttl, 10)::bigint <= 3162240000000)),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        superseded_by uuid REFERENCES caliber.caliber_artifact,
        metadata jsonb
    );
    COMMENT ON TABLE caliber.caliber_artifact IS 'CALIBER: what scopes produced';
    CREATE INDEX caliber_artifact_trajectory_idx ON caliber.caliber_artifact (trajectory_id, created_at, artifact_id);
    CREATE INDEX caliber_artifact_type_idx
        ON caliber.caliber_artifact (trajectory_id, artifact_type, created_at, artifact_id);
    CREATE INDEX caliber_artifact_scope_idx ON caliber.caliber_artifact (scope_id, created_at, artifact_id);
    CREATE INDEX caliber_artifact_superseded_idx
        ON caliber.caliber_artifact (superseded_by) WHERE superseded_by IS NOT NULL;
    CREATE INDEX caliber_artifact_created_idx ON caliber.caliber_artifact (created_at);
    CREATE INDEX caliber_artifact_hash_idx ON caliber.caliber_artifact USING hash (content_hash);
    CREATE TRIGGER caliber_artifact_touch BEFORE UPDATE ON caliber.caliber_artifact
        FOR EACH ROW EXECUTE FUNCTION caliber.touch_updated_at();

    CREATE TABLE caliber.caliber_note (
        note_id uuid PRIMARY KEY,
        note_type text NOT NULL
            CHECK (note_type IN ('convention', 'strategy', 'gotcha', 'fact', 'preference', 'meta',
                'procedure', 'insight', 'summary', 'correction', 'relationship')),
        title text NOT NULL,
        content text NOT NULL,
        content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
        source_trajectory_ids uuid[] NOT NULL DEFAULT '{}',
        source_artifact_ids uuid[] NOT NULL DEFAULT '{}',
        ttl text NOT NULL DEFAULT 'persistent'
            CHECK (ttl IN ('persistent', 'permanent', 'session', 'scope', 'ephemeral', 'short_term',
                'medium_term', 'long_term')
               OR (ttl ~ '^duration:[0-9]{1,15}$' AND substr(ttl, 10)::bigint <= 3162240000000)),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        accessed_at timestamptz NOT NULL DEFAULT now(),
        access_count integer NOT NULL DEFAULT 0,
        superseded_by uuid REFERENCES caliber.caliber_note,
        metadata jsonb
    );
    COMMENT ON TABLE caliber.caliber_note IS 'CALIBER: knowledge across trajectories';
    CREATE INDEX caliber_note_type_idx ON caliber.caliber_note (note_type, created_at, note_id);
    CREATE INDEX caliber_note_created_idx ON caliber.caliber_note (created_at);
    CREATE INDEX caliber_note_accessed_idx ON caliber.caliber_note (accessed_at);
    CREATE INDEX caliber_note_superseded_idx ON caliber.caliber_note (superseded_by) WHERE superseded_by IS NOT NULL;
    CREATE INDEX caliber_note_hash_idx ON caliber.caliber_note USING hash (content_hash);
    CREATE INDEX caliber_note_source_trajectories_idx ON caliber.caliber_note USING gin (source_trajectory_ids);
    CREATE TRIGGER caliber_note_touch BEFORE UPDATE ON caliber.caliber_note
        FOR EACH ROW EXECUTE FUNCTION caliber.touch_updated_at();

    CREATE TABLE caliber.caliber_turn (
        turn_id uuid PRIMARY KEY,
        scope_id uuid NOT NULL REFERENCES caliber.caliber_scope,
        sequence integer NOT NULL,
        role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
        content text NOT NULL,
        token_count integer NOT NULL CHECK (token_count >= 0),
        created_at timestamptz NOT NULL DEFAULT now(),
        tool_calls jsonb,
        tool_results jsonb,
        metadata jsonb,
        UNIQUE (scope_id, sequence)
    );
    COMMENT ON TABLE caliber.caliber_turn IS 'CALIBER: messages of conversations';
    CREATE INDEX caliber_turn_created_idx ON caliber.caliber_turn (created_at);

    CREATE TABLE caliber.caliber_agent (
        agent_id uuid PRIMARY KEY,
        agent_type text NOT NULL CHECK (octet_length(agent_type) BETWEEN 1 AND 49),
        capabilities text[] NOT NULL DEFAULT '{}',
        memory_access jsonb NOT NULL DEFAULT
        '{"read": [{"memory_type": "*", "scope": "Own", "filter": null}], "write": [{"memory_type": "*", "scope": "Own", "filter": null}]}',
        status text NOT NULL DEFAULT 'idle' CHECK (status IN ('idle', 'active', 'blocked', 'failed')),
        current_trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        current_scope_id uuid REFERENCES caliber.caliber_scope,
        can_delegate_to text[] NOT NULL DEFAULT '{}',
        reports_to uuid REFERENCES caliber.caliber_agent,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_heartbeat timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE caliber.caliber_agent IS 'CALIBER: workers';
    CREATE INDEX caliber_agent_type_idx ON caliber.caliber_agent (agent_type, created_at, agent_id);
    CREATE INDEX caliber_agent_status_idx ON caliber.caliber_agent (status, created_at, agent_id);
    CREATE INDEX caliber_agent_trajectory_idx
        ON caliber.caliber_agent (current_trajectory_id) WHERE current_trajectory_id IS NOT NULL;
    CREATE INDEX caliber_agent_scope_idx
        ON caliber.caliber_agent (current_scope_id) WHERE current_scope_id IS NOT NULL;
    CREATE INDEX caliber_agent_reports_idx ON caliber.caliber_agent (reports_to) WHERE reports_to IS NOT NULL;

    CREATE TABLE caliber.caliber_lock (
        lock_id uuid PRIMARY KEY,
        resource_type text NOT NULL,
        resource_id uuid NOT NULL,
        holder_agent_id uuid NOT NULL REFERENCES caliber.caliber_agent,
        acquired_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        mode text NOT NULL DEFAULT 'exclusive' CHECK (mode IN ('exclusive', 'shared')),
        UNIQUE (resource_type, resource_id, holder_agent_id)
    );
    COMMENT ON TABLE caliber.caliber_lock IS 'CALIBER: holders of advisory locks';
    CREATE INDEX caliber_lock_holder_idx ON caliber.caliber_lock (holder_agent_id);
    CREATE INDEX caliber_lock_expires_idx ON caliber.caliber_lock (expires_at);

    CREATE TABLE caliber.caliber_message (
        message_id uuid PRIMARY KEY,
        from_agent_id uuid NOT NULL REFERENCES caliber.caliber_agent,
        to_agent_id uuid REFERENCES caliber.caliber_agent,
        to_agent_type text CHECK (octet_length(to_agent_type) BETWEEN 1 AND 49),
        message_type text NOT NULL
            CHECK (message_type IN ('task_delegation', 'task_result', 'context_request', 'context_share',
                'coordination_signal', 'handoff', 'interrupt', 'heartbeat')),
        payload text NOT NULL,
        trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        scope_id uuid REFERENCES caliber.caliber_scope,
        artifact_ids uuid[] NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        delivered_at timestamptz,
        acknowledged_at timestamptz,
        priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('critical', 'high', 'normal', 'low')),
        expires_at timestamptz,
        delivery_count integer NOT NULL DEFAULT 0,
        visible_at timestamptz,
        dead_at timestamptz
    );
    COMMENT ON TABLE caliber.caliber_message IS 'CALIBER: messages between agents';
    CREATE INDEX caliber_message_agent_idx
        ON caliber.caliber_message (to_agent_id, created_at, message_id) WHERE to_agent_id IS NOT NULL;
    CREATE INDEX caliber_message_pending_idx
        ON caliber.caliber_message (to_agent_id, created_at, message_id) WHERE delivered_at IS NULL;
    CREATE INDEX caliber_message_type_pending_idx
        ON caliber.caliber_message (to_agent_type, created_at, message_id) WHERE delivered_at IS NULL AND to_agent_type IS NOT NULL;
    CREATE INDEX caliber_message_from_idx ON caliber.caliber_message (from_agent_id);
    CREATE INDEX caliber_message_trajectory_idx
        ON caliber.caliber_message (trajectory_id) WHERE trajectory_id IS NOT NULL;
    CREATE INDEX caliber_message_scope_idx ON caliber.caliber_message (scope_id) WHERE scope_id IS NOT NULL;
    CREATE INDEX caliber_message_created_idx ON caliber.caliber_message (created_at);
    CREATE TRIGGER caliber_message_notify AFTER INSERT ON caliber.caliber_message
        FOR EACH ROW EXECUTE FUNCTION caliber.notify_message();

    CREATE TABLE caliber.caliber_delegation (
        delegation_id uuid PRIMARY KEY,
        delegator_agent_id uuid NOT NULL REFERENCES caliber.caliber_agent,
        delegatee_agent_id uuid REFERENCES caliber.caliber_agent,
        delegatee_agent_type text CHECK (octet_length(delegatee_agent_type) BETWEEN 1 AND 49),
        task_description text NOT NULL,
        parent_trajectory_id uuid NOT NULL REFERENCES caliber.caliber_trajectory,
        child_trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        shared_artifacts uuid[] NOT NULL DEFAULT '{}',
        shared_notes uuid[] NOT NULL DEFAULT '{}',
        additional_context text,
        constraints text NOT NULL DEFAULT '{}',
        deadline timestamptz,
        status text NOT NULL DEFAULT 'pending'
            CHECK (status IN ('pending', 'accepted', 'rejected', 'in_progress', 'completed', 'failed')),
        result jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        accepted_at timestamptz,
        completed_at timestamptz
    );
    COMMENT ON TABLE caliber.caliber_delegation IS 'CALIBER: parts of tasks given away';
    CREATE INDEX caliber_delegation_delegator_idx ON caliber.caliber_delegation (delegator_agent_id);
    CREATE INDEX caliber_delegation_delegatee_idx
        ON caliber.caliber_delegation (delegatee_agent_id) WHERE delegatee_agent_id IS NOT NULL;
    CREATE INDEX caliber_delegation_status_idx ON caliber.caliber_delegation (status, created_at, delegation_id);
    CREATE INDEX caliber_delegation_pending_idx
        ON caliber.caliber_delegation (delegatee_agent_type, created_at) WHERE status = 'pending';
    CREATE INDEX caliber_delegation_parent_idx ON caliber.caliber_delegation (parent_trajectory_id);
    CREATE INDEX caliber_delegation_child_idx
        ON caliber.caliber_delegation (child_trajectory_id) WHERE child_trajectory_id IS NOT NULL;

    CREATE TABLE caliber.caliber_handoff (
        handoff_id uuid PRIMARY KEY,
        from_agent_id uuid NOT NULL REFERENCES caliber.caliber_agent,
        to_agent_id uuid REFERENCES caliber.caliber_agent,
        to_agent_type text CHECK (octet_length(to_agent_type) BETWEEN 1 AND 49),
        trajectory_id uuid NOT NULL REFERENCES caliber.caliber_trajectory,
        scope_id uuid NOT NULL REFERENCES caliber.caliber_scope,
        context_snapshot_id uuid NOT NULL,
        handoff_notes text NOT NULL DEFAULT '',
        next_steps text[] NOT NULL DEFAULT '{}',
        blockers text[] NOT NULL DEFAULT '{}',
        open_questions text[] NOT NULL DEFAULT '{}',
        status text NOT NULL DEFAULT 'initiated' CHECK (status IN ('initiated', 'accepted', 'completed', 'rejected')),
        initiated_at timestamptz NOT NULL DEFAULT now(),
        accepted_at timestamptz,
        completed_at timestamptz,
        reason text NOT NULL
            CHECK (reason IN ('capability_mismatch', 'load_balancing', 'specialization', 'escalation',
                'timeout', 'failure', 'scheduled'))
    );
    COMMENT ON TABLE caliber.caliber_handoff IS 'CALIBER: tasks given away with the control';
    CREATE INDEX caliber_handoff_from_idx ON caliber.caliber_handoff (from_agent_id);
    CREATE INDEX caliber_handoff_to_idx ON caliber.caliber_handoff (to_agent_id) WHERE to_agent_id IS NOT NULL;
    CREATE INDEX caliber_handoff_status_idx ON caliber.caliber_handoff (status, initiated_at, handoff_id);
    CREATE INDEX caliber_handoff_trajectory_idx ON caliber.caliber_handoff (trajectory_id);
    CREATE INDEX caliber_handoff_scope_idx ON caliber.caliber_handoff (scope_id);

    CREATE TABLE caliber.caliber_conflict (
        conflict_id uuid PRIMARY KEY,
        conflict_type text NOT NULL
            CHECK (conflict_type IN ('concurrent_write', 'contradicting_fact', 'incompatible_decision',
                'resource_contention', 'goal_conflict')),
        item_a_type text NOT NULL,
        item_a_id uuid NOT NULL,
        item_b_type text NOT NULL,
        item_b_id uuid NOT NULL,
        agent_a_id uuid REFERENCES caliber.caliber_agent,
        agent_b_id uuid REFERENCES caliber.caliber_agent,
        trajectory_id uuid REFERENCES caliber.caliber_trajectory,
        status text NOT NULL DEFAULT 'detected' CHECK (status IN ('detected', 'resolving', 'resolved', 'escalated')),
        resolution jsonb,
        detected_at timestamptz NOT NULL DEFAULT now(),
        resolved_at timestamptz
    );
    COMMENT ON TABLE caliber.caliber_conflict IS 'CALIBER: items that contradict each other';
    CREATE INDEX caliber_conflict_status_idx ON caliber.caliber_conflict (status, detected_at, conflict_id);
    CREATE INDEX caliber_conflict_items_idx ON caliber.caliber_conflict (item_a_id, item_b_id);
    CREATE INDEX caliber_conflict_agent_a_idx ON caliber.caliber_conflict (agent_a_id) WHERE agent_a_id IS NOT NULL;
    CREATE INDEX caliber_conflict_agent_b_idx ON caliber.caliber_conflict (agent_b_id) WHERE agent_b_id IS NOT NULL;
    CREATE INDEX caliber_conflict_trajectory_idx
        ON caliber.caliber_conflict (trajectory_id) WHERE trajectory_id IS NOT NULL;

    CREATE TABLE caliber.caliber_schema_version (
        version    integer NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT now(),
        only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row)
    );
    COMMENT ON TABLE caliber.caliber_schema_version IS 'CALIBER: which caliber_upgrade() made the tables as they are';
    INSERT INTO caliber.caliber_schema_version (version) VALUES (1);
    GRANT SELECT ON caliber.caliber_schema_version TO caliber_user;
    GRANT SELECT, INSERT, UPDATE, DELETE ON
        caliber.caliber_trajectory, caliber.caliber_scope, caliber.caliber_artifact, caliber.caliber_note,
        caliber.caliber_turn, caliber.caliber_agent, caliber.caliber_lock, caliber.caliber_message,
        caliber.caliber_delegation, caliber.caliber_handoff, caliber.caliber_conflict
        TO caliber_user;
END
$$;
COMMENT ON FUNCTION caliber.create_tables() IS 'the tables of CALIBER as of this version; for caliber_init()';

CREATE FUNCTION caliber_schema_exists() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_regclass('caliber.caliber_schema_version') IS NOT NULL
$$;
COMMENT ON FUNCTION caliber_schema_exists() IS 'whether caliber_init() has made the tables in this database';

CREATE FUNCTION caliber_init() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ruvector.require_writable('caliber_init()');
    -- Others that init at the same time wait here, and then find the tables.
    PERFORM pg_advisory_xact_lock('caliber'::regnamespace::oid::bigint::bit(32)::integer, 1);
    IF to_regclass('caliber.caliber_schema_version') IS NOT NULL THEN
        RETURN 'CALIBER''s tables are already there';
    END IF;
    PERFORM caliber.create_tables();
    RETURN 'CALIBER''s tables are made';
END
$$;
COMMENT ON FUNCTION caliber_init() IS 'make CALIBER''s tables in schema caliber, owned by the caller; does nothing when they are there';

CREATE FUNCTION caliber_upgrade() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest CONSTANT integer := 1;
    found integer;
BEGIN
    PERFORM ruvector.require_writable('caliber_upgrade()');
    IF to_regclass('caliber.caliber_schema_version') IS NULL THEN
        RAISE EXCEPTION 'CALIBER''s tables are not in this database'
            USING ERRCODE = '55000', HINT = 'SELECT caliber_init() makes them.';
    END IF;
    LOCK TABLE caliber.caliber_schema_version IN SHARE ROW EXCLUSIVE MODE;
    SELECT version INTO found FROM caliber.caliber_schema_version;
    IF found > newest THEN
        RAISE EXCEPTION 'CALIBER''s tables are of version %, newer than this extension''s %', found, newest
            USING ERRCODE = '55000', HINT = 'Install a newer ruvector, and ALTER EXTENSION ruvector UPDATE.';
    END IF;
    RETURN format('CALIBER''s tables are of version %s, the newest', found);
END
$$;
COMMENT ON FUNCTION caliber_upgrade() IS 'bring CALIBER''s tables to what this version of the extension needs';
