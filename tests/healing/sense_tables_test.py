"""Faults of tables, indexes and maintenance, against SQL on pg_catalog."""

import threading

import psycopg
import pytest

from healing.sensing import found, metrics, problems, sample, subjects
from integrity.conftest import chain, sealed


@pytest.fixture(scope="module", autouse=True)
def _unhealed(cluster):
    cluster.configure(**{"ruvector.healing": "off"})


def enrol(server, name, rows=1000, index="", options=""):
    """A plain table of vectors that autovacuum leaves alone, enrolled."""
    with server.connect() as session:
        session.execute(f"CREATE TABLE {name} (id bigint, embedding vector(4)) "
                        f"WITH (autovacuum_enabled = off{options})")
        insert(session, name, rows)
        if index:
            session.execute(f"CREATE INDEX {name}_index ON {name} {index}")
        # What waits to be counted would come after the analysis.
        session.execute("SELECT pg_stat_force_next_flush()")
        session.execute(f"VACUUM ANALYZE {name}")
        session.execute("SELECT ruvector_register_collection(%s, %s, "
                        "'embedding')", (name, name))
    sample(server, 3, name)
    assert not problems(server, name, confirmed=False)


def insert(session, name, rows, start=0):
    session.execute(
        f"INSERT INTO {name} SELECT i, ARRAY[sin(i), cos(i), sin(2 * i), "
        "cos(3 * i)]::vector FROM generate_series(%s::int, %s::int) i",
        (start + 1, start + rows))


def counters(server, table):
    """(n_live_tup, n_dead_tup, n_mod_since_analyze, reltuples)"""
    return server.execute(
        "SELECT n_live_tup, n_dead_tup, n_mod_since_analyze, reltuples "
        "FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid "
        "WHERE s.relid = %s::regclass", (table,))[0]


def flushed(server, table, column, at_least):
    """Statistics reach the server's memory a moment after the commit."""
    server.wait_for(f"SELECT {column} >= %s FROM pg_stat_all_tables "
                    "WHERE relid = %s::regclass", (at_least, table))


def test_a_failed_concurrent_build(cluster):
    enrol(cluster, "failed")
    cluster.execute("INSERT INTO failed SELECT * FROM failed LIMIT 1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        cluster.execute("CREATE UNIQUE INDEX CONCURRENTLY \"Failed one\" "
                        "ON failed (id)")
    row = found(cluster, "invalid_index", "failed")
    oracle = cluster.execute(
        "SELECT c.oid, pg_relation_size(c.oid) FROM pg_index i JOIN pg_class c "
        "ON c.oid = i.indexrelid WHERE NOT i.indisvalid")
    assert len(oracle) == 1
    assert subjects(row) == [("index", 'public."Failed one"')]
    assert row["subjects"][0]["oid"] == oracle[0][0]
    assert metrics(row)["bytes"][0] == oracle[0][1]
    assert row["problem_class"] == "index_fragmentation"
    # Gone as soon as it is dropped, and the row stays, resolved.
    cluster.execute('DROP INDEX "Failed one"')
    sample(cluster, 1, "failed")
    assert problems(cluster, "failed")["invalid_index"]["missed"] == 1
    sample(cluster, 1, "failed")
    assert not problems(cluster, "failed")
    kept, = cluster.execute(
        "SELECT resolved_at > confirmed_at, confirmed_at > first_seen "
        "FROM ruvector.problems WHERE id = %s", (row["id"],))
    assert kept == (True, True)


def test_an_index_that_is_being_built_is_no_leftover(cluster):
    enrol(cluster, "building")
    with cluster.connect(autocommit=False) as holder, \
            cluster.connect() as builder:
        holder.execute("LOCK TABLE building IN ROW EXCLUSIVE MODE")
        build = threading.Thread(target=builder.execute, args=(
            "CREATE INDEX CONCURRENTLY slow ON building (id)",))
        build.start()
        cluster.wait_for("SELECT count(*) = 1 FROM pg_index i JOIN pg_class c "
                         "ON c.oid = i.indexrelid WHERE NOT i.indisvalid "
                         "AND c.relname = 'slow'")
        sample(cluster, 3, "building")
        assert "invalid_index" not in problems(cluster, "building",
                                               confirmed=False)
        holder.rollback()
        build.join()
        assert cluster.value("SELECT indisvalid FROM pg_index "
                             "WHERE indexrelid = 'slow'::regclass")


