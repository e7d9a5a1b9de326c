-- Managed collections: rows choose their partition by weight, so that new
-- rows can be steered and old ones moved (design.md 7.15).
-- By number, which is never used again, and without a foreign key: the table
-- that draws by it stays writable when its collection is forgotten.
CREATE TABLE ruvector.routing_weights (
    collection_id integer NOT NULL,
    routing_key   integer NOT NULL,
    weight        double precision NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity'),
    PRIMARY KEY (collection_id, routing_key)
);
COMMENT ON TABLE ruvector.routing_weights IS 'weights by which new rows of a managed collection choose their partition; 0 takes none';
SELECT pg_catalog.pg_extension_config_dump('ruvector.routing_weights', '');

CREATE FUNCTION ruvector_route(p_collection_id integer) RETURNS integer
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- Efraimidis and Spirakis: the largest of u^(1/w) is a draw by weight.
    SELECT w.routing_key FROM ruvector.routing_weights w
     WHERE w.collection_id = p_collection_id AND w.weight > 0
     ORDER BY ln(1 - random()) / w.weight DESC LIMIT 1
$$;
COMMENT ON FUNCTION ruvector_route(integer) IS 'a partition''s routing key, drawn by weight; the default of a managed table''s routing column';

CREATE FUNCTION ruvector_create_collection(
    p_name text, p_dimensions integer, p_partitions integer DEFAULT 8,
    p_metric text DEFAULT 'l2', p_schema name DEFAULT 'public', p_mode text DEFAULT 'enforce')
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home name := coalesce(p_schema, 'public');
    vectors text;
    ours text; -- may have been renamed since CREATE EXTENSION
    id integer;
BEGIN
    IF p_name IS NULL OR p_dimensions IS NULL OR p_partitions IS NULL OR p_mode IS NULL THEN
        RAISE EXCEPTION 'argument "%" must not be null',
            CASE WHEN p_name IS NULL THEN 'p_name' WHEN p_dimensions IS NULL THEN 'p_dimensions'
                 WHEN p_partitions IS NULL THEN 'p_partitions' ELSE 'p_mode' END
            USING ERRCODE = '22004';
    END IF;
    IF p_name !~ '^[[:alpha:]_][[:alnum:]_]{0,50}$' THEN
        RAISE EXCEPTION 'invalid name of a managed collection: %', quote_literal(p_name)
            USING ERRCODE = '42602',
                  HINT = 'It names the table too: letters, digits and underscores, at most 51.';
    END IF;
    IF p_dimensions NOT BETWEEN 1 AND 16000 THEN
        RAISE EXCEPTION 'dimensions must be between 1 and 16000, not %', p_dimensions
            USING ERRCODE = '22023', HINT = 'Give the length of the vectors that the collection is to hold.';
    END IF;
    IF p_partitions NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'partitions must be between 1 and 1000, not %', p_partitions
            USING ERRCODE = '22023';
    END IF;
    PERFORM ruvector.require_writable('ruvector_create_collection()');
    SELECT format('%I.vector(%s)', n.nspname, p_dimensions) INTO vectors
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector';
    EXECUTE format(
        'CREATE TABLE %I.%I (id bigint GENERATED ALWAYS AS IDENTITY, routing_key integer NOT NULL, '
        'embedding %s, metadata jsonb NOT NULL DEFAULT ''{}'', '
        'created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id, routing_key)) '
        'PARTITION BY LIST (routing_key)', home, p_name, vectors);
    FOR part IN 0 .. p_partitions - 1 LOOP
        EXECUTE format('CREATE TABLE %I.%I PARTITION OF %I.%I FOR VALUES IN (%s)',
                       home, p_name || '_' || part, home, p_name, part);
    END LOOP;
    SELECT e.extnamespace::regnamespace INTO ours FROM pg_extension e WHERE e.extname = 'ruvector';
    EXECUTE format('SELECT %s.ruvector_register_collection($1, $2, ''embedding'', $3, $4, $5)', ours)
       INTO id USING p_name, format('%I.%I', home, p_name)::regclass, p_metric, p_dimensions, p_mode;
    EXECUTE format('ALTER TABLE %I.%I ALTER routing_key SET DEFAULT %s.ruvector_route(%s)',
                   home, p_name, ours, id);
    PERFORM ruvector.set_managed(p_name, p_partitions);
    RETURN id;
END
$$;
COMMENT ON FUNCTION ruvector_create_collection(text, integer, integer, text, name, text) IS
    'make and enrol a table that is list-partitioned by a weighted routing column; the collection''s id';

-- The extension owner's part of ruvector_create_collection, for a collection
-- whose table is the caller's.
CREATE FUNCTION ruvector.set_managed(p_collection_name text, p_partitions integer) RETURNS void
AS 'MODULE_PATHNAME', 'ruvector_set_managed' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION ruvector.set_managed(text, integer) IS 'marks a collection as managed and gives its partitions equal weights';

CREATE FUNCTION ruvector_routing_weight_set(p_collection_name text, p_routing_key integer, p_weight double precision)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ruvector_routing_weight_set' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_routing_weight_set(text, integer, double precision) IS
    'steer new rows of a managed collection: the share of one partition, relative to the others; the weight before';

CREATE FUNCTION ruvector_forget_replica(p_application_name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ruvector_forget_replica' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_forget_replica(text) IS
    'do not miss a replica any more that was retired on purpose; false when it was not known';
