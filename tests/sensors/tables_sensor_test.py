"""Tables: catalog, counters, sizes, ages and bloat against PostgreSQL's own."""

import pathlib

import pytest


def _make(server, name="t", rows=2000, dims=8, options=""):
    server.execute(f"DROP TABLE IF EXISTS {name}")
    server.execute(f"CREATE TABLE {name} (id bigint, v vector({dims})) {options}")
    _insert(server, name, rows, dims)


def _insert(server, name, rows, dims=8):
    server.execute(f"""
        INSERT INTO {name} SELECT g, array_agg(random())::real[]::vector({dims})
        FROM generate_series(1, {rows}) g, generate_series(1, {dims})
        GROUP BY g""")


def _only(observation):
    assert observation["failures"] == []
    assert len(observation["tables"]) == 1
    return observation["tables"][0]


def _same_counters(server, observe, name):
    """Compares once both see the same, flushed statistics."""
    view = server.execute(f"""
        SELECT n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum,
               n_tup_ins, n_tup_upd, n_tup_del, seq_scan, seq_tup_read,
               idx_scan, idx_tup_fetch
        FROM pg_stat_all_tables WHERE relid = '{name}'::regclass""")[0]
    table = _only(observe(server, name))
    return tuple(table[field] for field in (
        "live_tuples", "dead_tuples", "modified_since_analyze",
        "inserted_since_vacuum", "inserts", "updates", "deletes", "seq_scans",
        "seq_tuples_read", "idx_scans", "idx_tuples_fetched")), view


def test_counters_are_those_of_pg_stat_all_tables(server, observe):
    _make(server)
    server.execute("CREATE INDEX ON t (id)")
    server.execute("CREATE INDEX ON t USING hnsw (v vector_l2_ops)")
    server.execute("ANALYZE t")
    server.execute("UPDATE t SET id = -id WHERE id <= 300")
    server.execute("DELETE FROM t WHERE id > 1900")
    with server.connect() as session:
        session.execute("SET enable_seqscan = off")
        session.execute("SELECT * FROM t WHERE id = 1000")
        session.execute("SELECT id FROM t ORDER BY v <-> "
                        "array_fill(0.5, ARRAY[8])::vector LIMIT 5")
    server.wait_for("SELECT n_tup_del >= 100 AND idx_scan >= 2 "
                    "FROM pg_stat_all_tables WHERE relid = 't'::regclass")
    seen, view = _same_counters(server, observe, "t")
    assert seen == view
    assert seen[4:7] == (2000, 300, 100)


def test_sizes_match_the_size_functions(server, observe):
    _make(server, rows=300, dims=1000)  # vectors go to TOAST
    server.execute("CREATE INDEX ON t (id)")
    server.execute("VACUUM ANALYZE t")  # makes the free space and visibility maps
    table = _only(observe(server, "t"))
    assert table["heap_bytes"] == server.value("SELECT pg_table_size('t')")
    assert table["index_bytes"] == server.value("SELECT pg_indexes_size('t')")
    assert table["estimated_rows"] == 300
    assert server.value("SELECT pg_relation_size(reltoastrelid) FROM pg_class "
                        "WHERE oid = 't'::regclass") > 300 * 4000


def test_never_analyzed_is_unknown(server, observe):
    _make(server, rows=10)
    assert _only(observe(server, "t"))["estimated_rows"] is None


def test_ages_match_age(server, observe):
    _make(server, rows=10)
    for _ in range(5):
        server.execute("SELECT txid_current()")
    table = _only(observe(server, "t"))
    xid, multixact = server.execute(
        "SELECT age(relfrozenxid), mxid_age(relminmxid) FROM pg_class "
        "WHERE oid = 't'::regclass")[0]
    assert (table["xid_age"], table["multixact_age"]) == (xid, multixact)
    assert table["freeze_max_age"] == int(
        server.value("SHOW autovacuum_freeze_max_age"))


def test_autovacuum_thresholds(own_server, observe):
    server = own_server(autovacuum="on")
    _make(server, rows=1000, options="WITH (autovacuum_freeze_max_age = 100000,"
          " autovacuum_vacuum_scale_factor = 0.5)")
    server.execute("ANALYZE t")
    table = _only(observe(server, "t"))
    assert table["autovacuum_threshold"] == 50 + 500
    assert table["autovacuum_enabled"] is True
    assert table["freeze_max_age"] == 100000
    server.execute("ALTER TABLE t SET (autovacuum_enabled = off)")
    table = _only(observe(server, "t"))
    assert table["autovacuum_enabled"] is False
    assert table["autovacuum_threshold"] is None


