"""IVFFlat: what the sensor says against every page read by an oracle, against
plain nearest-center assignment, and against its page budget."""

import math
import statistics
import threading

import pytest

from sensors import oracle


def _fill(server, table, rows, dims, kind="vector", seed=0.5, first=1):
    """`rows` rows around 8 centers, reproducible."""
    server.psql("-c", f"SELECT setseed({seed})", "-c", f"""
        INSERT INTO {table}
        SELECT g, (SELECT array_agg(((g * 31) % 8) * 10 * ((i + g * 31) % 3)
                                    + random() * 4 + 1)
                   FROM generate_series(1, {dims}) i WHERE g = g)::real[]
                  ::vector({dims})::{kind}({dims})
        FROM generate_series({first}, {first + rows - 1}) g""")


def _make(server, table, rows, dims, lists, opclass="vector_l2_ops",
          kind="vector"):
    server.execute(f"DROP TABLE IF EXISTS {table}")
    server.execute(f"CREATE TABLE {table} (id bigint, v {kind}({dims}))")
    _fill(server, table, rows, dims, kind)
    server.execute(f"CREATE INDEX {table}_v ON {table} USING ivfflat "
                   f"(v {opclass}) WITH (lists = {lists})")


def _only(observation):
    assert observation["failures"] == []
    assert len(observation["ivf_indexes"]) == 1
    return observation["ivf_indexes"][0]


def _mean(real, distance, **tolerance):
    """The mean distance of a list's entries; k-means may leave a list empty."""
    if not real.entries:
        return None
    return pytest.approx(sum(distance(e, real.center) for e in real.entries)
                         / len(real.entries), **tolerance)


@pytest.mark.parametrize("opclass,distance", [
    ("vector_l2_ops", oracle.l2),
    ("vector_ip_ops", oracle.angle),
    ("vector_cosine_ops", oracle.angle)])
@pytest.mark.parametrize("dims", [3, 40])  # short and long varlena headers
def test_rows_and_distances_match_every_page(server, observe, opclass, distance,
                                             dims):
    _make(server, "t", 2000, dims, 20, opclass)
    index = _only(observe(server, "t", page_budget=100000))
    truth = oracle.ivfflat(server, "t_v")
    assert index["access"] == "readable" and index["valid"]
    assert (index["declared_lists"], index["dimensions"]) == (20, dims)
    assert index["bytes"] == server.value("SELECT pg_relation_size('t_v')")
    assert [l["id"] for l in index["lists"]] == list(range(20))
    assert [l["rows"] for l in index["lists"]] == [len(l.entries) for l in truth]
    assert not any(l["rows_estimated"] for l in index["lists"])
    for seen, real in zip(index["lists"], truth):
        if not real.entries:
            assert seen["mean_distance"] is None
            continue
        # Up to 32 entries of each page are measured: the mean of a sample,
        # within five of its standard errors.
        every = [distance(e, real.center) for e in real.entries]
        error = statistics.pstdev(every) / math.sqrt(seen["sampled_rows"])
        assert seen["mean_distance"] == pytest.approx(
            statistics.mean(every), abs=5 * error + 2e-4)


def test_every_entry_of_a_small_page_is_measured(server, observe):
    _make(server, "t", 300, 600, 5)  # three entries a page
    index = _only(observe(server, "t", page_budget=100000))
    for seen, real in zip(index["lists"], oracle.ivfflat(server, "t_v")):
        assert seen["sampled_rows"] == len(real.entries)
        assert seen["mean_distance"] == _mean(real, oracle.l2, rel=1e-5)


def test_rows_match_assignment_by_hand(server, observe):
    _make(server, "t", 1500, 8, 10)
    index = _only(observe(server, "t", page_budget=100000))
    centers = [l.center for l in oracle.ivfflat(server, "t_v")]
    rows, _ = oracle.assign(oracle.table_vectors(server, "t"), centers,
                            oracle.l2)
    assert [l["rows"] for l in index["lists"]] == rows
    assert sum(rows) == 1500


@pytest.mark.parametrize("kind,opclass,decode,distance", [
    ("halfvec", "halfvec_l2_ops", oracle.halfvec, oracle.l2),
    ("halfvec", "halfvec_cosine_ops", oracle.halfvec, oracle.angle)])
