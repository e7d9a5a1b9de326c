"""HNSW: counts against every page read by an oracle and against the table."""

import pytest

from sensors import oracle


def _make(server, rows, dims, m=8):
    server.execute("DROP TABLE IF EXISTS t")
    server.execute(f"CREATE TABLE t (id bigint, v vector({dims}))")
    server.execute(f"""
        INSERT INTO t SELECT g, array_agg(random())::real[]::vector({dims})
        FROM generate_series(1, {rows}) g, generate_series(1, {dims})
        GROUP BY g""")
    server.execute(f"CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) "
                   f"WITH (m = {m}, ef_construction = 32)")


def _only(observation):
    assert observation["failures"] == []
    assert len(observation["hnsw_indexes"]) == 1
    return observation["hnsw_indexes"][0]


def _fill_of(m, elements):
    live = [e for e in elements if not e.deleted and e.heap]
    return sum(len(e.neighbours) for e in live) / (2 * m * len(live))


# 1,800 dimensions leave no room for the neighbours beside the element.
@pytest.mark.parametrize("rows,dims", [(1500, 8), (120, 1800)])
def test_counts_match_every_page(server, observe, rows, dims):
    _make(server, rows, dims)
    index = _only(observe(server, "t", page_budget=100000))
    m, elements = oracle.hnsw(server, "t_v")
    assert (index["m"], index["ef_construction"], index["dimensions"]) == (
        m, 32, dims)
    assert index["elements"] == len(elements) == rows
    assert index["deleted_elements"] == index["dead_elements"] == 0
    assert index["neighbour_fill"] == pytest.approx(_fill_of(m, elements))
    assert index["total_pages"] == index["sampled_pages"] + 1
    assert index["bytes"] == server.value("SELECT pg_relation_size('t_v')")


def test_deleted_elements_after_vacuum(server, observe):
    _make(server, 1000, 8)
    server.execute("DELETE FROM t WHERE id % 4 = 0")
    before = _only(observe(server, "t", page_budget=100000))
    assert before["deleted_elements"] == 0  # nobody has told the index
    server.execute("VACUUM t")
    index = _only(observe(server, "t", page_budget=100000))
    m, elements = oracle.hnsw(server, "t_v")
    assert index["elements"] == 1000
    assert index["deleted_elements"] == 250
    assert index["deleted_elements"] == sum(bool(e.deleted) for e in elements)
    assert index["neighbour_fill"] == pytest.approx(_fill_of(m, elements))


def test_a_sample_is_close(server, observe):
    _make(server, 6000, 32)
    server.execute("DELETE FROM t WHERE id % 5 = 0")
    server.execute("VACUUM t")
    seen = observe(server, "t", page_budget=60)
    index = _only(seen)
    m, elements = oracle.hnsw(server, "t_v")
    assert seen["pages_read"] <= 60
    assert 10 <= index["sampled_pages"] < index["total_pages"] / 2
    assert index["deleted_elements"] / index["elements"] == pytest.approx(
        0.2, abs=0.08)
    assert index["neighbour_fill"] == pytest.approx(_fill_of(m, elements),
                                                    abs=0.05)


def test_an_empty_index(server, observe):
    _make(server, 0, 8)
    index = _only(observe(server, "t"))
    assert index["access"] == "readable"
    assert (index["elements"], index["neighbour_fill"]) == (0, None)


def test_scans_are_counted(server, observe):
    _make(server, 200, 8)
    before = _only(observe(server, "t"))["scans"]
    with server.connect() as session:
        session.execute("SET enable_seqscan = off")
        for _ in range(3):
            session.execute("SELECT id FROM t ORDER BY v <-> "
                            "array_fill(0.5, ARRAY[8])::vector LIMIT 1")
    server.wait_for("SELECT idx_scan >= %s FROM pg_stat_user_indexes "
                    "WHERE indexrelname = 't_v'", [before + 3])
    assert _only(observe(server, "t"))["scans"] == before + 3


def test_an_index_that_failed_to_build_is_not_valid(server, observe):
    server.execute("DROP TABLE IF EXISTS t")
    server.execute("CREATE TABLE t (id int, v vector(3))")
    server.execute("INSERT INTO t VALUES (1, '[1,2,3]')")
    with server.connect() as blocker, server.connect() as builder:
        blocker.execute("BEGIN")
        blocker.execute("INSERT INTO t VALUES (2, '[1,2,4]')")
        builder.execute("SET lock_timeout = '200ms'")
        with pytest.raises(Exception, match="lock timeout"):
            builder.execute("CREATE INDEX CONCURRENTLY t_v ON t "
                            "USING hnsw (v vector_l2_ops)")
        blocker.execute("COMMIT")
    index = _only(observe(server, "t"))
    assert index["valid"] is False
    assert (index["access"], index["elements"]) == ("readable", None)
