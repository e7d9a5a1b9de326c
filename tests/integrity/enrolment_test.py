"""A collection follows its table through DDL, races and restores."""

import threading
import time

import psycopg
import pytest

from harness.waiting import wait_for
from integrity.conftest import chain, enrol, sealed


@pytest.fixture(scope="module")
def server(cluster):
    cluster.execute("CREATE TYPE typed_row AS (id int, emb vector(3))")
    cluster.execute("CREATE TABLE bystander (emb vector(3))")
    cluster.execute("SELECT ruvector_register_collection('bystander', "
                    "'bystander', 'emb')")
    return cluster


def names(server):
    return [name for name, in server.execute(
        "SELECT name FROM ruvector.collections ORDER BY name")]


@pytest.mark.parametrize("made,gone", [
    (["CREATE TABLE t OF typed_row"], ["DROP TYPE typed_row CASCADE"]),
    (["CREATE FUNCTION three() RETURNS vector IMMUTABLE LANGUAGE sql "
      "AS $$SELECT '[1,2,3]'::vector$$",
      "CREATE TABLE t (id int, emb vector(3) "
      "GENERATED ALWAYS AS (three()) STORED)"], ["DROP FUNCTION three CASCADE"]),
    (["CREATE ACCESS METHOD my_heap TYPE TABLE HANDLER heap_tableam_handler",
      "CREATE TABLE t (emb vector(3)) USING my_heap"],
     ["DROP ACCESS METHOD my_heap CASCADE"]),
    (["CREATE SCHEMA s", "CREATE TABLE s.t (emb vector(3))"],
     ["DROP SCHEMA s CASCADE"]),
    (["CREATE TABLE t (id int, emb vector(3))"],
     ["ALTER TABLE t DROP COLUMN emb", "DROP TABLE t"]),
    (["CREATE TABLE t (id int, emb vector(3))"], ["DROP TABLE t"]),
])
def test_it_goes_with_its_table_or_column(server, made, gone):
    table = "s.t" if "s.t" in made[-1] else "t"
    with server.connect(autocommit=False) as session:
        for statement in made:
            session.execute(statement)
        session.execute(f"SELECT ruvector_register_collection('t', '{table}', "
                        "'emb')")
        session.execute(gone[0])
        left = session.execute("SELECT name FROM ruvector.collections "
                               "WHERE name <> 'bystander'").fetchall()
        policies = session.execute(
            "SELECT count(*) FROM ruvector.integrity_policies p WHERE NOT "
            "EXISTS (SELECT FROM ruvector.collections c WHERE c.id = "
            "p.collection_id)").fetchone()
        assert (left, policies) == ([], (0,))
        session.rollback()


def test_other_columns_and_tables_may_go(server):
    server.execute("CREATE TABLE keeper (other int, emb vector(3))")
    server.execute("SELECT ruvector_register_collection('keeper', 'keeper', "
                   "'emb')")
    server.execute("ALTER TABLE keeper DROP COLUMN other")
    server.execute("CREATE TABLE emb (emb int)")
    server.execute("DROP TABLE emb")
    assert names(server) == ["bystander", "keeper"]
    server.execute("DROP TABLE keeper")


def test_a_renamed_attribute_of_its_type_is_followed(server):
    server.execute("CREATE TABLE typed OF typed_row")
    server.execute("SELECT ruvector_register_collection('typed', 'typed', "
                   "'emb')")
    server.execute("ALTER TYPE typed_row RENAME ATTRIBUTE emb TO emb2 CASCADE")
    assert server.value("SELECT column_name FROM ruvector.collections "
                        "WHERE name = 'typed'") == "emb2"
    # Somebody's unrelated drop sweeps nothing away.
    server.execute("CREATE ROLE nobody1 LOGIN")
    server.execute("GRANT CREATE ON SCHEMA public TO nobody1")
    server.execute("CREATE TABLE zz (i int)", user="nobody1")
    server.execute("DROP TABLE zz", user="nobody1")
    server.execute("SELECT ruvector_integrity_sample('typed')")
    assert "typed" in names(server)
    server.execute("DROP TABLE typed")


