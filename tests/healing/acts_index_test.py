"""Builds of indexes: beside, in place, undone, finished, failed midway."""

import os
import pathlib
import subprocess
import threading

import pytest

from harness.account import make_server_directory
from healing.acts_kit import (act, acts_done, acts_installation, catalog,
                              describe, finish, managed, perform, performed,
                              resolve, rows_hash, server, set_failpoints,
                              start, states, undo, undone)

__all__ = ["acts_installation", "server"]  # fixtures


@pytest.fixture(autouse=True)
def docs(server):
    managed(server)
    server.psql(script="""
        CREATE INDEX by_parts ON docs USING ivfflat (embedding vector_l2_ops)
            WITH (lists = 4);
        CREATE TABLE flat (id int PRIMARY KEY, v vector(4), kind int);
        INSERT INTO flat SELECT i, ARRAY[sin(i), cos(i), 1, 2]::vector, i % 2
            FROM generate_series(1, 300) i;
        CREATE INDEX "Odd 'name'" ON flat USING ivfflat (v vector_cosine_ops)
            WITH (lists = 5) WHERE kind = 1;
        COMMENT ON INDEX "Odd 'name'" IS 'don''t lose me';
        CREATE INDEX graph ON flat USING hnsw (v vector_l2_ops)
            WITH (m = 8, ef_construction = 20);
        SELECT ruvector_register_collection('flat', 'flat', 'v');""")
    yield
    set_failpoints(server, "")
    server.psql(script="""DROP TABLE docs; DROP TABLE flat;
                          DELETE FROM ruvector.healing_acts""")


ODD = "public.\"Odd 'name'\""


def beside(index, lists=None):
    return {**act("rebuild_index", index, lists=lists),
            "undo": act("restore_index", index)}


def in_place(index, lists, former):
    return act("rebuild_index", index, lists=lists, undo={"lists": former})


def lists(server, index):
    return server.value("SELECT o.option_value FROM pg_class c, "
                        "pg_options_to_table(c.reloptions) o WHERE c.oid = "
                        "%s::regclass AND o.option_name = 'lists'", [index])


class Writers:
    """Users who insert, update and delete all the while."""

    def __init__(self, server, table, column, n=2):
        self.errors, self._stop = [], threading.Event()
        self._threads = [threading.Thread(target=self._write,
                                          args=(server, table, column, i))
                         for i in range(n)]

    def _write(self, server, table, column, worker):
        try:
            with server.connect() as session:
                while not self._stop.is_set():
                    session.execute(f"UPDATE {table} SET {column} = {column} "
                                    f"WHERE id % 7 = {worker} AND id < 100")
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self.errors == []


@pytest.mark.parametrize("collection,index,wanted", [
    ("flat", ODD, 9), ("flat", "public.graph", None),
    ("docs", "public.by_parts", 7)])
def test_beside_and_back(server, collection, index, wanted):
    before = catalog(server, collection)
    with Writers(server, collection,
                 "v" if collection == "flat" else "embedding"):
        action, answer = performed(server, beside(index, wanted), collection)
        assert answer["bytes"] > 0
        assert (lists(server, index) or "None") == str(wanted)
        assert acts_done(server, action)["undos"] == 1
        undone(server, action)
    finish(server, action, kept=False)
    assert catalog(server, collection) == before
    assert server.value("SELECT count(*) FROM ruvector.healing_indexes") == 0


def test_the_kept_index_is_not_sensed(server):
    def lists_seen():
        server.execute("SELECT ruvector_rebuild_contracted_graph('flat')")
        return server.value("SELECT count(*) FROM ruvector.contracted_graph g "
                            "JOIN ruvector.collections c ON c.id = g.collection_id"
                            " WHERE c.name = 'flat' AND node_type = 'centroid'")

    assert lists_seen() == 5
    action, _ = performed(server, beside(ODD, 9), "flat")
    assert server.execute("SELECT index_oid::regclass::text FROM "
                          "ruvector.healing_kept_indexes") != []
    assert lists_seen() == 9
    undone(server, action)
    assert lists_seen() == 5
    finish(server, action, kept=False)
    assert server.execute("SELECT * FROM ruvector.healing_kept_indexes") == []