def test_halfvec(server, observe, kind, opclass, decode, distance):
    _make(server, "t", 400, 700, 5, opclass, kind)  # five entries a page
    index = _only(observe(server, "t", page_budget=100000))
    for seen, real in zip(index["lists"],
                          oracle.ivfflat(server, "t_v", decode)):
        assert seen["rows"] == len(real.entries)
        assert seen["mean_distance"] == _mean(real, distance, rel=1e-3)


def test_bit(server, observe):
    server.execute("DROP TABLE IF EXISTS t")
    server.execute("CREATE TABLE t (v bit(2048))")
    server.execute("""
        INSERT INTO t SELECT string_agg((random() < g % 4 / 4.0)::int::text,
                                        '')::bit(2048)
        FROM generate_series(1, 300) g, generate_series(1, 2048)
        GROUP BY g""")
    server.execute("CREATE INDEX t_v ON t USING ivfflat (v bit_hamming_ops) "
                   "WITH (lists = 4)")
    index = _only(observe(server, "t", page_budget=100000))
    truth = oracle.ivfflat(server, "t_v", oracle.bits)
    assert [l["rows"] for l in index["lists"]] == [len(l.entries) for l in truth]
    for seen, real in zip(index["lists"], truth):
        assert seen["mean_distance"] == _mean(real, oracle.hamming, rel=0.1)


def test_appended_and_vacuumed_rows(server, observe):
    _make(server, "t", 3000, 64, 10)
    before = _only(observe(server, "t", page_budget=100000))
    _fill(server, "t", 2000, 64, seed=0.1, first=5001)
    server.execute("DELETE FROM t WHERE id % 3 = 0")
    server.execute("VACUUM t")
    _fill(server, "t", 500, 64, seed=0.2, first=9001)
    after = _only(observe(server, "t", page_budget=100000))
    truth = oracle.ivfflat(server, "t_v")
    assert [l["rows"] for l in after["lists"]] == [len(l.entries) for l in truth]
    assert sum(l["rows"] for l in after["lists"]) == server.value(
        "SELECT count(*) FROM t")
    assert sum(l["rows"] for l in before["lists"]) == 3000


def test_a_small_budget_estimates(server, observe):
    # 30 entries a page: 1,000 pages of the build, 400 appended to two lists.
    _make(server, "t", 30000, 64, 20)
    server.execute("""
        INSERT INTO t SELECT id + 100000, v FROM t
        WHERE (id * 31) % 8 IN (2, 5)""")
    truth = [len(l.entries) for l in oracle.ivfflat(server, "t_v")]
    seen = observe(server, "t", page_budget=240)
    index = _only(seen)
    assert seen["pages_read"] <= 240
    rows = [l["rows"] for l in index["lists"]]
    assert any(l["rows_estimated"] for l in index["lists"])
    assert sum(rows) == pytest.approx(sum(truth), rel=0.03)
    for estimate, real in zip(rows, truth):
        assert estimate == pytest.approx(real, rel=0.25, abs=60)


def test_rows_at_build_survive_growth(server, observe):
    """An index first seen long after its build: the runs of pages still tell
    how many rows each list had, within half a page."""
    _make(server, "t", 20000, 64, 10)
    built = [len(l.entries) for l in oracle.ivfflat(server, "t_v")]
    capacity = (8192 - 24 - 8) // (8 + 4 * 64 + 8 + 4)
    server.execute("INSERT INTO t SELECT id + 100000, v FROM t "
                   "WHERE (id * 31) % 8 = 3")
    server.execute("DELETE FROM t WHERE (id * 31) % 8 = 1")
    server.execute("VACUUM t")
    index = _only(observe(server, "t", page_budget=100000))
    for seen, real in zip(index["lists"], built):
        if seen["rows_at_build"] is not None:
            # The end of the last list's run is only inferred.
            pages = 3 if seen["id"] == 9 else 0.5
            assert abs(seen["rows_at_build"] - real) <= pages * capacity + 1
        else:
            assert real <= 4 * capacity
    known = [l for l in index["lists"] if l["rows_at_build"] is not None]
    assert len(known) >= 8


