"""Sessions in each other's way, against what SQL on pg_catalog says."""

import contextlib
import threading

import psycopg
import pytest

from harness.waiting import wait_for
from healing.sensing import (found, install_test_functions, metrics, problems,
                             sample, subjects, unread)
from integrity.conftest import enrol

ALONE = 5_000_000  # transactions: HealingLimits::held_alone


@pytest.fixture(scope="module")
def server(cluster):
    cluster.configure(max_prepared_transactions="4",
                      **{"ruvector.healing": "off"})
    cluster.restart()
    enrol(cluster)
    install_test_functions(cluster)
    return cluster


@pytest.fixture(autouse=True)
def _quiet_again(server):
    yield
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE application_name LIKE 'fault%'")
    server.wait_for("SELECT count(*) = 0 FROM pg_stat_activity "
                    "WHERE application_name LIKE 'fault%'")
    sample(server, 3)
    assert not problems(server, confirmed=False)


def consume(server, transactions=ALONE + 100_000):
    server.execute("SELECT test_consume_xids(%s)", (transactions,))


def test_a_quiet_server_has_no_problem(server):
    sample(server, 4)
    assert problems(server, confirmed=False) == {}
    assert unread(server) == {}
    assert server.value("SELECT count(*) FROM ruvector.problems "
                        "WHERE confirmed AND resolved_at IS NULL") == 0


def test_an_old_snapshot_is_named(server):
    with server.connect(application_name="fault snapshot",
                        autocommit=False) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        consume(server)
        row = found(server, "vacuum_held_by_snapshot")
        pid = old.info.backend_pid
        assert subjects(row)[0] == ("session", str(pid))
        (age,), = server.execute(
            "SELECT age(backend_xmin) FROM pg_stat_activity WHERE pid = %s",
            (pid,))
        value, threshold = metrics(row, str(pid))["age_xids"]
        assert ALONE < value <= age
        assert threshold == ALONE
        assert "fault snapshot" in metrics(row, str(pid))["detail"][0]
        assert row["problem_class"] == "maintenance_contention"


def test_a_session_of_another_database_holds_nothing_here(server):
    server.execute("CREATE DATABASE elsewhere")
    with server.connect("elsewhere", application_name="fault elsewhere",
                        autocommit=False) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        consume(server)
        sample(server, 2)
        assert "vacuum_held_by_snapshot" not in problems(server)


def test_a_prepared_transaction_is_named(server):
    with server.connect(autocommit=False) as session:
        session.execute("CREATE TABLE prepared (a int)")
        session.execute("PREPARE TRANSACTION 'left behind'")
    try:
        consume(server)
        row = found(server, "vacuum_held_by_prepared")
        assert subjects(row) == [("transaction", "left behind")]
        age = server.value("SELECT age(transaction) FROM pg_prepared_xacts")
        value, _ = metrics(row, "left behind")["age_xids"]
        assert ALONE < value <= age
    finally:
        server.execute("ROLLBACK PREPARED 'left behind'")


def test_a_slot_is_named(server):
    server.execute("SELECT pg_create_physical_replication_slot('held')")
    receiver = server.installation.bin / "pg_receivewal"
    assert receiver.exists()
    try:
        # hot_standby_feedback, as a standby with the slot would send it.
        with feedback(server, "held"):
            consume(server)
            row = found(server, "vacuum_held_by_slot")
            assert subjects(row)[0] == ("slot", "held")
            age = server.value("SELECT age(xmin) FROM pg_replication_slots "
                               "WHERE slot_name = 'held'")
            value, _ = metrics(row, "held")["age_xids"]
            assert ALONE < value <= age
    finally:
        server.wait_for("SELECT NOT active FROM pg_replication_slots")
        server.execute("SELECT pg_drop_replication_slot('held')")
        # The session passed for a standby, which is missed when it goes.
        server.execute("DELETE FROM ruvector.known_replicas")


@contextlib.contextmanager
def feedback(server, slot):
    """A walreceiver's session: it reports the present xmin once."""
    import struct
    import time
    xmin = server.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
                        "::bigint & 4294967295")
    lsn = server.value("SELECT pg_current_wal_lsn()::text")
    session = psycopg.pq.PGconn.connect(
        (server.dsn() + " replication=true application_name=fault_receiver")
        .encode())
    outcome = session.exec_(
        f"START_REPLICATION SLOT {slot} PHYSICAL {lsn}".encode())
    assert outcome.status == psycopg.pq.ExecStatus.COPY_BOTH, \
        session.error_message
    now = int((time.time() - 946684800) * 1e6)
    session.put_copy_data(b"h" + struct.pack(">qIIII", now, xmin, 0, 0, 0))
    session.flush()
    try:
        server.wait_for("SELECT xmin IS NOT NULL FROM pg_replication_slots "
                        "WHERE slot_name = %s", (slot,))
        yield
    finally:
        session.finish()


