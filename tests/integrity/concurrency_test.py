"""Sessions side by side where pg_isolation_regress cannot go: COPY's data comes
from the client, and the worker is held at a failpoint."""

import threading

import psycopg
import pytest

from harness.waiting import wait_for
from integrity.conftest import chain, enrol, force, release, sealed


@pytest.fixture(scope="module")
def server(enrolled):
    enrolled.execute("CREATE EXTENSION pageinspect")
    sealed(enrolled)
    return enrolled


def _policy(server, text, key, value, operation):
    """Sets it and waits until the gate answers by it."""
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "%s::jsonb)", (text,))
    server.wait_for("SELECT ruvector_integrity_gate('docs', %s) ->> %s = %s",
                    (operation, key, value))


def _copied(server):
    return server.value("SELECT count(*) FROM docs WHERE id >= 5000")


def _copy(session, rows):
    with session.cursor().copy("COPY docs FROM STDIN") as copy:
        for i in rows:
            copy.write_row((i, 0, "[1,2,3,4]"))
            yield i


def test_a_policy_change_during_copy(server):
    """COPY is let in once and ends by the policy that let it in; the next one
    meets the new policy. Both are in the log."""
    with server.connect() as session:
        for i in _copy(session, range(5000, 5100)):
            if i == 5050:
                _policy(server, '{"normal_actions": {"allow_bulk_insert": '
                        'false}}', "allowed", "false", "bulk_insert")
        assert _copied(server) == 100
        with pytest.raises(psycopg.Error) as refused:
            list(_copy(session, range(6000, 6001)))
        assert refused.value.diag.sqlstate == "53RV1"
        assert "normal_actions.allow_bulk_insert" in (
            refused.value.diag.message_primary)
        _policy(server, '{"normal_actions": {"allow_bulk_insert": true}}',
                "allowed", "true", "bulk_insert")
        list(_copy(session, range(6000, 6001)))
    assert _copied(server) == 101
    sealed(server)
    changes = [row[0] for row in server.execute(
        "SELECT metadata -> 'changes' -> 'normal_actions.allow_bulk_insert' "
        "FROM ruvector.integrity_events WHERE event_type = 'policy_update' "
        "ORDER BY id")]
    assert changes == [{"old": True, "new": False}, {"old": False, "new": True}]
    server.execute("DELETE FROM docs WHERE id >= 5000")


def test_a_state_change_during_copy(server):
    """Let in, it ends; the state is in force for everybody else meanwhile."""
    with server.connect() as session:
        for i in _copy(session, range(5000, 5010)):
            if i == 5005:
                force(server, "critical")
                with pytest.raises(psycopg.Error) as refused:
                    server.execute("INSERT INTO docs VALUES (5, 0, "
                                   "'[1,2,3,4]')")
                assert refused.value.diag.sqlstate == "53RV1"
        assert _copied(server) == 10
        with pytest.raises(psycopg.Error):
            list(_copy(session, range(6000, 6001)))
    release(server)
    server.execute("DELETE FROM docs WHERE id >= 5000")


def test_a_waiting_statement_shows_and_holds_nothing_up(server):
    """While a REINDEX waits for improvement: a wait event, no relation lock,
    and others read, write and change the table."""
    force(server, "stress")
    with server.connect() as session:
        done = []
        waiting = threading.Thread(
            target=lambda: done.append(session.execute("REINDEX TABLE docs_0")))
        waiting.start()
        pid = session.info.backend_pid
        server.wait_for("SELECT wait_event_type = 'Extension' AND state = "
                        "'active' FROM pg_stat_activity WHERE pid = %s", (pid,))
        assert server.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND "
                            "relation = 'docs_0'::regclass", (pid,)) == 0
        server.execute("UPDATE docs SET id = id WHERE id = 1")
        server.execute("SELECT ruvector_integrity_sample('docs')")
        assert not done
        release(server)
        waiting.join(30)
        assert done


def test_unregistered_while_a_statement_waits(server):
    """There is no gate any more, so there is nothing to refuse it."""
    server.execute("CREATE TABLE lone (v vector(2))")
    server.execute("SELECT ruvector_register_collection('lone', 'lone', 'v')")
    server.execute("SELECT ruvector_integrity_sample('lone')")
    force(server, "stress", "lone")
    with server.connect() as session:
        ended = []

        def reindex():
            try:
                session.execute("REINDEX TABLE lone")
                ended.append(None)
            except psycopg.Error as error:
                ended.append(error.diag.sqlstate)

        waiting = threading.Thread(target=reindex)
        waiting.start()
        server.wait_for("SELECT deferred = 1 FROM ruvector.gate_stats WHERE "
                        "collection = 'lone' AND operation = 'index_build'")
        server.execute("SELECT ruvector_unregister_collection('lone')")
        waiting.join(60)
    server.execute("DROP TABLE lone")
    assert ended == [None]


