"""MOVE_ROWS and its undo: nothing lost, nothing twice, users' changes kept."""

import threading

import psycopg
import pytest

from healing.acts_kit import (act, acts_done, acts_installation, describe,
                              managed, perform, performed, rows_hash, server,
                              start, states, undo, undone)

__all__ = ["acts_installation", "server"]  # fixtures


@pytest.fixture(autouse=True)
def docs(server):
    managed(server)
    yield
    server.execute("DROP TABLE docs")


def move(source=0, to=1, rows=50, **more):
    return {**act("move_rows", f"public.docs_{source}", to=f"public.docs_{to}",
                  max_rows=rows, batch_rows=rows, **more),
            "undo": act("return_rows", f"public.docs_{to}",
                        to=f"public.docs_{source}")}


def counts(server):
    return dict(server.execute("SELECT routing_key, count(*) FROM docs "
                               "GROUP BY 1 ORDER BY 1"))


def test_rows_move_and_come_back(server):
    before = rows_hash(server)
    action, answer = performed(server, move())
    assert answer["rows"] == 50 and answer["changed"]
    assert counts(server) == {0: 50, 1: 150, 2: 100, 3: 100}
    _, answer = performed(server, move(rows=30), action_id=action)
    assert counts(server)[0] == 20
    performed(server, move(rows=30), action_id=action)
    _, answer = performed(server, move(rows=30), action_id=action)
    assert answer["rows"] == 0 and not answer["changed"]
    assert acts_done(server, action)["undos"] == 3
    undone(server, action)
    assert rows_hash(server) == before
    assert server.value("SELECT count(*) FROM ruvector.healing_moved_rows") == 0


def test_only_old_rows_move(server):
    server.execute("UPDATE docs SET created_at = '2020-01-01' WHERE id < 100")
    before = rows_hash(server)
    action, answer = performed(server, move(
        rows=1000, column="created_at", before="2021-01-01"))
    assert answer["rows"] == server.value(
        "SELECT count(*) FROM docs_1 WHERE (metadata ->> 'n')::int % 4 = 0")
    assert 0 < answer["rows"] < 100
    undone(server, action)
    assert rows_hash(server) == before


def test_what_users_changed_since_is_left_and_told(server):
    twin = dict(server.execute("SELECT id, routing_key FROM docs"))
    action, _ = performed(server, move())
    moved = [row[0] for row in server.execute(
        "SELECT id FROM docs_1 WHERE (metadata ->> 'n')::int % 4 = 0 "
        "ORDER BY id")]
    changed, gone, elsewhere = moved[0], moved[1], moved[2]
    server.execute("UPDATE docs SET metadata = '{\"mine\": 1}' WHERE id = %s",
                   [changed])
    server.execute("DELETE FROM docs WHERE id = %s", [gone])
    server.execute("UPDATE docs SET routing_key = 3 WHERE id = %s", [elsewhere])
    answer = undone(server, action)
    assert "3 of 50 rows" in answer["message"], answer
    found = dict(server.execute("SELECT id, routing_key FROM docs"))
    assert found == {**{k: v for k, v in twin.items() if k != gone},
                     changed: 1, elsewhere: 3}
    assert server.value("SELECT metadata ->> 'mine' FROM docs WHERE id = %s",
                        [changed]) == "1"


def test_locked_rows_are_skipped(server):
    with server.connect(autocommit=False) as holder:
        holder.execute("SELECT FROM docs WHERE routing_key = 0 "
                       "ORDER BY id LIMIT 40 FOR UPDATE")
        action, answer = performed(server, move(rows=1000), seconds=10)
        assert answer["rows"] == 60
        holder.rollback()
    undone(server, action)


