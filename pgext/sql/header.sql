\echo Use "CREATE EXTENSION ruvector CASCADE" to load this file. \quit

-- Events are signed as UTF-8 text; JSON and names are the same in all of them.
DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE feature_not_supported USING
            MESSAGE = pg_catalog.format('extension "ruvector" needs a database with encoding UTF8, not %s',
                                        pg_catalog.getdatabaseencoding()),
            HINT = 'Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;
