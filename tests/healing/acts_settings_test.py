"""Acts that set one value: throttle, weight, storage parameter, tablespace."""

import pathlib
import threading

import psycopg
import pytest

from harness.account import make_server_directory
from healing.acts_kit import (act, acts_done, acts_installation, catalog,
                              describe, managed, perform, performed, rows_hash,
                              server, states, undo, undone)

__all__ = ["acts_installation", "server"]  # fixtures


@pytest.fixture(scope="module", autouse=True)
def docs(server):
    managed(server)
    server.execute("SELECT ruvector_integrity_sample('docs')")


def gate(server, operation="insert"):
    return server.value("SELECT ruvector_integrity_gate('docs', %s)",
                        [operation])


def overrides(server):
    return server.execute("SELECT operation, percent FROM "
                          "ruvector.throttle_overrides ORDER BY 1")


def test_a_throttle_reaches_the_gate_and_goes_again(server):
    assert gate(server)["response"] == "allow"
    action, answer = performed(server, act(
        "set_throttle", "docs", operation="insert", percent=60,
        undo={"percent": None}))
    assert answer["changed"] is True
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                    "'throttle_pct' = '60'")
    told = gate(server)
    assert told["response"] == "throttle"
    assert "healing holds it back by 60 percent" in told["reason"]
    assert gate(server, "update")["response"] == "allow"
    assert acts_done(server, action) == {"changed": True,
                                         "irreversible": False, "undos": 1}
    undone(server, action)
    assert overrides(server) == []
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                    "'response' = 'allow'")
    assert states(server, action) == ["undone"]
    assert acts_done(server, action) == {"changed": False,
                                         "irreversible": False, "undos": 0}


def test_an_act_that_a_trigger_keeps_out_of_the_journal_is_not_done(server):
    server.psql(script="""
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER swallow BEFORE INSERT ON ruvector.healing_acts
            FOR EACH ROW EXECUTE FUNCTION swallow();
        CREATE TRIGGER swallow BEFORE INSERT ON ruvector.problems
            FOR EACH ROW EXECUTE FUNCTION swallow();
        CREATE TRIGGER swallow BEFORE INSERT ON ruvector.collections
            FOR EACH ROW EXECUTE FUNCTION swallow();""")
    try:
        action, answer = perform(server, act(
            "set_throttle", "docs", operation="insert", percent=60,
            undo={"percent": None}))
        assert answer["ok"] is False
        assert "a trigger kept the act out" in answer["message"]
        assert overrides(server) == [] and states(server, action) == []
        # Nor does the server mind one on its other tables.
        with pytest.raises(psycopg.errors.TriggeredDataChangeViolation):
            server.execute("CREATE TABLE t (v vector(2))")
            server.execute("SELECT ruvector_register_collection('t', 't', 'v')")
    finally:
        server.psql(script="""
            DROP TABLE t;
            DROP FUNCTION swallow CASCADE;""")


def test_a_throttle_survives_a_crash(server):
    action, _ = performed(server, act(
        "set_throttle", "docs", operation="update", percent=30,
        undo={"percent": None}))
    server.kill9()
    server.start()
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'update') ->> "
                    "'throttle_pct' = '30'")
    undone(server, action)
    assert overrides(server) == []


def test_undos_run_newest_first_to_the_first_value(server):
    action, _ = performed(server, act(
        "set_throttle", "docs", operation="insert", percent=20,
        undo={"percent": None}))
    performed(server, act("set_throttle", "docs", operation="insert",
                          percent=40, undo={"percent": 20}),
              action_id=action)
    assert overrides(server) == [("insert", 40)]
    undone(server, action)
    assert overrides(server) == []


def test_an_undo_that_is_a_guess_is_refused(server):
    _, answer = perform(server, act("set_throttle", "docs", operation="insert",
                                    percent=60, undo={"percent": 10}))
    assert answer["code"] == 10, answer  # Aborted: read it again
    assert overrides(server) == []


