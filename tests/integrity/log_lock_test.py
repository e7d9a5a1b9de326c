"""The log's table under other sessions' locks: the worker goes on."""

import time

import psycopg
import pytest

from integrity.conftest import chain, enrol, force, release, sealed


@pytest.fixture(scope="module")
def server(_track):
    made = _track("loglock").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    sealed(made)
    yield made
    made.destroy()


def _events(server):
    return server.value("SELECT count(*) FROM ruvector.integrity_events")


def _worker_waits(server):
    return server.value(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE a.backend_type = 'ruvector integrity worker' "
        "AND NOT l.granted")


@pytest.mark.parametrize("mode", ["SHARE UPDATE EXCLUSIVE"])
def test_events_are_sealed_beside_a_vacuum(server, mode):
    """The lock that VACUUM, ANALYZE and autovacuum hold all along."""
    before = _events(server)
    with server.connect(autocommit=False) as session:
        session.execute(f"LOCK TABLE ruvector.integrity_events IN {mode} MODE")
        force(server, "stress")
        server.wait_for("SELECT count(*) > %s FROM ruvector.integrity_events",
                        (before,))
        server.execute("SELECT ruvector_audit_checkpoint()")
        assert _worker_waits(server) == 0
        session.rollback()
    release(server)
    sealed(server)
    assert chain(server)[0]


def test_a_vacuum_does_not_wait_for_the_appender(server):
    """Nor is an autovacuum cancelled by it: the locks do not conflict."""
    with server.connect() as session:
        session.execute("SET lock_timeout = '10s'")
        for _ in range(3):
            session.execute("SELECT ruvector_integrity_sample('docs')")
            session.execute("VACUUM (ANALYZE) ruvector.integrity_events")


@pytest.mark.parametrize("mode", ["SHARE", "SHARE ROW EXCLUSIVE",
                                  "ACCESS EXCLUSIVE"])
def test_states_go_on_while_the_log_is_locked(server, mode):
    sealed(server)
    with server.connect(autocommit=False) as session:
        session.execute(f"LOCK TABLE ruvector.integrity_events IN {mode} MODE")
        before = session.execute("SELECT count(*) FROM "
                                 "ruvector.integrity_events").fetchone()[0]
        started = time.monotonic()
        force(server, "stress")
        for _ in range(3):
            server.execute("SELECT ruvector_integrity_sample('docs')")
        assert time.monotonic() - started < 8
        with pytest.raises(psycopg.Error) as error:
            server.execute("SELECT ruvector_audit_checkpoint()")
        assert error.value.diag.sqlstate == "55P03"
        assert "locked the event log" in error.value.diag.message_primary
        assert session.execute("SELECT count(*) FROM ruvector.integrity_events"
                               ).fetchone()[0] == before
        session.rollback()
    release(server)
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()",
                    timeout=30)
    ok, _, bad, reason = chain(server)
    assert ok, (bad, reason)
    assert _events(server) > before