def test_the_limit_has_its_sqlstate_without_a_wait_too(server):
    search = "SELECT id FROM docs ORDER BY embedding <-> '[1,2,3,4]' LIMIT 1"
    _policy(server, '{"normal_actions": {"max_concurrent_searches": 1}, '
            '"throttle": {"concurrency_wait_secs": 0}}',
            "max_concurrent", "1", "search")
    try:
        with server.connect(autocommit=False) as holder:
            holder.execute(f"DECLARE c CURSOR FOR {search}")
            with pytest.raises(psycopg.Error) as refused:
                server.execute(search)
            assert refused.value.diag.sqlstate == "53RV4"
    finally:
        server.execute("SELECT ruvector_integrity_policy_set('docs', 'default',"
                       " '{\"normal_actions\": {\"max_concurrent_searches\": "
                       "null}}')")


@pytest.fixture
def worker_held(server):
    """Holds the worker inside a pass, before its commit."""
    threads = []

    def hold():
        mark = server.log_mark()
        server.configure(**{"ruvector.failpoints":
                            "integrity.pass.before_commit=hang"})
        server.wait_for("SELECT current_setting('ruvector.failpoints') <> ''")
        threads.append(threading.Thread(target=lambda: server.execute(
            "SELECT ruvector_integrity_sample('docs')")))
        threads[0].start()
        wait_for(lambda: "before_commit\": hanging" in server.log(mark), 30,
                 what="the worker is in its pass")

    def let_go():
        server.configure(**{"ruvector.failpoints": ""})
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    yield hold, let_go
    let_go()


def test_a_rename_during_a_pass(server, worker_held):
    """At the latest after the pass it has been done; then sensors and gate
    follow the names."""
    hold, let_go = worker_held
    hold()
    renaming = threading.Thread(target=lambda: server.psql(
        "-c", "ALTER TABLE docs RENAME COLUMN embedding TO vec",
        "-c", "ALTER TABLE docs RENAME TO papers"))
    renaming.start()
    # It may get through at once: the sensors have let go of the tables.
    renaming.join(2)
    let_go()
    renaming.join(60)
    assert not renaming.is_alive()
    server.execute("SELECT ruvector_integrity_sample('docs')")
    assert server.execute("SELECT table_name, column_name FROM "
                          "ruvector_list_collections()") == [("papers", "vec")]
    assert server.value("SELECT stale FROM ruvector.integrity") is False
    force(server, "critical")
    with pytest.raises(psycopg.Error) as refused:
        server.execute("INSERT INTO papers VALUES (5, 0, '[1,2,3,4]')")
    assert refused.value.diag.sqlstate == "53RV1"
    release(server)
    server.execute("ALTER TABLE papers RENAME COLUMN vec TO embedding")
    server.execute("ALTER TABLE papers RENAME TO docs")


def test_unregistered_during_a_pass(server, worker_held):
    """The pass of a collection that is gone ends without a trace of it."""
    enrol(server, "brief")
    sealed(server)
    hold, let_go = worker_held
    hold()
    server.execute("SELECT ruvector_unregister_collection('brief')")
    server.execute("DROP TABLE brief")
    let_go()
    server.wait_for("SELECT count(*) = 0 FROM ruvector.gate_stats "
                    "WHERE collection = 'brief'")
    assert server.value("SELECT count(*) FROM ruvector.contracted_graph g "
                        "WHERE collection_id NOT IN "
                        "(SELECT id FROM ruvector.collections)") == 0
    sealed(server)
    assert chain(server)[0]


def test_an_override_during_a_pass_is_taken_up_after_it(server, worker_held):
    """The pass commits what it saw; the override comes in the next round."""
    hold, let_go = worker_held
    hold()
    server.execute("SELECT ruvector_integrity_override('docs', 'critical', "
                   "'meanwhile', 600)")
    gate = "SELECT ruvector_integrity_gate('docs', 'insert') ->> 'state'"
    assert server.value(gate) == "normal"
    let_go()
    server.wait_for(gate + " = 'critical'")
    assert server.value("SELECT state FROM ruvector.integrity") == "critical"
    release(server)