def test_a_drop_waits_for_an_open_enrolment(server):
    server.execute("CREATE TABLE racy (emb vector(3))")
    dropped = threading.Event()

    def drop():
        server.execute("DROP TABLE racy")
        dropped.set()

    with server.connect(autocommit=False) as session:
        session.execute("SELECT ruvector_register_collection('racy', 'racy', "
                        "'emb')")
        other = threading.Thread(target=drop)
        other.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE query "
                        "= 'DROP TABLE racy' AND wait_event_type = 'Lock'")
        assert not dropped.is_set()
        session.commit()
    other.join(30)
    assert dropped.is_set()
    assert "racy" not in names(server)


def test_the_second_of_two_enrolments_is_told(server):
    server.execute("CREATE TABLE twice (emb vector(3))")
    failed = []

    def second():
        try:
            server.execute("SELECT ruvector_register_collection('twice', "
                           "'twice', 'emb')")
        except psycopg.Error as error:
            failed.append(error.sqlstate)

    with server.connect(autocommit=False) as session:
        session.execute("SELECT ruvector_register_collection('twice', 'twice',"
                        " 'emb')")
        other = threading.Thread(target=second)
        other.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event = 'transactionid'")
        session.commit()
    other.join(30)
    assert failed == ["42710"]
    server.execute("DROP TABLE twice")


def test_concurrent_changes_of_a_new_policy_both_count(server):
    """Each is merged over what the other has stored, and the log has both."""
    def second():
        server.execute("SELECT ruvector_integrity_policy_set('bystander', "
                       "'np', '{\"threshold_low\": 0.1}')")

    with server.connect(autocommit=False) as session:
        session.execute("SELECT ruvector_integrity_policy_set('bystander', "
                        "'np', '{\"threshold_high\": 0.6}')")
        other = threading.Thread(target=second)
        other.start()
        server.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE "
                        "wait_event_type = 'Lock'")
        session.commit()
    other.join(30)
    assert server.execute(
        "SELECT round(threshold_high::numeric, 3)::float8, "
        "round(threshold_low::numeric, 3)::float8 FROM "
        "ruvector.integrity_policies WHERE name = 'np'") == [(0.6, 0.1)]
    sealed(server)
    changes = [m["changes"] for m, in server.execute(
        "SELECT metadata FROM ruvector.integrity_events WHERE event_type = "
        "'policy_update' AND metadata ->> 'policy' = 'np' ORDER BY id")]
    assert [sorted(c) for c in changes] == [["threshold_high"],
                                            ["threshold_low"]]


def test_heirs_are_gated_like_their_table(server):
    server.execute("CREATE TABLE inh (id int, emb vector(3))")
    server.execute("SELECT ruvector_register_collection('inh', 'inh', 'emb')")
    server.execute("SELECT ruvector_integrity_override('inh', 'critical', "
                   "'test', 600)")
    server.wait_for("SELECT ruvector_integrity_gate('inh', 'insert') ->> "
                    "'state' = 'critical'")
    server.execute("CREATE TABLE heir () INHERITS (inh)")
    with pytest.raises(psycopg.Error) as refused:
        server.execute("INSERT INTO heir VALUES (1, '[1,2,3]')")
    assert refused.value.sqlstate == "53RV1"
    server.execute("DROP TABLE inh CASCADE")


