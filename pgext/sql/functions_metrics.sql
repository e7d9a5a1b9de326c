CREATE FUNCTION ruvector_healing_metrics(p_collection_name text, p_metric text DEFAULT NULL)
RETURNS TABLE (metric text, subject text, number double precision, value text, unit text, meaning text)
AS 'MODULE_PATHNAME', 'ruvector_healing_metrics' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_healing_metrics(text, text) IS
    'what strategies would plan by at this moment: every metric of the catalog, or one, for every subject';