def test_dead_tuples_in_an_hnsw_table(cluster):
    enrol(cluster, "dying", 6000, "USING hnsw (embedding vector_l2_ops)")
    cluster.execute("UPDATE dying SET embedding = embedding")
    cluster.execute("DELETE FROM dying WHERE id % 4 <> 0")
    flushed(cluster, "dying", "n_dead_tup", 10000)
    row = found(cluster, "dead_tuples", "dying")
    _, dead, _, _ = counters(cluster, "dying")
    assert subjects(row) == [("partition", "public.dying")]
    assert metrics(row)["dead_tuples"][0] == dead
    cluster.execute("VACUUM ANALYZE dying")
    sample(cluster, 3, "dying")
    assert "dead_tuples" not in problems(cluster, "dying")


def test_stale_statistics(cluster):
    enrol(cluster, "stale", 2000,
          options=", autovacuum_analyze_threshold = 300, "
                  "autovacuum_analyze_scale_factor = 0.2")
    with cluster.connect() as session:
        insert(session, "stale", 9000, 2000)
    flushed(cluster, "stale", "n_mod_since_analyze", 9000)
    row = found(cluster, "stale_statistics", "stale")
    _, _, modified, reltuples = counters(cluster, "stale")
    seen = metrics(row)
    # The table's own storage parameters, not the server's settings.
    limit = 300 + 0.2 * reltuples
    assert seen["modified_rows"] == (modified, 6 * limit)
    assert seen["analyze_threshold_rows"][0] == limit
    assert seen["planner_rows"][0] == reltuples
    cluster.execute("ANALYZE stale")
    sample(cluster, 3, "stale")
    assert not problems(cluster, "stale")


def test_an_ivfflat_index_that_was_built_on_few_rows(cluster):
    enrol(cluster, "few", 30,
          "USING ivfflat (embedding vector_l2_ops) WITH (lists = 20)")
    with cluster.connect() as session:
        insert(session, "few", 3000, 30)
        session.execute("ANALYZE few")
    row = found(cluster, "ivfflat_few_rows", "few")
    seen = metrics(row)
    assert subjects(row) == [("index", "public.few_index")]
    assert seen["rows_at_build"] == (30, 200)
    assert seen["lists"][0] == 20
    rows = cluster.value("SELECT count(*) FROM few")
    assert seen["rows"][0] == pytest.approx(rows, rel=0.3)
    assert row["problem_class"] == "centroid_skew"