def test_baselines_go_round(server, observe):
    _make(server, "t", 5000, 16, 10)
    first = observe(server, "t", page_budget=100000)
    baselines = first["new_baselines"]
    built = [len(l.entries) for l in oracle.ivfflat(server, "t_v")]
    assert {b["list_id"] for b in baselines} == set(range(-1, 10))
    assert [b["rows_at_build"] for b in sorted(
        baselines, key=lambda b: b["list_id"])] == [5000] + built

    # Rows far from every center: the lists that take them drift.
    server.execute("INSERT INTO t SELECT 100000 + g, "
                   "array_fill(500 + g % 7, ARRAY[16])::vector(16) "
                   "FROM generate_series(1, 2000) g")
    second = observe(server, "t", page_budget=100000, baselines=baselines)
    assert second["new_baselines"] == []
    index = _only(second)
    assert index["rows_at_build"] == 5000
    assert [l["rows_at_build"] for l in index["lists"]] == built
    drifted = [l for l in index["lists"]
               if l["mean_distance"] > 5 * l["baseline_mean_distance"]]
    grown = [l for l in index["lists"] if l["rows"] > l["rows_at_build"]]
    assert drifted == grown and len(grown) >= 1

    server.execute("REINDEX INDEX t_v")
    third = observe(server, "t", page_budget=100000, baselines=baselines)
    assert {b["list_id"] for b in third["new_baselines"]} == set(range(-1, 10))
    index = _only(third)
    assert index["rows_at_build"] == 7000
    for one in index["lists"]:
        assert one["baseline_mean_distance"] == one["mean_distance"]


def test_an_empty_and_a_tiny_index(server, observe):
    _make(server, "t", 0, 4, 5)
    index = _only(observe(server, "t"))
    assert [l["rows"] for l in index["lists"]] == [0] * 5
    assert [l["mean_distance"] for l in index["lists"]] == [None] * 5
    _make(server, "t", 3, 4, 1)
    index = _only(observe(server, "t"))
    assert [l["rows"] for l in index["lists"]] == [3]


def test_partitions_have_their_own_index(server, observe):
    server.execute("DROP TABLE IF EXISTS p")
    server.execute("CREATE TABLE p (id bigint, v vector(8)) "
                   "PARTITION BY HASH (id)")
    for i in range(3):
        server.execute(f"CREATE TABLE p{i} PARTITION OF p "
                       f"FOR VALUES WITH (MODULUS 3, REMAINDER {i})")
    _fill(server, "p", 900, 8)
    server.execute("CREATE INDEX ON p USING ivfflat (v vector_l2_ops) "
                   "WITH (lists = 4)")
    seen = observe(server, "p", page_budget=100000)
    assert [t["name"] for t in seen["tables"]] == [
        "public.p0", "public.p1", "public.p2"]
    assert [i["table_oid"] for i in seen["ivf_indexes"]] == [
        t["oid"] for t in seen["tables"]]
    for i, index in enumerate(seen["ivf_indexes"]):
        assert sum(l["rows"] for l in index["lists"]) == server.value(
            f"SELECT count(*) FROM p{i}")


def test_other_columns_and_expressions(server, observe):
    server.execute("DROP TABLE IF EXISTS t")
    server.execute("CREATE TABLE t (v vector(8), w vector(8))")
    server.execute("INSERT INTO t SELECT array_fill(g, ARRAY[8])::vector(8), "
                   "array_fill(-g, ARRAY[8])::vector(8) "
                   "FROM generate_series(1, 100) g")
    server.execute("CREATE INDEX on_v ON t USING ivfflat "
                   "((v::halfvec(8)) halfvec_l2_ops) WITH (lists = 2)")
    server.execute("CREATE INDEX on_w ON t USING ivfflat (w vector_l2_ops) "
                   "WITH (lists = 3)")
    assert _only(observe(server, "t", "v"))["name"] == "public.on_v"
    assert _only(observe(server, "t", "w"))["name"] == "public.on_w"


def test_a_damaged_page_is_unreadable_and_the_rest_goes_on(own_server, observe):
    server = own_server()
    _make(server, "t", 2000, 16, 4)
    path = server.data / server.value("SELECT pg_relation_filepath('t_v')")
    server.stop()
    with open(path, "r+b") as file:
        file.seek(8192 * 1 + 8192 - 2)  # the page id of the first list page
        file.write(b"\0\0")
    server.start()
    seen = observe(server, "t")
    index = seen["ivf_indexes"][0]
    assert index["access"] == "unreadable"
    assert index["access_reason"] == "not a page of an ivfflat index (block 1)"
    assert index["lists"] == []
    assert seen["tables"][0]["access"] == "readable"


