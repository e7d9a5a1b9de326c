CREATE FUNCTION ruvector.probe_now(p_collection_name text) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_probe_now' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector.probe_now(text) IS 'asks the integrity worker for a recall probe and waits for it';

CREATE FUNCTION ruvector_recall_probe(p_collection_name text)
RETURNS TABLE (index_name text, recall real, recall_low real, recall_high real, target real,
               queries integer, hits bigint, trials bigint, rows_compared bigint, milliseconds real, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted integer := ruvector.require_collection(p_collection_name);
BEGIN
    PERFORM ruvector.probe_now(p_collection_name);
    RETURN QUERY SELECT p.index_name, p.recall, p.recall_low, p.recall_high, p.target, p.queries, p.hits,
                        p.trials, p.rows_compared, p.milliseconds, p.note
                   FROM ruvector.recall_probes p
                  WHERE p.collection_id = wanted AND p.at = (SELECT max(n.at) FROM ruvector.recall_probes n
                                                          WHERE n.collection_id = wanted)
                  ORDER BY p.index_name;
END
$$;
COMMENT ON FUNCTION ruvector_recall_probe(text) IS
    'compares the answers of a collection''s vector indexes to sampled real queries with exact ones, now; a row per index';

CREATE FUNCTION ruvector_collection_set_recall_target(p_collection_name text, p_target double precision)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted integer := ruvector.require_collection(p_collection_name);
BEGIN
    IF p_target <= 0 OR p_target > 1 OR p_target = 'NaN' THEN
        RAISE EXCEPTION 'recall target must be above 0 and at most 1, not %', p_target
            USING ERRCODE = '22023', HINT = 'NULL takes the target away: recall is then measured and not judged.';
    END IF;
    PERFORM ruvector.require_writable('ruvector_collection_set_recall_target()');
    UPDATE ruvector.collections c
       SET config = CASE WHEN p_target IS NULL THEN c.config - 'recall_target'
                         ELSE c.config || jsonb_build_object('recall_target', p_target) END,
           updated_at = now()
     WHERE c.id = wanted;
END
$$;
COMMENT ON FUNCTION ruvector_collection_set_recall_target(text, double precision) IS
    'the recall below which an index of the collection is a problem; NULL: none';
