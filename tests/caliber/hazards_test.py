"""What can go wrong past the executor (reference/direct-heap-measurements.md
and the defects of the original), each as a user would meet it."""

import threading

import psycopg
import pytest

from caliber.kit import (artifact, attempt, call, init, nobody, note, task,
                         turn, window)


@pytest.fixture(scope="module")
def server(cluster):
    init(cluster)
    cluster.execute("CREATE ROLE app LOGIN")
    cluster.execute("GRANT caliber_user TO app")
    return cluster


@pytest.fixture
def session(server):
    """A session whose work is undone, tables and all."""
    with server.connect(autocommit=False) as opened:
        yield opened
        opened.rollback()


def plan_with(session, index, query, parameters=()):
    """The query's rows, certainly through that index."""
    session.execute("SET LOCAL enable_seqscan = off")
    session.execute("SET LOCAL enable_bitmapscan = off")
    plan = "\n".join(line for line, in session.execute(
        "EXPLAIN " + query, parameters))
    assert index in plan, plan
    return session.execute(query, parameters).fetchall()


# Indexes

def test_a_partial_index_gets_only_its_rows(session):
    session.execute("CREATE INDEX done ON caliber.caliber_trajectory (name) "
                    "WHERE status = 'completed'")
    first, second = task(session, "a"), task(session, "b")
    call(session, "caliber_trajectory_set_status", second, "completed")
    assert plan_with(session, "done", "SELECT trajectory_id FROM "
                     "caliber.caliber_trajectory WHERE status = 'completed' "
                     "ORDER BY name") == [(second,)]
    call(session, "caliber_trajectory_set_status", second, "active")
    call(session, "caliber_trajectory_set_status", first, "completed")
    assert plan_with(session, "done", "SELECT trajectory_id FROM "
                     "caliber.caliber_trajectory WHERE status = 'completed' "
                     "ORDER BY name") == [(first,)]


def test_an_expression_index_is_kept(session):
    session.execute("CREATE INDEX hashed ON caliber.caliber_trajectory "
                    "(md5(name))")
    made = task(session, "x")
    call(session, "caliber_trajectory_update", made, {"name": "y"})
    for name, found in (("x", []), ("y", [(made,)])):
        assert plan_with(session, "hashed", "SELECT trajectory_id FROM "
                         "caliber.caliber_trajectory WHERE md5(name) = "
                         "md5(%s)", [name]) == found


def test_a_deferred_unique_constraint_is_checked_at_commit(server):
    server.execute("ALTER TABLE caliber.caliber_trajectory ADD CONSTRAINT "
                   "one_name UNIQUE (name) DEFERRABLE INITIALLY DEFERRED")
    try:
        with server.connect(autocommit=False) as session:
            task(session, "twice")
            other = task(session, "twice")
            with pytest.raises(psycopg.errors.UniqueViolation):
                session.commit()
            task(session, "twice")
            other = task(session, "twice")
            call(session, "caliber_trajectory_update", other, {"name": "no"})
            session.commit()
    finally:
        server.execute("ALTER TABLE caliber.caliber_trajectory DROP "
                       "CONSTRAINT one_name")


def test_a_unique_index_of_the_user_holds(session):
    session.execute("CREATE UNIQUE INDEX ON caliber.caliber_note (title)")
    note(session)
    assert attempt(session, "caliber_note_create", "fact", "title", "x",
                   None) == ("error", "23505")


def test_an_index_with_another_collation_is_searched_right(session):
    session.execute("DROP INDEX caliber.caliber_trajectory_status_idx")
    session.execute("ALTER TABLE caliber.caliber_trajectory ALTER status TYPE "
                    "text COLLATE \"und-x-icu\"")
    session.execute("CREATE INDEX ON caliber.caliber_trajectory "
                    "(status, created_at, trajectory_id)")
    for i in range(300):
        made = task(session, f"t{i}")
        call(session, "caliber_trajectory_set_status", made,
             ("active", "failed", "suspended")[i % 3])
    for status in ("active", "failed", "suspended"):
        assert len(call(session, "caliber_trajectory_list_by_status",
                        status)) >= 100


def test_lists_work_without_their_index(session):
    scope = window(session)
    made = [turn(session, scope, i) for i in (3, 1, 2)]
    session.execute("ALTER TABLE caliber.caliber_turn DROP CONSTRAINT "
                    "caliber_turn_scope_id_sequence_key")
    assert [row["turn_id"] for row in call(
        session, "caliber_turn_get_by_scope", scope)] == [
            str(made[i]) for i in (1, 2, 0)]