def test_last_vacuum_and_analyze(server, observe):
    _make(server, rows=10)
    table = _only(observe(server, "t"))
    assert table["last_vacuum"] is None and table["last_analyze"] is None
    server.execute("VACUUM ANALYZE t")
    server.wait_for("SELECT last_vacuum IS NOT NULL AND last_analyze IS NOT NULL "
                    "FROM pg_stat_user_tables WHERE relname = 't'")
    table = _only(observe(server, "t"))
    vacuumed, analyzed = server.execute(
        "SELECT (extract(epoch FROM last_vacuum) * 1000000)::bigint,"
        " (extract(epoch FROM last_analyze) * 1000000)::bigint "
        "FROM pg_stat_user_tables WHERE relname = 't'")[0]
    assert (table["last_vacuum"], table["last_analyze"]) == (vacuumed, analyzed)


@pytest.mark.parametrize("hinted", [False, True])
def test_bloat_matches_pgstattuple(server, observe, hinted):
    _make(server, rows=8000)
    server.execute("DELETE FROM t WHERE id % 3 = 0")
    server.execute("UPDATE t SET id = -id WHERE id % 7 = 0")
    with pytest.raises(Exception):
        server.execute("DO $$ BEGIN INSERT INTO t SELECT g, NULL FROM "
                       "generate_series(1, 3000) g; RAISE 'no'; END $$")
    if hinted:
        server.execute("SELECT count(*) FROM t")  # sets hint bits
    table = _only(observe(server, "t", page_budget=100000))
    length, dead, free = server.execute(
        "SELECT table_len, dead_tuple_len, free_space FROM pgstattuple('t')")[0]
    blocks = length // 8192
    # Every page is sampled up to 64; the rest is alike.
    assert table["bloat_fraction"] == pytest.approx((dead + free) / length,
                                                    abs=0.02)
    assert table["bloat_source"] == f"{min(64, blocks)} of {blocks} heap pages"
    assert table["bloat_fraction"] > 0.25


def test_bloat_of_toast_counts(server, observe):
    _make(server, rows=300, dims=1000)
    server.execute("DELETE FROM t WHERE id % 2 = 0")
    table = _only(observe(server, "t", page_budget=100000))
    total = dead = 0
    for name in ("t", server.value("SELECT reltoastrelid::regclass::text "
                                   "FROM pg_class WHERE oid = 't'::regclass")):
        row = server.execute("SELECT table_len, dead_tuple_len + free_space "
                             "FROM pgstattuple(%s)", [name])[0]
        total, dead = total + row[0], dead + row[1]
    assert table["bloat_fraction"] == pytest.approx(dead / total, abs=0.06)
    assert "toast pages" in table["bloat_source"]


def test_sensing_leaves_no_hint_bits(server, observe):
    _make(server, rows=2000)
    path = pathlib.Path(server.data) / server.value(
        "SELECT pg_relation_filepath('t')")
    server.execute("CHECKPOINT")
    before = path.read_bytes()
    observe(server, "t", page_budget=100000)
    server.execute("CHECKPOINT")
    assert path.read_bytes() == before
    server.execute("SELECT count(*) FROM t")
    server.execute("CHECKPOINT")
    assert path.read_bytes() != before  # what an ordinary read does


def test_names_are_quoted_and_follow_renames(server, observe):
    server.execute('DROP SCHEMA IF EXISTS "My Schema" CASCADE')
    server.execute('CREATE SCHEMA "My Schema"')
    server.execute('CREATE TABLE "My Schema"."T" ("V e" vector(3))')
    oid = server.value("SELECT '\"My Schema\".\"T\"'::regclass::oid")
    table = _only(observe(server, oid, column="V e"))
    assert table["name"] == '"My Schema"."T"'
    server.execute('ALTER TABLE "My Schema"."T" RENAME TO plain')
    assert _only(observe(server, oid, column="V e"))["name"] == (
        '"My Schema".plain')


def test_partitions_of_partitions(server, observe):
    server.execute("DROP TABLE IF EXISTS p")
    server.execute("CREATE TABLE p (id int, v vector(3)) PARTITION BY RANGE (id)")
    server.execute("CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (10)")
    server.execute("CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (10) TO (20)"
                   " PARTITION BY HASH (id)")
    for i in range(2):
        server.execute(f"CREATE TABLE p_high{i} PARTITION OF p_high "
                       f"FOR VALUES WITH (MODULUS 2, REMAINDER {i})")
    names = [t["name"] for t in observe(server, "p")["tables"]]
    assert sorted(names) == [f"public.{n}" for n, in server.execute(
        "SELECT relid::text AS name FROM pg_partition_tree('p') WHERE isleaf "
        "ORDER BY name")]
    assert len(names) == 3


