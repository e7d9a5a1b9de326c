-- The functions of CALIBER's entities. Arguments have no defaults where the
-- original has none; those after them are ours.
CREATE FUNCTION caliber_version() RETURNS text AS 'MODULE_PATHNAME', 'caliber_version' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION caliber_version() IS 'the version of CALIBER''s functions';
CREATE FUNCTION caliber_new_id() RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_new_id' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION caliber_new_id() IS 'a new UUID of version 7, larger than those before it in this session';

CREATE FUNCTION caliber_obstacle(entity text, command text)
RETURNS text AS 'MODULE_PATHNAME', 'caliber_obstacle' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_obstacle(text, text) IS
    'what keeps a command (select, insert, update, delete) on an entity''s table from the direct way; NULL: nothing';

-- Trajectories
CREATE FUNCTION caliber_trajectory_create(name text, description text DEFAULT NULL, agent_id uuid DEFAULT NULL,
    parent_trajectory_id uuid DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_trajectory_create' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_create(text, text, uuid, uuid, jsonb) IS
    'begin a task; its id';
CREATE FUNCTION caliber_trajectory_get(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_trajectory_get' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_get(uuid) IS
    'the trajectory as JSON; NULL when there is none';
CREATE FUNCTION caliber_trajectory_row(trajectory_id uuid)
RETURNS caliber.trajectory AS 'MODULE_PATHNAME', 'caliber_trajectory_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_row(uuid) IS
    'the trajectory as a row; NULL when there is none';
CREATE FUNCTION caliber_trajectory_delete(trajectory_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_trajectory_delete' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_delete(uuid) IS
    'delete the trajectory; false when there is none';
CREATE FUNCTION caliber_trajectory_create_many(rows caliber.trajectory[])
RETURNS SETOF uuid AS 'MODULE_PATHNAME', 'caliber_trajectory_create_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_create_many(caliber.trajectory[]) IS
    'store trajectories in one statement; NULL fields get their defaults; the ids';
CREATE FUNCTION caliber_trajectory_get_many(ids uuid[])
RETURNS SETOF caliber.trajectory AS 'MODULE_PATHNAME', 'caliber_trajectory_get_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_get_many(uuid[]) IS
    'the trajectories of these ids, in ascending order of the ids';
CREATE FUNCTION caliber_trajectory_set_status(trajectory_id uuid, status text)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_trajectory_set_status' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_set_status(uuid, text) IS
    'change the status; completed and failed also set completed_at';
CREATE FUNCTION caliber_trajectory_update(trajectory_id uuid, updates jsonb)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_trajectory_update' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_update(uuid, jsonb) IS
    'change the columns that the object names; null clears';
CREATE FUNCTION caliber_trajectory_list_by_status(status text)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_trajectory_list_by_status' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_list_by_status(text) IS
    'trajectories of a status, the newest first, as a JSON array';
CREATE FUNCTION caliber_trajectory_rows_by_status(status text, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.trajectory AS 'MODULE_PATHNAME', 'caliber_trajectory_rows_by_status' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_rows_by_status(text, integer, integer) IS
    'trajectories of a status, the newest first, as rows';
CREATE FUNCTION caliber_trajectory_list_children(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_trajectory_list_children' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_list_children(uuid) IS
    'the children of a trajectory, the oldest first, as a JSON array';
CREATE FUNCTION caliber_trajectory_rows_of_children(
    trajectory_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.trajectory AS 'MODULE_PATHNAME', 'caliber_trajectory_rows_of_children' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_trajectory_rows_of_children(uuid, integer, integer) IS
    'the children of a trajectory, the oldest first, as rows';

-- Scopes
CREATE FUNCTION caliber_scope_create(trajectory_id uuid, name text, purpose text, token_budget integer,
    parent_scope_id uuid DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_scope_create' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_create(uuid, text, text, integer, uuid, jsonb) IS
    'open a context window; its id';
CREATE FUNCTION caliber_scope_get(scope_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_scope_get' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_get(uuid) IS
    'the scope as JSON; NULL when there is none';
CREATE FUNCTION caliber_scope_row(scope_id uuid)
RETURNS caliber.scope AS 'MODULE_PATHNAME', 'caliber_scope_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_row(uuid) IS
    'the scope as a row; NULL when there is none';
CREATE FUNCTION caliber_scope_delete(scope_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_scope_delete' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_delete(uuid) IS
    'delete the scope; false when there is none';
CREATE FUNCTION caliber_scope_create_many(rows caliber.scope[])
RETURNS SETOF uuid AS 'MODULE_PATHNAME', 'caliber_scope_create_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_create_many(caliber.scope[]) IS
    'store scopes in one statement; NULL fields get their defaults; the ids';
CREATE FUNCTION caliber_scope_get_many(ids uuid[])
RETURNS SETOF caliber.scope AS 'MODULE_PATHNAME', 'caliber_scope_get_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_get_many(uuid[]) IS
    'the scopes of these ids, in ascending order of the ids';
CREATE FUNCTION caliber_scope_get_current(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_scope_get_current' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_get_current(uuid) IS
    'the active scope that was opened last, as JSON; NULL without one';
CREATE FUNCTION caliber_scope_row_current(trajectory_id uuid)
RETURNS caliber.scope AS 'MODULE_PATHNAME', 'caliber_scope_row_current' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_row_current(uuid) IS
    'the active scope that was opened last, as a row; NULL without one';
CREATE FUNCTION caliber_scope_close(scope_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_scope_close' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_close(uuid) IS
    'close the scope; its turns stay until retention removes them';
CREATE FUNCTION caliber_scope_update_tokens(scope_id uuid, tokens_used integer)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_scope_update_tokens' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_update_tokens(uuid, integer) IS
    'set how many tokens are used';
CREATE FUNCTION caliber_scope_update(scope_id uuid, updates jsonb)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_scope_update' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_update(uuid, jsonb) IS
    'change the columns that the object names; null clears';
CREATE FUNCTION caliber_scope_list_by_trajectory(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_scope_list_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_list_by_trajectory(uuid) IS
    'the scopes of a trajectory, the oldest first, as a JSON array';
CREATE FUNCTION caliber_scope_rows_by_trajectory(
    trajectory_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.scope AS 'MODULE_PATHNAME', 'caliber_scope_rows_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_scope_rows_by_trajectory(uuid, integer, integer) IS
    'the scopes of a trajectory, the oldest first, as rows';

-- Artifacts
CREATE FUNCTION caliber_artifact_create(trajectory_id uuid, scope_id uuid, artifact_type text, name text, content text,
    provenance jsonb DEFAULT NULL, ttl text DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_artifact_create' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_create(uuid, uuid, text, text, text, jsonb, text, jsonb) IS
    'store what a scope produced; its id';
CREATE FUNCTION caliber_artifact_get(artifact_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_artifact_get' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_get(uuid) IS
    'the artifact as JSON; NULL when there is none';
CREATE FUNCTION caliber_artifact_row(artifact_id uuid)
RETURNS caliber.artifact AS 'MODULE_PATHNAME', 'caliber_artifact_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_row(uuid) IS
    'the artifact as a row; NULL when there is none';
CREATE FUNCTION caliber_artifact_delete(artifact_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_artifact_delete' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_delete(uuid) IS
    'delete the artifact; false when there is none';
CREATE FUNCTION caliber_artifact_create_many(rows caliber.artifact[])
RETURNS SETOF uuid AS 'MODULE_PATHNAME', 'caliber_artifact_create_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_create_many(caliber.artifact[]) IS
    'store artifacts in one statement; NULL fields get their defaults; the ids';
CREATE FUNCTION caliber_artifact_get_many(ids uuid[])
RETURNS SETOF caliber.artifact AS 'MODULE_PATHNAME', 'caliber_artifact_get_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_get_many(uuid[]) IS
    'the artifacts of these ids, in ascending order of the ids';
CREATE FUNCTION caliber_artifact_update(artifact_id uuid, updates jsonb)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_artifact_update' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_update(uuid, jsonb) IS
    'change the columns that the object names; null clears';
CREATE FUNCTION caliber_artifact_query_by_type(trajectory_id uuid, artifact_type text)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_artifact_query_by_type' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_query_by_type(uuid, text) IS
    'artifacts of a trajectory and type that have not expired, the newest first, as a JSON array';
CREATE FUNCTION caliber_artifact_rows_by_type(
    trajectory_id uuid, artifact_type text, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.artifact AS 'MODULE_PATHNAME', 'caliber_artifact_rows_by_type' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_rows_by_type(uuid, text, integer, integer) IS
    'artifacts of a trajectory and type that have not expired, the newest first, as rows';
CREATE FUNCTION caliber_artifact_query_by_scope(scope_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_artifact_query_by_scope' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_query_by_scope(uuid) IS
    'artifacts of a scope that have not expired, the newest first, as a JSON array';
CREATE FUNCTION caliber_artifact_rows_by_scope(scope_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.artifact AS 'MODULE_PATHNAME', 'caliber_artifact_rows_by_scope' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_rows_by_scope(uuid, integer, integer) IS
    'artifacts of a scope that have not expired, the newest first, as rows';
CREATE FUNCTION caliber_artifact_query_by_trajectory(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_artifact_query_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_query_by_trajectory(uuid) IS
    'artifacts of a trajectory that have not expired, the newest first, as a JSON array';
CREATE FUNCTION caliber_artifact_rows_by_trajectory(
    trajectory_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.artifact AS 'MODULE_PATHNAME', 'caliber_artifact_rows_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_artifact_rows_by_trajectory(uuid, integer, integer) IS
    'artifacts of a trajectory that have not expired, the newest first, as rows';

-- Notes
CREATE FUNCTION caliber_note_create(note_type text, title text, content text, source_trajectory_id uuid DEFAULT NULL,
    source_artifact_ids uuid[] DEFAULT NULL, ttl text DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_note_create' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_create(text, text, text, uuid, uuid[], text, jsonb) IS
    'store knowledge; its id';
CREATE FUNCTION caliber_note_get(note_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_note_get' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_get(uuid) IS
    'the note as JSON, and count the access; NULL when there is none';
CREATE FUNCTION caliber_note_row(note_id uuid)
RETURNS caliber.note AS 'MODULE_PATHNAME', 'caliber_note_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_row(uuid) IS
    'the note as a row, and count the access; NULL when there is none';
CREATE FUNCTION caliber_note_peek(note_id uuid)
RETURNS caliber.note AS 'MODULE_PATHNAME', 'caliber_note_peek' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_peek(uuid) IS
    'the note as a row, without counting; NULL when there is none';
CREATE FUNCTION caliber_note_delete(note_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_note_delete' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_delete(uuid) IS
    'delete the note; false when there is none';
CREATE FUNCTION caliber_note_create_many(rows caliber.note[])
RETURNS SETOF uuid AS 'MODULE_PATHNAME', 'caliber_note_create_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_create_many(caliber.note[]) IS
    'store notes in one statement; NULL fields get their defaults; the ids';
CREATE FUNCTION caliber_note_get_many(ids uuid[])
RETURNS SETOF caliber.note AS 'MODULE_PATHNAME', 'caliber_note_get_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_get_many(uuid[]) IS
    'the notes of these ids, in ascending order of the ids';
CREATE FUNCTION caliber_note_update(note_id uuid, updates jsonb)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_note_update' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_update(uuid, jsonb) IS
    'change the columns that the object names; null clears';
CREATE FUNCTION caliber_note_query_by_trajectory(trajectory_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_note_query_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_query_by_trajectory(uuid) IS
    'notes from a trajectory that have not expired, the newest first, each access counted, as a JSON array';
CREATE FUNCTION caliber_note_rows_by_trajectory(
    trajectory_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.note AS 'MODULE_PATHNAME', 'caliber_note_rows_by_trajectory' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_note_rows_by_trajectory(uuid, integer, integer) IS
    'notes from a trajectory that have not expired, the newest first, each access counted, as rows';

-- Turns
CREATE FUNCTION caliber_turn_create(scope_id uuid, sequence integer, role text, content text, token_count integer,
    tool_calls jsonb DEFAULT NULL, tool_results jsonb DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'caliber_turn_create' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_create(uuid, integer, text, text, integer, jsonb, jsonb, jsonb) IS
    'store a message of a conversation; its id';
CREATE FUNCTION caliber_turn_get(turn_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_turn_get' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_get(uuid) IS
    'the turn as JSON; NULL when there is none';
CREATE FUNCTION caliber_turn_row(turn_id uuid)
RETURNS caliber.turn AS 'MODULE_PATHNAME', 'caliber_turn_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_row(uuid) IS
    'the turn as a row; NULL when there is none';
CREATE FUNCTION caliber_turn_delete(turn_id uuid)
RETURNS boolean AS 'MODULE_PATHNAME', 'caliber_turn_delete' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_delete(uuid) IS
    'delete the turn; false when there is none';
CREATE FUNCTION caliber_turn_create_many(rows caliber.turn[])
RETURNS SETOF uuid AS 'MODULE_PATHNAME', 'caliber_turn_create_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_create_many(caliber.turn[]) IS
    'store turns in one statement; NULL fields get their defaults; the ids';
CREATE FUNCTION caliber_turn_get_many(ids uuid[])
RETURNS SETOF caliber.turn AS 'MODULE_PATHNAME', 'caliber_turn_get_many' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_get_many(uuid[]) IS
    'the turns of these ids, in ascending order of the ids';
CREATE FUNCTION caliber_turn_get_by_scope(scope_id uuid)
RETURNS jsonb AS 'MODULE_PATHNAME', 'caliber_turn_get_by_scope' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_get_by_scope(uuid) IS
    'the turns of a scope, by sequence, as a JSON array';
CREATE FUNCTION caliber_turn_rows_by_scope(scope_id uuid, page_limit integer DEFAULT NULL, page_offset integer DEFAULT 0)
RETURNS SETOF caliber.turn AS 'MODULE_PATHNAME', 'caliber_turn_rows_by_scope' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION caliber_turn_rows_by_scope(uuid, integer, integer) IS
    'the turns of a scope, by sequence, as rows';