def test_what_somebody_changed_since_is_a_conflict(server):
    action, _ = performed(server, act(
        "set_throttle", "docs", operation="insert", percent=60,
        undo={"percent": None}))
    server.execute("UPDATE ruvector.throttle_overrides SET percent = 5")
    answer = undo(server, action)
    assert answer["end"] == "conflict" and answer["left"] == 1, answer
    assert "somebody has changed it since" in answer["message"]
    assert overrides(server) == [("insert", 5)]
    server.execute("DELETE FROM ruvector.throttle_overrides")
    undone(server, action)  # it is as before: nothing is left to do


@pytest.mark.parametrize("arguments,message", [
    ({"operation": "fly", "percent": 10}, "unknown operation"),
    ({"operation": "insert", "percent": 101}, "0 to 100"),
])
def test_bad_throttles(server, arguments, message):
    _, answer = perform(server, act("set_throttle", "docs", **arguments,
                                    undo={"percent": None}))
    assert not answer["ok"] and message in answer["message"], answer
    assert overrides(server) == []


def test_an_unknown_collection(server):
    _, answer = perform(server, act("set_throttle", "none", operation="insert",
                                    percent=1, undo={"percent": None}),
                        collection="none")
    assert answer["code"] == 5 and '"none"' in answer["message"], answer


def weights(server):
    return dict(server.execute("SELECT routing_key, weight FROM "
                               "ruvector.routing_weights ORDER BY 1"))


def test_a_weight_steers_new_rows(server):
    before = weights(server)
    action, _ = performed(server, act("set_routing_weight", "public.docs_1",
                                      weight=0, undo={"weight": 1}))
    assert weights(server) == {**before, 1: 0}
    held = server.value("SELECT count(*) FROM docs_1")
    server.execute("INSERT INTO docs (embedding) SELECT '[1,2,3,4]' "
                   "FROM generate_series(1, 200)")
    assert server.value("SELECT count(*) FROM docs_1") == held
    undone(server, action)
    assert weights(server) == before
    server.execute("DELETE FROM docs WHERE metadata = '{}'")


def test_some_partition_keeps_taking_rows(server):
    action = None
    for part in range(3):
        action, _ = performed(
            server, act("set_routing_weight", f"public.docs_{part}", weight=0,
                        undo={"weight": 1}), action_id=action)
    _, answer = perform(server, act("set_routing_weight", "public.docs_3",
                                    weight=0, undo={"weight": 1}))
    assert answer["code"] == 9, answer
    assert "would take new rows" in answer["message"]
    undone(server, action)
    assert set(weights(server).values()) == {1}


def test_a_storage_parameter_under_writers(server):
    server.execute("ALTER TABLE docs_0 SET (autovacuum_vacuum_threshold = 77)")
    before = catalog(server)
    stop, failures = threading.Event(), []

    def write():
        try:
            with server.connect() as session:
                while not stop.is_set():
                    session.execute("UPDATE docs SET metadata = metadata "
                                    "WHERE routing_key = 0 AND id < 20")
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        action, _ = performed(server, act(
            "set_reloption", "public.docs_0", option="autovacuum_enabled",
            value="false", undo={"value": None}))
        performed(server, act(
            "set_reloption", "public.docs_0",
            option="autovacuum_vacuum_threshold", value="5",
            undo={"value": "77"}), action_id=action)
        assert set(server.value("SELECT reloptions FROM pg_class WHERE "
                                "relname = 'docs_0'")) == {
                                    "autovacuum_enabled=false",
                                    "autovacuum_vacuum_threshold=5"}
        undone(server, action)
    finally:
        stop.set()
        writer.join()
    assert failures == []
    assert catalog(server) == before


def test_only_upkeep_is_tuned(server):
    _, answer = perform(server, act(
        "set_reloption", "public.docs_0", option="user_catalog_table",
        value="true", undo={"value": None}))
    assert answer["code"] == 9, answer


