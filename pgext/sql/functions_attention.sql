-- Attention over a plan's nodes, or over anything that has vectors. Every
-- function has two forms, for arrays of real and for pgvector's vectors. A
-- mechanism is a plugin and may be replaced while the server runs: STABLE, not
-- IMMUTABLE.
CREATE FUNCTION ruvector_attention_topological(query real[], ancestors real[], config jsonb DEFAULT NULL)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_topological' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_topological(real[], real[], jsonb) IS
    'attention weights by similarity, optionally leaning to the deep end';
CREATE FUNCTION ruvector_attention_topological(query vector, ancestors vector[], config jsonb DEFAULT NULL)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_topological' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_topological(vector, vector[], jsonb) IS
    'attention weights by similarity, optionally leaning to the deep end';
CREATE FUNCTION ruvector_attention_causal_cone(query real[], ancestors real[], depths integer[], decay_rate real DEFAULT 0.1, max_depth integer DEFAULT 10)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_causal_cone' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_causal_cone(real[], real[], integer[], real, integer) IS
    'attention weights by similarity less a penalty per hop, within a horizon';
CREATE FUNCTION ruvector_attention_causal_cone(query vector, ancestors vector[], depths integer[], decay_rate real DEFAULT 0.1, max_depth integer DEFAULT 10)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_causal_cone' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_causal_cone(vector, vector[], integer[], real, integer) IS
    'attention weights by similarity less a penalty per hop, within a horizon';
CREATE FUNCTION ruvector_attention_critical_path(query real[], ancestors real[], is_critical boolean[], boost real DEFAULT 1.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_critical_path' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_critical_path(real[], real[], boolean[], real) IS
    'attention weights by similarity, with a bonus on the critical path';
CREATE FUNCTION ruvector_attention_critical_path(query vector, ancestors vector[], is_critical boolean[], boost real DEFAULT 1.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_critical_path' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_critical_path(vector, vector[], boolean[], real) IS
    'attention weights by similarity, with a bonus on the critical path';
CREATE FUNCTION ruvector_attention_mincut_gated(query real[], ancestors real[], criticalities real[], threshold real DEFAULT 0.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_mincut_gated' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_mincut_gated(real[], real[], real[], real) IS
    'attention weights by similarity, with uncritical entries gated down';
CREATE FUNCTION ruvector_attention_mincut_gated(query vector, ancestors vector[], criticalities real[], threshold real DEFAULT 0.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_mincut_gated' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_mincut_gated(vector, vector[], real[], real) IS
    'attention weights by similarity, with uncritical entries gated down';
CREATE FUNCTION ruvector_attention_hierarchical_lorentz(query real[], ancestors real[], depths integer[], curvature real DEFAULT -1, temperature real DEFAULT 1)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_hierarchical_lorentz' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_hierarchical_lorentz(real[], real[], integer[], real, real) IS
    'attention weights by closeness on a hyperboloid, depth being the distance from the origin';
CREATE FUNCTION ruvector_attention_hierarchical_lorentz(query vector, ancestors vector[], depths integer[], curvature real DEFAULT -1, temperature real DEFAULT 1)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_hierarchical_lorentz' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_hierarchical_lorentz(vector, vector[], integer[], real, real) IS
    'attention weights by closeness on a hyperboloid, depth being the distance from the origin';
CREATE FUNCTION ruvector_attention_parallel_branch(query real[], ancestors real[], parallel_nodes real[], common_ancestor_mask boolean[], cross_weight real DEFAULT 0.5, common_boost real DEFAULT 2)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_parallel_branch' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_parallel_branch(real[], real[], real[], boolean[], real, real) IS
    'attention weights of the ancestors and then of the parallel nodes, together 1';
CREATE FUNCTION ruvector_attention_parallel_branch(query vector, ancestors vector[], parallel_nodes vector[], common_ancestor_mask boolean[], cross_weight real DEFAULT 0.5, common_boost real DEFAULT 2)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_parallel_branch' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_parallel_branch(vector, vector[], vector[], boolean[], real, real) IS
    'attention weights of the ancestors and then of the parallel nodes, together 1';
CREATE FUNCTION ruvector_attention_temporal_btsp(query real[], ancestors real[], timestamps double precision[], window_ms real DEFAULT 50, boost real DEFAULT 1.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_temporal_btsp' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_temporal_btsp(real[], real[], double precision[], real, real) IS
    'attention weights by similarity, with a bonus for entries near the latest timestamp';
CREATE FUNCTION ruvector_attention_temporal_btsp(query vector, ancestors vector[], timestamps double precision[], window_ms real DEFAULT 50, boost real DEFAULT 1.5)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_temporal_btsp' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_temporal_btsp(vector, vector[], double precision[], real, real) IS
    'attention weights by similarity, with a bonus for entries near the latest timestamp';
CREATE FUNCTION ruvector_attention_ensemble(query real[], ancestors real[], attention_types text[], weights real[] DEFAULT NULL, context jsonb DEFAULT NULL)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_ensemble' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_ensemble(real[], real[], text[], real[], jsonb) IS
    'the weighted mean of the attention weights of several mechanisms';
CREATE FUNCTION ruvector_attention_ensemble(query vector, ancestors vector[], attention_types text[], weights real[] DEFAULT NULL, context jsonb DEFAULT NULL)
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention_ensemble' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_attention_ensemble(vector, vector[], text[], real[], jsonb) IS
    'the weighted mean of the attention weights of several mechanisms';
-- By name, of whatever plugin there is. `auto` reads what was learned and draws.
CREATE FUNCTION ruvector_attention(mechanism text, query real[], keys real[], context jsonb DEFAULT '{}')
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION ruvector_attention(text, real[], real[], jsonb) IS
    'attention weights by the mechanism of that name, by auto or by ensemble';
CREATE FUNCTION ruvector_attention(mechanism text, query vector, keys vector[], context jsonb DEFAULT '{}')
RETURNS real[]
AS 'MODULE_PATHNAME', 'ruvector_attention' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION ruvector_attention(text, vector, vector[], jsonb) IS
    'attention weights by the mechanism of that name, by auto or by ensemble';
CREATE FUNCTION ruvector_attention_auto(query real[], keys real[], context jsonb DEFAULT '{}', OUT mechanism text, OUT weights real[])
AS 'MODULE_PATHNAME', 'ruvector_attention_auto' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION ruvector_attention_auto(real[], real[], jsonb) IS
    'attention weights by the mechanism that rewards speak for, and its name';
CREATE FUNCTION ruvector_attention_auto(query vector, keys vector[], context jsonb DEFAULT '{}', OUT mechanism text, OUT weights real[])
AS 'MODULE_PATHNAME', 'ruvector_attention_auto' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION ruvector_attention_auto(vector, vector[], jsonb) IS
    'attention weights by the mechanism that rewards speak for, and its name';
CREATE FUNCTION ruvector_attention_reward(mechanism text, reward double precision) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_attention_reward' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_attention_reward(text, double precision) IS
    'tell auto how well a mechanism did, from 0 to 1';
CREATE FUNCTION ruvector_attention_mechanisms()
RETURNS TABLE (mechanism text, description text, suits text[], context_required text[], context_used text[],
               parameters jsonb, pulls double precision, mean_reward double precision)
AS 'MODULE_PATHNAME', 'ruvector_attention_mechanisms' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_attention_mechanisms() IS
    'the attention mechanisms that are loaded: what each needs and takes, and how it was rewarded';