def test_a_newer_format_is_unknown_not_broken(own_server, observe):
    server = own_server()
    _make(server, "t", 500, 16, 4)
    path = server.data / server.value("SELECT pg_relation_filepath('t_v')")
    server.stop()
    with open(path, "r+b") as file:
        file.seek(24 + 4)
        file.write(b"\2\0\0\0")
    server.start()
    index = observe(server, "t")["ivf_indexes"][0]
    assert index["access"] == "readable" and index["lists"] == []
    assert "version is not 1" in index["access_reason"]


def test_empty_pages_that_a_crash_left_are_nobodys(own_server, observe):
    server = own_server()
    _make(server, "t", 2000, 16, 4)
    server.execute("CREATE INDEX t_h ON t USING hnsw (v vector_l2_ops)")
    rows = [len(l.entries) for l in oracle.ivfflat(server, "t_v")]
    paths = [server.data / server.value("SELECT pg_relation_filepath(%s)", [i])
             for i in ("t_v", "t_h")]
    server.stop()
    for path in paths:
        with open(path, "ab") as file:
            file.write(bytes(3 * 8192))
    server.start()
    seen = observe(server, "t", page_budget=100000)
    index = _only(seen)
    assert index["access"] == "readable"
    assert [l["rows"] for l in index["lists"]] == rows
    assert sum(l["rows_at_build"] for l in index["lists"]) == 2000
    assert seen["hnsw_indexes"][0]["access"] == "readable"
    assert seen["hnsw_indexes"][0]["elements"] == 2000


def test_more_lists_than_the_budget_reaches(server, observe):
    # One center a page: 60 list pages and as many tails.
    _make(server, "t", 600, 1100, 60)
    truth = [len(l.entries) for l in oracle.ivfflat(server, "t_v")]
    for budget in (30, 60, 110):
        seen = observe(server, "t", page_budget=budget)
        index = _only(seen)
        assert seen["pages_read"] <= budget
        assert 1 <= len(index["lists"]) < index["declared_lists"] == 60
        ids = [l["id"] for l in index["lists"]]
        assert ids == sorted(set(ids))
        for one in index["lists"]:
            assert one["rows"] == pytest.approx(truth[one["id"]], abs=4)
        assert index["rows_at_build"] is None  # not all were seen


def test_while_others_write_vacuum_and_rebuild(own_server, observe):
    """No pass under concurrent work sees damage or misses the rows that stay."""
    server = own_server()
    _make(server, "t", 3000, 32, 8)
    server.execute("CREATE INDEX t_h ON t USING hnsw (v vector_l2_ops) "
                   "WITH (m = 4, ef_construction = 16)")
    # pgvector 0.8.0 samples rows of a concurrent build in a way that an
    # assertion of heapam_handler.c forbids.
    asserting = server.value("SHOW debug_assertions") == "on"
    rebuild = f"REINDEX INDEX {'' if asserting else 'CONCURRENTLY'} t_v"
    stop = threading.Event()
    errors = []

    def work(script):
        try:
            with server.connect() as session:
                while not stop.is_set():
                    session.execute(script)
        except Exception as error:  # the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=work, args=[script]) for script in (
        "INSERT INTO t SELECT id + 100000, v FROM t ORDER BY random() LIMIT 200",
        "DELETE FROM t WHERE id > 100000 AND random() < 0.5",
        "VACUUM t",
        rebuild)]
    for thread in threads:
        thread.start()
    try:
        with server.connect() as session:
            read = 0
            for _ in range(150):
                seen = observe(server, "t", session=session, page_budget=400)
                assert seen["failures"] == []
                found = seen["ivf_indexes"] + seen["hnsw_indexes"]
                for one in seen["tables"] + found:
                    assert one["access"] != "unreadable", one
                for index in seen["ivf_indexes"]:
                    if index["valid"] and index["lists"]:
                        read += 1
                        rows = sum(l["rows"] for l in index["lists"])
                        assert 0.9 * 3000 < rows < 30000
            assert read > 50
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
