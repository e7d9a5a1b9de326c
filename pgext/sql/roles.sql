-- Roles are cluster-wide: a second database finds them there. They stay when
-- the extension is dropped, like every role that privileges were granted to.
DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ruvector_reader', 'ruvector_operator', 'ruvector_admin', 'caliber_user']::name[]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's CREATE EXTENSION came first
            END;
        END IF;
    END LOOP;
    IF NOT pg_catalog.pg_has_role('ruvector_operator', 'ruvector_reader', 'MEMBER') THEN
        GRANT ruvector_reader TO ruvector_operator;
    END IF;
    IF NOT pg_catalog.pg_has_role('ruvector_admin', 'ruvector_operator', 'MEMBER') THEN
        GRANT ruvector_operator TO ruvector_admin;
    END IF;
    IF NOT pg_catalog.pg_has_role('ruvector_admin', 'caliber_user', 'MEMBER') THEN
        GRANT caliber_user TO ruvector_admin;
    END IF;
END
$$;