@pytest.mark.parametrize("asked", [False, True])
def test_unregistering_during_a_pass_is_no_fault(new_cluster, asked):
    server = new_cluster("leaving", log_min_messages="debug1")
    enrol(server)
    if not asked:
        server.execute("SELECT ruvector_integrity_policy_set('docs', "
                       "'default', '{\"sample_interval_secs\": 1}')")
    mark = server.log_mark()
    server.configure(**{"ruvector.failpoints": "integrity.pass.start=hang"})
    told = []

    def sample():
        try:
            server.execute("SELECT ruvector_integrity_sample('docs')")
        except psycopg.Error as error:
            told.append(error.diag)

    asking = threading.Thread(target=sample)
    if asked:
        asking.start()
    wait_for(lambda: '"integrity.pass.start": hanging' in server.log(mark), 30,
             what="a pass hangs")
    server.execute("SELECT ruvector_unregister_collection('docs')")
    server.configure(**{"ruvector.failpoints": ""})
    if asked:
        asking.join(30)
        assert [error.sqlstate for error in told] == ["42704"]
        assert "docs" in told[0].message_primary

    def lines():
        return [line for line in server.log(mark).splitlines()
                if 'integrity worker: collection "docs"' in line]

    wait_for(lines, 30, what="the pass ends")
    assert all(" DEBUG:  " in line for line in lines()), lines()
    sealed(server)


def test_a_parallel_restore_brings_everything(server, new_cluster):
    """Table data come in any order then, and the log long after the rest: the
    worker must not write into it meanwhile."""
    source = new_cluster("source")
    enrol(source)
    source.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "'{\"mode\": \"shadow\"}')")
    source.execute("SELECT ruvector_integrity_policy_set('docs', 'spare', "
                   "'{\"priority\": -5}')")
    source.execute("CREATE TABLE ballast AS SELECT i, repeat(md5(i::text), 30) "
                   "FROM generate_series(1, 60000) i")
    sealed(source)
    events = chain(source)[1]
    policies = source.execute("SELECT name, mode FROM "
                              "ruvector.integrity_policies ORDER BY name")
    dump = source.directory / "source.dump"
    source.dump(dump)
    for jobs in ("-j2", "-j4"):
        name = "restored" + jobs[2:]
        source.execute(f"CREATE DATABASE {name}")
        source.program("pg_restore", jobs, "-d", name, dump, dbname=name)
        assert source.execute(
            "SELECT name, mode FROM ruvector.integrity_policies ORDER BY name",
            dbname=name) == policies
        source.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                        "'mode' = 'shadow'", dbname=name)
        source.wait_for("SELECT count(*) > 0 FROM ruvector.integrity_state",
                        dbname=name)
        ok, checked, bad, reason = chain(source, dbname=name)
        assert ok and checked >= events, (bad, reason)


def test_the_worker_waits_while_a_restore_runs(server, new_cluster):
    """A COPY that takes longer than any delay comes between the enrolments and
    the log."""
    source = new_cluster("slow")
    enrol(source)
    sealed(source)
    source.execute("CREATE DATABASE copied")
    dump = source.directory / "slow.dump"
    source.dump(dump)
    source.program("pg_restore", "--section=pre-data", "-d", "copied", dump,
                   dbname="copied")
    tables = source.execute("SELECT id, name, table_oid::text, column_name, "
                            "column_number, dimensions, distance_metric FROM "
                            "ruvector.collections")
    with source.connect("copied") as session:
        for row in tables:
            session.execute(
                "INSERT INTO ruvector.collections (id, name, table_oid, "
                "column_name, column_number, dimensions, distance_metric) "
                "VALUES (%s, %s, %s::regclass, %s, %s, %s, %s)", row)
        session.execute("CREATE TABLE big (i int)")
        with session.cursor().copy("COPY big FROM STDIN") as copy:
            for _ in range(8):
                copy.write("1\n" * 1000)
                time.sleep(1)
        assert session.execute("SELECT count(*) FROM "
                               "ruvector.integrity_events").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM "
                               "ruvector.integrity_state").fetchone() == (0,)
    # Nobody fills it any more: it is taken over.
    wait_for(lambda: source.value("SELECT count(*) FROM "
                                  "ruvector.integrity_state",
                                  dbname="copied") == 1, 60,
             what="the restored collection is taken over")