@pytest.mark.parametrize("collection,index,wanted", [
    ("flat", ODD, 9), ("docs", "public.by_parts", 7)])
def test_a_verified_rebuild_is_a_rebuild(server, collection, index, wanted):
    """What is left is what PostgreSQL's own statements would have left."""
    before = catalog(server, collection, oids=False)
    action, _ = performed(server, beside(index, wanted), collection)
    finish(server, action)
    finish(server, action)  # repeats safely
    former = "5" if collection == "flat" else "4"
    expected = [tuple(x.replace(f"lists={former}", f"lists={wanted}")
                      .replace(f"lists='{former}'", f"lists='{wanted}'")
                      if isinstance(x, str) and "lists" in x else x
                      for x in row) for row in before]
    assert catalog(server, collection, oids=False) == expected
    assert server.value("SELECT obj_description(%s::regclass)", [ODD]
                        ) == "don't lose me"
    # Its undo is a rebuild with the old lists now.
    undone(server, action)
    assert catalog(server, collection, oids=False) == before


@pytest.mark.parametrize("collection,index", [
    ("flat", ODD), ("docs", "public.by_parts"),
    ("docs", "public.docs_1_embedding_idx")])
def test_in_place_and_back(server, collection, index):
    before = catalog(server, collection, oids=False)
    former = 5 if collection == "flat" else 4
    with Writers(server, collection,
                 "v" if collection == "flat" else "embedding"):
        action, _ = performed(server, in_place(index, 8, former), collection)
    changed = catalog(server, collection, oids=False)
    assert changed != before
    assert sum("lists=8" in (row[2] or "") for row in changed) == (
        4 if index == "public.by_parts" else 1)
    undone(server, action)
    assert catalog(server, collection, oids=False) == before


@pytest.mark.parametrize("action,code", [
    (beside("public.docs_1_embedding_idx", 3), 9),   # attached
    (beside("public.docs_pkey"), 9),                 # a constraint
    (beside("public.nothing", 3), 5),
    (beside("public.by_parts", 0), 3),
    (in_place("public.by_parts", 8, 44), 10),        # not what it has
    (act("restore_index", "public.by_parts"), 9),    # nothing is kept
])
def test_what_cannot_be_rebuilt(server, action, code):
    before = catalog(server)
    _, answer = perform(server, action)
    assert answer["code"] == code, answer
    assert catalog(server) == before
    assert server.value("SELECT count(*) FROM ruvector.healing_acts WHERE "
                        "state = 'intended'") == 0


def test_an_index_that_somebody_replaced_is_a_conflict(server):
    action, _ = performed(server, beside(ODD, 9), "flat")
    server.execute("DROP INDEX \"Odd 'name'\"")
    answer = undo(server, action)
    assert answer["end"] == "conflict" and answer["left"] == 1, answer


def test_restore_as_an_act(server):
    before = catalog(server, "flat")
    action, _ = performed(server, beside(ODD, 9), "flat")
    performed(server, act("restore_index", ODD), "flat")
    assert states(server, action) == ["undone"]
    finish(server, action, kept=False)
    assert catalog(server, "flat") == before


@pytest.mark.parametrize("collection,index", [
    ("flat", "public.graph"), ("docs", "public.by_parts")])
def test_reindex(server, collection, index):
    before = catalog(server, collection, oids=False)
    oids = catalog(server, collection)
    with Writers(server, collection,
                 "v" if collection == "flat" else "embedding"):
        action, answer = performed(server, act("reindex", index), collection)
    assert answer["changed"] and answer["bytes"] > 0
    assert catalog(server, collection, oids=False) == before
    assert catalog(server, collection) != oids
    assert acts_done(server, action) == {"changed": True, "irreversible": True,
                                         "undos": 0}