def test_dead_index_entries_end_no_list(session):
    scope = window(session)
    made = [turn(session, scope, i) for i in range(1000)]
    for key in made[:10]:
        assert call(session, "caliber_turn_delete", key)
    for _ in range(3):  # the third time entries are marked as dead
        assert len(call(session, "caliber_turn_get_by_scope", scope)) == 990


# Visibility

def test_a_statement_sees_its_own_writes(session):
    assert session.execute(
        "SELECT (caliber_trajectory_row(caliber_trajectory_create('x'))).name"
    ).fetchone() == ("x",)
    made = task(session)
    assert session.execute(
        "SELECT caliber_trajectory_set_status(%(id)s, 'failed'), "
        "caliber_trajectory_set_status(%(id)s, 'completed'), "
        "caliber_trajectory_delete(%(id)s), "
        "caliber_trajectory_get(%(id)s) IS NULL", {"id": made}).fetchone() == (
            True, True, True, True)


def test_a_rolled_back_subtransaction_leaves_nothing(session):
    made = session.execute("""
        CREATE FUNCTION pg_temp.try() RETURNS uuid LANGUAGE plpgsql AS $$
        DECLARE kept uuid := caliber_trajectory_create('kept');
        BEGIN
            BEGIN
                PERFORM caliber_trajectory_set_status(kept, 'failed');
                PERFORM caliber_scope_create(gen_random_uuid(), 'x', NULL, 1);
            EXCEPTION WHEN foreign_key_violation THEN
                NULL;
            END;
            PERFORM caliber_scope_create(kept, 'y', NULL, 1);
            RETURN kept;
        END $$;
        SELECT pg_temp.try()""")
    made.nextset()
    kept = made.fetchone()[0]
    assert call(session, "caliber_trajectory_get", kept)["status"] == "active"
    assert [row["name"] for row in call(
        session, "caliber_scope_list_by_trajectory", kept)] == ["y"]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_concurrent_updates(server, isolation):
    with server.connect() as session:
        made = task(session)
    results = []

    def second():
        with server.connect(autocommit=False) as other:
            other.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            other.execute("SELECT 1")
            snapshot.set()
            results.append(attempt(other, "caliber_trajectory_update", made,
                                   {"description": "second"}))

    snapshot = threading.Event()
    with server.connect(autocommit=False) as first:
        call(first, "caliber_trajectory_update", made, {"name": "first"})
        waiting = threading.Thread(target=second)
        waiting.start()
        assert snapshot.wait(30)
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event = 'transactionid'")
        first.commit()
    waiting.join(30)
    row = server.execute("SELECT name, description FROM "
                         "caliber_trajectory_row(%s)", [made])
    if isolation == "READ COMMITTED":
        assert results == [("ok", True)] and row == [("first", "second")]
    else:
        assert results == [("error", "40001")] and row == [("first", None)]


def test_a_row_deleted_meanwhile_is_gone(server):
    with server.connect() as session:
        made = task(session)
    results = []
    with server.connect(autocommit=False) as first:
        call(first, "caliber_trajectory_delete", made)

        def second():
            with server.connect() as other:
                results.append(attempt(
                    other, "caliber_trajectory_set_status", made, "failed"))

        waiting = threading.Thread(target=second)
        waiting.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event = 'transactionid'")
        first.commit()
    waiting.join(30)
    assert results == [("ok", False)]


# Columns

def test_columns_come_and_go(session):
    first = task(session)
    session.execute("ALTER TABLE caliber.caliber_trajectory ADD COLUMN cost "
                    "numeric DEFAULT 1.5, ADD COLUMN who text DEFAULT "
                    "upper('me') || '!', ADD COLUMN n int GENERATED ALWAYS AS "
                    "(length(name)) STORED, ADD COLUMN s serial")
    second = task(session, "four")
    call(session, "caliber_trajectory_update", second, {"name": "seven77"})
    assert session.execute(
        "SELECT cost, who, n, s > 0 FROM caliber.caliber_trajectory WHERE "
        "trajectory_id = %s", [second]).fetchone() == (1.5, "ME!", 7, True)
    session.execute("ALTER TABLE caliber.caliber_trajectory DROP COLUMN cost, "
                    "DROP COLUMN n")
    session.execute("ALTER TABLE caliber.caliber_trajectory RENAME who TO "
                    "whom")
    third = task(session, "third")
    for made in (first, second, third):
        assert call(session, "caliber_trajectory_set_status", made, "failed")
        assert call(session, "caliber_trajectory_get", made)["status"] == \
            "failed"
    assert session.execute("SELECT whom FROM caliber.caliber_trajectory WHERE "
                           "trajectory_id = %s", [third]).fetchone() == ("ME!",)


