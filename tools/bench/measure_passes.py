"""What a whole pass over a collection costs: sense, cut, control, persist.

CPU time of the integrity worker for one ruvector_integrity_sample(), for
collections of 10 to 10,000 partitions, each with ten rows and an HNSW index,
and for one of 1,000 nodes that are mostly lists of IVFFlat indexes. The peer
is one query, in a backend, for the sizes and statistics of the same
partitions. Bar: 250 ms for 1,000 nodes. Draws docs/images/pass-cost.svg when
-o is not given, else pass-cost.svg there.
"""

import time

from bench_server import (cpu_seconds, enrol, median, table)
from harness.installation import workspace
from plot import Plot

BAR_MS = 250
SIZES = [10, 30, 100, 300, 1000, 3000, 10000]
PER_BRANCH = 100
ENOUGH_SECONDS, ENOUGH_PASSES, FEWEST_PASSES = 3.0, 15, 3

PEER = """
    SELECT count(*), sum(pg_total_relation_size(s.relid)),
           sum(s.n_live_tup), sum(s.n_dead_tup), sum(s.n_tup_ins)
    FROM pg_partition_tree('items') t
    JOIN pg_stat_all_tables s ON s.relid = t.relid
    WHERE t.isleaf"""


def _create_partitions(server, count):
    """Branches of up to a hundred leaves: one level would be quadratic."""
    with server.connect() as session:
        session.execute("CREATE TABLE items (branch int, leaf int, "
                        "v vector(3)) PARTITION BY LIST (branch)")
        for branch in range(-(-count // PER_BRANCH)):
            leaves = min(PER_BRANCH, count - branch * PER_BRANCH)
            name = f"items_{branch}"
            with session.transaction():
                session.execute(f"CREATE TABLE {name} (branch int, leaf int, "
                                "v vector(3)) PARTITION BY LIST (leaf)")
                session.execute(f"""
                    DO $$ BEGIN FOR i IN 0..{leaves - 1} LOOP
                      EXECUTE format('CREATE TABLE {name}_%s PARTITION OF
                                      {name} FOR VALUES IN (%s)', i, i);
                    END LOOP; END $$""")
                session.execute(f"CREATE INDEX ON {name} USING hnsw "
                                "(v vector_l2_ops)")
                session.execute(f"""
                    INSERT INTO {name}
                    SELECT {branch}, leaf, ARRAY[leaf, i, leaf * i % 7]::vector
                    FROM generate_series(0, {leaves - 1}) leaf,
                         generate_series(1, 10) i""")
                session.execute(f"ALTER TABLE items ATTACH PARTITION {name} "
                                f"FOR VALUES IN ({branch})")


def _create_lists(server, partitions, lists):
    with server.connect() as session:
        session.execute("CREATE TABLE items (branch int, leaf int, "
                        "v vector(3)) PARTITION BY LIST (leaf)")
        for leaf in range(partitions):
            session.execute(f"CREATE TABLE items_{leaf} PARTITION OF items "
                            f"FOR VALUES IN ({leaf})")
        session.execute(f"""
            INSERT INTO items SELECT 0, leaf, ARRAY[i % 101, i % 103,
                                                    i % 107]::vector
            FROM generate_series(0, {partitions - 1}) leaf,
                 generate_series(1, {lists * 50}) i""")
        session.execute("CREATE INDEX ON items USING ivfflat "
                        f"(v vector_l2_ops) WITH (lists = {lists})")


def _measure(bench, create, *arguments):
    server = bench.server("passes", "ruvector",
                          max_locks_per_transaction="1024")
    server.start()
    server.execute("CREATE EXTENSION ruvector CASCADE")
    start = time.monotonic()
    create(server, *arguments)
    server.execute("VACUUM ANALYZE")
    made = time.monotonic() - start
    server.configure(**{"ruvector.sample_timeout": "600"})
    enrol(server, "items", "items")
    server.execute("SELECT ruvector_integrity_policy_set('items', 'calm', "
                   "'{\"sample_interval_secs\": 3600}')")
    passes, peers = _passes(server)
    nodes, edges = server.execute(
        "SELECT (SELECT count(*) FROM ruvector.contracted_graph),"
        "       (SELECT count(*) FROM ruvector.contracted_edges)")[0]
    bench.discard(server)
    return {"ms": median(passes) * 1e3, "peer": median(peers) * 1e3,
            "passes": len(passes), "nodes": nodes, "edges": edges,
            "made": made}


def _passes(server):
    """CPU seconds of each pass, and of the peer's query after each."""
    worker = server.value("SELECT worker_pid FROM ruvector.workers "
                          "WHERE database = current_database()")
    passes, peers = [], []
    with server.connect() as session:
        backend = session.info.backend_pid
        sample = "SELECT ruvector_integrity_sample('items')"
        session.execute(sample)
        session.execute(PEER)
        while (len(passes) < FEWEST_PASSES or
               (sum(passes) < ENOUGH_SECONDS and
                len(passes) < ENOUGH_PASSES)):
            start = cpu_seconds(worker)
            status = session.execute(sample).fetchone()[0]
            passes.append(cpu_seconds(worker) - start)
            assert status["state"] == "normal", status
            start = cpu_seconds(backend)
            session.execute(PEER)
            peers.append(cpu_seconds(backend) - start)
    return passes, peers


def run(bench):
    rows, points, peers = [], [], []
    for size in SIZES:
        result = _measure(bench, _create_partitions, size)
        points.append((size, result["ms"]))
        peers.append((size, result["peer"]))
        rows.append(_row(f"{size:,} partitions", result))
    rows.append(_row("20 partitions, 980 IVFFlat lists",
                     _measure(bench, _create_lists, 20, 49)))
    table(f"CPU of a whole pass, ms (bar at 1,000 nodes: {BAR_MS})",
          ["collection", "pass", "peer: a query", "ratio", "nodes kept",
           "edges", "passes", "created in, s"], rows)
    path = ((bench.output or workspace() / "docs/images") / "pass-cost.svg")
    plot = Plot("CPU of a whole pass over a collection",
                "partitions, each with an HNSW index", "milliseconds of CPU")
    plot.line("pass", points)
    plot.line("peer: one query for sizes and statistics", peers)
    plot.level(f"bar at 1,000 nodes: {BAR_MS} ms", BAR_MS)
    path.write_text(plot.svg(), encoding="utf-8")
    print(f"  drawn: {path}")


def _row(name, result):
    return [name, result["ms"], result["peer"],
            result["ms"] / result["peer"], result["nodes"], result["edges"],
            result["passes"], result["made"]]