def test_vacuum_and_analyze(server):
    server.execute("DELETE FROM flat WHERE id > 100")
    server.execute("SELECT pg_stat_force_next_flush()")
    performed(server, act("vacuum", "public.flat"), "flat")
    performed(server, act("analyze", "public.flat"), "flat")
    server.wait_for("SELECT n_dead_tup = 0 AND last_vacuum IS NOT NULL AND "
                    "last_analyze IS NOT NULL FROM pg_stat_user_tables "
                    "WHERE relname = 'flat'")
    assert server.value("SELECT reltuples FROM pg_class WHERE relname = 'flat'"
                        ) == 100
    performed(server, act("vacuum", "public.docs"), "docs")
    action, answer = perform(server, act("vacuum", "public.gone"), "flat")
    assert answer["code"] == 5


_POINTS = [
    "healing.acts.intent.after_commit", "healing.acts.command.before",
    "healing.acts.command.after", "healing.acts.build.after_one",
    "healing.acts.swap.start", "healing.acts.swap.before_commit",
]


@pytest.mark.parametrize("point", _POINTS)
@pytest.mark.parametrize("collection,index", [
    ("flat", ODD), ("docs", "public.by_parts")])
def test_an_error_midway_leaves_nothing(server, point, collection, index):
    before = catalog(server, collection)
    set_failpoints(server, f"{point}=error")
    action, answer = perform(server, beside(index, 9), collection)
    assert not answer["ok"], answer
    set_failpoints(server, "")
    resolve(server, action)
    assert catalog(server, collection) == before
    assert acts_done(server, action)["changed"] is False
    assert states(server, action) == ["not_done"]


def test_the_table_dropped_midway(server):
    set_failpoints(server, "healing.acts.swap.start=hang")
    running = start(server, "perform", 77, "flat", beside(ODD, 9))
    server.wait_for("SELECT count(*) = 1 FROM ruvector.healing_indexes "
                    "WHERE new_oid IS NOT NULL")
    server.execute("DROP TABLE flat")
    set_failpoints(server, "")
    answer = running.answer()
    assert not answer["ok"], answer
    resolve(server, 77)
    assert states(server, 77) == ["not_done"]
    assert undo(server, 77)["end"] == "finished"
    server.execute("CREATE TABLE flat ()")


def test_invalid_leftovers_only_ours(server):
    # Somebody's failed build, and one of ours that nobody has settled.
    server.psql(script="""
        CREATE TABLE twice (v vector(4));
        UPDATE pg_index SET indisvalid = false
         WHERE indexrelid = 'graph'::regclass;""")
    _, answer = perform(server, act("drop_invalid_index", "public.graph"),
                        "flat")
    assert answer["code"] == 9 and "not us" in answer["message"], answer
    server.execute("UPDATE pg_index SET indisvalid = true "
                   "WHERE indexrelid = 'graph'::regclass")
    set_failpoints(server, "healing.acts.swap.start=hang")
    running = start(server, "perform", 78, "flat", beside(ODD, 9))
    server.wait_for("SELECT count(*) = 1 FROM ruvector.healing_indexes "
                    "WHERE new_oid IS NOT NULL")
    name = server.value("SELECT built_name FROM ruvector.healing_indexes "
                        "WHERE new_oid IS NOT NULL")
    server.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
                   "%s::regclass", [name])
    performed(server, act("drop_invalid_index", f"public.{name}"), "flat")
    assert server.value("SELECT to_regclass(%s) IS NULL", [name])
    set_failpoints(server, "")
    assert not running.answer()["ok"]
    server.execute("DROP TABLE twice")