def test_a_precision_is_applied(session):
    session.execute("ALTER TABLE caliber.caliber_scope ALTER created_at TYPE "
                    "timestamptz(0), ALTER closed_at TYPE timestamptz(0)")
    assert call(session, "caliber_obstacle", "scope",
                "update") == "type modifiers"
    scope = window(session)
    call(session, "caliber_scope_close", scope)
    row = call(session, "caliber_scope_get", scope)
    assert "." not in row["created_at"] and "." not in row["closed_at"]


def test_a_changed_default_counts(session):
    scope = window(session)
    trajectory = call(session, "caliber_scope_get", scope)["trajectory_id"]
    session.execute("ALTER TABLE caliber.caliber_artifact ALTER ttl SET "
                    "DEFAULT 'long_term'")
    made = artifact(session, trajectory, scope)
    assert call(session, "caliber_artifact_get", made)["ttl"] == "long_term"


def test_a_replaced_function_of_a_default_counts(session):
    session.execute("CREATE FUNCTION one() RETURNS int IMMUTABLE LANGUAGE sql "
                    "AS 'SELECT 1'")
    session.execute("ALTER TABLE caliber.caliber_trajectory ADD COLUMN n int "
                    "DEFAULT one() + 0")
    for value in (1, 2):
        session.execute("CREATE OR REPLACE FUNCTION one() RETURNS int "
                        f"IMMUTABLE LANGUAGE sql AS 'SELECT {value}'")
        made = task(session)
        assert session.execute("SELECT n FROM caliber.caliber_trajectory WHERE "
                               "trajectory_id = %s", [made]).fetchone() == (
                                   value,)


@pytest.mark.parametrize("change", ["DROP COLUMN tool_calls",
                                    "RENAME tool_calls TO calls",
                                    "ALTER tool_calls TYPE text"])
def test_a_missing_column_is_named(session, change):
    scope = window(session)
    session.execute(f"ALTER TABLE caliber.caliber_turn {change}")
    with pytest.raises(psycopg.Error) as raised:
        turn(session, scope, 1)
    assert raised.value.sqlstate == "55000"
    assert '"tool_calls"' in str(raised.value)


def test_large_values_are_kept_whole(session):
    text = "".join(chr(0x4e00 + (i * 7919) % 20000) for i in range(60000))
    scope = window(session)
    trajectory = call(session, "caliber_scope_get", scope)["trajectory_id"]
    made = artifact(session, trajectory, scope, content=text)
    call(session, "caliber_artifact_update", made, {"name": "other"})
    assert call(session, "caliber_artifact_get", made)["content"] == text
    # Rows in a result outlive the rows of the table.
    rows = session.execute(
        "SELECT r.content, caliber_artifact_delete(r.artifact_id) FROM "
        "caliber_artifact_rows_by_scope(%s) r", [scope]).fetchall()
    assert rows == [(text, True)]


def test_compiled_expressions_read_the_rows(session):
    session.execute("SET LOCAL jit = on")
    session.execute("SET LOCAL jit_above_cost = 0")
    scope = window(session)
    for i in range(50):
        note(session, content=f"c{i}")
        turn(session, scope, i)
    assert session.execute(
        "SELECT count(*), sum(cardinality(source_artifact_ids)) FROM "
        "caliber.caliber_note WHERE content LIKE 'c%'").fetchone() == (50, 0)
    assert session.execute("SELECT sum(sequence + token_count) FROM "
                           "caliber.caliber_turn WHERE scope_id = %s",
                           [scope]).fetchone() == (1275,)


# Constraints and triggers

def test_foreign_keys_hold_and_are_named(server, session):
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as raised:
        window(session, nobody())
    diag = raised.value.diag
    assert (diag.schema_name, diag.table_name, diag.constraint_name) == (
        "caliber", "caliber_scope", "caliber_scope_trajectory_id_fkey")
    assert "is not present in table" in diag.message_detail
    session.rollback()
    made = task(session)
    window(session, made)
    assert attempt(session, "caliber_trajectory_delete", made) == (
        "error", "23503")


