"""What watching costs while nothing is wrong.

CPU time of the launcher, the integrity worker and the healing supervisor of a
database under a light load, healing on auto, as a share of one core, for one
collection and for several: what one more costs is the difference. At the
default interval of samples and at the 2 s of the recovery table. The peer is
what PostgreSQL's own background processes use meanwhile: autovacuum launcher,
background writer, checkpointer and WAL writer. Bar: 0.5 % of a core for each
enrolled collection.
"""

import threading
import time

from bench_server import cpu_seconds, enrol, table
from harness import wait_for

SECONDS = 120
COLLECTIONS = [1, 5]
INTERVALS = [None, 2]

OURS = "backend_type LIKE 'ruvector%'"
PEERS = ("backend_type IN ('autovacuum launcher', 'background writer', "
         "'checkpointer', 'walwriter')")


def _create(server, number):
    name = f"items_{number}"
    server.psql(script=f"""
        CREATE TABLE {name} (part int, v vector(8)) PARTITION BY LIST (part);
        CREATE TABLE {name}_0 PARTITION OF {name} FOR VALUES IN (0);
        CREATE TABLE {name}_1 PARTITION OF {name} FOR VALUES IN (1);
        CREATE TABLE {name}_2 PARTITION OF {name} FOR VALUES IN (2);
        CREATE TABLE {name}_3 PARTITION OF {name} FOR VALUES IN (3);
        INSERT INTO {name} SELECT i % 4, (SELECT array_agg(sin(i * j))
            FROM generate_series(1, 8) j)::vector
            FROM generate_series(1, 20000) i;
        SELECT pg_stat_force_next_flush();
        CREATE INDEX ON {name} USING ivfflat (v vector_l2_ops)
            WITH (lists = 20);
        VACUUM ANALYZE {name};""")
    enrol(server, name, name, "v")


def _load(server, names, stop):
    """Twenty searches and an insert a second, evenly."""
    with server.connect() as session:
        turn = 0
        while not stop.wait(0.05):
            turn += 1
            name = names[turn % len(names)]
            session.execute(f"SELECT part FROM {name} ORDER BY v <-> "
                            "'[1,0,0,0,0,0,0,1]' LIMIT 5")
            if turn % 20 == 0:
                session.execute(f"INSERT INTO {name} SELECT {turn // 20 % 4}, "
                                f"'[0,0,0,1,{turn % 7},0,0,1]'")


def _used(server, which):
    return sum(cpu_seconds(pid) for (pid,) in server.execute(
        f"SELECT pid FROM pg_stat_activity WHERE {which}"))


def _share(server, seconds):
    before = _used(server, OURS), _used(server, PEERS)
    began = time.monotonic()
    time.sleep(seconds)
    after = _used(server, OURS), _used(server, PEERS)
    wall = time.monotonic() - began
    return [100 * (b - a) / wall for a, b in zip(before, after)]


def _measure(bench, count, interval):
    server = bench.server("healthy", "ruvector", autovacuum="on")
    server.start()
    server.execute("CREATE EXTENSION ruvector CASCADE")
    names = [f"items_{i}" for i in range(count)]
    for number in range(count):
        _create(server, number)
    if interval is not None:
        for name in names:
            server.execute(
                "SELECT ruvector_integrity_policy_set(%s, 'default', "
                "jsonb_build_object('sample_interval_secs', %s::int))",
                [name, interval])
    wait_for(lambda: server.value(
        "SELECT bool_and(state = 'normal' AND sample_count > 1 OR %s) "
        "FROM ruvector.integrity", [interval is None]), 60,
        what="every collection is watched")
    stop = threading.Event()
    load = threading.Thread(target=_load, args=(server, names, stop))
    load.start()
    time.sleep(10)
    try:
        shares = _share(server, SECONDS)
    finally:
        stop.set()
        load.join()
    acted = server.value("SELECT count(*) FROM ruvector.healing_actions")
    assert acted == 0, "nothing was wrong, and something was done"
    bench.discard(server)
    return shares


def run(bench):
    rows = []
    for interval in INTERVALS:
        label = "default (60 s)" if interval is None else f"{interval} s"
        one = _measure(bench, COLLECTIONS[0], interval)
        several = _measure(bench, COLLECTIONS[1], interval)
        more = (several[0] - one[0]) / (COLLECTIONS[1] - COLLECTIONS[0])
        rows.append([label, one[0], several[0], more, one[1], several[1]])
    table(f"watching a healthy database, {SECONDS} s each: percent of a core",
          ["samples every", "1 collection", f"{COLLECTIONS[1]} collections",
           "each one more", "PostgreSQL's own, 1",
           f"PostgreSQL's own, {COLLECTIONS[1]}"], rows)
