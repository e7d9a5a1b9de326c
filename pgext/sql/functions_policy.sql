CREATE FUNCTION ruvector_integrity_policy_set(p_collection_name text, p_name text, p_policy jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_integrity_policy_set' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_policy_set(text, text, jsonb) IS
    'make or change a policy: keys given are merged over the stored ones or the defaults; the whole policy';

CREATE FUNCTION ruvector_integrity_policy_get(p_collection_name text, p_name text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.policy FROM ruvector.integrity_policies p
     WHERE p.collection_id = ruvector.require_collection(p_collection_name)
       AND (p.name = p_name OR (p_name IS NULL AND p.enabled))
     ORDER BY p.priority DESC, p.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION ruvector_integrity_policy_get(text, text) IS
    'a policy by name, or the one in force; NULL when there is none';

CREATE FUNCTION ruvector_integrity_policy_list(p_collection_name text)
RETURNS TABLE (name text, enabled boolean, in_force boolean, priority integer, mode text,
               threshold_high real, threshold_low real, description text, updated_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name, p.enabled,
           p.enabled AND p.id = first_value(p.id) OVER (ORDER BY p.enabled DESC, p.priority DESC, p.id DESC),
           p.priority, p.mode, p.threshold_high, p.threshold_low, p.description, p.updated_at
      FROM ruvector.integrity_policies p
     WHERE p.collection_id = ruvector.require_collection(p_collection_name)
     ORDER BY p.enabled DESC, p.priority DESC, p.id DESC
$$;
COMMENT ON FUNCTION ruvector_integrity_policy_list(text) IS 'policies of a collection, the one in force first';

CREATE FUNCTION ruvector_integrity_policy_drop(p_collection_name text, p_name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ruvector_integrity_policy_drop' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_policy_drop(text, text) IS 'drop a policy; false when there was none';

CREATE FUNCTION ruvector_integrity_policy_enable(p_collection_name text, p_name text, p_enabled boolean DEFAULT true)
RETURNS boolean AS 'MODULE_PATHNAME', 'ruvector_integrity_policy_enable' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_integrity_policy_enable(text, text, boolean) IS
    'enable or disable a policy; whether it was enabled before';

CREATE FUNCTION ruvector_integrity_policy_defaults() RETURNS jsonb
AS 'MODULE_PATHNAME', 'ruvector_integrity_policy_defaults' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ruvector_integrity_policy_defaults() IS 'the built-in policy';