def blocked(server, statement, count=1, application_name="fault waiter"):
    """Sessions that wait for a lock, each in a thread."""
    sessions = []
    for _ in range(count):
        session = server.connect(application_name=application_name)

        def run(session=session):
            with contextlib.suppress(psycopg.Error):
                session.execute(statement)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        sessions.append(session)
    server.wait_for(
        "SELECT count(*) = %s FROM pg_stat_activity WHERE wait_event_type = "
        "'Lock' AND application_name = %s", (count, application_name))
    return sessions


def wait_seconds(server, seconds):
    server.wait_for("SELECT max(clock_timestamp() - waitstart) > %s * "
                    "interval '1 s' FROM pg_locks", (seconds,))


def test_a_pile_up_names_the_root(server):
    with server.connect(application_name="fault root",
                        autocommit=False) as root:
        root.execute("LOCK TABLE docs_0 IN ACCESS SHARE MODE")
        root.execute("SELECT 'a secret', 4711")
        first = blocked(server, "LOCK TABLE docs_0 IN ACCESS EXCLUSIVE MODE"
                        .replace("LOCK", "BEGIN; LOCK"), 1, "fault first")
        rest = blocked(server, "SELECT count(*) FROM docs_0", 3, "fault rest")
        wait_seconds(server, 5.2)
        row = found(server, "lock_pileup")
        pid = str(root.info.backend_pid)
        assert subjects(row) == [("session", pid)]
        seen = metrics(row, pid)
        # The oracle: everyone behind the root, by the server's own function.
        waiting = server.value("""
            WITH RECURSIVE behind AS (
                SELECT %s::int AS pid UNION
                SELECT a.pid FROM pg_stat_activity a JOIN behind b
                    ON b.pid = ANY (pg_blocking_pids(a.pid)))
            SELECT count(*) - 1 FROM behind""", (int(pid),))
        assert seen["waiting"] == (waiting, 3) == (4, 3)
        assert seen["longest_wait_s"][0] >= 5
        assert seen["relation"][0] == "public.docs_0"
        assert seen["state"][0] == "idle in transaction"
        assert seen["runs"][0] == "SELECT ?, ?"
        # Sensing did not queue up behind the exclusive lock.
        assert server.value("SELECT milliseconds < 5000 FROM ruvector.diagnoses")
        del first, rest


def test_a_prepared_transaction_is_a_root(server):
    with server.connect(autocommit=False) as session:
        session.execute("LOCK TABLE docs_1 IN ROW EXCLUSIVE MODE")
        session.execute("PREPARE TRANSACTION 'root'")
    try:
        blocked(server, "BEGIN; LOCK TABLE docs_1 IN SHARE MODE", 3)
        wait_seconds(server, 5.2)
        row = found(server, "lock_pileup")
        assert subjects(row) == [("transaction", "root")]
        assert metrics(row, "root")["waiting"] == (3, 3)
    finally:
        server.execute("ROLLBACK PREPARED 'root'")


def test_a_pile_up_elsewhere_is_not_the_collections(server):
    server.execute("CREATE TABLE IF NOT EXISTS other (a int)")
    with server.connect(application_name="fault root",
                        autocommit=False) as root:
        root.execute("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        blocked(server, "SELECT * FROM other", 3)
        wait_seconds(server, 5.2)
        sample(server, 2)
        assert "lock_pileup" not in problems(server)


def test_saturation_names_the_role(new_cluster):
    server = new_cluster("saturated", max_connections="20",
                         superuser_reserved_connections="3")
    enrol(server)
    server.execute("CREATE ROLE crowd LOGIN")
    with server.connect() as watch:
        crowd = [server.connect(user="crowd") for _ in range(15)]
        for _ in range(2):
            watch.execute("SELECT ruvector_integrity_sample('docs')")
        (used, limit), = watch.execute("""
            SELECT count(*) FILTER (WHERE backend_type = 'client backend'),
                   current_setting('max_connections')::int
              FROM pg_stat_activity""").fetchall()
        assert (used, limit) == (16, 20)
        row = problems(server)["connection_saturation"]
        seen = metrics(row)
        assert seen["used"][0] == used
        assert seen["used_share"] == (pytest.approx(used / (limit - 3)), 0.9)
        assert subjects(row)[0] == ("role", "crowd")
        assert metrics(row, "crowd")["sessions"][0] == 15
        for session in crowd:
            session.close()
        wait_for(lambda: watch.execute(
            "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = "
            "'client backend'").fetchone()[0])
        for _ in range(3):
            watch.execute("SELECT ruvector_integrity_sample('docs')")
    assert not problems(server)
