"""caliber_init() and the tables' life: once, at the same time, dropped, dumped,
followed by a standby."""

import re
import threading

import psycopg
import pytest

from caliber.kit import (ENTITIES, artifact, attempt, call, init, note, task,
                         turn, window)

# Of a function's arguments, by type.
_VALUES = {"uuid": "gen_random_uuid()", "text": "'active'", "integer": "1",
           "jsonb": "'{\"metadata\": null}'", "uuid[]": "'{}'",
           "caliber.trajectory[]": "'{}'"}


def _functions(server):
    """(call, name) of each function that works on the tables."""
    for name, kinds in server.execute(
            "SELECT p.proname, ARRAY(SELECT format_type(t, NULL) FROM "
            "unnest(p.proargtypes::oid[]) WITH ORDINALITY u (t, i) ORDER BY i)"
            " FROM pg_proc p WHERE p.proname LIKE 'caliber\\_%' "
            "AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')"
            " AND p.proname NOT IN ('caliber_version', 'caliber_new_id')"):
        values = [_VALUES.get(kind, "'{}'") + f"::{kind}" for kind in kinds]
        if name in ("caliber_artifact_create", "caliber_artifact_query_by_type",
                    "caliber_artifact_rows_by_type"):
            values = [v.replace("'active'", "'fact'") for v in values]
        elif name == "caliber_turn_create":
            values[2] = "'user'"
        elif name == "caliber_note_create":
            values[0] = "'fact'"
        elif name == "caliber_obstacle":
            values = ["'turn'", "'select'"]
        if name.startswith(("caliber_artifact_create", "caliber_note_create")):
            values = ["'persistent'" if k == "text" and i in (5, 6) else v
                      for i, (k, v) in enumerate(zip(kinds, values))]
        yield f"SELECT * FROM {name}({', '.join(values)})", name


def test_everything_asks_for_init_first(new_cluster):
    server = new_cluster("bare")
    assert server.value("SELECT caliber_schema_exists()") is False
    calls = list(_functions(server))
    assert len(calls) > 40
    for statement, name in calls:
        with pytest.raises(psycopg.Error) as raised:
            server.execute(statement)
        assert raised.value.sqlstate == "55000", (statement, raised.value)
        assert "caliber_init()" in raised.value.diag.message_hint, name
    with pytest.raises(psycopg.Error) as raised:
        server.execute("SELECT caliber_upgrade()")
    assert raised.value.sqlstate == "55000"


