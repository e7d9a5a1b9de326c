"""More databases than ruvector.max_databases: what is not served says so."""

import psycopg
import pytest

from harness.waiting import wait_for

SERVED = ("SELECT status = 'served' FROM ruvector.workers "
          "WHERE database = %s")
WARNING = 'WARNING:  ruvector does not serve database "{}": no entry is free'


def create(server, name, extension=True):
    server.execute(f"CREATE DATABASE {name}")
    if extension:
        server.execute("CREATE EXTENSION ruvector CASCADE", dbname=name)
        server.execute("CREATE TABLE docs (v vector(2))", dbname=name)


def refused(server, statement, dbname):
    with pytest.raises(psycopg.Error) as error:
        server.execute(statement, dbname=dbname)
    diag = error.value.diag
    assert diag.sqlstate == "53400"
    assert "no worker serves this database" in diag.message_primary
    assert "ruvector.max_databases" in diag.message_detail
    assert "Raise ruvector.max_databases" in diag.message_hint


def register(server, dbname):
    server.execute("SELECT ruvector_register_collection('docs', 'docs', 'v')",
                   dbname=dbname)


def test_a_database_without_an_entry_says_so(new_cluster):
    server = new_cluster("full", **{"ruvector.max_databases": "3",
                                    "max_worker_processes": "16",
                                    "ruvector.database_check_interval": "1"})
    create(server, "doomed")
    create(server, "late")
    register(server, "late")
    for name in ("postgres", "doomed", "late"):
        server.wait_for(SERVED, [name])
    mark = server.log_mark()
    create(server, "beyond")
    # Said once, with what to do.
    wait_for(lambda: WARNING.format("beyond") in server.log(mark), 30,
             what="the warning")
    told = server.log(mark).split(WARNING.format("beyond"), 1)[1]
    assert "DETAIL:  All 3 entries of ruvector.max_databases" in told
    assert "HINT:  Raise ruvector.max_databases" in told
    rounds = server.value("SELECT passes FROM ruvector.workers "
                          "WHERE database = 'postgres'")
    # Seen: the launcher has gone round several times.
    create(server, "farther", extension=False)
    wait_for(lambda: WARNING.format("farther") in server.log(mark), 30,
             what="the second warning")
    server.execute("SELECT pg_sleep(3)")
    assert server.log(mark).count(WARNING.format("beyond")) == 1
    assert server.log(mark).count(WARNING.format("farther")) == 1
    assert rounds is not None
    # The view has it, and not twice.
    assert server.execute(
        "SELECT database::text, status, worker_pid, healing_status, "
        "healing_note LIKE '%%ruvector.max_databases%%' FROM ruvector.workers "
        "WHERE status = 'no entry' ORDER BY 1") == [
            ("beyond", "no entry", None, "no entry", True),
            ("farther", "no entry", None, "no entry", True)]
    assert server.value("SELECT count(*) = count(DISTINCT database) AND "
                        "count(*) = 5 FROM ruvector.workers") is True
    # Nothing waits for a worker that does not come.
    refused(server, "SELECT ruvector_register_collection('docs', 'docs', 'v')",
            "beyond")
    assert server.value("SELECT count(*) FROM ruvector.collections",
                        dbname="beyond") == 0
    with server.connect("beyond") as session:
        session.execute("SET ruvector.sample_timeout = '1h'")
        session.execute("SET statement_timeout = '10s'")
        for statement in ("SELECT ruvector_integrity_sample('docs')",
                          "SELECT ruvector_audit_checkpoint()"):
            with pytest.raises(psycopg.Error) as error:
                session.execute(statement)
            assert error.value.diag.sqlstate == "53400"
    assert "no entry" in server.value("SELECT ruvector_healing_status()",
                                      dbname="beyond")["disabled_because"]
    assert server.value("SELECT ruvector_integrity_status('docs') ->> "
                        "'worker'", dbname="late") == "served"
    # A dropped database makes room, and nothing of it stays behind.
    server.execute("DROP DATABASE doomed")
    server.execute("DROP DATABASE farther")
    server.wait_for(SERVED, ["beyond"], timeout=60)
    register(server, "beyond")
    assert server.value("SELECT ruvector_integrity_sample('docs') ->> "
                        "'worker'", dbname="beyond") == "served"
    assert server.value("SELECT count(*) FROM ruvector.workers "
                        "WHERE status = 'no entry'") == 0


def test_a_collection_enrolled_before_says_that_nobody_watches(new_cluster):
    """Its database lost its entry over a restart with a lower limit."""
    server = new_cluster("fewer", **{"max_worker_processes": "16"})
    create(server, "other")
    register(server, "other")
    server.wait_for(SERVED, ["other"])
    server.execute("SELECT ruvector_integrity_sample('docs')", dbname="other")
    server.configure(**{"ruvector.max_databases": "1"})
    server.restart()
    server.wait_for(SERVED, ["postgres"])
    assert server.value("SELECT ruvector_integrity_status('docs') ->> "
                        "'worker'", dbname="other") == "no entry"
    refused(server, "SELECT ruvector_integrity_sample('docs')", "other")


def test_a_database_without_the_extension_gives_its_entry_up(new_cluster):
    server = new_cluster("displaced", extension=False,
                         **{"ruvector.max_databases": "1",
                            "ruvector.database_check_interval": "1",
                            "max_worker_processes": "16"})
    mark = server.log_mark()
    create(server, "first")
    server.wait_for(SERVED, ["first"], dbname="first")
    server.wait_for("SELECT status = 'no entry' FROM ruvector.workers "
                    "WHERE database = 'postgres'", dbname="first")
    register(server, "first")
    server.execute("ALTER DATABASE first ALLOW_CONNECTIONS false")
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE datname = 'first'")
    # More databases than entries are looked at in turn; nothing tells of the
    # extension in the last one.
    for name in ("a", "b", "c"):
        create(server, name, extension=False)
    server.execute("CREATE DATABASE last TEMPLATE first")
    server.wait_for(SERVED, ["last"], dbname="last", timeout=60)
    assert server.log(mark).count('"first": no entry') == 0
    assert server.log(mark).count('"last": no entry') == 0


def test_a_dropped_database_frees_its_collections_slots(new_cluster):
    server = new_cluster("freed", **{"ruvector.max_collections": "1"})
    create(server, "doomed")
    register(server, "doomed")
    server.execute("SELECT ruvector_integrity_sample('docs')",
                   dbname="doomed")
    server.execute("DROP DATABASE doomed")
    server.execute("CREATE TABLE docs (v vector(2))")

    def enrolled():
        try:
            register(server, "postgres")
        except psycopg.errors.ConfigurationLimitExceeded:
            return False
        return True

    wait_for(enrolled, 30, what="the slot is free")