def test_two_at_once_are_ranked_and_read_as_one_pass(cluster):
    enrol(cluster, "twice", 9000)
    cluster.execute("INSERT INTO twice SELECT * FROM twice LIMIT 1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        cluster.execute("CREATE UNIQUE INDEX CONCURRENTLY ON twice (id)")
    cluster.execute("UPDATE twice SET embedding = embedding")
    cluster.execute("DELETE FROM twice WHERE id > 100")
    flushed(cluster, "twice", "n_dead_tup", 17000)
    sample(cluster, 2, "twice")
    seen = problems(cluster, "twice")
    assert {"invalid_index", "dead_tuples"} <= set(seen)
    ranks = [row["rank"] for row in seen.values()]
    assert sorted(ranks) == ranks == list(range(1, len(ranks) + 1))
    scores = [row["severity"] * row["confidence"] for row in seen.values()
              if row["explained_by"] is None]
    assert scores == sorted(scores, reverse=True)


def test_the_events_tell_of_it_and_the_chain_holds(cluster):
    sealed(cluster)
    events = cluster.execute("""
        SELECT event_type, metadata ->> 'cause', metadata, length(metadata::text)
          FROM ruvector.integrity_events e JOIN ruvector.collections c
            ON c.id = e.collection_id
         WHERE c.name = 'failed' AND event_type LIKE 'healing.%' ORDER BY e.id""")
    assert [(kind, cause) for kind, cause, _, _ in events] == [
        ("healing.problem_confirmed", "invalid_index"),
        ("healing.problem_resolved", "invalid_index")]
    assert events[0][2]["subjects"] == [
        {"kind": "index", "name": 'public."Failed one"'}]
    assert events[1][2]["lasted_s"] > 0
    assert all(length < 1000 for *_, length in events)
    assert chain(cluster)[0] is True


def test_another_worker_goes_on_where_the_first_one_was(cluster):
    before = problems(cluster, "twice")
    passes = cluster.value("SELECT pass FROM ruvector.diagnoses d JOIN "
                           "ruvector.collections c ON c.id = d.collection_id "
                           "WHERE c.name = 'twice'")
    cluster.restart()
    cluster.wait_for("SELECT count(*) = 1 FROM pg_stat_activity "
                     "WHERE backend_type = 'ruvector integrity worker'")
    sample(cluster, 1, "twice")
    after = problems(cluster, "twice")
    assert after["invalid_index"]["id"] == before["invalid_index"]["id"]
    assert (after["invalid_index"]["passes"]
            > before["invalid_index"]["passes"])
    assert passes < cluster.value(
        "SELECT pass FROM ruvector.diagnoses d JOIN ruvector.collections c "
        "ON c.id = d.collection_id WHERE c.name = 'twice'")


def test_old_rows_of_resolved_problems_go(cluster):
    cluster.configure(**{"ruvector.problem_retention": "1h"})
    cluster.wait_for("SELECT current_setting('ruvector.problem_retention') "
                     "= '1h'")
    cluster.execute("UPDATE ruvector.problems SET resolved_at = "
                    "resolved_at - interval '2 h' WHERE collection = 'failed'")
    cluster.execute("CREATE TABLE IF NOT EXISTS moved AS SELECT 1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        cluster.execute("CREATE UNIQUE INDEX CONCURRENTLY again ON failed (id)")
    found(cluster, "invalid_index", "failed")
    cluster.execute("DROP INDEX again")
    sample(cluster, 2, "failed")
    assert cluster.value("SELECT count(*) FROM ruvector.problems "
                         "WHERE collection = 'failed'") == 1


def test_a_failing_archive_command(new_cluster):
    server = new_cluster("archiving", archive_mode="on",
                         archive_command="/bin/false", max_wal_size="64MB",
                         wal_segment_size=None)
    enrol_one(server)
    for _ in range(4):
        server.execute("SELECT pg_switch_wal(), txid_current()")
        server.execute("CREATE TABLE IF NOT EXISTS t (); DROP TABLE t")
    server.wait_for("SELECT failed_count > 3 FROM pg_stat_archiver", timeout=60)
    row = found(server, "archiver_failing")
    assert subjects(row) == [("dependency", "archiver")]
    ready = server.value("SELECT count(*) FROM pg_ls_archive_statusdir() "
                         "WHERE name LIKE '%.ready'")
    values = metrics(row)
    assert any(value == ready for value, _ in values.values()), values
    assert row["problem_class"] == "maintenance_contention"


def enrol_one(server):
    server.execute("CREATE TABLE docs (id int, embedding vector(4))")
    server.execute("INSERT INTO docs SELECT i, ARRAY[i, 1, 2, 3]::vector "
                   "FROM generate_series(1, 100) i")
    server.execute("SELECT ruvector_register_collection('docs', 'docs', "
                   "'embedding')")


def test_problems_are_for_readers_and_queries_for_admins(cluster):
    cluster.execute("CREATE ROLE watcher LOGIN; "
                    "GRANT ruvector_reader TO watcher; CREATE ROLE nobody LOGIN")
    assert cluster.value("SELECT count(*) > 0 FROM ruvector.problems",
                         user="watcher")
    for table, user in (("recall_queries", "watcher"), ("problems", "nobody")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cluster.value(f"SELECT count(*) FROM ruvector.{table}", user=user)