def test_a_locked_partition_is_not_sampled_and_nobody_waits(server, observe):
    server.execute("DROP TABLE IF EXISTS p")
    server.execute("CREATE TABLE p (id int, v vector(3)) PARTITION BY LIST (id)")
    for i in range(3):
        server.execute(f"CREATE TABLE p{i} PARTITION OF p FOR VALUES IN ({i})")
    server.execute("INSERT INTO p SELECT g % 3, '[1,2,3]' "
                   "FROM generate_series(1, 300) g")
    server.execute("CREATE INDEX ON p USING hnsw (v vector_l2_ops)")
    server.execute("ANALYZE p")
    with server.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE p1 IN ACCESS EXCLUSIVE MODE")
        blocker.execute("LOCK TABLE p2 IN SHARE MODE")  # readers may pass
        seen = observe(server, "p")
        blocker.execute("ROLLBACK")
    assert seen["failures"] == []
    tables = {t["name"]: t for t in seen["tables"]}
    assert tables["public.p0"]["access"] == "readable"
    assert tables["public.p2"]["access"] == "readable"
    locked = tables["public.p1"]
    assert locked["access"] == "not sampled"
    assert locked["access_reason"] == "locked by another session"
    assert locked["heap_bytes"] is None and locked["estimated_rows"] is None
    assert locked["inserts"] == 100  # counters need no lock
    assert len(seen["hnsw_indexes"]) == 2


def test_a_locked_index_is_not_sampled(server, observe):
    _make(server, rows=100)
    server.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    with server.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("REINDEX INDEX t_v")
        seen = observe(server, "t")
        blocker.execute("ROLLBACK")
    assert seen["tables"][0]["access"] == "readable"
    assert seen["tables"][0]["index_bytes"] is None
    index = seen["hnsw_indexes"][0]
    assert index["name"] == "public.t_v"
    assert index["access"] == "not sampled"
    assert index["access_reason"] == "locked by another session"


def test_locks_are_given_back(server, observe):
    _make(server, rows=100)
    server.execute("CREATE INDEX t_v ON t USING ivfflat (v vector_l2_ops) "
                   "WITH (lists = 2)")
    with server.connect() as session:
        session.execute("BEGIN")
        observe(server, "t", session=session)
        held = session.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE locktype = "
            "'relation' AND pid = pg_backend_pid() AND relation >= 16384"
        ).fetchall()
        assert held == []
        assert session.execute("SHOW lock_timeout").fetchone() == ("0",)
        session.execute("COMMIT")


def test_a_missing_file_is_unreadable_and_the_rest_goes_on(own_server, observe):
    server = own_server()
    server.execute("CREATE TABLE p (id int, v vector(3)) PARTITION BY LIST (id)")
    for i in range(3):
        server.execute(f"CREATE TABLE p{i} PARTITION OF p FOR VALUES IN ({i})")
    server.execute("INSERT INTO p SELECT g % 3, '[1,2,3]' "
                   "FROM generate_series(1, 300) g")
    server.execute("CHECKPOINT")
    path = server.data / server.value("SELECT pg_relation_filepath('p1')")
    kept = path.rename(path.with_name("kept"))
    # Also in a session that has the file open already.
    seen = observe(server, "p")
    kept.rename(path)
    assert seen["failures"] == []
    assert [t["access"] for t in seen["tables"]] == [
        "readable", "unreadable", "readable"]
    assert seen["tables"][1]["access_reason"].endswith("is missing")
    assert "base/" in seen["tables"][1]["access_reason"]
    assert seen["tables"][1]["heap_bytes"] is None
    assert observe(server, "p")["tables"][1]["access"] == "readable"


def test_a_damaged_block_is_unreadable(own_server, observe):
    server = own_server()
    _make(server, rows=500)
    path = server.data / server.value("SELECT pg_relation_filepath('t')")
    server.stop()
    with open(path, "r+b") as file:
        file.seek(12)
        file.write(b"\xff\xff\xff\xff")  # pd_lower and pd_upper
    server.start()
    table = observe(server, "t", page_budget=1000)["tables"][0]
    assert table["access"] == "unreadable"
    assert "invalid page in block 0" in table["access_reason"]


def test_wrong_targets(server, observe):
    _make(server, rows=1)
    with pytest.raises(Exception, match="does not exist"):
        observe(server, 999999)
    with pytest.raises(Exception, match='column "w" does not exist'):
        observe(server, "t", column="w")
    server.execute("CREATE OR REPLACE VIEW a_view AS SELECT * FROM t")
    with pytest.raises(Exception, match="is no table"):
        observe(server, "a_view")
    server.execute("DROP VIEW a_view")


def test_a_read_only_transaction_may_sense(server, observe):
    _make(server, rows=100)
    with server.connect() as session:
        session.execute("BEGIN READ ONLY")
        assert observe(server, "t", session=session)["failures"] == []
        assert session.execute(
            "SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
        session.execute("COMMIT")