@pytest.fixture(scope="module")
def cold(server):
    path = pathlib.Path(server.directory) / "cold"
    make_server_directory(path)
    server.execute(f"CREATE TABLESPACE cold LOCATION '{path}'")
    return "cold"


def test_a_partition_moves_to_a_tablespace_and_back(server, cold):
    before, rows = catalog(server), rows_hash(server)
    action, answer = performed(server, act(
        "move_to_tablespace", "public.docs_2", tablespace=cold,
        undo={"tablespace": "pg_default"}))
    assert answer["bytes"] > 0
    assert server.value("SELECT spcname FROM pg_tablespace t JOIN pg_class c "
                        "ON c.reltablespace = t.oid WHERE relname = 'docs_2'"
                        ) == "cold"
    assert rows_hash(server) == rows, "still queryable"
    undone(server, action)
    assert catalog(server) == before and rows_hash(server) == rows


def test_users_do_not_queue_behind_a_move(server, cold):
    """The lock is asked for shortly: others get in between."""
    with server.connect(autocommit=False) as holder:
        holder.execute("SELECT count(*) FROM docs_2")  # AccessShareLock
        action, answer = None, []
        thread = threading.Thread(target=lambda: answer.append(perform(
            server, act("move_to_tablespace", "public.docs_2", tablespace=cold,
                        undo={"tablespace": "pg_default"}), seconds=30)))
        thread.start()
        with server.connect() as user:
            user.execute("SET statement_timeout = '2s'")
            for _ in range(20):
                user.execute("UPDATE docs SET metadata = metadata "
                             "WHERE routing_key = 2 AND id < 30")
        holder.rollback()
        thread.join()
    action, told = answer[0]
    assert told["ok"], told
    undone(server, action)


def test_the_deadline_ends_the_wait_for_a_lock(server, cold):
    with server.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE docs_2 IN ACCESS SHARE MODE")
        action, answer = perform(
            server, act("move_to_tablespace", "public.docs_2", tablespace=cold,
                        undo={"tablespace": "pg_default"}), seconds=2)
        assert answer["code"] in (4, 14), answer
        holder.rollback()
    assert states(server, action) == ["not_done"]
    assert acts_done(server, action) == {"changed": False,
                                         "irreversible": False, "undos": 0}


def test_a_foreign_table_is_not_touched(server):
    server.execute("CREATE TABLE other (n int)")
    for name, code in (("public.other", 9), ("public.nothing", 5)):
        _, answer = perform(server, act(
            "set_reloption", name, option="autovacuum_enabled", value="false",
            undo={"value": None}))
        assert answer["code"] == code, answer


def test_what_the_server_lacks_is_named(server):
    _, answer = perform(server, act("move_shard", "public.docs_102008",
                                    node="w1:5432", undo={"node": "w2:5432"}))
    assert answer["code"] == 9 and "citus" in answer["message"], answer
    _, answer = perform(server, {**act("hold_job", "cron 1", seconds=60),
                                 "undo": act("release_job", "cron 1")})
    assert answer["code"] == 9 and "pg_cron" in answer["message"], answer


@pytest.mark.parametrize("action", [
    act("set_throttle", "docs", operation="insert", percent=60,
        undo={"percent": None}),
    act("set_routing_weight", "public.docs_1", weight=3, undo={"weight": 1}),
    act("set_reloption", "public.docs_0", option="autovacuum_enabled",
        value="false", undo={"value": None}),
])
def test_the_dry_run_is_what_would_be_run(server, action):
    before = catalog(server), weights(server), overrides(server)
    shown = describe(server, action)
    assert shown["ok"], shown
    assert (catalog(server), weights(server), overrides(server)) == before
    server.psql(script=shown["statement"])
    assert (catalog(server), weights(server), overrides(server)) != before
    server.psql(script=shown["undo_statement"])
    assert (catalog(server), weights(server), overrides(server)) == before
