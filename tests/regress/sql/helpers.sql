-- Tables and functions for the other scripts, which share this database.
CREATE FUNCTION wait_until(fact text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    seen boolean;
BEGIN
    FOR i IN 1 .. 6000 LOOP
        EXECUTE 'SELECT ' || fact INTO seen;
        IF seen THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE EXCEPTION 'not within a minute: %', fact;
END $$;

-- The gate's state, forced and in force; NULL takes the override back.
CREATE FUNCTION force(wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF wanted IS NULL THEN
        PERFORM ruvector_integrity_override_clear('docs');
    ELSE
        PERFORM ruvector_integrity_override('docs', wanted, 'regression', 600);
    END IF;
END $$;
CREATE FUNCTION reached(state text) RETURNS void LANGUAGE sql AS $$
    SELECT wait_until(format(
        $f$ruvector_integrity_gate('docs', 'insert') ->> 'state' = %L$f$, state))
$$;
CREATE FUNCTION sealed() RETURNS void LANGUAGE sql AS $$
    SELECT wait_until('(SELECT unsealed = 0 FROM ruvector_verify_chain())')
$$;

-- What is to be enrolled, and what cannot be.
CREATE TABLE docs (id bigint, part int, embedding vector(4)) PARTITION BY LIST (part);
CREATE TABLE docs_0 PARTITION OF docs FOR VALUES IN (0);
CREATE TABLE docs_1 PARTITION OF docs FOR VALUES IN (1);
INSERT INTO docs SELECT i, i % 2, ARRAY[sin(i), cos(i), sin(2 * i), cos(3 * i)]::vector
  FROM generate_series(1, 400) i;
CREATE TABLE spare (id bigint, embedding vector(4), other vector(4), plain vector);
CREATE TABLE mother (embedding vector(4));
CREATE TABLE child () INHERITS (mother);
CREATE VIEW a_view AS SELECT * FROM docs;
CREATE SCHEMA "Sch""ema";
CREATE TABLE "Sch""ema"."Ta ble" ("Co lumn" vector(3));