def test_no_orphan_is_made_while_its_parent_goes(server):
    with server.connect() as session:
        made = task(session)
    results = []
    with server.connect(autocommit=False) as first:
        call(first, "caliber_trajectory_delete", made)

        def second():
            with server.connect() as other:
                results.append(attempt(other, "caliber_scope_create", made,
                                       "x", None, 1))

        waiting = threading.Thread(target=second)
        waiting.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event = 'transactionid'")
        first.commit()
    waiting.join(30)
    assert results == [("error", "23503")]


@pytest.mark.parametrize("kept", [True, False])
def test_a_parent_is_held_until_its_child_commits(server, kept):
    with server.connect() as session:
        made = task(session)
    results = []

    def second():
        with server.connect() as other:
            # Not its key: nobody waits for that.
            results.append(attempt(other, "caliber_trajectory_update", made,
                                   {"description": "meanwhile"}))
            results.append(attempt(other, "caliber_trajectory_delete", made))

    with server.connect(autocommit=False) as first:
        window(first, made)
        waiting = threading.Thread(target=second)
        waiting.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event = 'transactionid'")
        assert results == [("ok", True)]
        if kept:
            first.commit()
        else:
            first.rollback()
    waiting.join(30)
    assert results[1] == (("error", "23503") if kept else ("ok", True))


def test_foreign_keys_of_other_kinds_hold(session):
    """Deferred, on two columns, to a partitioned table, to a row of the same
    statement."""
    session.execute("ALTER TABLE caliber.caliber_trajectory ALTER CONSTRAINT "
                    "caliber_trajectory_parent_trajectory_id_fkey "
                    "DEFERRABLE INITIALLY DEFERRED")
    row = ("ROW(%s, 'x', NULL, NULL, %s, NULL, NULL, NULL, NULL, NULL, NULL, "
           "NULL)")
    first, second = nobody(), nobody()
    session.execute(
        f"SELECT caliber_trajectory_create_many(ARRAY[{row}, {row}]"
        "::caliber.trajectory[])", [first, second, second, first])
    session.execute("SET CONSTRAINTS ALL IMMEDIATE")
    session.execute("""
        CREATE TABLE parts (id uuid PRIMARY KEY) PARTITION BY HASH (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES
            WITH (modulus 1, remainder 0);
        ALTER TABLE caliber.caliber_trajectory
            ADD FOREIGN KEY (agent_id) REFERENCES parts""")
    known = nobody()
    session.execute("INSERT INTO parts VALUES (%s)", [known])
    assert attempt(session, "caliber_trajectory_create", "x", None,
                   known)[0] == "ok"
    assert attempt(session, "caliber_trajectory_create", "x", None,
                   nobody()) == ("error", "23503")


def test_row_triggers_run(session):
    session.execute("""
        CREATE TABLE log (what text);
        CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' AND TG_WHEN = 'BEFORE' THEN
                IF NEW.name = 'refused' THEN RETURN NULL; END IF;
                NEW.description := coalesce(NEW.description, 'by trigger');
            END IF;
            INSERT INTO log VALUES (TG_WHEN || ' ' || TG_OP || ' ' ||
                                    TG_ARGV[0]);
            RETURN coalesce(NEW, OLD);
        END $$;
        CREATE TRIGGER a BEFORE INSERT ON caliber.caliber_trajectory
            FOR EACH ROW EXECUTE FUNCTION note_it('any');
        CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE
            ON caliber.caliber_trajectory
            FOR EACH ROW EXECUTE FUNCTION note_it('any');
        CREATE TRIGGER c AFTER UPDATE OF name ON caliber.caliber_trajectory
            FOR EACH ROW EXECUTE FUNCTION note_it('name');
        CREATE TRIGGER d AFTER UPDATE ON caliber.caliber_trajectory
            FOR EACH ROW WHEN (OLD.status <> NEW.status)
            EXECUTE FUNCTION note_it('status')""")
    made = task(session)
    assert task(session, "refused") is None
    assert call(session, "caliber_trajectory_get",
                made)["description"] == "by trigger"
    call(session, "caliber_trajectory_set_status", made, "failed")
    call(session, "caliber_trajectory_update", made, {"name": "n"})
    call(session, "caliber_trajectory_delete", made)
    assert [what for what, in session.execute("SELECT what FROM log")] == [
        "BEFORE INSERT any", "AFTER INSERT any", "AFTER UPDATE any",
        "AFTER UPDATE status", "AFTER UPDATE any", "AFTER UPDATE name",
        "AFTER DELETE any"]