def test_init_comes_from_several_sides_once(new_cluster):
    server = new_cluster("race")
    server.execute("CREATE ROLE boss LOGIN")
    server.execute("GRANT ruvector_admin TO boss")
    server.execute("CREATE ROLE app LOGIN")
    server.execute("GRANT caliber_user TO app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT caliber_init()", user="app")
    results = []

    def run():
        results.append(server.value("SELECT caliber_init()", user="boss"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["CALIBER's tables are already there"] * 3 + [
        "CALIBER's tables are made"]
    assert server.value("SELECT caliber_schema_exists()", user="app")
    assert "version 1" in server.value("SELECT caliber_upgrade()", user="boss")
    with server.connect(user="app") as session:
        assert call(session, "caliber_trajectory_get",
                    task(session))["status"] == "active"


def test_the_extension_is_not_dropped_under_the_tables(new_cluster):
    server = new_cluster("drop")
    init(server)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        server.execute("DROP EXTENSION ruvector")
    assert server.execute(
        "SELECT classid::regclass, objid FROM pg_depend WHERE deptype = 'e' "
        "AND classid = 'pg_class'::regclass AND objid IN (SELECT oid FROM "
        "pg_class WHERE relname LIKE 'caliber\\_%')") == []
    with server.connect() as session:
        made = task(session)
        for table in ENTITIES:
            session.execute(f"DROP TABLE caliber.caliber_{table} CASCADE")
        session.execute("DROP TABLE caliber.caliber_schema_version")
        # The same session finds the new tables.
        session.execute("SELECT caliber_init()")
        assert call(session, "caliber_trajectory_get", made) is None
        assert call(session, "caliber_trajectory_get", task(session))
    server.execute("DROP EXTENSION ruvector CASCADE")
    server.execute("CREATE EXTENSION ruvector")
    init(server)


@pytest.fixture(scope="module")
def server(cluster):
    return init(cluster)


@pytest.mark.parametrize("entity", ENTITIES)
def test_types_and_tables_have_the_same_columns(server, entity):
    columns = ("SELECT attname, format_type(atttypid, atttypmod) FROM "
               "pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND "
               "NOT attisdropped ORDER BY attnum")
    # The embedding's columns come when embeddings are configured.
    row_type = [column for column in server.execute(
        columns, [f"caliber.{entity}"])
        if column[0] not in ("embedding", "embedding_model")]
    assert row_type == server.execute(columns, [f"caliber.caliber_{entity}"])


@pytest.mark.parametrize("statement,table,column", [
    ("SELECT caliber_trajectory_list_by_status('x')", "trajectory", "status"),
    ("SELECT caliber_turn_create(gen_random_uuid(), 1, 'x', '', 1)", "turn",
     "role"),
    ("SELECT caliber_artifact_query_by_type(gen_random_uuid(), 'x')",
     "artifact", "artifact_type"),
    ("SELECT caliber_note_create('x', '', '')", "note", "note_type")])
def test_functions_and_constraints_have_the_same_words(server, statement,
                                                       table, column):
    with pytest.raises(psycopg.Error) as raised:
        server.execute(statement)
    words = re.findall(r"[a-z_]+", raised.value.diag.message_hint.split(
        "can be ")[1].replace(" and ", ", "))
    constraint = server.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "
        "%s::regclass AND contype = 'c' AND conname = %s",
        [f"caliber.caliber_{table}", f"caliber_{table}_{column}_check"])
    assert sorted(words) == sorted(re.findall(r"'([a-z_]+)'", constraint))


def _contents(server, dbname):
    return {entity: server.execute(
        f"SELECT t::text FROM caliber.caliber_{entity} t ORDER BY 1",
        dbname=dbname) for entity in ENTITIES}


def _catalog(server, dbname):
    """Columns, constraints, indexes, policies, triggers, rights."""
    return server.execute("""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
               pg_get_expr(d.adbin, d.adrelid) FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'caliber'::regnamespace AND c.relkind = 'r'
         ORDER BY 1, 2""", dbname=dbname) + server.execute("""
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'caliber'::regnamespace ORDER BY 1
    """, dbname=dbname) + server.execute("""
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'caliber'
         ORDER BY 1""", dbname=dbname) + server.execute("""
        SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2
    """, dbname=dbname) + server.execute("""
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
          JOIN pg_class c ON c.oid = t.tgrelid
         WHERE NOT tgisinternal AND c.relnamespace = 'caliber'::regnamespace
         ORDER BY 1""", dbname=dbname) + server.execute("""
        SELECT relname, relacl::text FROM pg_class
         WHERE relnamespace = 'caliber'::regnamespace ORDER BY 1
    """, dbname=dbname)


def test_a_dump_brings_everything(server):
    with server.connect() as session:
        scope = window(session)
        trajectory = call(session, "caliber_scope_get", scope)[
            "trajectory_id"]
        turn(session, scope, 1)
        artifact(session, trajectory, scope)
        note(session, trajectory)
    server.execute("ALTER TABLE caliber.caliber_note ADD COLUMN stars integer "
                   "DEFAULT 3")
    server.execute("CREATE INDEX stars ON caliber.caliber_note (stars)")
    server.execute("ALTER TABLE caliber.caliber_note ENABLE ROW LEVEL SECURITY")
    server.execute("CREATE POLICY good ON caliber.caliber_note USING "
                   "(stars > 2)")
    try:
        dump = server.directory / "memory.dump"
        server.dump(dump)
        server.execute("CREATE DATABASE copy")
        server.restore(dump, dbname="copy")
        assert _contents(server, "copy") == _contents(server, "postgres")
        assert _catalog(server, "copy") == _catalog(server, "postgres")
        with server.connect("copy") as session:
            assert call(session, "caliber_turn_get_by_scope", scope)
            turn(session, scope, 2)
    finally:
        server.execute("DROP POLICY good ON caliber.caliber_note")
        server.execute("ALTER TABLE caliber.caliber_note DISABLE ROW LEVEL "
                       "SECURITY")


def test_a_standby_reads(new_cluster):
    server = new_cluster("primary")
    init(server)
    with server.connect() as session:
        scope = window(session)
        turn(session, scope, 1)
        known = note(session)
    standby = server.standby()
    server.wait_for_replay(standby)
    with standby.connect() as session:
        assert len(call(session, "caliber_turn_get_by_scope", scope)) == 1
        assert call(session, "caliber_scope_get", scope)
        assert session.execute("SELECT content FROM caliber_note_peek(%s)",
                               [known]).fetchone() == ("known",)
        assert attempt(session, "caliber_note_get", known) == (
            "error", "25006")
        assert attempt(session, "caliber_scope_close", scope) == (
            "error", "25006")