def test_under_concurrent_writers(server):
    """Rows move to and fro while users insert, update and delete: each row is
    there once and holds what its last writer wrote."""
    stop, errors, wrote = threading.Event(), [], {}

    def write(worker):
        with server.connect() as session:
            n = 0
            while not stop.is_set():
                n += 1
                key = 1 + (worker + 3 * n) % 120  # of this writer alone
                key = key - key % 3 + worker or 3
                try:
                    changed = session.execute(
                        "UPDATE docs SET metadata = jsonb_build_object("
                        "'n', %s::int) WHERE id = %s", (n, key)).rowcount
                    if changed:
                        wrote[key] = n
                except psycopg.errors.SerializationFailure as error:
                    errors.append(error)

    writers = [threading.Thread(target=write, args=(w,)) for w in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            action, _ = performed(server, move(rows=20))
            performed(server, move(rows=20), action_id=action)
            undone(server, action)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert server.value("SELECT count(*) FROM docs") == 400
    assert server.value("SELECT count(DISTINCT id) FROM docs") == 400
    for key, n in wrote.items():
        assert server.value("SELECT (metadata ->> 'n')::int FROM docs "
                            "WHERE id = %s", [key]) == n
    assert len(errors) <= 10, f"{len(errors)} serialisation errors"


_TRAP = """
CREATE ROLE mallory;
GRANT ALL ON SCHEMA public TO mallory;
ALTER TABLE docs OWNER TO mallory;
DO $$ BEGIN
  FOR i IN 0 .. 3 LOOP
    EXECUTE format('ALTER TABLE docs_%s OWNER TO mallory', i);
  END LOOP;
END $$;
SET ROLE mallory;
CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- In another transaction state than the owner's this would succeed.
  BEGIN
    EXECUTE 'ALTER ROLE mallory SUPERUSER';
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  BEGIN
    EXECUTE 'SET ROLE postgres';
    EXECUTE 'ALTER ROLE mallory SUPERUSER';
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  BEGIN
    EXECUTE 'RESET ROLE';
    EXECUTE 'ALTER ROLE mallory SUPERUSER';
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  INSERT INTO public.seen VALUES (current_user);
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TABLE public.seen (who text);
CREATE TRIGGER trap BEFORE UPDATE OR DELETE OR INSERT ON docs
  FOR EACH ROW EXECUTE FUNCTION public.trap();
CREATE CONSTRAINT TRIGGER trap_late AFTER UPDATE OR DELETE OR INSERT ON docs
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION public.trap();
"""


def test_a_trap_of_the_owner_gets_no_rights(server):
    server.psql(script=_TRAP)
    try:
        action, _ = performed(server, move())
        undone(server, action)
        assert server.value("SELECT rolsuper FROM pg_roles "
                            "WHERE rolname = 'mallory'") is False
        assert server.execute("SELECT DISTINCT who FROM seen") == [
            ("mallory",)]
    finally:
        server.psql(script="ALTER TABLE docs OWNER TO postgres; "
                           "DROP TABLE seen; DROP FUNCTION trap CASCADE;"
                           "REASSIGN OWNED BY mallory TO postgres;"
                           "DROP OWNED BY mallory; DROP ROLE mallory")


def test_rows_of_an_unmanaged_table_stay(server):
    server.psql(script="""
        CREATE TABLE own (id int, k int, v vector(2), PRIMARY KEY (id, k))
            PARTITION BY LIST (k);
        CREATE TABLE own_0 PARTITION OF own FOR VALUES IN (0);
        CREATE TABLE own_1 PARTITION OF own FOR VALUES IN (1);
        SELECT ruvector_register_collection('own', 'own', 'v');""")
    _, answer = perform(server, {
        **act("move_rows", "public.own_0", to="public.own_1", max_rows=1,
              batch_rows=1),
        "undo": act("return_rows", "public.own_1", to="public.own_0")},
        collection="own")
    assert answer["code"] == 9 and "not routed" in answer["message"], answer
    server.execute("DROP TABLE own")


def test_a_dropped_table_is_a_conflict(server):
    action, _ = performed(server, move())
    server.execute("ALTER TABLE docs DETACH PARTITION docs_0")
    answer = undo(server, action)
    assert answer["end"] == "conflict" and answer["left"] == 1, answer
    server.execute("DROP TABLE docs_0")


def test_the_dry_run_moves_what_the_act_would(server):
    before = rows_hash(server)
    shown = describe(server, move(rows=7))
    assert shown["lock"] == "row_exclusive" and shown["rows"] == 7
    assert rows_hash(server) == before
    server.psql(script=shown["statement"])
    assert counts(server) == {0: 93, 1: 107, 2: 100, 3: 100}


@pytest.mark.parametrize("point,moved", [
    ("healing.acts.intent.before_commit", False),
    ("healing.acts.intent.after_commit", False),
    ("healing.acts.apply.start", False),
    ("healing.acts.rows.moved", False),
    ("healing.acts.apply.before_commit", False),
    ("healing.acts.apply.after_commit", True),
])
def test_an_error_anywhere_leaves_all_or_nothing(server, point, moved):
    from healing.acts_kit import set_failpoints
    before = rows_hash(server)
    set_failpoints(server, f"{point}=error")
    try:
        action, answer = perform(server, move())
    finally:
        set_failpoints(server, "")
    assert not answer["ok"]
    assert acts_done(server, action)["changed"] is moved
    assert (rows_hash(server) != before) is moved
    undone(server, action)
    assert rows_hash(server) == before
    assert set(states(server, action)) <= {"undone", "not_done"}


def test_a_cancelled_act_has_no_effect(server):
    before = rows_hash(server)
    with server.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE docs IN SHARE MODE")
        running = start(server, "perform", 7, "docs", move(), seconds=60)
        server.wait_for("SELECT count(*) > 0 FROM ruvector.healing_acts "
                        "WHERE action_id = 7")
        server.execute("SELECT pg_cancel_backend(%s)", [running.pid])
        answer = running.answer(20)
        holder.rollback()
    assert answer["code"] == 1, answer
    assert rows_hash(server) == before
    assert states(server, 7) == ["not_done"]
