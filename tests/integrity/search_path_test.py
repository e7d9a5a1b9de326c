"""Nobody's operators or functions run with the extension owner's rights."""

import psycopg
import pytest

from integrity.conftest import sealed

TYPES = ("text", "name", "oid", "bigint", "integer", "boolean", "bytea",
         "timestamptz", "regclass", "jsonb", "real", "double precision",
         '"char"')
OPERATORS = ("=", "<>", "<", ">", "<=", ">=", "||", "-", "+", "->>")
FUNCTIONS = ("count", "now", "max", "min", "coalesce_all", "encode", "lower",
             "jsonb_build_object", "sum", "array_agg", "format",
             "clock_timestamp", "round", "length", "octet_length")
ARGUMENTS = {"text": "'docs'", "bigint": "1", "integer": "1",
             "double precision": "1", "jsonb": "'{}'",
             "regclass": "'own'", "name": "'embedding'", "boolean": "true",
             "timestamp with time zone": "now() - interval '1 hour'",
             "real": "0.5", "real[]": "'{1}'", "integer[]": "'{1}'",
             "double precision[]": "'{1}'", "boolean[]": "'{t}'",
             "text[]": "'{topological}'", "vector": "'[1]'",
             "vector[]": "'{[1]}'"}


def _trap(session):
    """Operators and functions that tell when they run as a superuser."""
    session.execute("CREATE FUNCTION evil.sprung() RETURNS void LANGUAGE "
                    "plpgsql AS $$ BEGIN IF (SELECT rolsuper FROM "
                    "pg_catalog.pg_roles WHERE rolname "
                    "OPERATOR(pg_catalog.=) current_user) THEN RAISE "
                    "EXCEPTION 'trap sprung as superuser'; END IF; END $$")
    for i, kind in enumerate(TYPES):
        for k, operator in enumerate(OPERATORS):
            result = "boolean" if operator in "=<>=" else kind
            session.execute(
                f"CREATE FUNCTION evil.f{i}_{k}({kind}, {kind}) RETURNS "
                f"{result} LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.sprung();"
                " RETURN NULL; END $$")
            session.execute(
                f"CREATE OPERATOR evil.{operator} (FUNCTION = "
                f"evil.f{i}_{k}, LEFTARG = {kind}, RIGHTARG = {kind})")
        for name in FUNCTIONS:
            session.execute(
                f"CREATE FUNCTION evil.{name}({kind}) RETURNS {kind} LANGUAGE "
                "plpgsql AS $$ BEGIN PERFORM evil.sprung(); RETURN NULL; END "
                "$$")


@pytest.fixture(scope="module")
def trapped(enrolled):
    enrolled.execute("CREATE ROLE mallory LOGIN")
    enrolled.execute("GRANT ruvector_admin TO mallory")
    enrolled.execute("CREATE SCHEMA evil AUTHORIZATION mallory")
    with enrolled.connect(user="mallory") as session:
        _trap(session)
        session.execute("CREATE TABLE evil.own (id int, embedding vector(3))")
    sealed(enrolled)
    return enrolled


def _calls(server):
    """Each function of the extension, with arguments that fit."""
    for schema, name, kinds in server.execute(
            "SELECT n.nspname, p.proname, "
            "(SELECT coalesce(array_agg(format_type(t, NULL) ORDER BY o), "
            "'{}') FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, o)) "
            "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid "
            "= p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = "
            "d.refobjid WHERE e.extname = 'ruvector' AND p.prorettype NOT IN "
            "('event_trigger'::regtype, 'trigger'::regtype) ORDER BY 1, 2"):
        arguments = ", ".join(ARGUMENTS.get(k, "NULL") + f"::{k}"
                              for k in kinds)
        yield f"SELECT * FROM {schema}.{name}({arguments})"


def test_no_function_runs_them(trapped):
    calls = list(_calls(trapped))
    assert len(calls) > 25
    with trapped.connect(user="mallory") as session:
        session.execute("SET search_path = evil, pg_catalog, public")
        session.execute("SET extra_float_digits = -15")
        for call in calls:
            try:
                session.execute(call)
            except psycopg.Error as error:
                assert "trap sprung" not in str(error), call


def test_no_trigger_runs_them(trapped):
    with trapped.connect(user="mallory") as session:
        session.execute("SET search_path = evil, pg_catalog, public")
        session.execute("ALTER TABLE evil.own ADD COLUMN b int")
        session.execute("ALTER TABLE evil.own ALTER COLUMN b TYPE bigint")
        session.execute("DROP TABLE evil.own")


def test_the_worker_does_not_run_them(trapped):
    trapped.execute("ALTER DATABASE postgres SET search_path = evil, "
                    "pg_catalog, public")
    mark = trapped.log_mark()
    trapped.restart()
    with trapped.connect() as session:
        session.execute("SET search_path = public")
        session.execute("SELECT ruvector_integrity_sample('docs')")
        session.execute("SELECT ruvector_audit_checkpoint()")
    assert "trap sprung" not in trapped.log(mark)
    trapped.execute("ALTER DATABASE postgres RESET search_path")
