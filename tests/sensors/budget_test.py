"""What a pass costs: pages read, buffers evicted, time, whatever the size."""

import time

import pytest

ROWS = 60000
PARTITIONS = 4


@pytest.fixture(scope="module")
def big(server):
    """60,000 vectors in four partitions, 60 MB with their indexes: about the
    size of all shared buffers."""
    server.execute("DROP TABLE IF EXISTS big")
    server.execute("CREATE TABLE big (id int, v vector(96)) "
                   "PARTITION BY HASH (id)")
    for i in range(PARTITIONS):
        server.execute(f"CREATE TABLE big{i} PARTITION OF big "
                       f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {i})")
    server.execute(f"""
        INSERT INTO big SELECT g, (SELECT array_agg((g * i) % 101)
            FROM generate_series(1, 96) i)::vector(96)
        FROM generate_series(1, {ROWS}) g""")
    server.execute("CREATE INDEX ON big USING ivfflat (v vector_l2_ops) "
                   "WITH (lists = 50)")
    server.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
    server.execute("VACUUM ANALYZE big")
    return server


def _blocks_touched(session):
    """Pages of the collection that this server has fetched so far."""
    session.execute("SELECT pg_stat_force_next_flush()")
    return session.execute("""
        SELECT sum(heap_blks_read + heap_blks_hit + coalesce(toast_blks_read, 0)
                   + coalesce(toast_blks_hit, 0) + idx_blks_read + idx_blks_hit)
        FROM pg_statio_user_tables WHERE relname LIKE 'big_'""").fetchone()[0]


@pytest.mark.parametrize("budget", [0, 16, 200, 1000])
def test_pages_are_counted_and_bounded(big, observe, budget):
    with big.connect() as session:
        before = _blocks_touched(session)
        seen = observe(big, "big", session=session, page_budget=budget)
        after = _blocks_touched(session)
    total = big.value("SELECT sum(pg_total_relation_size(relid)) / 8192 "
                      "FROM pg_partition_tree('big') WHERE isleaf")
    assert total > 5000
    assert seen["failures"] == []
    assert seen["pages_read"] == after - before <= budget
    if budget >= 1000:
        assert seen["pages_read"] > budget * 0.8
        rows = sum(l["rows"] for i in seen["ivf_indexes"] for l in i["lists"])
        assert rows == pytest.approx(ROWS, rel=0.02)
    if budget == 0:
        assert all(i["access"] == "not sampled" for i in seen["ivf_indexes"])
        assert all(t["access"] == "readable" for t in seen["tables"])


def test_the_cache_stays(big, observe):
    """A hot table keeps its buffers while cold ones are sampled."""
    big.execute("DROP TABLE IF EXISTS hot")
    big.execute("CREATE TABLE hot AS SELECT repeat('x', 500) AS filler "
                "FROM generate_series(1, 60000)")  # 4,300 of 8,192 buffers
    big.restart()
    cached = ("SELECT count(*) FROM pg_buffercache WHERE relfilenode = "
              "pg_relation_filenode('hot')")
    big.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
    big.execute("SELECT pg_prewarm('hot')")
    before = big.value(cached)
    used = big.value("SELECT count(*) FROM pg_buffercache "
                     "WHERE relfilenode IS NOT NULL")
    seen = observe(big, "big", page_budget=4000)
    assert seen["pages_read"] > 2000
    assert big.value(cached) == before >= 4000
    # The ring has 32 buffers; catalogs take a few more.
    assert big.value("SELECT count(*) FROM pg_buffercache "
                     "WHERE relfilenode IS NOT NULL") < used + 400


def test_a_pass_can_be_cancelled(big, observe):
    with big.connect() as session:
        session.execute("SET statement_timeout = '1ms'")
        with pytest.raises(Exception, match="statement timeout"):
            for _ in range(50):
                observe(big, "big", session=session, page_budget=100000)
        session.execute("SET statement_timeout = 0")
        assert observe(big, "big", session=session)["failures"] == []


def test_repeated_passes_do_not_leak(big, observe):
    with big.connect() as session:
        def used():
            return session.execute(
                "SELECT sum(used_bytes) FROM pg_backend_memory_contexts"
            ).fetchone()[0]
        session.execute("BEGIN")
        for _ in range(5):
            observe(big, "big", session=session)
        before = used()
        for _ in range(20):
            observe(big, "big", session=session)
        assert used() - before < 100000
        session.execute("COMMIT")


def test_many_leaves_stay_quick(server, observe):
    server.execute("DROP TABLE IF EXISTS many")
    server.execute("CREATE TABLE many (id int, v vector(3)) "
                   "PARTITION BY LIST (id)")
    server.execute("DO $$ BEGIN FOR i IN 0..299 LOOP EXECUTE format('CREATE "
                   "TABLE many_%s PARTITION OF many FOR VALUES IN (%s)', i, i);"
                   " END LOOP; END $$")
    server.execute("INSERT INTO many SELECT g % 300, '[1,2,3]' "
                   "FROM generate_series(1, 3000) g")
    with server.connect() as session:
        seen = observe(server, "many", session=session)
        assert seen["failures"] == []
        assert len(seen["tables"]) == 300
        assert all(t["access"] == "readable" for t in seen["tables"])
        began = time.monotonic()
        observe(server, "many", session=session)
        # A guard against a quadratic slip, not a benchmark.
        assert time.monotonic() - began < 5