def test_statement_triggers_and_rules_run(session):
    session.execute("""
        CREATE TABLE log (what text);
        CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO log SELECT TG_OP || count(*) FROM fresh;
            RETURN NULL;
        END $$;
        CREATE TRIGGER a AFTER INSERT ON caliber.caliber_trajectory
            REFERENCING NEW TABLE AS fresh EXECUTE FUNCTION count_it();
        CREATE RULE r AS ON DELETE TO caliber.caliber_trajectory
            DO ALSO INSERT INTO log VALUES ('rule')""")
    for command, obstacle in (("insert", "rules"), ("delete", "rules")):
        assert call(session, "caliber_obstacle", "trajectory",
                    command) == obstacle
    call(session, "caliber_trajectory_delete", task(session))
    session.execute("DROP RULE r ON caliber.caliber_trajectory")
    assert call(session, "caliber_obstacle", "trajectory",
                "insert") == "triggers"
    assert call(session, "caliber_obstacle", "trajectory", "update") is None
    task(session)
    assert [what for what, in session.execute("SELECT what FROM log")] == [
        "INSERT1", "rule", "INSERT1"]


def test_a_trigger_may_call_the_functions(session):
    session.execute("""
        CREATE FUNCTION child() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.name = 'parent' THEN
                PERFORM caliber_trajectory_create('child', NULL, NULL,
                                                  NEW.trajectory_id);
                PERFORM caliber_trajectory_set_status(NEW.trajectory_id,
                                                      'suspended');
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER a AFTER INSERT ON caliber.caliber_trajectory
            FOR EACH ROW EXECUTE FUNCTION child()""")
    made = task(session, "parent")
    assert call(session, "caliber_trajectory_get",
                made)["status"] == "suspended"
    (child,) = call(session, "caliber_trajectory_list_children", made)
    assert child["root_trajectory_id"] == str(made)


def test_a_trigger_may_change_the_table(session):
    """The cache is renewed while an insert goes on."""
    session.execute("""
        CREATE TABLE seen (id uuid);
        CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO seen SELECT trajectory_id FROM
                caliber_trajectory_rows_by_status('active');
            ANALYZE caliber.caliber_trajectory;
            RETURN NULL;
        END $$;
        CREATE TRIGGER a AFTER INSERT ON caliber.caliber_trajectory
            FOR EACH ROW EXECUTE FUNCTION alter_it()""")
    session.execute("DELETE FROM caliber.caliber_trajectory WHERE NOT EXISTS "
                    "(SELECT FROM caliber.caliber_scope)")
    made = session.execute(
        "SELECT * FROM caliber_trajectory_create_many(ARRAY[ROW(NULL, 'a', "
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
        "ROW(NULL, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
        "NULL)]::caliber.trajectory[])").fetchall()
    assert len(made) == 2
    seen = {row for row in session.execute("SELECT id FROM seen")}
    assert seen >= set(made)


def test_an_heirs_rows_are_found(session):
    session.execute("CREATE TABLE heir () INHERITS (caliber.caliber_turn)")
    scope = window(session)
    turn(session, scope, 1)
    session.execute(
        "INSERT INTO heir (turn_id, scope_id, sequence, role, content, "
        "token_count) VALUES (gen_random_uuid(), %s, 2, 'user', 'x', 1)",
        [scope])
    assert call(session, "caliber_obstacle", "turn", "select") == "inheritance"
    assert len(call(session, "caliber_turn_get_by_scope", scope)) == 2


def test_the_gate_judges_enrolled_tables(server):
    server.execute("ALTER TABLE caliber.caliber_note ADD COLUMN v vector(3)")
    server.execute("SELECT ruvector_register_collection('notes', "
                   "'caliber.caliber_note', 'v')")
    try:
        with server.connect() as session:
            made = note(session)
        server.execute("SELECT ruvector_integrity_override('notes', "
                       "'critical', 'test', 600)")
        server.wait_for("SELECT ruvector_integrity_gate('notes', 'insert') "
                        "->> 'state' = 'critical'")
        with server.connect() as session:
            assert attempt(session, "caliber_note_create", "fact", "t", "c",
                           None) == ("error", "53RV1")
            assert session.execute("SELECT content FROM caliber_note_peek(%s)",
                                   [made]).fetchone() == ("known",)
            assert call(session, "caliber_obstacle", "note",
                        "insert") == "enrolled in the gate"
    finally:
        server.execute("SELECT ruvector_unregister_collection('notes')")
        server.execute("ALTER TABLE caliber.caliber_note DROP COLUMN v")