def test_the_gate_lets_go_of_waiters_for_a_build(server):
    """A statement that waits at the gate with locks gives up (design 7.6)."""
    server.psql(script="""
        SELECT ruvector_integrity_policy_set('flat', 'p',
            '{"critical_actions": {"allow_update": true},
              "risk_matrix": {"medium_critical_defer_secs": 60}}');
        SELECT ruvector_integrity_sample('flat');
        SELECT ruvector_integrity_override('flat', 'critical', 'test', 600);""")
    server.wait_for("SELECT ruvector_integrity_gate('flat', 'update') ->> "
                    "'response' = 'defer'")
    failed = []

    def wait():
        with server.connect(autocommit=False) as session:
            session.execute("LOCK TABLE flat IN ROW EXCLUSIVE MODE")
            try:
                session.execute("UPDATE flat SET kind = 5 WHERE id = 1")
            except Exception as error:  # pylint: disable=broad-except
                failed.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    server.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE "
                    "query LIKE 'UPDATE flat%' AND wait_event_type IN "
                    "('Extension', 'IPC')")
    performed(server, act("reindex", "public.graph"), "flat", seconds=30)
    waiter.join(30)
    assert len(failed) == 1 and failed[0].sqlstate == "53RV2", failed
    assert "healing needs the locks" in str(failed[0])


@pytest.fixture
def tiny(server):
    """A tablespace with room for almost nothing."""
    path = pathlib.Path(server.directory) / "tiny"
    make_server_directory(path)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m",
                              "tmpfs", path], check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a file system here")
    subprocess.run(["chown", "postgres", path], check=True)
    try:
        server.execute(f"CREATE TABLESPACE tiny LOCATION '{path}'")
        yield "tiny"
        server.execute("DROP TABLE IF EXISTS big")
        server.execute("DROP TABLESPACE tiny")
    finally:
        subprocess.run(["umount", path], check=False)


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a file system")
def test_disk_full_during_a_rebuild(server, tiny):
    server.psql(script=f"""
        CREATE TABLE big (id int PRIMARY KEY, v vector(60));
        INSERT INTO big SELECT i, (SELECT array_agg(sin(i * j)) FROM
            generate_series(1, 60) j)::vector FROM generate_series(1, 2500) i;
        CREATE INDEX big_idx ON big USING ivfflat (v vector_l2_ops)
            WITH (lists = 5) TABLESPACE {tiny};
        SELECT ruvector_register_collection('big', 'big', 'v');""")
    before, rows = catalog(server, "big"), rows_hash(server, "big")
    action, answer = perform(server, beside("public.big_idx", 9), "big")
    assert not answer["ok"] and answer["sqlstate"] == "53100", answer
    assert answer["code"] == 14, answer
    resolve(server, action)
    assert catalog(server, "big") == before
    assert rows_hash(server, "big") == rows
    assert states(server, action) == ["not_done"]


def test_the_deadline_ends_a_build(server):
    """An old snapshot keeps a concurrent build from ending."""
    before = catalog(server, "flat")
    with server.connect(autocommit=False) as old:
        old.execute("SELECT pg_current_xact_id()")
        old.execute("UPDATE flat SET kind = kind WHERE id = 1")
        action, answer = perform(server, beside(ODD, 9), "flat", seconds=3)
        assert answer["code"] == 4, answer
        old.rollback()
    resolve(server, action)
    assert catalog(server, "flat") == before
    assert states(server, action) == ["not_done"]


@pytest.mark.parametrize("action", [
    beside(ODD, 9), in_place(ODD, 9, 5), act("reindex", "public.graph"),
    act("vacuum", "public.flat"), act("analyze", "public.flat")])
def test_the_dry_run_is_what_would_be_run(server, action):
    before = catalog(server, "flat")
    shown = describe(server, action, "flat")
    assert shown["ok"] and catalog(server, "flat") == before, shown
    for statement in shown["statement"].split(";"):
        if statement.strip():
            server.psql("-c", statement)
    if shown["undo_statement"]:
        assert catalog(server, "flat") != before
        for statement in shown["undo_statement"].split(";"):
            if statement.strip():
                server.psql("-c", statement)
        assert catalog(server, "flat", oids=False) == [
            (row[0], *row[2:]) for row in before]