# Rights

def test_a_role_without_rights_reads_and_writes_nothing(server):
    with server.connect() as session:
        scope = window(session)
        made = note(session)
    server.execute("REVOKE ALL ON caliber.caliber_note, caliber.caliber_scope,"
                   " caliber.caliber_turn FROM caliber_user")
    try:
        with server.connect(user="app") as session:
            for function, *arguments in (
                    ("caliber_note_get", made), ("caliber_note_peek", made),
                    ("caliber_note_row", made),
                    ("caliber_note_query_by_trajectory", made),
                    ("caliber_note_create", "fact", "t", "c", None),
                    ("caliber_note_update", made, {"title": "x"}),
                    ("caliber_note_delete", made),
                    ("caliber_scope_get", scope),
                    ("caliber_scope_close", scope),
                    ("caliber_turn_get_by_scope", scope),
                    ("caliber_turn_create", scope, 1, "user", "x", 1)):
                assert attempt(session, function, *arguments) == (
                    "error", "42501"), function
            # Rights on columns are enough for what they are enough for.
            server.execute(
                "GRANT SELECT (scope_id, sequence) ON caliber.caliber_turn TO "
                "app")
            assert attempt(session, "caliber_turn_get_by_scope", scope) == (
                "error", "42501")
            server.execute("GRANT INSERT ON caliber.caliber_turn TO app")
            assert attempt(session, "caliber_turn_create", scope, 1, "user",
                           "x", 1)[0] == "ok"
    finally:
        server.execute("REVOKE ALL (scope_id, sequence) ON "
                       "caliber.caliber_turn FROM app")
        server.execute("REVOKE ALL ON caliber.caliber_turn FROM app")
        server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON "
                       "caliber.caliber_note, caliber.caliber_scope, "
                       "caliber.caliber_turn TO caliber_user")


def test_row_security_hides_and_refuses(server):
    server.execute("ALTER TABLE caliber.caliber_trajectory ENABLE ROW LEVEL "
                   "SECURITY")
    server.execute("CREATE POLICY own ON caliber.caliber_trajectory USING "
                   "(name <> 'secret') WITH CHECK (name <> 'secret')")
    try:
        with server.connect() as session:
            secret, known = task(session, "secret"), task(session, "known")
        with server.connect(user="app") as session:
            assert call(session, "caliber_trajectory_get", secret) is None
            assert call(session, "caliber_trajectory_get", known)
            listed = call(session, "caliber_trajectory_list_by_status",
                          "active")
            assert "secret" not in {row["name"] for row in listed}
            assert session.execute(
                "SELECT name FROM caliber_trajectory_get_many(%s)",
                [[secret, known]]).fetchall() == [("known",)]
            assert call(session, "caliber_trajectory_delete", secret) is False
            assert call(session, "caliber_trajectory_set_status", secret,
                        "failed") is False
            for arguments in (("caliber_trajectory_create", "secret"),
                              ("caliber_trajectory_update", known,
                               {"name": "secret"})):
                assert attempt(session, *arguments) == ("error", "42501")
    finally:
        server.execute("DROP POLICY own ON caliber.caliber_trajectory")
        server.execute("ALTER TABLE caliber.caliber_trajectory DISABLE ROW "
                       "LEVEL SECURITY")


def test_nobodys_tables_or_operators_are_taken_for_ours(server):
    with server.connect(user="app") as session:
        session.execute("CREATE TEMP TABLE caliber_trajectory (name text)")
        session.execute("CREATE FUNCTION pg_temp.f(uuid, uuid) RETURNS boolean "
                        "LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$")
        session.execute("CREATE OPERATOR pg_temp.= (FUNCTION = pg_temp.f, "
                        "LEFTARG = uuid, RIGHTARG = uuid)")
        session.execute("SET search_path = pg_temp, public")
        made = task(session)
        assert call(session, "caliber_trajectory_delete", made)
        assert call(session, "caliber_note_query_by_trajectory", made) == []


def test_read_only_transactions_read_only(session):
    made, known = task(session), note(session)
    session.execute("SET TRANSACTION READ ONLY")
    assert call(session, "caliber_trajectory_get", made)["name"] == "task"
    assert session.execute("SELECT content FROM caliber_note_peek(%s)",
                           [known]).fetchone() == ("known",)
    for arguments in (("caliber_trajectory_create", "x"),
                      ("caliber_trajectory_delete", made),
                      ("caliber_trajectory_set_status", made, "failed"),
                      ("caliber_note_get", known)):
        assert attempt(session, *arguments) == ("error", "25006")


# Arguments

def test_arguments_are_checked_and_named(session):
    scope = window(session)
    session.execute("SET LOCAL caliber.max_content_bytes = 1024")
    for arguments, state, named in (
            (("caliber_turn_create", scope, 1, "usr", "x", 1), "22023",
             'role "usr"'),
            (("caliber_turn_create", scope, 1, "user", None, 1), "22004",
             '"content"'),
            (("caliber_turn_create", scope, 1, "user", "x" * 1025, 1),
             "54000", '"content"'),
            (("caliber_note_create", "fact", "t", "c", None, None, "tomorrow"),
             "22023", 'ttl "tomorrow"'),
            (("caliber_trajectory_list_by_status", "done"), "22023",
             'status "done"'),
            (("caliber_trajectory_get", None), "22004", '"trajectory_id"'),
            (("caliber_scope_update", scope, {"nmae": "x"}), "22023",
             '"nmae"'),
            (("caliber_scope_update", scope, {"scope_id": "x"}), "22023",
             '"scope_id"'),
            (("caliber_scope_update", scope, {"name": 1}), "22023", '"name"'),
            (("caliber_scope_update", scope, {"name": None}), "22004",
             '"name"'),
            (("caliber_scope_update", scope, {"token_budget": 1.5}), "22023",
             '"token_budget"'),
            (("caliber_scope_update", scope, {"token_budget": 1 << 40}),
             "22003", '"token_budget"'),
            (("caliber_scope_update", scope, {"parent_scope_id": "nope"}),
             "22P02", '"parent_scope_id"'),
            (("caliber_scope_update", scope, {"closed_at": "yesterdayish"}),
             "22007", '"closed_at"'),
            (("caliber_scope_update", scope, {}), "22023", '"updates"'),
            (("caliber_scope_close", None), "22004", '"scope_id"')):
        before = session.execute("SELECT * FROM caliber.caliber_scope"
                                 ).fetchall()
        with pytest.raises(psycopg.Error) as raised:
            with session.transaction():
                call(session, *arguments)
        assert raised.value.sqlstate == state, arguments
        assert named in raised.value.diag.message_primary, arguments
        assert session.execute("SELECT * FROM caliber.caliber_scope"
                               ).fetchall() == before


def test_bad_rows_of_an_array_are_named(session):
    scope = window(session)
    good = f"ROW(NULL, '{scope}', %d, 'user', 'c', 1, NULL, NULL, NULL, NULL)"
    for bad, state, named in (
            ("NULL", "22004", "rows[2]"),
            (f"ROW(NULL, '{scope}', 2, 'usr', 'c', 1, NULL, NULL, NULL, NULL)",
             "22023", "rows[2].role"),
            (good % 1, "23505", "caliber_turn_scope_id_sequence_key"),
            (f"ROW(NULL, '{scope}', 2, 'user', NULL, 1, NULL, NULL, NULL, "
             "NULL)", "23502", "content"),
            (f"ROW(NULL, '{nobody()}', 2, 'user', 'c', 1, NULL, NULL, NULL, "
             "NULL)", "23503", "caliber_turn_scope_id_fkey")):
        with pytest.raises(psycopg.Error) as raised:
            with session.transaction():
                session.execute(
                    "SELECT caliber_turn_create_many(ARRAY["
                    f"{good % 1}, {bad}]::caliber.turn[])")
        assert raised.value.sqlstate == state, bad
        assert named in str(raised.value), bad
    assert call(session, "caliber_turn_get_by_scope", scope) == []
    made = session.execute(
        f"SELECT caliber_turn_create_many(ARRAY[{good % 7}, {good % 3}]"
        "::caliber.turn[])").fetchall()
    assert [(row["turn_id"],) for row in reversed(call(
        session, "caliber_turn_get_by_scope", scope))] == [
            (str(key),) for key, in made]
